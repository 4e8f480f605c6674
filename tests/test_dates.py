"""Dates as people write them, read by the command line."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinit.cli.tables.dates import count_days, describe_format, read_dates, read_durations

EPOCH = date(1970, 1, 1).toordinal()
FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%d-%m-%Y"]


def read(*texts, format=None):
    return read_dates(pd.Series(texts, dtype=object), format)


# The day is above 12, so the first date fixes the order of day and month. Python writes years before 1000 with fewer
# than four digits, so they are left out.
@given(st.dates(date(1000, 1, 1)), st.sampled_from(FORMATS))
def test_dates_of_any_year_and_style_are_days(day, format):
    first = date(2020, 12, 31)
    dates = read(first.strftime(format), day.strftime(format))
    np.testing.assert_array_equal(dates.values, [first.toordinal() - EPOCH, day.toordinal() - EPOCH])
    assert dates.other_format == ""


@given(st.text())
def test_any_text_can_be_read_without_an_error(text):
    dates = read(text)
    assert dates is None or dates.values.shape == (1,)


def test_years_before_1_and_after_9999_are_read():
    dates = read("12020-01-01", "-0500-03-01", "2020-01-01")
    assert dates.values[0] - dates.values[2] == 10_000 * 365.2425
    assert dates.values[1] < date(1, 1, 1).toordinal() - EPOCH - 499 * 365


@pytest.mark.parametrize(
    ("texts", "format", "other_format"),
    [
        (["1/2/2020", "3/4/2020"], "%m/%d/%Y", "%d/%m/%Y"),
        (["1.2.2020", "3.4.2020"], "%d.%m.%Y", "%m.%d.%Y"),
        (["13/2/2020", "3/4/2020"], "%d/%m/%Y", ""),
        (["2020-01-02", "2020-03-04"], "ISO8601", ""),
        (["20200102", "20200304"], "%Y%m%d", ""),
        (["Jan 2020", "Feb 2020"], "%b %Y", ""),
        (["2020/01", "2020/12"], "%Y/%m", ""),
        (["1/31/20", "2/1/45"], "%m/%d/%y", ""),
        (["31-1-20", "1-2-45"], "%d-%m-%y", ""),
        (["20-01-13", "20-02-14"], "%d-%m-%y", "%y-%m-%d"),
        (["31.1.20 12:30", "1.2.45 7:15"], "%d.%m.%y %H:%M", ""),
        (["31JAN2020", "01FEB2021"], "%d%b%Y", ""),
        (["2020年1月31日", "2021年2月1日"], "%Y年%m月%d日", ""),
        (["2020-W05", "2021-W52"], "ISO8601", ""),
        (["1/2/2020 1:30 PM", "3/14/2020 2:45 AM"], "%m/%d/%Y %I:%M %p", ""),
    ],
)
def test_the_format_is_found_and_ambiguity_is_reported(texts, format, other_format):
    dates = read(*texts)
    assert (dates.format, dates.other_format) == (format, other_format)
    np.testing.assert_array_equal(read(*texts, format=format).values, dates.values)


@pytest.mark.parametrize(
    "texts",
    [["May", "June"], ["10am"], ["A1"], ["10.0.0.1"], ["1.2.3"], ["3-4"], ["2020-2021"], ["2020-01-01", "43832"]],
)
def test_texts_that_are_no_dates_are_refused(texts):
    assert read(*texts) is None


def test_time_zones_are_converted_to_utc():
    dates = read("2020-01-01T12:00:00Z", "2020-01-01T12:00:00+06:00")
    assert dates.values[0] - dates.values[1] == 0.25
    values = pd.Series(
        [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=6))), datetime(1, 1, 1, tzinfo=UTC)], dtype=object
    )
    days = count_days(values)
    assert days[1] - days[0] == 0.25


def test_typed_dates_and_times_become_days():
    values = pd.Series(
        [date(9999, 12, 31), datetime(1970, 1, 2, 12), timedelta(hours=36), time(6), pd.NaT], dtype=object
    )
    np.testing.assert_array_equal(count_days(values), [date.max.toordinal() - EPOCH, 1.5, 1.5, 0.25, np.nan])
    stamps = pd.Series(pd.to_datetime(["1970-01-02", None]))
    for column in (stamps, stamps.dt.tz_localize("UTC"), stamps - pd.Timestamp(0)):
        np.testing.assert_array_equal(count_days(column), [1, np.nan])


def test_durations_and_times_of_day_become_days():
    days = read_durations(pd.Series(["12:00", "0:00:01.5", "1 days 06:00:00", "2 days", "-", "36:00"], dtype=object))
    np.testing.assert_allclose(days, [0.5, 1.5 / 86400, 1.25, 2, np.nan, 1.5], rtol=1e-15)
    assert read_durations(pd.Series(["12:00", "noon"], dtype=object)) is None


def test_clocks_of_twelve_hours_and_durations_with_letters_are_days():
    texts = ["12:00 AM", "12:30 pm", "6 p.m.", "1:30:36 AM", "1h 30m", "90 min", "36s", "PT6H", "P1DT12H"]
    days = read_durations(pd.Series(texts, dtype=object))
    np.testing.assert_allclose(days * 24, [0, 12.5, 18, 1.51, 1.5, 1.5, 0.01, 6, 36], rtol=1e-15)
    for text in ("13:00 PM", "P", "PT", "h", "5 km"):
        assert read_durations(pd.Series([text], dtype=object)) is None


def test_years_of_two_digits_name_their_century():
    assert describe_format("%d.%m.%y") == "day.month.year from 1969 to 2068"
