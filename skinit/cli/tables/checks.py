"""Warnings about a table before training."""

import re
import shlex
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .column import FEWEST_ROWS, Column

# A column that predicts the target on its own with at least this score may have been made from it.
LEAK_SCORE = 0.99
# Number of rows for this check, half to learn from and half to score.
LEAK_ROWS = 1000
# Number of rows at the end of a table that may be totals.
N_LAST_ROWS = 3
# Words that name a total.
TOTAL = re.compile(r"((grand|sub)[ -]?)?totals?|sum|average|mean|gesamt|summe", re.IGNORECASE)
# A class with fewer rows than this is rare, because folds would have too few of its rows.
FEWEST_OF_CLASS = 10


def warn_of_leaks(
    columns: list[Column], X: pd.DataFrame, y: np.ndarray, task: Literal["classification", "regression"]
) -> None:
    """Add a warning to each column that predicts the target of unseen rows on its own.

    Parameters
    ----------
    columns : list of Column
    X : DataFrame
        The values of the columns that are used.
    y : ndarray of shape (n_rows,)
    task : {"classification", "regression"}
    """
    if len(y) < FEWEST_ROWS or len(np.unique(y)) < 2:
        return
    rows = np.random.RandomState(0).permutation(len(y))[:LEAK_ROWS]
    fit, score = rows[::2], rows[1::2]
    if task == "classification":
        tree, rate = DecisionTreeClassifier(random_state=0), balanced_accuracy_score
        if not np.array_equal(np.unique(y[fit]), np.unique(y[score])):
            return
    else:
        tree, rate = DecisionTreeRegressor(random_state=0), r2_score
    for column in columns:
        if column.kind is None:
            continue
        values = X[column.name].iloc[rows]
        # A tree uses only the order of numbers, and computes in float32, which large numbers exceed.
        ranks = values.rank(method="dense").fillna(0) if values.dtype == np.float64 else pd.factorize(values)[0]
        ranks = np.asarray(ranks, np.float64).reshape(-1, 1)
        reached = rate(y[score], tree.fit(ranks[::2], y[fit]).predict(ranks[1::2]))
        if reached >= LEAK_SCORE:
            column.warnings.append(
                f"predicts the target on its own (score {reached:.3f}). If it is known only after the target, leave it "
                f"out: --drop {shlex.quote(column.name)}"
            )


def warn_of_values(columns: list[Column]) -> None:
    """Add a warning to each column that has two spellings of a category, or a number that may stand for missing.

    Parameters
    ----------
    columns : list of Column
    """
    for column in columns:
        if column.values is None:
            continue
        values = column.values.dropna()
        if column.kind == "category" and (spellings := _find_spellings(values)):
            column.warnings.append(
                f"has values that differ only in capitals, such as {spellings[0]!r} and {spellings[1]!r}. They count as"
                " different."
            )
        if column.kind == "number" and (marker := _find_numeric_marker(values)):
            column.warnings.append(
                f"has {marker:.0f} in {(values == marker).sum()} rows, far from all other values. If it stands for a "
                "missing value, empty these cells."
            )


def _find_spellings(values: pd.Series) -> list[str]:
    folded = pd.Series(values.unique()).groupby(pd.Series(values.unique()).str.casefold(), sort=False).agg(list)
    return next((spellings for spellings in folded if len(spellings) > 1), [])


def _find_numeric_marker(values: pd.Series) -> float | None:
    """A repeated 99, -999 or the like that is farther from the other values than they are from each other."""
    for marker in (values.min(), values.max()):
        others = values[values != marker]
        if (
            re.fullmatch(r"-?99+", f"{marker:.15g}")
            and len(values) > len(others) + 1
            and others.nunique() > 1
            and abs(others - marker).min() > others.max() - others.min()
        ):
            return marker
    return None


def describe_totals(frame: pd.DataFrame) -> list[str]:
    """Say whether one of the last rows seems to be a total of the others.

    Parameters
    ----------
    frame : DataFrame
        The table as read from a file.

    Returns
    -------
    sentences : list of str
        One sentence, or none.
    """
    for cells in frame[-N_LAST_ROWS:].itertuples(index=False):
        words = [cell for cell in cells if isinstance(cell, str) and TOTAL.fullmatch(cell.strip())]
        if words and not (frame[:-N_LAST_ROWS] == words[0]).any(axis=None):
            return [f"One of the last rows has {words[0]!r}. If it sums up the others, delete it."]
    return []


def describe_rare_classes(y: np.ndarray, class_names: list[str], target: str) -> list[str]:
    """Say which classes are rare.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Class numbers.
    class_names : list of str
    target : str

    Returns
    -------
    sentences : list of str
        One sentence, or none.
    """
    counts = np.bincount(y, minlength=len(class_names))
    rare = [f"{name!r} ({count})" for name, count in zip(class_names, counts, strict=True) if count < FEWEST_OF_CLASS]
    if not rare:
        return []
    shown = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
    return [f"Some classes of the target {target!r} have fewer than {FEWEST_OF_CLASS} rows: {shown}."]
