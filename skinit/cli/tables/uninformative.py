"""Columns that carry no information about their rows: constants, row numbers and identifiers."""

import re
import shlex
from collections.abc import Container

import pandas as pd

from .column import FEWEST_ROWS, Column, leave_out
from .numerals import LEAST_SHARE

CONSTANT = "the same value in every row"
# Whole numbers in this range may be years instead of row numbers.
YEARS = (1500, 2200)
# The name that pandas gives to a column without a name, or no name.
UNNAMED = re.compile(r"(Unnamed: \d+_*)?", re.IGNORECASE)
# Names of identifiers, which may repeat.
KEY_NAME = re.compile(r"(?i:(.*[\W_])?(id|ids|uid|uuid|guid|rowid|key))|.*[a-z](Id|ID|Key)")
# Names of identifiers in which every row has a different value.
ID_NAME = re.compile(
    r"(?i:(.*[\W_])?(index|idx|row|rownum|no|nr|num|number|phone|tel|mobile|fax|isbn|ean|ssn)\W*)|.*[a-z](Nr|No)"
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
    if reason := _why_identifier(column, values):
        judged = leave_out(column.name, reason)
        judged.warnings += column.warnings if column.kind == "category" else []
        return judged
    if _is_key(column) and column.kind in ("number", "category") and (values.dtype != float or not (values % 1).any()):
        column.warnings.append(
            "has the name of an identifier. If its values only name rows or groups, leave it out: "
            f"--drop {shlex.quote(column.name)}"
        )
    return column


def _is_key(column: Column) -> bool:
    return bool(UNNAMED.fullmatch(column.name) or KEY_NAME.fullmatch(column.name))


def _has_telling_name(column: Column) -> bool:
    return _is_key(column) or bool(ID_NAME.fullmatch(column.name))


def _why_identifier(column: Column, values: pd.Series) -> str | None:
    """Why a column seems to identify its rows instead of describing them, or None if it does not."""
    n_rows = len(column.values) if column.values is not None else 0
    n_distinct = values.nunique()
    # One row may be repeated, or have no identifier.
    if column.kind in ("date", "duration") or n_rows < 3 or n_distinct < LEAST_SHARE * n_rows:
        return None
    every = "every" if n_distinct == n_rows else "nearly every"
    has_telling_name = _has_telling_name(column)
    if column.kind in ("category", "text"):
        is_identifier = has_telling_name or (column.kind == "category" and n_rows >= FEWEST_ROWS)
        return f"an identifier, because {every} row has a different value" if is_identifier else None
    if (values % 1 != 0).any():
        return None
    low, high = values.min(), values.max()
    are_years = low >= YEARS[0] and high <= YEARS[1]
    if n_distinct == n_rows == high - low + 1 and (has_telling_name or (n_rows >= FEWEST_ROWS and not are_years)):
        return "row numbers"
    return f"an identifier, because {every} row has a different whole number" if has_telling_name else None
