"""Dates and durations as people write them, in days."""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd
from pandas.api import types
from pandas.tseries.api import guess_datetime_format

from .numerals import LEAST_SHARE, is_missing_marker

ISO = "ISO8601"
# Formats that pandas does not guess.
MORE_FORMATS = (
    *("%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d.%m.%y", "%d-%b-%y", "%d %b %y", "%y-%m-%d"),
    *("%d%b%Y", "%Y年%m月%d日"),
    # Formats without a day.
    *("%m/%Y", "%b-%Y", "%b %Y", "%B %Y", "%b-%y", "%m.%Y", "%Y/%m"),
)
# Directives of formats in words.
DIRECTIVES = {
    "%Y": "year",
    # As in pandas and Python.
    "%y": "year from 1969 to 2068",
    "%m": "month",
    "%b": "month",
    "%B": "month",
    "%d": "day",
    "%H": "hour",
    "%I": "hour",
    "%M": "minute",
    "%S": "second",
    "%f": "fraction",
    "%p": "AM/PM",
    "%a": "weekday",
    "%A": "weekday",
    "%z": "zone",
    "%Z": "zone",
    "%j": "day of year",
}
MICROSECONDS_OF_A_DAY = 86_400_000_000
# Number of values from which a format is guessed.
N_GUESSES = 5
# Dates, months and weeks of ISO 8601, which need no guess.
ISO_DATE = re.compile(r"[-+]?\d{4,6}-\d{2}(-\d{2}.*)?|\d{4}-W\d{2}(-\d)?")
# A date that ends with a year of two digits, and perhaps a time.
SHORT_YEAR = re.compile(r"(\d{1,2}([./-])\d{1,2}\2)(\d{2}(?!\d).*)")
# A date has at least one digit.
DATE = re.compile(r".*\d.*")
# Days, hours and minutes: 2 days 3:45, 1h 30m or PT1H30M.
DURATION = re.compile(
    r"[-+]?(\d+ days?,? ?)?[-+]?\d{1,4}:\d{2}(:\d{2}(\.\d+)?)?|[-+]?\d+ days?"
    r"|(?=\d)(\d+ ?h)? ?(\d+ ?m(in)?)? ?(\d+(\.\d+)? ?s)?"
    r"|P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
)
# A time of day with AM or PM.
CLOCK = re.compile(r"(0?\d|1[0-2])(:\d{2}(?::\d{2})?)? ?([ap])\.?m\.?", re.IGNORECASE)


@dataclass(frozen=True)
class Dates:
    """A column of text read as dates.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Days since 1970; NaN where a value is missing or is not a date.
    format : str
        The format of `datetime.strptime`, or "ISO8601".
    other_format : str
        Another format that fits all values, with day and month exchanged; empty if there is none.
    remarks : list of str
        Texts that are neither dates nor markers of missing values.
    """

    values: np.ndarray
    format: str
    other_format: str
    remarks: list[str]


def read_dates(column: pd.Series, format: str | None = None) -> Dates | None:
    """Read a column of text as dates.

    Parameters
    ----------
    column : Series of str
        Without spaces around the values.
    format : str, default=None
        The format to read. None takes the format of most values.

    Returns
    -------
    dates : Dates or None
        None if fewer than 95% of the values are dates of one format.
    """
    codes, texts = pd.factorize(column)
    is_value = np.array([not is_missing_marker(text) for text in texts], dtype=bool)
    values = texts[is_value]
    if not len(values):
        return None
    fits = []
    for candidate in _formats(values) if format is None else [format]:
        days = _parse(values, candidate)
        share = float(np.mean(~np.isnan(days)))
        if share >= LEAST_SHARE or (format is not None and share):
            fits.append((share, candidate, days))
    if not fits:
        return None
    # Take the first of the formats that read the most values.
    share, best, days = max(fits, key=lambda fit: fit[0])
    others = [
        name for other_share, name, other in fits if other_share == share and not np.array_equal(other, days, True)
    ]
    all_days = np.full(len(texts), np.nan)
    all_days[is_value] = days
    return Dates(all_days[codes], best, others[0] if others else "", list(values[np.isnan(days)]))


def read_durations(column: pd.Series) -> np.ndarray | None:
    """Read a column of text as durations or times of day.

    Parameters
    ----------
    column : Series of str
        Without spaces around the values.

    Returns
    -------
    days : ndarray of shape (n_rows,), or None
        Durations in days, with NaN where a value is missing. None if a value is not a duration.
    """
    codes, texts = pd.factorize(column)
    days = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        if is_missing_marker(text):
            continue
        if clock := CLOCK.fullmatch(text):
            hour = int(clock[1]) % 12 + (12 if clock[3] in "pP" else 0)
            text = f"{hour}{clock[2] or ':00'}"
        if not DURATION.fullmatch(text):
            return None
        # pandas needs seconds after hours and minutes.
        text = f"{text}:00" if re.search(r"(^|\D)\d+:\d{2}$", text) and text.count(":") == 1 else text
        try:
            days[i] = pd.Timedelta(text) / pd.Timedelta(days=1)
        except ValueError:
            return None
    return days[codes] if not np.isnan(days).all() else None


def count_days(values: pd.Series) -> np.ndarray:
    """Count the days from 1970 to dates, or the days in durations.

    Parameters
    ----------
    values : Series of datetime64, timedelta64, date, datetime, time or timedelta
        Dates of any year, also after 2262, the last year for counts of nanoseconds.

    Returns
    -------
    days : ndarray of shape (n_rows,)
        NaN where a value is missing. Dates with a time zone count in UTC.
    """
    if types.is_datetime64_any_dtype(values):
        instants = (values if values.dt.tz is None else values.dt.tz_convert("UTC").dt.tz_localize(None)).to_numpy()
        return (instants - np.zeros_like(instants)) / np.timedelta64(1, "D")
    if types.is_timedelta64_dtype(values):
        return values.to_numpy() / np.timedelta64(1, "D")
    return np.array([np.nan if pd.isna(value) else _count_days(value) for value in values], dtype=np.float64)


def guess_format(text: str) -> str | None:
    """Guess the format of one date.

    Parameters
    ----------
    text : str
        The text without spaces around it.

    Returns
    -------
    format : str or None
        None if the text is not a date.
    """
    if ISO_DATE.fullmatch(text):
        return ISO
    guess = _guess_format(text, True) if DATE.fullmatch(text) else None
    return guess if guess and _is_dated(guess) else None


def describe_format(format: str) -> str:
    """Write a format for people: 'day/month/year'.

    Parameters
    ----------
    format : str

    Returns
    -------
    description : str
    """
    if format == ISO:
        return "year-month-day"
    for directive, word in DIRECTIVES.items():
        format = format.replace(directive, word)
    return format


def _count_days(value: date | time | timedelta) -> float:
    if isinstance(value, timedelta):
        return value / timedelta(days=1)
    if isinstance(value, time):
        return (value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6) / 86400
    if not isinstance(value, datetime):
        return float(np.datetime64(value, "D").astype(np.int64))
    offset = value.utcoffset() or timedelta()
    # Python's subtraction has no years before 1 or after 9999.
    instant = np.datetime64(value.replace(tzinfo=None), "us") - np.timedelta64(offset, "us")
    return float(instant.astype(np.int64)) / MICROSECONDS_OF_A_DAY


def _formats(values: Iterable[str]) -> Iterator[str]:
    """Possible formats of some values, the likeliest first."""
    sample = [text for text in list(values)[: 2 * N_GUESSES] if DATE.fullmatch(text)][:N_GUESSES]
    if any(ISO_DATE.fullmatch(text) for text in sample):
        yield ISO
    seen = set()
    for text in sample:
        # Dates with points, such as 3.4.2020, begin with the day.
        orders = (True, False) if "." in text else (False, True)
        guesses = [_guess_format(text, day_first) for day_first in orders]
        for guess in [*guesses, *MORE_FORMATS]:
            if guess and guess not in seen and _is_dated(guess) and _fits(text, guess):
                seen.add(guess)
                yield guess


def _guess_format(text: str, day_first: bool) -> str | None:
    with warnings.catch_warnings():
        # pandas warns if the order of day and month differs from the requested order.
        warnings.simplefilter("ignore")
        if short := SHORT_YEAR.fullmatch(text):
            # pandas does not guess years of two digits.
            guess = guess_datetime_format(f"{short[1]}20{short[3]}", dayfirst=day_first)
            return guess and guess.replace("%Y", "%y")
        return guess_datetime_format(text, dayfirst=day_first)


def _is_dated(format: str) -> bool:
    """Whether a format has a year and a month, and does not begin with the year and the day, which nobody writes."""
    has_parts = ("%Y" in format or "%y" in format) and any(part in format for part in ("%m", "%b", "%B", "%j"))
    return has_parts and not re.match("%Y.?%d", format)


def _fits(text: str, format: str) -> bool:
    if format not in MORE_FORMATS:
        return not np.isnan(_parse([text], format)[0])
    # Python is faster for one text than pandas.
    try:
        datetime.strptime(text, format)
    except ValueError:
        return False
    return True


def _parse(texts: Iterable[str], format: str) -> np.ndarray:
    """Days since 1970, with NaN where a text has another format."""
    texts = list(texts)
    parsed = pd.to_datetime(pd.Series(texts, dtype=object), format=format, utc=True, errors="coerce")
    instants = parsed.dt.tz_localize(None).to_numpy()
    days = (instants - np.zeros_like(instants)) / np.timedelta64(1, "D")
    for i in np.flatnonzero(np.isnan(days)):
        with suppress(ValueError, OverflowError):
            days[i] = _parse_any_year(texts[i], format)
    return days


def _parse_any_year(text: str, format: str) -> float:
    """Days since 1970 for a date outside the range of nanoseconds. Raises ValueError for other text."""
    if format != ISO:
        return _count_days(datetime.strptime(text, format))
    try:
        return _count_days(datetime.fromisoformat(text))
    except ValueError:
        if not ISO_DATE.fullmatch(text):
            raise
        # Years before 1 and after 9999.
        return float(np.datetime64(text, "us").astype(np.int64)) / MICROSECONDS_OF_A_DAY
