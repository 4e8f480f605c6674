"""Numbers as people write them, read by the command line."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinit.cli.tables.numerals import parse_number, read_numbers

NUMBERS = st.decimals(-(10**9), 10**9, places=2)
# Separators of thousands and of decimals.
SEPARATORS = [(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("’", "."), ("", "."), ("", ",")]


@given(NUMBERS, st.sampled_from(SEPARATORS), st.sampled_from(["", "$", "€ ", "US$ ", "CHF "]))
def test_numbers_are_read_in_every_style(number, separators, currency):
    thousands, decimal = separators
    digits = f"{abs(number):,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    sign = "-" if number < 0 else ""
    for text in (f"{sign}{currency}{digits}", f"{currency}{sign}{digits}", f"({currency}{digits})" if sign else digits):
        value, unit = parse_number(text, decimal)
        assert value == float(number)
        assert unit in ("", currency.strip())


@given(st.text(), st.sampled_from([".", ","]))
def test_any_text_can_be_read_without_an_error(text, decimal):
    parsed = parse_number(text, decimal)
    assert parsed is None or isinstance(parsed[0], float)


@given(st.floats(allow_nan=False))
def test_numbers_that_python_writes_are_read_exactly(number):
    assert parse_number(repr(number)) == (number, "")
    np.testing.assert_array_equal(read_numbers(pd.Series([repr(number), ""], dtype=object)).values, [number, np.nan])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("45%", 0.45),
        ("50 %", 0.5),
        ("14k", 14e3),
        ("$1.2M", 1.2e6),
        ("3bn", 3e9),
        ("12,34,567", 1234567),
        ("5-", -5),
        ("199.-", 199),
        ("CHF 199.--", 199),
        ("−5", -5),
        ("12 kg", 12),
        ("5 km/h", 5),
        ("21.5 °C", 21.5),
        ("12*", 12),
        ("$(1,234)", -1234),
        ("$ (5.50)", -5.5),
        ("5 m^2", 5),
        ("5 €/m²", 5),
        ("1,200 sq ft", 1200),
        (".5", 0.5),
        ("1E-5", 1e-5),
    ],
)
def test_units_and_signs_are_understood(text, number):
    assert parse_number(text)[0] == number


# As a number, each of these texts would lose information.
@pytest.mark.parametrize(
    "text",
    [
        "",
        "A12",
        "T1",
        "10-20",
        "1/2",
        "12:30",
        "1.2.3",
        "<5",
        "~5",
        "≥5",
        "≤5",
        "±5",
        "1,,2",
        "1,2,3,4.0",
        "0x1A",
        "5 ft 3 in",
        "5.0.",
        "(5",
        "((5)",
        "$(5",
    ],
)
def test_texts_that_are_no_numbers_are_refused(text):
    assert parse_number(text) is None


def test_zeros_do_not_begin_a_group_of_thousands():
    assert parse_number("0,123", ",") == (0.123, "")
    assert parse_number("0,123", ".") is None


@pytest.mark.parametrize(
    "marker", ["?", "-", ".", "*", "n/a", "NA", "None", "null", "#DIV/0!", "–", "nan", r"\N", "#NV"]
)
def test_a_marker_of_a_missing_value_is_read_as_missing(marker):
    numbers = read_numbers(pd.Series(["1.5", marker, "2"], dtype=object))
    np.testing.assert_array_equal(numbers.values, [1.5, np.nan, 2])
    assert numbers.remarks == []


def test_remarks_are_counted_by_rows():
    numbers = read_numbers(pd.Series(["1"] * 97 + ["closed"] * 2 + ["see note"], dtype=object))
    assert (numbers.n_remarks, numbers.remarks, numbers.share) == (3, ["closed", "see note"], 0.97)


def test_a_column_with_two_units_has_no_numbers_unless_one_is_rare():
    assert read_numbers(pd.Series(["5 kg", "5 lb"], dtype=object)) is None
    assert read_numbers(pd.Series(["5 kg", "5"], dtype=object)).unit == "kg"
    mostly_kilograms = read_numbers(pd.Series(["5 kg"] * 39 + ["5 lb"], dtype=object))
    assert (mostly_kilograms.unit, mostly_kilograms.remarks) == ("kg", ["5 lb"])


def test_a_number_among_percentages_is_no_percentage():
    assert read_numbers(pd.Series(["45%", "50"], dtype=object)) is None
    numbers = read_numbers(pd.Series(["45%"] * 38 + ["50", "0"], dtype=object))
    assert (numbers.unit, numbers.remarks) == ("", ["50"])
    np.testing.assert_array_equal(numbers.values[-3:], [0.45, np.nan, 0])


def test_an_underscore_makes_a_code():
    assert read_numbers(pd.Series(["2020_01", "2020_02"], dtype=object)) is None
