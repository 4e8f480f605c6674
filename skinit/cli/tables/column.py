"""A column of a table with its kind and its values."""

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from .numerals import Decimal

Kind = Literal["number", "category", "date", "duration", "text"]
# With fewer rows than this, values may all differ by chance.
FEWEST_ROWS = 20


@dataclass
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
    kind : {"number", "category", "date", "duration", "text"} or None
        None if the column is left out.
    detail : str
        The unit, the number of categories, the format of dates, or why the column is left out.
    values : Series or None
        float64 with NaN where missing. For categories and text, objects of type str, with NaN where a category is
        missing. None if the column is left out.
    decimal : {".", ","}, default="."
        The decimal separator of numbers.
    format : str or None, default=None
        The format of dates.
    warnings : list of str
        Warnings for the user, as sentences that follow the column's name.
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
    """A column cannot be read as the requested kind."""


def leave_out(name: str, reason: str) -> Column:
    """Make a column that is left out.

    Parameters
    ----------
    name, reason : str

    Returns
    -------
    column : Column
    """
    return Column(name, None, reason)
