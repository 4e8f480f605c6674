"""Numbers as people write them: with thousands separators, decimal commas, units and markers of missing values."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

Decimal = Literal[".", ","]
DECIMALS: tuple[Decimal, ...] = (".", ",")

# Markers of missing values in spreadsheets, databases and handwritten tables.
MISSING_MARKERS = frozenset(
    ["?", "-", "--", "---", "–", "—", ".", "..", "...", "*", "**", "missing", "unknown", "0000-00-00"]
    + ["na", "n/a", "n.a.", "n.a", "<na>", "nan", "-nan", "nat", "null", "(null)", "\\n", "none", "nil", "nd", "n.d."]
    + ["n/d", "k.a.", "s/d", "not available", "not applicable", "no data", "blank", "(blank)", "undefined", "tbd"]
    + ["#na", "#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "1.#qnan", "-1.#ind", "1.#ind"]
    + ["#nv", "#wert!", "#bezug!", "#zahl!"]
)
# A column with at least this share of numbers is numeric, despite a few remarks.
LEAST_SHARE = 0.95
# A column with this many different numbers and a single other text is numeric as well.
FEWEST_NUMBERS = 10
# Different whole numbers below this one are different floats.
LARGEST_WHOLE = 2**53
# A number with leading zeros is a code, such as a postal code. Two digits may be a month.
CODE = r"0\d\d+"

CURRENCIES = (
    *("USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF"),
    *("BRL", "MXN", "ZAR", "RUB", "TRY", "KRW", "SGD", "HKD", "US$", "A$", "C$", "R$", "HK$"),
    *("Rs.", "Rs", "kr.", "kr", "Kr", "Fr.", "Fr", "zł", "Kč", "Ft"),
)
PERCENT = "%"
# Suffixes that multiply a number.
MAGNITUDES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9}

# Digits may be grouped by apostrophes and by no-break, narrow no-break, thin and figure spaces.
_GAP = "[ \u00a0\u202f\u2009\u2007'’]"
# A hyphen, a minus sign and a dash, which all stand for minus.
_MINUS = r"\-−–"
# A word, such as a unit.
_LETTERS = r"[^\W\d_]+"
# The exponent of a unit, as in m².
_POWER = r"(?:\^?[²³23])?"
# A sign that is neither a letter nor a part of numbers or formulas, such as a currency symbol.
_SYMBOL = r"[^\w\s.,:;()+*/<>≤≥=≈~±'’\-−–]"


def _compile_numeral(decimal: Decimal) -> re.Pattern[str]:
    point, comma = re.escape(decimal), re.escape("," if decimal == "." else ".")
    # A number with thousands separators does not begin with a zero, so 0,123 has a decimal comma. A dash after the
    # point stands for no cents, as in 199.- and 199,--.
    whole = rf"[1-9]\d{{0,2}}(?:{comma}\d{{3}})+|[1-9]\d{{0,2}}(?:{_GAP}\d{{3}})+|\d+"
    if decimal == ".":
        # Indian numbers group digits in twos before the last three.
        whole = rf"[1-9]\d?(?:,\d{{2}})+,\d{{3}}|{whole}"
    currency = "|".join(map(re.escape, CURRENCIES))
    return re.compile(
        rf"""(?P<open>\()? \s*
        (?P<sign>[+{_MINUS}])? \s* (?P<prefix>{currency}|{_SYMBOL})? \s* (?P<inner_sign>[{_MINUS}(])?
        (?P<digits>(?:{whole})(?:{point}(?:[{_MINUS}—]{{1,2}}|\d*))?|{point}\d+)
        (?P<exponent>[eE][-+]?\d+)? \s*
        (?P<magnitude>(?:bn|[kKMB])(?!\w))? \s*
        (?P<suffix>\*|{_SYMBOL}{{1,2}}[a-zA-Z]?(?:/{_LETTERS}{_POWER})?
            |/?{_LETTERS}(?:[/.]{_LETTERS})*(?:[ ]{_LETTERS})?{_POWER}\.?)? \s*
        (?P<close>\))? (?P<last_sign>-)?""",
        re.VERBOSE,
    )


_NUMERALS: dict[Decimal, re.Pattern[str]] = {decimal: _compile_numeral(decimal) for decimal in DECIMALS}
# Infinity as Python and NumPy write it.
_INFINITY = re.compile(r"[-+]?inf(?:inity)?", re.IGNORECASE)


def is_missing_marker(text: str) -> bool:
    """Tell whether a text means a missing value.

    Parameters
    ----------
    text : str
        The text without spaces around it.

    Returns
    -------
    is_missing : bool
    """
    return not text or text.casefold() in MISSING_MARKERS


def parse_number(text: str, decimal: Decimal = ".") -> tuple[float, str] | None:
    """Read one number.

    Parameters
    ----------
    text : str
        The text without spaces around it.
    decimal : {".", ","}, default="."
        The decimal separator.

    Returns
    -------
    number_and_unit : tuple of float and str, or None
        None if the text is not a number. ``45%`` is 0.45 in the unit ``%``, and ``(3)`` is -3 without a unit.
    """
    if _INFINITY.fullmatch(text):
        return float(text), ""
    match = _NUMERALS[decimal].fullmatch(text)
    if match is None or (match["open"], match["inner_sign"]).count("(") != bool(match["close"]):
        return None
    signs = [sign for sign in match.group("open", "sign", "inner_sign", "last_sign") if sign]
    if len(signs) > 1:
        return None
    digits = "".join(letter for letter in match["digits"] if letter.isdecimal() or letter == decimal)
    number = float(digits.replace(decimal, ".") + (match["exponent"] or "")) * MAGNITUDES[match["magnitude"] or ""]
    if signs not in ([], ["+"]):
        number = -number
    if match["suffix"] == PERCENT:
        return (number / 100, PERCENT) if not match["prefix"] else None
    # A star marks a footnote.
    units = [unit for unit in (match["prefix"], match["suffix"]) if unit and unit != "*"]
    return (number, units[0] if units else "") if len(units) <= 1 else None


@dataclass(frozen=True)
class Numbers:
    """A column of text read as numbers.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        NaN where a value is missing or is not a number.
    unit : str
        The common unit of the values. An empty text if there is none, or if values are in per cent.
    remarks : list of str
        Texts that are neither numbers in this unit nor markers of missing values.
    n_remarks : int
        Number of rows with one of the remarks.
    share : float
        Share of numbers among the values that are not missing.
    is_plain : bool, default=False
        Whether all numbers are written like Python's.
    """

    values: np.ndarray
    unit: str
    remarks: list[str]
    n_remarks: int
    share: float
    is_plain: bool = False

    @property
    def are_enough(self) -> bool:
        """Whether this is a column of numbers: nearly all values are numbers, or all others are the same text."""
        return self.share >= LEAST_SHARE or (
            len(self.remarks) == 1 and len(np.unique(self.values[~np.isnan(self.values)])) >= FEWEST_NUMBERS
        )


def read_numbers(column: pd.Series, decimal: Decimal = ".") -> Numbers | None:
    """Read a column of text as numbers.

    Parameters
    ----------
    column : Series of str
        Without spaces around the values.
    decimal : {".", ","}, default="."

    Returns
    -------
    numbers : Numbers or None
        None if no value is a number, or if fewer than 95% of the values are measured in one unit.
    """
    # Python reads 2020_01 as the number 202001.
    foreign = "_" if decimal == "." else "[._]"
    if not column.str.contains(foreign).any():
        try:
            values = column.where(column != "", "nan").to_numpy(object).astype(np.float64)
            return Numbers(values, "", [], 0, 1.0, True) if not np.isnan(values).all() else None
        except ValueError:
            # Some numbers are not in Python's notation.
            pass
    codes, texts = pd.factorize(column)
    counts = np.bincount(codes, minlength=len(texts))
    parsed = [None if is_missing_marker(text) else parse_number(text, decimal) for text in texts]
    n_rows_of_unit: Counter[str] = Counter()
    for number_and_unit, count in zip(parsed, counts, strict=True):
        if number_and_unit:
            n_rows_of_unit[number_and_unit[1]] += int(count)
    # Numbers without a unit have the unit of the others, but 50 is not 50%.
    unit = max(
        (unit for unit in n_rows_of_unit if unit or PERCENT in n_rows_of_unit),
        key=n_rows_of_unit.__getitem__,
        default="",
    )
    numbers = np.full(len(texts), np.nan)
    remarks, n_remarks, n_numbers = [], 0, 0
    for i, (text, number_and_unit) in enumerate(zip(texts, parsed, strict=True)):
        if number_and_unit and _is_in_unit(*number_and_unit, unit):
            numbers[i] = number_and_unit[0]
            n_numbers += int(counts[i])
        elif not is_missing_marker(text):
            remarks.append(text)
            n_remarks += int(counts[i])
    if not n_numbers:
        return None
    share = n_numbers / (n_numbers + n_remarks)
    has_one_unit = n_numbers == n_rows_of_unit.total()
    if not has_one_unit and share < LEAST_SHARE:
        return None
    return Numbers(numbers[codes], "" if unit == PERCENT else unit, remarks, n_remarks, share)


def _is_in_unit(number: float, own: str, unit: str) -> bool:
    return own == unit or number == 0 or (not own and unit != PERCENT)
