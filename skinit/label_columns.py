"""Labels in several columns, each with its own classes."""

from collections.abc import Sequence

import numpy as np
from sklearn.utils.multiclass import type_of_target


class LabelColumns:
    """The classes of each column, and the conversion between labels and class indices.

    Parameters
    ----------
    classes : sequence of array-like
        The classes of each column, in any order.

    Attributes
    ----------
    classes_ : list of ndarray
        The sorted classes of each column.
    y_type_ : str
        scikit-learn's name for this type of target.
    """

    y_type_ = "multiclass-multioutput"

    def __init__(self, classes: Sequence) -> None:
        self.classes_ = [np.unique(np.asarray(each)) for each in classes]
        for k, each in enumerate(self.classes_):
            if each.size == 0:
                raise ValueError(f"classes[{k}] must have at least one class, got none.")

    @staticmethod
    def are_in(y) -> bool:
        """Whether y has several columns of labels that are not just 0 and 1."""
        return y.ndim == 2 and type_of_target(y) == LabelColumns.y_type_

    def starts(self) -> list[int]:
        """The index of each column's first output, followed by the number of outputs."""
        return [0, *np.cumsum([len(each) for each in self.classes_]).tolist()]

    def split(self, outputs: np.ndarray) -> list[np.ndarray]:
        """The network's outputs for each column."""
        return np.split(outputs, self.starts()[1:-1], axis=1)

    def has_classes(self, classes) -> bool:
        """Whether `classes` equal the known classes, in the same order."""
        try:
            return len(classes) == len(self.classes_) and all(map(np.array_equal, classes, self.classes_))
        except TypeError:
            return False

    def check(self, y: np.ndarray, *, all_of_them: bool) -> None:
        """Raise ValueError if `y` has another number of columns or an unknown label.

        With `all_of_them`, also raise ValueError if a column lacks one of its classes.
        """
        if y.ndim != 2 or y.shape[1] != len(self.classes_):
            raise ValueError(f"y must have {len(self.classes_)} columns of labels, got shape {y.shape}.")
        for k, (column, classes) in enumerate(zip(y.T, self.classes_, strict=True)):
            labels = set(np.unique(column).tolist())
            unknown = sorted(labels - set(classes.tolist()), key=str)
            if unknown:
                raise ValueError(f"Column {k} of y has labels {unknown}, which are not in classes_[{k}]={classes}.")
            if all_of_them and len(labels) < len(classes):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously column {k} had {classes}, now it has {sorted(labels)}."
                )

    def numbers(self, y: np.ndarray) -> np.ndarray:
        """The class index of each label, in an array of the same shape."""
        columns = [np.searchsorted(classes, column) for classes, column in zip(self.classes_, y.T, strict=True)]
        return np.stack(columns, axis=1)

    def labels(self, numbers: np.ndarray) -> np.ndarray:
        """The labels of the classes with these indices."""
        columns = [classes[column] for classes, column in zip(self.classes_, numbers.T, strict=True)]
        return np.stack(columns, axis=1)
