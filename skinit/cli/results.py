"""The results of a search, and a sentence about them."""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
import pandas as pd

from .metrics import Metric
from .search import SchemeSearch

HiddenLayerSizes = tuple[int, ...]

LEADING_COLUMNS = [
    "rank",
    "init",
    "hidden",
    "mean_test_score",
    "std_test_score",
    "mean_train_loss",
    "mean_epochs",
    "mean_fit_time",
]
# A scheme has learned next to nothing if it covers less than this fraction of the way from chance to the best score.
CHANCE_MARGIN = 0.05


@dataclass
class Results:
    """Results of a search.

    Parameters
    ----------
    frame : DataFrame
        A row for each candidate, best first: rank, init, hidden (a tuple), and the columns of scikit-learn's
        `cv_results_`. Columns of the metrics `train_loss` and `epochs` are named after them.
    inits : list of str
    networks : list of tuple of int
        The hidden layers that were searched.
    chance : ndarray of shape (n_folds,)
        Scores for predicting the most frequent class, or the mean.
    metric : Metric
        The metric of the scores. Higher is better in all columns, as in scikit-learn.
    max_iter : int
    loss_curves : dict of (init, hidden) to list of float
        Training loss by epoch, if the solver has epochs.
    """

    frame: pd.DataFrame
    inits: list[str]
    networks: list[HiddenLayerSizes]
    chance: np.ndarray
    metric: Metric
    max_iter: int
    loss_curves: dict[tuple[str, HiddenLayerSizes], list[float]]

    def of_network(self, hidden: HiddenLayerSizes) -> pd.DataFrame:
        """The rows for a network, best first."""
        return self.frame[self.frame["hidden"] == hidden]

    def fold_values(self, metric: str) -> pd.DataFrame:
        """The values of a metric in each fold: `test_score`, `train_loss` or `epochs`."""
        return self.frame.filter(regex=rf"^split\d+_{metric}$")

    @cached_property
    def n_diverged(self) -> pd.Series:
        """The number of folds in which each candidate diverged."""
        return self.fold_values("test_score").isna().sum(axis=1)

    def describe_score(self, row: int) -> str:
        """The mean and standard deviation of a row's score, or the number of divergent folds."""
        mean, std = self.frame.loc[row, ["mean_test_score", "std_test_score"]]
        n_folds = len(self.chance)
        if 0 < self.n_diverged[row] < n_folds:
            return f"diverged {self.n_diverged[row]}/{n_folds}"
        return self.metric.format_spread(mean, std)

    @property
    def n_fits(self) -> int:
        """The number of fits in the search."""
        return self.fold_values("test_score").size

    @property
    def n_unconverged(self) -> int:
        """The number of fits that stopped at `max_iter`."""
        return int((self.fold_values("epochs") >= self.max_iter).to_numpy().sum())

    @cached_property
    def standard_error(self) -> pd.Series:
        """Standard error of each mean score."""
        return self.frame["std_test_score"] / sqrt(len(self.chance) - 1)

    @cached_property
    def is_chance(self) -> pd.Series:
        """Whether each candidate is at chance: within a standard error, or within 5% of the way to the best score."""
        return (self.frame["mean_test_score"] - self.chance.mean()).abs() <= self._chance_margin

    @cached_property
    def is_below_chance(self) -> pd.Series:
        """Whether each candidate is worse than chance, by the same margin."""
        return self.frame["mean_test_score"] < self.chance.mean() - self._chance_margin

    @property
    def _chance_margin(self) -> pd.Series:
        range_of_scores = max(self.frame["mean_test_score"].max() - self.chance.mean(), 0)
        return self.standard_error.clip(lower=CHANCE_MARGIN * range_of_scores)

    @property
    def learned(self) -> pd.DataFrame:
        """The rows of candidates that are better than chance, best first."""
        return self.frame[self.frame["mean_test_score"].notna() & ~self.is_chance & ~self.is_below_chance]

    def meaning(self) -> str:
        """The meaning of the scores, one sentence for each network."""
        return " ".join(self._meaning_for(hidden) for hidden in self.networks)

    def _meaning_for(self, hidden: HiddenLayerSizes) -> str:
        rows = self.of_network(hidden)
        learned = self.learned[self.learned["hidden"] == hidden]
        clauses = []
        if learned.empty:
            clauses.append("no scheme learned anything")
        else:
            best = learned.iloc[0]
            is_tie = learned["mean_test_score"] >= best["mean_test_score"] - self.standard_error[learned.index[0]]
            clause = f"{best['init']} is best ({self.metric.name} {self.metric.format(best['mean_test_score'])})"
            ties = learned[is_tie]["init"][1:]
            if len(ties):
                clause += f", and {join_names(ties)} {_verb(ties, 'ties', 'tie')} with it within one standard error"
            clauses.append(clause)
        chance = self.metric.format(self.chance.mean())
        at_chance = rows[self.is_chance[rows.index]]["init"]
        if len(at_chance):
            clauses.append(f"{join_names(at_chance)} {_verb(at_chance, 'stays', 'stay')} at chance ({chance})")
        below_chance = rows[self.is_below_chance[rows.index]]["init"]
        if len(below_chance):
            clauses.append(
                f"{join_names(below_chance)} {_verb(below_chance, 'does', 'do')} worse than chance ({chance})"
            )
        diverged = rows[rows["mean_test_score"].isna()]["init"]
        if len(diverged):
            clauses.append(f"{join_names(diverged)} diverged")
        return f"With {describe_hidden(hidden)}, {'; '.join(clauses)}."


def _verb(subjects: pd.Series, singular: str, plural: str) -> str:
    return singular if len(subjects) == 1 else plural


def make_results(
    search: SchemeSearch,
    cv_results: dict,
    *,
    chance: np.ndarray,
    metric: Metric,
    max_iter: int,
    loss_curves: dict,
) -> Results:
    """Make a sorted table from the results of a search.

    Parameters
    ----------
    search : SchemeSearch
    cv_results : dict
        The `cv_results_` of the search.
    chance, metric, max_iter, loss_curves
        As in `Results`.

    Returns
    -------
    results : Results
    """
    inits, hiddens = zip(*map(search.candidate, cv_results["params"]), strict=True)
    numbers = pd.DataFrame({name: values for name, values in cv_results.items() if not name.startswith("param")})
    numbers = numbers.drop(columns=["rank_test_train_loss", "rank_test_epochs"]).rename(
        columns=lambda name: name.replace("test_train_loss", "train_loss").replace("test_epochs", "epochs")
    )
    # scikit-learn gives candidates without a score the worst rank.
    rank = numbers.pop("rank_test_score").astype("Int64").where(numbers["mean_test_score"].notna())
    frame = pd.concat([pd.DataFrame({"rank": rank, "init": inits, "hidden": hiddens}), numbers], axis=1)
    frame = frame[[*LEADING_COLUMNS, *frame.columns.difference(LEADING_COLUMNS, sort=False)]]
    frame = frame.sort_values("mean_test_score", ascending=False, kind="stable", ignore_index=True)
    return Results(
        frame, list(dict.fromkeys(inits)), list(dict.fromkeys(hiddens)), chance, metric, max_iter, loss_curves
    )


def describe_hidden(hidden: HiddenLayerSizes) -> str:
    """Hidden layers in words: '4 hidden layers of 100'.

    Parameters
    ----------
    hidden : tuple of int

    Returns
    -------
    description : str
    """
    layers = "1 hidden layer" if len(hidden) == 1 else f"{len(hidden)} hidden layers"
    sizes = hidden[:1] if len(set(hidden)) == 1 else hidden
    return f"{layers} of {join_names(sizes)}"


def join_names(names) -> str:
    """'a', 'a and b', 'a, b and c'.

    Parameters
    ----------
    names : iterable

    Returns
    -------
    text : str
    """
    *others, last = map(str, names)
    return f"{', '.join(others)} and {last}" if others else last
