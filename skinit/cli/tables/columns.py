"""Columns: what each is taken for, and its values as numbers or text."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from .dates import ISO, count_days, describe_format, read_dates, read_durations
from .numerals import CODE, LEAST_SHARE, Decimal, Numbers, is_missing_marker, read_numbers

Kind = Literal["number", "category", "date", "duration", "text"]

TRUE_OR_FALSE = "(true or false)"
TRUTH_VALUES = {"true": 1.0, "false": 0.0}
# Fewer rows do not tell whether values differ by chance.
FEWEST_ROWS = 20
# Free text has words, and hardly repeats.
SHORTEST_TEXT = 10
MOST_CATEGORIES = 100
# What pandas infers of values that have a type.
TIMES: dict[str, Kind] = {
    **dict.fromkeys(["date", "datetime", "datetime64"], "date"),
    **dict.fromkeys(["time", "timedelta", "timedelta64"], "duration"),
}


@dataclass
class Column:
    """What a column is taken for.

    Parameters
    ----------
    name : str
    kind : {"number", "category", "date", "duration", "text"} or None
        None if the column is left out.
    detail : str
        The unit, the number of categories, the format of dates, or why the column is left out.
    values : Series or None
        float64 with NaN where missing; of categories and text, objects: str, or NaN where a category is missing.
        None if the column is left out.
    decimal : {".", ","}, default="."
        The decimal separator of numbers.
    format : str or None, default=None
        The format of dates.
    warnings : list of str
        What a user should look at, in sentences that the column's name begins.
    """

    name: str
    kind: Kind | None
    detail: str = ""
    values: pd.Series | None = None
    decimal: Decimal = "."
    format: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def taken_for(self) -> str:
        """The kind and its detail: 'category of 3'."""
        return f"{self.kind} {self.detail}".strip() if self.kind else f"left out: {self.detail}"

    @property
    def n_missing(self) -> int:
        """Rows without a value."""
        return 0 if self.values is None else int((self.values.isna() | (self.values == "")).sum())


class UnreadableColumnError(ValueError):
    """A column cannot be taken for what is asked for."""


def read_columns(
    frame: pd.DataFrame,
    kinds: Mapping[str, Kind] | None = None,
    decimal: Decimal | None = None,
    separator: str = ",",
    target: str | None = None,
) -> list[Column]:
    """Take each column for numbers, categories, dates, durations or text.

    Parameters
    ----------
    frame : DataFrame
    kinds : mapping of str to str, default=None
        The kinds of some columns, by name. The kinds of others follow from their values.
    decimal : {".", ","}, default=None
        The decimal separator; None: the one that fits a column alone, or else the one that other columns have.
    separator : str, default=","
        What separates the columns in the file. A semicolon makes a decimal comma likely.
    target : str, default=None
        The column to predict. Its classes may be called None or NA.

    Returns
    -------
    columns : list of Column
        In the order of the frame.

    Raises
    ------
    UnreadableColumnError
        If a column is not of the kind that is asked for.
    """
    kinds = kinds or {}
    texts = {name: _as_text(frame[name]) for name in frame.columns if _is_text(frame[name])}
    fits = {name: _fitting_decimals(text, [decimal] if decimal else [".", ","]) for name, text in texts.items()}
    default = decimal or _usual_decimal(fits.values(), separator)
    columns = []
    for name in frame.columns:
        kind = kinds.get(name)
        if name in texts:
            is_missing = texts[name].map(operator.not_ if name == target else is_missing_marker)
            if is_missing.all() and kind is None:
                columns.append(leave_out(name, "no value in any row"))
            else:
                columns.append(_read_text(name, texts[name], kind, fits[name], default))
        else:
            columns.append(_read_typed(name, frame[name], kind))
    return columns


def convert(raw: pd.Series, kind: Kind, decimal: Decimal, format: str | None) -> pd.Series:
    """Read a column of a kind that is known.

    Parameters
    ----------
    raw : Series
    kind : {"number", "category", "date", "duration", "text"}
    decimal : {".", ","}
        The decimal separator of numbers.
    format : str or None
        The format of dates.

    Returns
    -------
    values : Series
        As in `Column`. Values that are not of the kind are missing.
    """
    if not _is_text(raw) and not unusable_kind(raw):
        natural, values = _typed_values(raw)
        if natural == kind and values is not None and natural != "category":
            return values
    text = _as_text(raw)
    if kind == "text":
        return text
    if kind == "category":
        return text.where(text != "", np.nan)
    column: Column | None
    if kind == "number":
        column = _as_truth_values("", text) or _as_number("", text, _fitting_decimals(text, [decimal]), decimal, kind)
    else:
        column = _as_date("", text, format) if kind == "date" else _as_duration("", text)
    return pd.Series(np.nan, raw.index) if column is None or column.values is None else column.values


def unusable_kind(column: pd.Series) -> str | None:
    """What a column has that is neither numbers nor dates nor text.

    Parameters
    ----------
    column : Series

    Returns
    -------
    kind : str or None
        In the plural; None if the column can be used.
    """
    if types.is_complex_dtype(column):
        return "complex numbers"
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna()
    if values.dtype != object:
        return None
    found = set(map(type, values))
    for kind, name in UNUSABLE_KINDS.items():
        if any(issubclass(one, kind) and not issubclass(one, str) for one in found):
            return name
    return None


# The most special first.
UNUSABLE_KINDS: dict[Any, str] = {
    (bytes, bytearray): "bytes",
    dict: "records",
    Iterable: "lists",
    complex: "complex numbers",
}


def _is_text(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype) or unusable_kind(column):
        return False
    return types.infer_dtype(column, skipna=True) in ("string", "mixed", "mixed-integer", "empty") and (
        column.dtype == object or types.is_string_dtype(column)
    )


def _as_text(column: pd.Series) -> pd.Series:
    """Values as str without spaces around them, missing ones as empty ones."""
    objects = column.astype(object)
    if types.infer_dtype(column, skipna=True) != "string":
        objects = objects.map(format_value, na_action="ignore")
    return objects.where(objects.notna(), "").str.strip().astype(object)


def format_value(value: object) -> str:
    """Write a value as a category.

    Parameters
    ----------
    value : object

    Returns
    -------
    text : str
    """
    # 3.0 is 3, because whole numbers become float64 where one of their column is missing.
    return f"{value:.0f}" if isinstance(value, float) and value % 1 == 0 else str(value)


def _fitting_decimals(text: pd.Series, decimals: list[Decimal]) -> dict[Decimal, Numbers]:
    """The column as numbers, by each decimal separator with which most values, and nearly all, are numbers."""
    fits = {decimal: numbers for decimal in decimals if (numbers := read_numbers(text, decimal))}
    share = max([LEAST_SHARE, *(numbers.share for numbers in fits.values())])
    return {decimal: numbers for decimal, numbers in fits.items() if numbers.share >= share}


def _usual_decimal(fits: Iterable[dict[Decimal, Numbers]], separator: str) -> Decimal:
    only = {next(iter(fit)) for fit in fits if len(fit) == 1}
    if len(only) == 1:
        return only.pop()
    return "," if separator == ";" and not only else "."


def _read_text(name: str, text: pd.Series, kind: Kind | None, fits: dict[Decimal, Numbers], decimal: Decimal) -> Column:
    if kind == "category":
        return _as_category(name, text)
    if kind == "text":
        return Column(name, "text", values=text)
    readers: dict[Kind, Callable[[], Column | None]] = {
        "number": lambda: _as_truth_values(name, text) or _as_number(name, text, fits, decimal, kind),
        "date": lambda: _as_date(name, text),
        "duration": lambda: _as_duration(name, text),
    }
    for candidate, read in readers.items():
        if kind in (None, candidate) and (column := read()):
            return column
    if kind:
        example = next((value for value in text if not is_missing_marker(value)), None)
        values = "only missing values" if example is None else f"values such as {example!r}"
        raise UnreadableColumnError(f"The column {name!r} cannot be taken for a {kind}: it has {values}.")
    return Column(name, "text", values=text) if _is_free_text(text) else _as_category(name, text)


def _as_number(
    name: str, text: pd.Series, fits: dict[Decimal, Numbers], decimal: Decimal, kind: Kind | None
) -> Column | None:
    if kind is None:
        if text.str.fullmatch(CODE).any() or _is_compact_date(text):
            return None
    elif not fits and (numbers := read_numbers(text, decimal)):
        fits = {decimal: numbers}
    if not fits:
        return None
    if decimal not in fits:
        decimal = next(iter(fits))
    numbers = fits[decimal]
    column = Column(name, "number", f"in {numbers.unit}" if numbers.unit else "", None, decimal)
    column.values = pd.Series(numbers.values, text.index)
    if numbers.remarks:
        column.warnings.append(
            f"has {numbers.n_remarks} value(s) that are not numbers, such as {numbers.remarks[0]!r}. "
            "They count as missing."
        )
    if len(fits) == 2:
        readings = np.stack([fits["."].values, fits[","].values])
        differs = np.flatnonzero((readings[0] != readings[1]) & ~np.isnan(readings).any(axis=0))
        if len(differs):
            other: Decimal = "," if decimal == "." else "."
            value, number, other_number = text.iloc[differs[0]], *(fits[d].values[differs[0]] for d in (decimal, other))
            column.warnings.append(
                f"is ambiguous: {value!r} is read as {number:.15g}; with --decimal {other} it is {other_number:.15g}."
            )
    return column


def name_truth_values(values: pd.Series) -> pd.Series:
    """Write truth values as classes.

    Parameters
    ----------
    values : Series of float
        1 for true, 0 for false, or NaN.

    Returns
    -------
    names : Series
        "True", "False", or NaN.
    """
    return values.map({1.0: "True", 0.0: "False"})


def _as_truth_values(name: str, text: pd.Series) -> Column | None:
    values = text.str.casefold().map(TRUTH_VALUES)
    are_all = values.notna().any() and (values.notna() | text.map(is_missing_marker)).all()
    return Column(name, "number", TRUE_OR_FALSE, values.astype(np.float64)) if are_all else None


def _as_date(name: str, text: pd.Series, format: str | None = None) -> Column | None:
    dates = read_dates(text, format)
    if dates is None:
        return None
    detail = "" if dates.format == ISO else f"({describe_format(dates.format)})"
    column = Column(name, "date", detail, pd.Series(dates.values, text.index), format=dates.format)
    if dates.other_format:
        example = next(value for value in text if not is_missing_marker(value))
        column.warnings.append(
            f"is ambiguous: {example!r} is read as {describe_format(dates.format)}, and could be "
            f"{describe_format(dates.other_format)}."
        )
    if dates.remarks:
        column.warnings.append(
            f"has {len(dates.remarks)} different value(s) that are not dates, such as {dates.remarks[0]!r}. "
            "They count as missing."
        )
    return column


def _as_duration(name: str, text: pd.Series) -> Column | None:
    days = read_durations(text)
    return None if days is None else Column(name, "duration", "", pd.Series(days, text.index))


def _as_category(name: str, text: pd.Series) -> Column:
    values = text.where(text != "", np.nan)
    return Column(name, "category", f"of {values.nunique()}", values)


def leave_out(name: str, reason: str) -> Column:
    """Make a column that nothing is learned from.

    Parameters
    ----------
    name, reason : str

    Returns
    -------
    column : Column
    """
    return Column(name, None, reason)


def _is_compact_date(text: pd.Series) -> bool:
    """Whether all values are dates such as 20200131, rather than numbers."""
    values = text[text != ""]
    return bool(values.str.fullmatch(r"(19|20)\d{6}").all()) and _as_date("", values, "%Y%m%d") is not None


def _is_free_text(text: pd.Series) -> bool:
    """Whether values are words that hardly repeat, so that each would be a category of its own."""
    values = text[text != ""]
    n_distinct = values.nunique()
    return (
        n_distinct >= FEWEST_ROWS
        and (n_distinct > MOST_CATEGORIES or n_distinct > len(values) / 2)
        and values.str.len().mean() >= SHORTEST_TEXT
        and bool(values.str.contains(r"\w\s+\w").mean() > 0.5)
    )


def _read_typed(name: str, raw: pd.Series, kind: Kind | None) -> Column:
    """A column whose values have a type of their own, as in Parquet files."""
    if unusable := unusable_kind(raw):
        column = leave_out(name, unusable)
        column.warnings.append(f"holds {unusable} and is left out.")
        return column
    natural, values = _typed_values(raw)
    if kind in (None, natural):
        if values is None:
            return leave_out(name, "no value in any row")
        if natural == "category":
            return _as_category(name, values)
        detail = TRUE_OR_FALSE if types.infer_dtype(raw, skipna=True) == "boolean" else ""
        return Column(name, natural, detail, values)
    text = _as_text(raw)
    return _read_text(name, text, kind, _fitting_decimals(text, ["."]), ".")


def _typed_values(raw: pd.Series) -> tuple[Kind | None, pd.Series | None]:
    if raw.isna().all():
        return None, None
    if isinstance(raw.dtype, pd.CategoricalDtype):
        return "category", _as_text(raw.astype(object))
    inferred = types.infer_dtype(raw, skipna=True)
    if inferred in TIMES:
        return TIMES[inferred], pd.Series(count_days(raw), raw.index)
    # Truth values with missing ones are objects.
    numbers = raw.astype("boolean") if inferred == "boolean" else raw
    return "number", pd.Series(numbers.to_numpy(np.float64, na_value=np.nan), raw.index)
