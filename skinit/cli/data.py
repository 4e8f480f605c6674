"""The table to learn from: a file, or scikit-learn's digits."""

import argparse
import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..validation import nearest_name_hint
from .errors import CommandError
from .tables.checks import describe_rare_classes, describe_totals, warn_of_leaks, warn_of_values
from .tables.column import Column, UnreadableColumnError
from .tables.columns import convert, format_value, read_columns, read_decimals, unusable_kind
from .tables.delimited import RawTable, TextFormat
from .tables.numerals import is_missing_marker, parse_number
from .tables.reader import ColumnReader
from .tables.reading import STANDARD_INPUT, read_table
from .tables.text_columns import MOST_CATEGORIES, TRUE_OR_FALSE, name_truth_values
from .tables.uninformative import leave_out_uninformative

Task = Literal["classification", "regression"]

# Whole numbers with more values than this are quantities, not classes.
MAX_CLASSES_OF_NUMBERS = 20
# If the target is not in the header, this many rows are searched for it, because one of them may be the real header.
N_HEADERS = 50
# The squares of larger numbers overflow.
LARGEST_NUMBER = 1e150
# Number of words of a text column that get a weight, the commonest first.
MOST_WORDS = 100


@dataclass
class Table:
    """A table of features and a target.

    Parameters
    ----------
    name : str
        The source of the table.
    X : ndarray or DataFrame of shape (n_rows, n_columns)
        Columns of a DataFrame are float64, or objects for text and for categories (NaN where missing).
    y : ndarray of shape (n_rows,)
        Numbers, or class indices.
    task : {"classification", "regression"}
    target : str
        The name of the target.
    class_names : list of str
        Names of the classes; empty for regression.
    notes : list of str
        Remarks for the user about reading the table.
    columns : list of Column
        All columns except the target. Empty for an ndarray.
    labels : ndarray of shape (n_classes,) or None
        The classes as text or numbers. None for regression.
    target_column : Column or None
        The column of the target.
    """

    name: str
    X: np.ndarray | pd.DataFrame
    y: np.ndarray
    task: Task
    target: str
    class_names: list[str]
    notes: list[str]
    columns: list[Column] = field(default_factory=list)
    labels: np.ndarray | None = None
    target_column: Column | None = None

    @property
    def summary(self) -> str:
        """The task, the target and the size of the table in a sentence."""
        goal = f"{self.task} of {self.target!r}"
        if self.class_names:
            goal += f" into {len(self.class_names)} classes"
        return f"{self.name}: {goal}, from a table of {' x '.join(map(str, self.X.shape))}."

    @property
    def remarks(self) -> list[str]:
        """Notes, and warnings about columns."""
        warnings = [f"The column {column.name!r} {warning}" for column in self.columns for warning in column.warnings]
        of_target = self.target_column.warnings if self.target_column else []
        return [*self.notes, *(f"The target {self.target!r} {warning}" for warning in of_target), *warnings]

    def make_preprocessor(self) -> StandardScaler | ColumnTransformer:
        """Make an unfitted transformer from X to standardized numbers."""
        if not isinstance(self.X, pd.DataFrame):
            return StandardScaler()
        names: dict[str, list[str]] = {"number": [], "category": [], "text": []}
        for column in self.columns:
            if column.kind:
                # Dates and durations are numbers of days.
                names[column.kind if column.kind in names else "number"].append(column.name)
        numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        # Rare values of a column share one code, so that a column of names does not fill the memory.
        categories = OneHotEncoder(handle_unknown="ignore", max_categories=MOST_CATEGORIES)
        words = [
            (f"words of {name}", TfidfVectorizer(max_features=MOST_WORDS, token_pattern=r"(?u)\b\w+\b"), name)
            for name in names["text"]
        ]
        return ColumnTransformer(
            [("numbers", numbers, names["number"]), ("categories", categories, names["category"]), *words]
        )

    def make_reader(self) -> ColumnReader:
        """Make a reader for further rows."""
        columns = self.columns or [Column(name, "number") for name in self.frame]
        return ColumnReader.from_columns(columns, self.target)

    @property
    def frame(self) -> pd.DataFrame:
        """X with names of columns."""
        if isinstance(self.X, pd.DataFrame):
            return self.X
        return pd.DataFrame(self.X, columns=load_digits().feature_names)

    def read_target(self, frame: pd.DataFrame) -> np.ndarray:
        """Read the target of further rows.

        Parameters
        ----------
        frame : DataFrame
            The table as read from a file.

        Returns
        -------
        y : ndarray of shape (n_rows,)
            Numbers, or class indices, with NaN where the target is missing.

        Raises
        ------
        ValueError
            If the column is missing, or if it has classes that the table does not have.
        """
        if self.target not in frame.columns:
            raise ValueError(
                f"{nearest_name_hint(self.target, list(frame.columns))}There is no column {self.target!r}."
            )
        column = self.target_column
        assert column
        assert column.kind
        numbers = [one for one in [*self.columns, column] if one.kind == "number" and one.name in frame.columns]
        decimal = read_decimals(frame, {one.name: one.decimal for one in numbers}).get(column.name, column.decimal)
        values = convert(frame[self.target], column.kind, decimal, column.format)
        if self.labels is None:
            return values.to_numpy(np.float64)
        labels = name_truth_values(values) if column.detail == TRUE_OR_FALSE else values
        is_missing = labels.isna() | (labels == "")
        codes = pd.Index(self.labels).get_indexer(labels.where(~is_missing, self.labels[0])).astype(np.float64)
        if (codes < 0).any():
            known = ", ".join(map(repr, self.class_names[:5])) + (", ..." if len(self.class_names) > 5 else "")
            raise ValueError(
                f"{format_value(labels[codes < 0].iloc[0])!r} is none of the classes of the target {self.target!r} "
                f"({known})."
            )
        return np.where(is_missing, np.nan, codes)

    def _describe_target(self) -> str:
        """Warnings about the target, with a space before each."""
        return (
            "".join(f" The target {warning}" for warning in self.target_column.warnings) if self.target_column else ""
        )

    def check_folds(self, n_folds: int) -> None:
        """Check that there are enough rows for cross-validation.

        Parameters
        ----------
        n_folds : int

        Raises
        ------
        CommandError
            If the target has only one value, or if there are too few rows for `n_folds` folds.
        """
        n_values = len(np.unique(self.y))
        if n_values < 2:
            what = "class" if self.task == "classification" else "value"
            raise CommandError(f"The target {self.target!r} has {n_values} {what}; it needs at least two.")
        if self.task == "classification":
            counts = np.bincount(self.y)
            rarest = int(counts.argmin())
            if counts[rarest] < n_folds:
                raise CommandError(
                    f"The class {self.class_names[rarest]!r} of the target {self.target!r} has {counts[rarest]} "
                    f"row(s), fewer than the {n_folds} folds of --cv. Lower --cv, merge rare classes, or, if the "
                    "target is a quantity, give --task regression." + self._describe_target()
                )
        elif len(self.y) < 2 * n_folds:
            # The coefficient of determination needs at least two rows.
            raise CommandError(
                f"{len(self.y)} row(s) are too few for --cv {n_folds}: every fold needs two. Lower --cv."
            )


def load_table(arguments: argparse.Namespace) -> Table:
    """Read the table that the arguments name, or load the bundled table.

    Parameters
    ----------
    arguments : argparse.Namespace
        The options of the group "data".

    Returns
    -------
    table : Table
        If the task is not given, it is classification for a target that is boolean, is not numeric, or has at most 20
        distinct values that are all whole numbers. Otherwise it is regression.

    Raises
    ------
    CommandError
        If the file cannot be read, or if a column or the target cannot be used.
    """
    if arguments.data is None:
        for option in ("target", "drop", "columns", "kinds", "sep", "decimal", "encoding"):
            if getattr(arguments, option):
                name = "as" if option == "kinds" else option
                raise CommandError(f"--{name} needs --data, which is missing.")
        X, y = load_digits(return_X_y=True)
        return _make_table("digits", X, Column("digit", "number", values=pd.Series(y)), arguments.task, [], [])
    raw = read_table(arguments.data, TextFormat(arguments.sep, arguments.encoding))
    target, kinds = arguments.target, dict(arguments.kinds)
    frame = raw.frame[_choose_columns(raw, arguments)]
    if kind := unusable_kind(frame[target].dropna()):
        raise CommandError(f"The target {target!r} holds {kind}; a target takes numbers, or names of classes.")
    # Rows without a target, such as remarks below the table, must not decide the types of the columns.
    has_cell = frame[target].notna() & ~frame[target].isin([""])
    n_empty = int((~has_cell).sum())
    if n_empty < len(frame):
        frame = frame[has_cell].reset_index(drop=True)
    try:
        columns = read_columns(frame, kinds, arguments.decimal, raw.separator, target)
    except UnreadableColumnError as error:
        raise CommandError(str(error)) from None
    (target_column,) = (column for column in columns if column.name == target)
    columns.remove(target_column)
    if _are_classes_with_units(target_column, arguments.task):
        (target_column,) = read_columns(frame[[target]], {target: "category"})
    columns = leave_out_uninformative(columns, kinds)
    warn_of_values([*columns, target_column])
    if target_column.kind is None:
        raise CommandError(" ".join([f"The target {target!r} has {target_column.detail}.", *raw.notes]))
    has_target = _has_value(target_column)
    if not has_target.any():
        raise CommandError(f"The target {target!r} has no value in any row of '{arguments.data}'.")
    assert target_column.values is not None
    target_column.values = target_column.values[has_target]
    features = _make_features(columns, arguments)[has_target]
    notes = [*raw.notes, *describe_totals(frame)]
    if n_missing := n_empty + int((~has_target).sum()):
        notes.append(f"{n_missing} row(s) without a target are left out." + _name_markers(frame[target][~has_target]))
    name = "standard input" if arguments.data == STANDARD_INPUT else arguments.data.name
    table = _make_table(name, features, target_column, arguments.task, columns, notes)
    warn_of_leaks(columns, features, table.y, table.task)
    return table


def _make_table(
    name: str, X: np.ndarray | pd.DataFrame, target: Column, task: Task | None, columns: list[Column], notes: list[str]
) -> Table:
    values = target.values
    assert values is not None
    labels = name_truth_values(values) if target.detail == TRUE_OR_FALSE else values
    task = task or infer_task(labels)
    if task == "regression":
        if values.dtype == object:
            raise CommandError(
                f"--task regression takes a target of numbers; {target.name!r} holds {values.iloc[0]!r}."
                + "".join(f" It {warning}" for warning in target.warnings)
            )
        if (values.abs() > LARGEST_NUMBER).any():
            raise CommandError(f"The target {target.name!r} holds numbers beyond {LARGEST_NUMBER:g}. Use another unit.")
        return Table(name, X, values.to_numpy(np.float64), task, target.name, [], notes, columns, target_column=target)
    codes, classes = pd.factorize(labels, sort=True)
    class_names = [format_value(label) for label in classes]
    notes = [*notes, *describe_rare_classes(codes, class_names, target.name)]
    notes += [
        f"{label!r} is a class of the target {target.name!r}. If it means a missing value, empty these cells."
        for label in class_names
        if is_missing_marker(label)
    ]
    # All text gets one type, however the file was read, and whole numbers become integers.
    is_text = not types.is_numeric_dtype(labels)
    classes = np.array(class_names) if is_text else np.asarray(classes)
    if not is_text and np.all(classes % 1 == 0):
        classes = classes.astype(np.int64)
    return Table(name, X, codes, task, target.name, class_names, notes, columns, classes, target)


def infer_task(values: pd.Series) -> Task:
    """Infer the task from the values of the target, by the rule in `load_table`.

    Parameters
    ----------
    values : Series
        The target without missing values.

    Returns
    -------
    task : {"classification", "regression"}
    """
    if types.is_bool_dtype(values) or not types.is_numeric_dtype(values):
        return "classification"
    are_whole = bool((values % 1 == 0).all())
    return "classification" if are_whole and values.nunique() <= MAX_CLASSES_OF_NUMBERS else "regression"


def _choose_columns(raw: RawTable, arguments: argparse.Namespace) -> list[str]:
    """Names of the columns to use, including the target, in the order of the file."""
    target, names = arguments.target, list(raw.frame.columns)
    if target not in names:
        known = ", ".join(sorted(names)[:10]) + (", ..." if len(names) > 10 else "")
        problem = f"There is no column {target!r} in '{arguments.data}'" if target else "--target is missing"
        raise CommandError(f"{nearest_name_hint(target, names)}{problem}. Columns: {known}.{_advise(target, raw)}")
    for option, chosen in (("drop", arguments.drop), ("columns", arguments.columns), ("as", dict(arguments.kinds))):
        for name in chosen or ():
            if name not in names:
                raise CommandError(f"{nearest_name_hint(name, names)}There is no column {name!r} for --{option}.")
    if target in arguments.drop:
        raise CommandError(f"--drop cannot leave out the target {target!r}.")
    chosen = [
        name
        for name in names
        if name == target or (name not in arguments.drop and name in (arguments.columns or names))
    ]
    if len(chosen) == 1:
        raise CommandError(f"'{arguments.data}' has no column besides the target {target!r}.")
    return chosen


def _advise(target: str | None, raw: RawTable) -> str:
    """Sentences that say why a table may not have the target."""
    names = list(raw.frame.columns)
    rows = raw.frame[:N_HEADERS].astype(object).map(lambda value: str(value).strip())
    sentences = list(raw.notes)
    if target and (rows == target).any(axis=None):
        sentences.append(f"A row below them has {target!r}. If it is the header, delete the lines above it.")
    elif any(parse_number(name) for name in names) and not any("first line" in note for note in raw.notes):
        sentences.append("If the first line is data, write a line of names above.")
    elif len(names) == 1 and re.search(r"[^\w\s.]", names[0]):
        sentences.append("If the table has more columns, --sep sets the character between them.")
    return "".join(f" {sentence}" for sentence in sentences)


def _are_classes_with_units(target: Column, task: Task | None) -> bool:
    """Whether names of classes, such as 2D and 3D, were read as numbers."""
    if target.kind != "number" or target.detail in ("", TRUE_OR_FALSE) or target.values is None:
        return False
    return (task or infer_task(target.values.dropna())) == "classification"


def _has_value(target: Column) -> pd.Series:
    """Rows that have a target, which must be finite if it is a number."""
    values = target.values
    assert values is not None
    if target.kind == "date":
        raise CommandError(
            f"The target {target.name!r} holds dates; a target takes numbers, or names of classes. "
            f"--as {target.name}=category makes each date a class."
        )
    return values.notna() & (values != "") if values.dtype == object else np.isfinite(values)


def _name_markers(values: pd.Series) -> str:
    """A sentence about texts that count as missing values, or an empty text."""
    written = [value for value in values.dropna().unique() if str(value).strip()]
    if not written:
        return ""
    shown = ", ".join(map(repr, written[:5]))
    return f" These values count as missing: {shown} (--as {values.name}=category makes classes of them)."


def _make_features(columns: list[Column], arguments: argparse.Namespace) -> pd.DataFrame:
    features = pd.DataFrame({column.name: column.values for column in columns if column.kind})
    if not len(features.columns):
        reasons = "; ".join(f"{column.name!r}: {column.detail}" for column in columns[:5])
        raise CommandError(
            f"'{arguments.data}' has no column to learn from besides the target {arguments.target!r} ({reasons}). "
            "--as NAME=TYPE keeps a column that would be left out."
        )
    for name, values in features.items():
        if values.dtype == np.float64 and (values.abs() > LARGEST_NUMBER).any():
            found = "infinite numbers" if np.isinf(values).any() else f"numbers beyond {LARGEST_NUMBER:g}"
            raise CommandError(f"The column {name!r} holds {found}. Correct them, or leave it out with --drop.")
    return features
