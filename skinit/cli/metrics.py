"""The metric that compares candidates: accuracy, R², or the metric of --scoring."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from .errors import CommandError

DEFAULTS = {"classification": "accuracy", "regression": "r2"}
# Names that differ from scikit-learn's by more than spaces for underscores.
WORDS = {"r2": "R²", "roc_auc": "ROC AUC"}
# The task of a score, by the module of scikit-learn that defines the score.
TASKS = {"_classification": "classification", "_ranking": "classification", "_regression": "regression"}


@dataclass(frozen=True)
class Metric:
    """A score of networks.

    Parameters
    ----------
    name : str
        The name in words, without the "neg" that scikit-learn puts before losses.
    scorer : callable
        Takes a fitted estimator, rows and targets. Losses are negated, so that higher is better.
    sign : int
        1 for scores, -1 for losses.
    """

    name: str
    scorer: Callable
    sign: int

    def format(self, score: float) -> str:
        """Write a score."""
        return f"{self.sign * score:{self._digits(score)}}"

    def format_spread(self, mean: float, std: float) -> str:
        """Write the mean and standard deviation over folds, or 'diverged'."""
        return "diverged" if np.isnan(mean) else f"{self.format(mean)} ± {std:{self._digits(mean)}}"

    def _digits(self, score: float) -> str:
        """Three decimals, or three digits for very large scores and for small losses."""
        is_small = self.sign < 0 and 0 < abs(score) < 0.1
        return ".2e" if is_small or abs(score) >= 1000 else ".3f"


def scorer_names(task: str) -> list[str]:
    """scikit-learn's names of scorers for a task.

    Parameters
    ----------
    task : {"classification", "regression"}

    Returns
    -------
    names : list of str
    """
    modules = {name: get_scorer(name)._score_func.__module__.rpartition(".")[2] for name in get_scorer_names()}
    # Metrics averaged over samples are for multilabel targets.
    return [name for name, module in modules.items() if TASKS.get(module) == task and not name.endswith("_samples")]


def make_metric(name: str | None, task: str, class_names: list[str]) -> tuple[Metric, list[str]]:
    """The metric for a name of scikit-learn.

    Parameters
    ----------
    name : str or None
        None is accuracy or R².
    task : {"classification", "regression"}
    class_names : list of str
        Empty for regression.

    Returns
    -------
    metric : Metric
    notes : list of str
        Remarks for the user about the metric.

    Raises
    ------
    CommandError
        If the task has no such score.
    """
    chosen = name or DEFAULTS[task]
    names = scorer_names(task)
    if chosen not in names:
        raise CommandError(f"--scoring {chosen} is not for {task}. Use one of {', '.join(names)}.")
    scorer = get_scorer(chosen)
    words = chosen.removeprefix("neg_") if scorer._sign < 0 else chosen
    words = WORDS.get(words, words.replace("_", " "))
    notes = []
    if len(class_names) == 2 and "pos_label" in signature(scorer._score_func).parameters:
        notes.append(f"The positive class is {class_names[1]!r}.")
    return Metric(words, scorer, scorer._sign), notes
