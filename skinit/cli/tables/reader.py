"""The first step of a saved model, which reads columns."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from ...validation import nearest_name_hint
from .column import Column
from .columns import convert, is_written, read_decimals


class ColumnReader(TransformerMixin, BaseEstimator):
    """Convert the columns of a file to numbers, categories and texts, as in the table that a model learned from.

    Parameters
    ----------
    columns : list of dict
        The `name`, `kind`, `decimal` and `format` of each column, as in :class:`Column`.
    target : str
        The name of the column that the model predicts.
    """

    def __init__(self, columns: list[dict[str, Any]], target: str) -> None:
        self.columns = columns
        self.target = target

    @classmethod
    def from_columns(cls, columns: list[Column], target: str) -> "ColumnReader":
        """Make a reader for columns of a known table.

        Parameters
        ----------
        columns : list of Column
        target : str

        Returns
        -------
        reader : ColumnReader
            The reader skips columns that were left out.
        """
        return cls(
            [
                {"name": column.name, "kind": column.kind, "decimal": column.decimal, "format": column.format}
                for column in columns
                if column.kind
            ],
            target,
        )

    def fit(self, X, y=None) -> "ColumnReader":
        """Do nothing, because the columns are known already.

        Parameters
        ----------
        X : DataFrame
        y : None

        Returns
        -------
        self : ColumnReader
        """
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Read the columns of a table; others are ignored.

        Parameters
        ----------
        X : DataFrame

        Returns
        -------
        columns : DataFrame
            float64, or objects for categories and text. Values that are not of the column's kind are missing.

        Raises
        ------
        ValueError
            If a column is missing, or has infinite numbers.
        """
        for column in self.columns:
            name = column["name"]
            if name not in X.columns:
                raise ValueError(f"{nearest_name_hint(name, list(X.columns))}There is no column {name!r}.")
        decimals = read_decimals(
            X, {column["name"]: column["decimal"] for column in self.columns if column["kind"] == "number"}
        )
        read = {}
        for column in self.columns:
            name, kind = column["name"], column["kind"]
            values = convert(X[name], kind, decimals.get(name, column["decimal"]), column["format"])
            if values.dtype == np.float64 and np.isinf(values).any():
                raise ValueError(f"The column {name!r} holds infinite numbers.")
            read[name] = values
        return pd.DataFrame(read)

    def describe_unread(self, X: pd.DataFrame, read: pd.DataFrame) -> list[str]:
        """Say which values are not of their column's kind.

        Parameters
        ----------
        X : DataFrame
        read : DataFrame
            The result of `transform` for `X`.

        Returns
        -------
        sentences : list of str
            A sentence for each column that has such values.
        """
        sentences = []
        for column in self.columns:
            name, kind = column["name"], column["kind"]
            if kind not in ("number", "date", "duration"):
                continue
            is_unread = is_written(X[name]) & read[name].isna()
            if is_unread.any():
                sentences.append(
                    f"The column {name!r} has {is_unread.sum()} value(s) that cannot be read as its {kind}s, such as "
                    f"{str(X[name][is_unread].iloc[0])!r}. They count as missing."
                )
        return sentences
