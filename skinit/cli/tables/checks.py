"""Warnings about a table before training."""

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
    if len(y) < FEWEST_ROWS:
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
        values = X[column.name]
        # A tree does not depend on the order of categories, and accepts missing values.
        numbers = values.to_numpy() if values.dtype == np.float64 else pd.factorize(values)[0]
        numbers = np.nan_to_num(numbers.astype(np.float64), nan=np.nanmin(numbers) - 1).reshape(-1, 1)
        reached = rate(y[score], tree.fit(numbers[fit], y[fit]).predict(numbers[score]))
        if reached >= LEAK_SCORE:
            column.warnings.append(
                f"predicts the target on its own (score {reached:.3f}). If it is known only after the target, leave it "
                f"out: --drop {column.name}"
            )


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
