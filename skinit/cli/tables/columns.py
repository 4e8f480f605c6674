"""Reads the columns of a table: the kind of each column, and its values as numbers or text."""

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from .column import Column, Kind, leave_out
from .dates import count_days
from .numerals import DECIMALS, LARGEST_WHOLE, Decimal, Numbers, is_missing_marker
from .text_columns import (
    TRUE_OR_FALSE,
    as_category,
    as_duration,
    as_known_date,
    as_number,
    as_truth_values,
    fitting_decimals,
    read_text,
)

# Kinds of values by pandas' names for inferred types.
TIMES: dict[str, Kind] = {
    **dict.fromkeys(["date", "datetime", "datetime64"], "date"),
    **dict.fromkeys(["time", "timedelta", "timedelta64"], "duration"),
}


def read_columns(
    frame: pd.DataFrame,
    kinds: Mapping[str, Kind] | None = None,
    decimal: Decimal | None = None,
    separator: str = ",",
    target: str | None = None,
) -> list[Column]:
    """Read each column as numbers, categories, dates, durations or text.

    Parameters
    ----------
    frame : DataFrame
    kinds : mapping of str to str, default=None
        The kinds of some columns by name. The kinds of other columns are inferred from their values.
    decimal : {".", ","}, default=None
        The decimal separator. None takes the only separator that fits a column, or else the separator of other columns.
    separator : str, default=","
        The separator of columns in the file. A semicolon makes a decimal comma likely.
    target : str, default=None
        The column to predict. Its classes may be called None or NA.

    Returns
    -------
    columns : list of Column
        In the order of the frame.

    Raises
    ------
    UnreadableColumnError
        If a column is not of the requested kind.
    """
    kinds = kinds or {}
    texts = {name: _as_text(frame[name]) for name in frame.columns if _is_text(frame[name])}
    fits = {name: fitting_decimals(text, [decimal] if decimal else DECIMALS) for name, text in texts.items()}
    default = decimal or _usual_decimal(fits.values(), separator)
    columns = []
    for name in frame.columns:
        kind = kinds.get(name)
        if name in texts:
            is_missing = operator.not_ if name == target else is_missing_marker
            if kind is None and all(map(is_missing, texts[name])):
                columns.append(leave_out(name, "no value in any row"))
            else:
                columns.append(read_text(name, texts[name], kind, fits[name], default))
        else:
            columns.append(_read_typed(name, frame[name], kind))
    return columns


def read_decimals(frame: pd.DataFrame, learned: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Find the decimal separators of another file, which may differ from the separators of the first file.

    Parameters
    ----------
    frame : DataFrame
    learned : mapping of str to {".", ","}
        The decimal separators of the columns of numbers in the first file.

    Returns
    -------
    decimals : dict of str to {".", ","}
        The only separator that fits a column, or else the separator of other columns, or else the learned one.
    """
    fits = {name: list(fitting_decimals(_as_text(frame[name]), DECIMALS)) for name in learned if _is_text(frame[name])}
    only = {fit[0] for fit in fits.values() if len(fit) == 1}
    decimals = {}
    for name, decimal in learned.items():
        fit = fits.get(name, [])
        decimals[name] = fit[0] if len(fit) == 1 else next(iter(only)) if len(only) == 1 else decimal
    return decimals


def is_written(raw: pd.Series) -> pd.Series:
    """Tell which values of a column are neither missing nor markers of missing values.

    Parameters
    ----------
    raw : Series

    Returns
    -------
    is_written : Series of bool
    """
    return ~_as_text(raw).map(is_missing_marker).astype(bool)


def convert(raw: pd.Series, kind: Kind, decimal: Decimal, format: str | None) -> pd.Series:
    """Read a column of a known kind.

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
    column: Column | None
    if kind == "category":
        column = as_category("", text)
    elif kind == "number":
        column = as_truth_values("", text) or as_number("", text, fitting_decimals(text, [decimal]), decimal, kind)
    else:
        column = as_known_date(text, format) if kind == "date" else as_duration("", text)
    return pd.Series(np.nan, raw.index) if column is None or column.values is None else column.values


def unusable_kind(column: pd.Series) -> str | None:
    """The kind of a column's values, if they are neither numbers nor dates nor text.

    Parameters
    ----------
    column : Series

    Returns
    -------
    kind : str or None
        A noun in the plural, or None if the column can be used.
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


# The most specific first.
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
    """Values as str without spaces around them, with empty texts for missing values."""
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
    # Write 3.0 as 3, because whole numbers become float64 if a value of the column is missing, and -0.0 as 0.
    return f"{value + 0.0:.0f}" if isinstance(value, float) and value % 1 == 0 else str(value)


def _usual_decimal(fits: Iterable[dict[Decimal, Numbers]], separator: str) -> Decimal:
    only = {next(iter(fit)) for fit in fits if len(fit) == 1}
    if len(only) == 1:
        return only.pop()
    return "," if separator == ";" and not only else "."


def _read_typed(name: str, raw: pd.Series, kind: Kind | None) -> Column:
    """Read a column whose values have types, as in Parquet files."""
    if unusable := unusable_kind(raw):
        column = leave_out(name, unusable)
        column.warnings.append(f"holds {unusable} and is left out.")
        return column
    natural, values = _typed_values(raw)
    if kind in (None, natural):
        if values is None:
            return leave_out(name, "no value in any row")
        if natural == "category":
            return as_category(name, values)
        detail = TRUE_OR_FALSE if types.infer_dtype(raw, skipna=True) == "boolean" else ""
        return Column(name, natural, detail, values)
    text = _as_text(raw)
    return read_text(name, text, kind, fitting_decimals(text, ["."]), ".")


def _typed_values(raw: pd.Series) -> tuple[Kind | None, pd.Series | None]:
    if raw.isna().all():
        return None, None
    if isinstance(raw.dtype, pd.CategoricalDtype):
        return "category", _as_text(raw.astype(object))
    if isinstance(raw.dtype, pd.PeriodDtype):
        raw = raw.dt.to_timestamp()
    inferred = types.infer_dtype(raw, skipna=True)
    if inferred in TIMES:
        return TIMES[inferred], pd.Series(count_days(raw), raw.index)
    # Truth values are objects if some are missing.
    numbers = raw.astype("boolean") if inferred == "boolean" else raw
    try:
        values = pd.Series(numbers.to_numpy(np.float64, na_value=np.nan), raw.index)
    except (TypeError, ValueError):
        # Values of other types, such as intervals.
        return "category", _as_text(raw)
    # Large whole numbers are codes, and different ones must not become the same float.
    if values.abs().max() >= LARGEST_WHOLE and values.nunique() < raw.nunique():
        return "category", _as_text(raw)
    return "number", values
