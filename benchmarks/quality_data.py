"""The tables of the quality benchmark: scikit-learn's bundled ones, synthetic ones, and CSV files of a folder."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
    make_classification,
    make_friedman1,
    make_moons,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# A numeric target of a CSV file is a class label if its values are whole and at most this many.
MOST_CLASSES = 20
# A text column of a CSV file becomes at most this many columns, and one more for all rarer values.
MOST_CATEGORIES = 50
# The part of the rows for validation. All rows that are left are for training.
VALIDATION_PART = 0.2
# The part of the rows for the test.
TEST_PART = 0.2


# Tables are compared by identity, because arrays have no hash.
@dataclass(frozen=True, eq=False)
class Table:
    """Features, and labels or numbers to predict."""

    name: str
    X: np.ndarray
    y: np.ndarray
    is_classification: bool

    @cached_property
    def digest(self) -> str:
        """Return a fingerprint of the values."""
        values = hashlib.sha256(np.ascontiguousarray(self.X, np.float64).tobytes())
        values.update(np.ascontiguousarray(self.y, np.float64).tobytes())
        return values.hexdigest()[:16]


@dataclass(frozen=True)
class Split:
    """The training, validation and test rows of one seed, standardized by the training rows."""

    training: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def two_spirals(n_rows: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw two interleaved spirals of one and a half turns, which no line can separate."""
    rng = np.random.RandomState(seed)
    labels = np.arange(n_rows) % 2
    angles = 3 * np.pi * np.sqrt(rng.uniform(size=n_rows))
    radii = angles * np.where(labels == 0, 1, -1)
    X = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return X + rng.normal(scale=noise, size=X.shape), labels


def bundled_tables(n_rows: int) -> Iterator[Table]:
    """Yield all bundled tables, and synthetic ones of `n_rows` rows."""
    for name, load in {
        "iris": load_iris,
        "wine": load_wine,
        "breast_cancer": load_breast_cancer,
        "digits": load_digits,
    }.items():
        yield Table(name, *load(return_X_y=True), True)
    yield Table("diabetes", *load_diabetes(return_X_y=True), False)
    X, targets = load_linnerud(return_X_y=True)
    yield Table("linnerud", X, targets[:, 0], False)
    X, y = make_classification(n_rows, 20, n_informative=10, class_sep=2.0, flip_y=0.0, random_state=0)
    yield Table("easy", X, y, True)
    X, y = make_classification(
        n_rows, 20, n_informative=6, n_classes=4, n_clusters_per_class=3, class_sep=0.8, flip_y=0.05, random_state=0
    )
    yield Table("hard", X, y, True)
    yield Table("moons", *make_moons(n_rows, noise=0.2, random_state=0), True)
    yield Table("spirals", *two_spirals(n_rows, 0.3, 0), True)
    yield Table("friedman1", *make_friedman1(n_rows, noise=1.0, random_state=0), False)


def read_csv(path: Path) -> Table:
    """Read a CSV file with a header line, whose last column is the target.

    Text columns are one-hot encoded. Missing numbers become the median of their column, and missing text a category.
    Rows without a target are left out. A target of text, or of a few whole numbers, is a class label.
    """
    frame = pd.read_csv(path)
    if frame.shape[1] < 2:
        raise ValueError(f"{path} has {frame.shape[1]} column, but needs features and, in the last column, a target.")
    frame = frame[frame.iloc[:, -1].notna()]
    target, features = frame.iloc[:, -1], frame.iloc[:, :-1]
    columns = []
    for name in features.columns:
        column = features[name]
        if pd.api.types.is_numeric_dtype(column):
            column = column.astype(np.float64)
            # In a column without any number every value becomes 0.
            columns.append(column.fillna(column.median()).fillna(0.0).to_frame())
            continue
        column = column.astype("string").fillna("(missing)")
        frequent = column.value_counts().index[:MOST_CATEGORIES]
        columns.append(pd.get_dummies(column.where(column.isin(frequent), "(other)"), prefix=str(name), dtype=float))
    X = pd.concat(columns, axis=1).to_numpy(np.float64)
    is_numeric = pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target)
    is_classification = not is_numeric or (target.nunique() <= MOST_CLASSES and bool((target % 1 == 0).all()))
    y = pd.factorize(target, sort=True)[0] if is_classification else target.to_numpy(np.float64)
    return Table(path.stem, X, y, is_classification)


def _labels_to_stratify(table: Table, rows: np.ndarray) -> np.ndarray | None:
    """Return the labels of `rows`, or None if a class is too rare to be in all parts."""
    if not table.is_classification:
        return None
    labels = table.y[rows]
    return labels if np.unique(labels, return_counts=True)[1].min() >= 5 else None


def split(table: Table, seed: int, most_rows: int) -> Split:
    """Draw at most `most_rows` rows of a table, and split them, by `seed`."""
    rows = np.arange(len(table.y))
    if rows.size > most_rows:
        rows, _ = train_test_split(
            rows, train_size=most_rows, random_state=seed, stratify=_labels_to_stratify(table, rows)
        )
    rest, test = train_test_split(
        rows, test_size=TEST_PART, random_state=seed, stratify=_labels_to_stratify(table, rows)
    )
    training, validation = train_test_split(
        rest,
        test_size=VALIDATION_PART / (1 - TEST_PART),
        random_state=seed,
        stratify=_labels_to_stratify(table, rest),
    )
    scale_X = StandardScaler().fit(table.X[training])
    if table.is_classification:
        y = table.y
    else:
        y = StandardScaler().fit(table.y[training, None]).transform(table.y[:, None])[:, 0]
    return Split(*((scale_X.transform(table.X[part]), y[part]) for part in (training, validation, test)))
