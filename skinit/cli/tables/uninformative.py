"""Columns that tell nothing of their rows: constants, row numbers and identifiers."""

import re

import pandas as pd

from .columns import FEWEST_ROWS, Column, leave_out

# Where a table of counted rows might also be one of years.
YEARS = (1500, 2200)
UNNAMED = re.compile(r"Unnamed: \d+|", re.IGNORECASE)
ID_NAME = re.compile(
    r"(?i:(.*[\W_])?(id|ids|uid|uuid|guid|index|idx|row|rowid|rownum|no|nr|num|number|key))|.*[a-z](Id|ID|Nr|No|Key)"
)


def leave_out_if_uninformative(column: Column) -> Column:
    """Leave out a column that has one value only, or that seems to name its rows rather than to describe them.

    Parameters
    ----------
    column : Column

    Returns
    -------
    column : Column
        The same, or one that is left out for a reason.
    """
    if column.kind is None:
        return column
    assert column.values is not None
    values = column.values.dropna()
    # Of numbers, missing ones are imputed.
    n_distinct = (values if values.dtype == float else column.values).nunique(dropna=False)
    if n_distinct == 1:
        return leave_out(column.name, "the same value in every row")
    reason = _why_identifier(column, values)
    return leave_out(column.name, reason) if reason else column


def _why_identifier(column: Column, values: pd.Series) -> str | None:
    """Why a column seems to name its rows rather than to describe them; None if it does not."""
    n_rows = len(column.values) if column.values is not None else 0
    if column.kind in ("date", "duration") or n_rows < 3 or len(values) < n_rows or values.nunique() < n_rows:
        return None
    has_id_name = bool(ID_NAME.fullmatch(column.name))
    if column.kind in ("category", "text"):
        if has_id_name or (column.kind == "category" and n_rows >= FEWEST_ROWS):
            return "an identifier, because every row has another value"
        return None
    if (values % 1 != 0).any():
        return None
    low, high = values.min(), values.max()
    counts_rows = high - low == n_rows - 1
    is_unnamed = bool(UNNAMED.fullmatch(column.name))
    are_years = low >= YEARS[0] and high <= YEARS[1]
    if counts_rows and (is_unnamed or has_id_name or (n_rows >= FEWEST_ROWS and not are_years)):
        return "row numbers"
    return "an identifier, because every row has another whole number" if has_id_name or is_unnamed else None
