"""Tables: the data to compare schemes on, from a file or bundled."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..validation import nearest_name_hint
from .errors import CommandError

Task = Literal["classification", "regression"]

# Not in chunks, whose types may differ.
READERS = {".csv": partial(pd.read_csv, low_memory=False), ".parquet": pd.read_parquet}
# Whole numbers with more values than this are quantities, not classes.
MAX_CLASSES_OF_NUMBERS = 20
# The rarer values of a text column share one code, so that a column of names does not fill the memory.
MAX_CATEGORIES = 100
DAY = pd.Timedelta(days=1)
ISO_DATE = r"\d{4}-\d{2}-\d{2}"


@dataclass
class Table:
    """What to learn from what.

    Parameters
    ----------
    name : str
        Where the table is from.
    X : ndarray or DataFrame of shape (n_rows, n_columns)
        Columns of a DataFrame are float64, or text with NaN where missing.
    y : ndarray of shape (n_rows,)
        Numbers, or the numbers of classes.
    task : {"classification", "regression"}
    target : str
        What y is called.
    class_names : list of str
        Names of the classes; empty for regression.
    notes : list of str
        What a user should know of how the table was read.
    """

    name: str
    X: np.ndarray | pd.DataFrame
    y: np.ndarray
    task: Task
    target: str
    class_names: list[str]
    notes: list[str]

    def make_preprocessor(self) -> StandardScaler | ColumnTransformer:
        """What turns X into standardized numbers, not fitted yet."""
        if not isinstance(self.X, pd.DataFrame):
            return StandardScaler()
        is_number = self.X.dtypes == np.float64
        return ColumnTransformer(
            [
                (
                    "numbers",
                    make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
                    list(self.X.columns[is_number]),
                ),
                (
                    "categories",
                    OneHotEncoder(handle_unknown="ignore", max_categories=MAX_CATEGORIES),
                    list(self.X.columns[~is_number]),
                ),
            ]
        )

    def check_folds(self, n_folds: int) -> None:
        """Check that the rows suffice for cross-validation.

        Parameters
        ----------
        n_folds : int

        Raises
        ------
        CommandError
            If there is nothing to tell apart, or too little for `n_folds` folds.
        """
        n_values = len(np.unique(self.y))
        if n_values < 2:
            what = "class" if self.task == "classification" else "value"
            raise CommandError(f"The target {self.target!r} has {n_values} {what}; there must be two at least.")
        if self.task == "classification":
            counts = np.bincount(self.y)
            rarest = int(counts.argmin())
            if counts[rarest] < n_folds:
                raise CommandError(
                    f"The class {self.class_names[rarest]!r} of the target {self.target!r} has {counts[rarest]} "
                    f"row(s), fewer than the {n_folds} folds of --cv. Lower --cv, merge rare classes, or, if the "
                    "target is a quantity, give --task regression."
                )
        elif len(self.y) < 2 * n_folds:
            # The coefficient of determination needs two rows.
            raise CommandError(
                f"{len(self.y)} row(s) are too few for --cv {n_folds}: every fold needs two. Lower --cv."
            )


def load_table(path: Path | None, target: str | None, task: Task | None) -> Table:
    """Read a table, or take the bundled one.

    Parameters
    ----------
    path : Path or None
        A .csv or .parquet file; None: scikit-learn's digits.
    target : str or None
        Name of the column to predict, needed with a file.
    task : {"classification", "regression"} or None
        None: classification if the target is boolean, is not numeric, or has at most 20 distinct values, all of them
        whole numbers; otherwise regression.

    Returns
    -------
    table : Table

    Raises
    ------
    CommandError
        If the file cannot be read, or if the target is not fit for the task.
    """
    if path is None:
        if target is not None:
            raise CommandError("--target names a column of --data, which is missing.")
        X, y = load_digits(return_X_y=True)
        return _make_table("digits", X, pd.Series(y), "digit", task, [])
    frame = _read(path)
    values, notes = _take_target(frame, target, path)
    features = {name: _as_feature(frame.loc[values.index, name], name) for name in frame.columns if name != target}
    return _make_table(path.name, pd.DataFrame(features), values, str(target), task, notes)


def _make_table(
    name: str, X: np.ndarray | pd.DataFrame, values: pd.Series, target: str, task: Task | None, notes: list[str]
) -> Table:
    task = task or infer_task(values)
    if task == "classification":
        # Labels of several types have no order.
        labels = values.astype(str) if values.dtype == object else values
        codes, classes = pd.factorize(labels, sort=True)
        return Table(name, X, codes, task, target, [str(label) for label in classes], notes)
    if not types.is_numeric_dtype(values):
        raise CommandError(f"--task regression takes a target of numbers; {target!r} holds {values.iloc[0]!r}.")
    return Table(name, X, values.to_numpy(np.float64), task, target, [], notes)


def infer_task(values: pd.Series) -> Task:
    """Tell the task from the values of the target, by the rule of `load_table`.

    Parameters
    ----------
    values : Series
        Without missing values.

    Returns
    -------
    task : {"classification", "regression"}
    """
    if types.is_bool_dtype(values) or not types.is_numeric_dtype(values):
        return "classification"
    are_whole = bool((values % 1 == 0).all())
    return "classification" if are_whole and values.nunique() <= MAX_CLASSES_OF_NUMBERS else "regression"


def _read(path: Path) -> pd.DataFrame:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise CommandError(f"--data takes a file that ends in {' or '.join(READERS)}, got '{path}'.")
    try:
        frame = reader(path)
    except FileNotFoundError:
        siblings = [sibling.name for sibling in path.parent.glob("*")]
        raise CommandError(f"There is no file '{path}'.{nearest_name_hint(path.name, siblings)}") from None
    except ImportError:
        raise CommandError("Parquet files need pyarrow: pip install pyarrow") from None
    except (OSError, ValueError) as error:
        raise CommandError(f"'{path}' cannot be read as {path.suffix[1:].lower()}: {error}") from None
    frame.columns = frame.columns.map(str)
    if frame.empty:
        raise CommandError(f"'{path}' has no rows.")
    return frame


def _take_target(frame: pd.DataFrame, target: str | None, path: Path) -> tuple[pd.Series, list[str]]:
    names = list(frame.columns)
    if target not in names:
        known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        problem = "--target is missing" if target is None else f"There is no column {target!r} in '{path}'"
        raise CommandError(f"{problem}.{nearest_name_hint(target, names)} Columns: {known}.")
    if len(names) == 1:
        raise CommandError(f"'{path}' has no column besides the target {target!r}.")
    values = frame[target].replace([np.inf, -np.inf], np.nan).dropna()
    if values.empty:
        raise CommandError(f"The target {target!r} has no value in any row of '{path}'.")
    if types.infer_dtype(values) == "decimal":
        values = values.astype(np.float64)
    n_missing = len(frame) - len(values)
    return values, [f"{n_missing} row(s) without a target are left out."] if n_missing else []


def _as_feature(column: pd.Series, name: str) -> pd.Series:
    """The column as float64, or as text with NaN where a value is missing."""
    kind = types.infer_dtype(column, skipna=True)
    if kind in ("date", "datetime", "datetime64") or _are_iso_dates(column, kind):
        dates = pd.to_datetime(column, utc=True, format="ISO8601" if kind == "string" else None)
        return (dates - pd.Timestamp(0, tz="UTC")) / DAY
    if kind in ("timedelta", "timedelta64"):
        return pd.to_timedelta(column) / DAY
    if kind == "boolean":
        # Truth values of a CSV file with missing ones are objects.
        column = column.astype("boolean")
    is_category = isinstance(column.dtype, pd.CategoricalDtype)
    if not is_category and (types.is_numeric_dtype(column) or kind == "decimal"):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        if np.isinf(numbers).any():
            raise CommandError(f"The column {name!r} holds infinite numbers.")
        return pd.Series(numbers, column.index)
    return column.astype(str).astype(object).where(column.notna(), np.nan)


def _are_iso_dates(column: pd.Series, kind: str) -> bool:
    if kind != "string":
        return False
    texts = column.dropna()
    if not texts.str.match(ISO_DATE).all():
        return False
    return bool(pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").notna().all())
