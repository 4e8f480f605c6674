"""Columns of text, read as numbers, dates, durations, categories or free text."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from .column import FEWEST_ROWS, Column, Kind, UnreadableColumnError
from .dates import ISO, describe_format, guess_format, read_dates, read_durations
from .numerals import CODE, DECIMALS, LARGEST_WHOLE, Decimal, Numbers, is_missing_marker, parse_number, read_numbers

TRUE_OR_FALSE = "(true or false)"
TRUTH_VALUES = {"true": 1.0, "false": 0.0}
# Lower whole numbers are not dates such as 20200131.
FIRST_DATE = 19000000
# Higher whole numbers are not dates such as 20200131.
LAST_DATE = 21000000
# A month and a year, such as 01.2024, which is also a number.
MONTH_AND_YEAR = r"(0?[1-9]|1[0-2])\.(19|20)\d\d"
# Number of values that decide whether a column can be read in two ways.
N_FIRST = 1000
# Number of distinct values that decide whether a column mixes notations.
N_OF_MIXTURE = 100
# Least mean length of the values of free text, in characters.
SHORTEST_TEXT = 10
# A column of categories becomes at most this many columns, and its rarest categories share one. Free text has more
# values.
MOST_CATEGORIES = 100


def read_text(name: str, text: pd.Series, kind: Kind | None, fits: dict[Decimal, Numbers], decimal: Decimal) -> Column:
    """Read a column as the requested kind, or as the kind that its values suggest.

    Parameters
    ----------
    name : str
    text : Series of str
        Without spaces around the values.
    kind : str or None
        The requested kind.
    fits : dict of str to Numbers
        The result of `fitting_decimals`.
    decimal : {".", ","}
        The separator to use if both fit.

    Returns
    -------
    column : Column

    Raises
    ------
    UnreadableColumnError
        If the column is not of the requested kind.
    """
    if kind == "category":
        return as_category(name, text)
    if kind == "text":
        n_texts = int(text.str.contains(r"\w").sum())
        # With fewer, the rows that a fold trains on may have no word.
        if n_texts < min(FEWEST_ROWS, len(text) / 2):
            raise UnreadableColumnError(
                f"The column {name!r} cannot be read as text: it has words in {n_texts} row(s). Leave it out: --drop."
            )
        return Column(name, "text", values=text)
    readers: dict[Kind, Callable[[], Column | None]] = {
        "number": lambda: as_truth_values(name, text) or as_number(name, text, fits, decimal, kind),
        "date": lambda: as_date(name, text),
        "duration": lambda: as_duration(name, text),
    }
    for candidate, read in readers.items():
        if kind in (None, candidate) and (column := read()):
            return column
    if kind:
        example = _first_value(text)
        values = f"values such as {example!r}" if example else "only missing values"
        raise UnreadableColumnError(f"The column {name!r} cannot be read as {kind}s: it has {values}.")
    column = Column(name, "text", values=text) if _is_free_text(text) else as_category(name, text)
    if mixture := _find_mixture(text):
        column.warnings.append(
            f"mixes values such as {mixture[0]!r} and {mixture[1]!r}, so it is not read as numbers or dates. If it "
            "should be, write all values in the same way."
        )
    return column


def fitting_decimals(text: pd.Series, decimals: Sequence[Decimal]) -> dict[Decimal, Numbers]:
    """Read a column as numbers with each decimal separator, and keep those that read the most, and enough, values.

    Parameters
    ----------
    text : Series of str
    decimals : sequence of {".", ","}

    Returns
    -------
    fits : dict of str to Numbers
    """
    fits: dict[Decimal, Numbers] = {}
    for decimal in decimals:
        other = fits.get(".")
        # Most columns are in Python's notation, and reading a long column twice would take time.
        if other and other.is_plain and decimal == "," and not _may_have_thousands(text):
            continue
        if numbers := read_numbers(text, decimal):
            fits[decimal] = numbers
    share = max((numbers.share for numbers in fits.values()), default=1)
    return {decimal: numbers for decimal, numbers in fits.items() if numbers.share == share and numbers.are_enough}


def _may_have_thousands(text: pd.Series) -> bool:
    """Whether each of the first numbers is whole, or has points only where they may separate thousands."""
    return all("." not in value or re.fullmatch(r"[-+]?[1-9]\d{0,2}(\.\d{3})+", value) for value in text[:N_FIRST])


def as_number(
    name: str, text: pd.Series, fits: dict[Decimal, Numbers], decimal: Decimal, kind: Kind | None
) -> Column | None:
    """Read a column as numbers.

    Parameters
    ----------
    name : str
    text : Series of str
        Without spaces around the values.
    fits : dict of str to Numbers
        The result of `fitting_decimals`.
    decimal : {".", ","}
        The separator to use if both fit.
    kind : str or None
        "number" if the column must be numeric.

    Returns
    -------
    column : Column or None
        None if the column has other values.
    """
    if kind is None:
        if _are_codes_or_dates(text, fits):
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


def as_truth_values(name: str, text: pd.Series) -> Column | None:
    """Read a column as truth values.

    Parameters
    ----------
    name : str
    text : Series of str
        Without spaces around the values.

    Returns
    -------
    column : Column or None
        None if the column has other values.
    """
    if _first_value(text).casefold() not in TRUTH_VALUES:
        return None
    values = text.str.casefold().map(TRUTH_VALUES)
    are_all = (values.notna() | text.map(is_missing_marker)).all()
    return Column(name, "number", TRUE_OR_FALSE, values.astype(np.float64)) if are_all else None


def as_date(name: str, text: pd.Series, format: str | None = None) -> Column | None:
    """Read a column as dates.

    Parameters
    ----------
    name : str
    text : Series of str
        Without spaces around the values.
    format : str, default=None
        As in `read_dates`.

    Returns
    -------
    column : Column or None
        None if the column has other values.
    """
    dates = read_dates(text, format)
    if dates is None:
        return None
    detail = "" if dates.format == ISO else f"({describe_format(dates.format)})"
    column = Column(name, "date", detail, pd.Series(dates.values, text.index), format=dates.format)
    if dates.other_format:
        column.warnings.append(
            f"is ambiguous: {_first_value(text)!r} is read as {describe_format(dates.format)}, and could be "
            f"{describe_format(dates.other_format)}."
        )
    if dates.remarks:
        column.warnings.append(
            f"has {len(dates.remarks)} different value(s) that are not dates, such as {dates.remarks[0]!r}. "
            "They count as missing."
        )
    return column


def as_known_date(text: pd.Series, format: str | None) -> Column | None:
    """Read a column that has had dates before.

    Parameters
    ----------
    text : Series of str
        Without spaces around the values.
    format : str or None
        The format of the dates before.

    Returns
    -------
    column : Column or None
        If no value has this format, dates of another format that is not ambiguous. None if there are no dates.
    """
    column = as_date("", text, format)
    if column is None and (dates := read_dates(text)) and not dates.other_format:
        column = as_date("", text, dates.format)
    return column


def as_duration(name: str, text: pd.Series) -> Column | None:
    """Read a column as durations.

    Parameters
    ----------
    name : str
    text : Series of str
        Without spaces around the values.

    Returns
    -------
    column : Column or None
        None if the column has other values.
    """
    days = read_durations(text)
    if days is None:
        return None
    column = Column(name, "duration", "", pd.Series(days, text.index))
    short = text[text.str.fullmatch(r"\d+:\d+")]
    if len(short) and text.str.fullmatch(r"\d+:\d+:.*").any():
        column.warnings.append(
            f"is ambiguous: {short.iloc[0]!r} is read as hours and minutes. If it has minutes and seconds, write its "
            "hours too."
        )
    return column


def as_category(name: str, text: pd.Series) -> Column:
    """Read a column as categories.

    Parameters
    ----------
    name : str
    text : Series of str
        Without spaces around the values.

    Returns
    -------
    column : Column
    """
    values = text.where(text != "", np.nan)
    return Column(name, "category", f"of {values.nunique()}", values)


def _first_value(text: pd.Series) -> str:
    """The first value that is not missing, or an empty text."""
    return next((value for value in text if not is_missing_marker(value)), "")


def _are_codes_or_dates(text: pd.Series, fits: dict[Decimal, Numbers]) -> bool:
    """Whether numbers are codes, because zeros lead or a float cannot hold the digits, or dates: 20200131, 1.2020."""
    if re.fullmatch(MONTH_AND_YEAR, _first_value(text)):
        months = as_date("", text, "%m.%Y")
        return months is not None and not months.warnings
    for numbers in fits.values():
        values = numbers.values[np.isfinite(numbers.values)]
        if len(values) and (values % 1 == 0).all():
            if text.str.fullmatch(CODE).any() or (np.abs(values).max() >= LARGEST_WHOLE and _lose_digits(text)):
                return True
            if values.min() > FIRST_DATE and values.max() < LAST_DATE:
                return as_date("", text, "%Y%m%d") is not None
    return False


def _lose_digits(text: pd.Series) -> bool:
    """Whether different whole numbers are the same float."""
    numbers = text[text.str.fullmatch(r"[-+]?\d+")]
    return numbers.astype(np.float64).nunique() < numbers.nunique()


def _find_mixture(text: pd.Series) -> list[str]:
    """Two values in different notations, if at least half of some values are numbers or dates; or none."""
    values = [value for value in text[:N_FIRST].unique()[:N_OF_MIXTURE] if not is_missing_marker(value)]
    notations = [_notation(value) for value in values]
    if 2 * sum(map(bool, notations)) < len(values) or any(re.fullmatch(CODE, value) for value in values):
        return []
    examples: dict[str, str] = {}
    for notation, value in zip(notations, values, strict=True):
        examples.setdefault(notation, value)
    return list(examples.values())[:2] if len(examples) > 1 else []


def _notation(value: str) -> str:
    """The notation of a number or a date, or an empty text for other values."""
    for decimal in DECIMALS:
        if parsed := parse_number(value, decimal):
            return f"number {decimal} {parsed[1]}"
    return guess_format(value) or ""


def _is_free_text(text: pd.Series) -> bool:
    """Whether values are words that rarely repeat, so that almost every value would be a separate category."""
    values = text[text != ""]
    n_distinct = values.nunique()
    return (
        n_distinct >= FEWEST_ROWS
        and (n_distinct > MOST_CATEGORIES or n_distinct > len(values) / 2)
        and values.str.len().mean() >= SHORTEST_TEXT
        and bool(values.str.contains(r"\w\s+\w").mean() > 0.5)
    )
