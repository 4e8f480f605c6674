"""Tables: the data to compare schemes on, from a file or bundled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

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

# Whole numbers with more values than this are quantities, not classes.
MAX_CLASSES_OF_NUMBERS = 20
# The rarer values of a text column share one code, so that a column of names does not fill the memory.
MAX_CATEGORIES = 100
DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    features = {}
    for name in frame.columns.drop(target):
        column = frame.loc[values.index, name]
        if kind := _unusable_kind(column):
            notes.append(f"The column {name!r} holds {kind} and is left out.")
        else:
            features[name] = _as_feature(column, name)
    if not features:
        raise CommandError(f"'{path}' has no column of numbers, dates or text besides the target {target!r}.")
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
        raise CommandError(f"{nearest_name_hint(path.name, _siblings(path))}There is no file '{path}'.") from None
    except ImportError:
        raise CommandError("Parquet files need pyarrow: pip install pyarrow") from None
    except MemoryError:
        raise
    # A damaged file may raise anything.
    except Exception as error:
        raise CommandError(f"'{path}' cannot be read as {path.suffix[1:].lower()}: {error}") from None
    frame.columns = frame.columns.map(str)
    if not len(frame):
        raise CommandError(f"'{path}' has no rows.")
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise CommandError(f"'{path}' has more than one column {name!r}. Rename all but one.")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:
        # Not in chunks, whose types may differ.
        frame = pd.read_csv(file, low_memory=False)
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas would take the first values for names of rows, and the second for those of the first column.
        raise ValueError("rows have more values than the header has names")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    if path.is_dir():
        # The parts of one table.
        frame = pd.read_parquet(path)
    else:
        # pyarrow opens no file whose name is not UTF-8.
        with path.open("rb") as file:
            frame = pd.read_parquet(file)
    # Row by row, whatever the rows are called.
    return frame.reset_index(drop=True)


READERS = {".csv": _read_csv, ".parquet": _read_parquet}


def _siblings(path: Path) -> list[str]:
    try:
        return [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        return []


def _take_target(frame: pd.DataFrame, target: str | None, path: Path) -> tuple[pd.Series, list[str]]:
    names = list(frame.columns)
    if target not in names:
        known = ", ".join(sorted(names)[:10]) + (", ..." if len(names) > 10 else "")
        problem = "--target is missing" if target is None else f"There is no column {target!r} in '{path}'"
        raise CommandError(f"{nearest_name_hint(target, names)}{problem}. Columns: {known}.")
    if len(names) == 1:
        raise CommandError(f"'{path}' has no column besides the target {target!r}.")
    values = frame[target].dropna()
    if kind := _unusable_kind(values):
        raise CommandError(f"The target {target!r} holds {kind}; it takes numbers, or names of classes.")
    if types.infer_dtype(values) == "decimal":
        values = values.astype(np.float64)
    if types.is_float_dtype(values):
        values = values[np.isfinite(values.to_numpy(np.float64))]
    if values.empty:
        raise CommandError(f"The target {target!r} has no value in any row of '{path}'.")
    n_missing = len(frame) - len(values)
    return values, [f"{n_missing} row(s) without a target are left out."] if n_missing else []


def _unusable_kind(column: pd.Series) -> str | None:
    """What a column holds that is neither numbers nor dates nor text, in the plural."""
    if types.is_complex_dtype(column):
        return "complex numbers"
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna()
    if values.dtype != object:
        return None
    kinds = set(map(type, values))
    for kind, name in UNUSABLE_KINDS.items():
        if any(issubclass(found, kind) and not issubclass(found, str) for found in kinds):
            return name
    return None


# The most special first.
UNUSABLE_KINDS: dict[Any, str] = {
    (bytes, bytearray): "bytes",
    dict: "records",
    Iterable: "lists",
    complex: "complex numbers",
}


def _as_feature(column: pd.Series, name: str) -> pd.Series:
    """The column as float64, or as text with NaN where a value is missing."""
    kind = types.infer_dtype(column, skipna=True)
    if kind in ("date", "datetime", "datetime64"):
        return _days(column)
    if kind == "string" and column.dropna().str.match(ISO_DATE).all():
        try:
            return _days(column)
        except ValueError:
            # "0000-00-00", or text after the date.
            pass
    if kind in ("timedelta", "timedelta64"):
        try:
            return pd.to_timedelta(column) / pd.Timedelta(DAY)
        except (pd.errors.OutOfBoundsTimedelta, OverflowError):
            return column.map(lambda duration: duration / DAY, na_action="ignore").astype(np.float64)
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


def _days(dates: pd.Series) -> pd.Series:
    """Days since 1970, of dates or of text in the format of ISO 8601; a ValueError for other text."""
    try:
        parsed = pd.to_datetime(dates, utc=True, format="ISO8601" if types.is_string_dtype(dates) else None)
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        # Before version 3, pandas counts nanoseconds, which end in the year 2262.
        return dates.map(_days_since_epoch, na_action="ignore").astype(np.float64)
    instants = parsed.dt.tz_localize(None).to_numpy()
    return pd.Series((instants - np.zeros_like(instants)) / np.timedelta64(1, "D"), dates.index)


def _days_since_epoch(value: str | date) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return ((value if value.tzinfo else value.replace(tzinfo=UTC)) - EPOCH) / DAY
