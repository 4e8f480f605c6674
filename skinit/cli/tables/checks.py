"""Warnings about a table, before anything is learned from it."""

from typing import Literal

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .column import FEWEST_ROWS, Column

# A column that alone predicts the target as well as this may have been made from it.
LEAK_SCORE = 0.99
# Rows that tell: half to learn from, half to score.
MOST_ROWS = 1000
# Fewer rows of a class leave folds without enough of it.
FEWEST_OF_CLASS = 10


def warn_of_leaks(
    columns: list[Column], X: pd.DataFrame, y: np.ndarray, task: Literal["classification", "regression"]
) -> None:
    """Add a warning to each column that alone predicts the target of rows that it has not seen.

    Parameters
    ----------
    columns : list of Column
    X : DataFrame
        The values of columns that are not left out.
    y : ndarray of shape (n_rows,)
    task : {"classification", "regression"}
    """
    if len(y) < FEWEST_ROWS:
        return
    rows = np.random.RandomState(0).permutation(len(y))[:MOST_ROWS]
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
        values = X[column.name]
        # A tree takes categories in any order, and does without missing values.
        numbers = values.to_numpy() if values.dtype == np.float64 else pd.factorize(values)[0]
        numbers = np.nan_to_num(numbers.astype(np.float64), nan=np.nanmin(numbers) - 1).reshape(-1, 1)
        reached = rate(y[score], tree.fit(numbers[fit], y[fit]).predict(numbers[score]))
        if reached >= LEAK_SCORE:
            column.warnings.append(
                f"predicts the target alone (score {reached:.3f}). If it is not known before the target is, leave it "
                f"out: --drop {column.name}"
            )


def describe_rare_classes(y: np.ndarray, class_names: list[str], target: str) -> list[str]:
    """Say which classes are rare.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Numbers of classes.
    class_names : list of str
    target : str

    Returns
    -------
    sentences : list of str
        One, or none.
    """
    counts = np.bincount(y, minlength=len(class_names))
    rare = [f"{name!r} ({count})" for name, count in zip(class_names, counts, strict=True) if count < FEWEST_OF_CLASS]
    if not rare:
        return []
    shown = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
    return [f"Some classes of the target {target!r} have fewer than {FEWEST_OF_CLASS} rows: {shown}."]
