"""A column of a table: what it is taken for, and its values."""

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from .numerals import Decimal

Kind = Literal["number", "category", "date", "duration", "text"]
# Fewer rows do not tell whether values differ by chance.
FEWEST_ROWS = 20


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
