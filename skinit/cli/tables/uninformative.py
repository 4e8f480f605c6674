"""Columns that carry no information about their rows: constants, row numbers and identifiers."""

import re
from collections.abc import Container

import pandas as pd

from .column import FEWEST_ROWS, Column, leave_out

CONSTANT = "the same value in every row"
# Whole numbers in this range may be years instead of row numbers.
YEARS = (1500, 2200)
# The name that pandas gives to a column without a name, or no name.
UNNAMED = re.compile(r"(Unnamed: \d+_*)?", re.IGNORECASE)
# Names that suggest row numbers or keys.
ID_NAME = re.compile(
    r"(?i:(.*[\W_])?(id|ids|uid|uuid|guid|index|idx|row|rowid|rownum|no|nr|num|number|key))|.*[a-z](Id|ID|Nr|No|Key)"
)


def leave_out_uninformative(columns: list[Column], chosen: Container[str]) -> list[Column]:
    """Leave out columns that are constant, or that seem to identify their rows instead of describing them.

    Parameters
    ----------
    columns : list of Column
    chosen : container of str
        Names of columns that are always kept.

    Returns
    -------
    columns : list of Column
        All columns, each unchanged or marked as left out with a reason. If none would remain, columns are kept that
        look like identifiers only by their values and not by their names.
    """
    judged = [column if column.name in chosen else _judge(column) for column in columns]
    if any(column.kind for column in judged):
        return judged
    for i, column in enumerate(columns):
        if column.kind and judged[i].detail != CONSTANT and not _has_telling_name(column):
            column.warnings.append(f"looks like {judged[i].detail}. It is kept, because no other column is left.")
            judged[i] = column
    return judged


def _judge(column: Column) -> Column:
    if column.kind is None or column.values is None:
        return column
    values = column.values.dropna()
    # Missing numbers are imputed.
    if (values if values.dtype == float else column.values).nunique(dropna=False) == 1:
        return leave_out(column.name, CONSTANT)
    reason = _why_identifier(column, values)
    return leave_out(column.name, reason) if reason else column


def _has_telling_name(column: Column) -> bool:
    return bool(UNNAMED.fullmatch(column.name) or ID_NAME.fullmatch(column.name))


def _why_identifier(column: Column, values: pd.Series) -> str | None:
    """Why a column seems to identify its rows instead of describing them, or None if it does not."""
    n_rows = len(column.values) if column.values is not None else 0
    if column.kind in ("date", "duration") or n_rows < 3 or len(values) < n_rows or values.nunique() < n_rows:
        return None
    has_telling_name = _has_telling_name(column)
    if column.kind in ("category", "text"):
        is_identifier = has_telling_name or (column.kind == "category" and n_rows >= FEWEST_ROWS)
        return "an identifier, because every row has another value" if is_identifier else None
    if (values % 1 != 0).any():
        return None
    low, high = values.min(), values.max()
    are_years = low >= YEARS[0] and high <= YEARS[1]
    if high - low == n_rows - 1 and (has_telling_name or (n_rows >= FEWEST_ROWS and not are_years)):
        return "row numbers"
    return "an identifier, because every row has another whole number" if has_telling_name else None
