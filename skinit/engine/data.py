"""The last checks of data before compiled code, and conversion to the form that kernels take.

Compiled code trusts its arguments. An index out of range would read or write memory outside the array, so every array
is checked here before a kernel gets it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from ..kernels.arguments import Inputs

# Kernels count the columns of a CSR matrix in 32 bits.
MAX_COLUMNS = 2**31 - 1


def is_ready(values: np.ndarray, dtype: np.dtype) -> bool:
    """Whether kernels can take an array without conversion."""
    return values.dtype == dtype and values.flags.c_contiguous and values.flags.aligned


def cast(values, dtype: np.dtype, name: str):
    """A dense or sparse array in `dtype`. Raise ValueError if finite numbers overflow in this precision."""
    dtype = np.dtype(dtype)
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore"):
        result = values.astype(dtype)
    numbers = result.data if issparse(result) else result
    if not np.isfinite(numbers).all():
        given = values.data if issparse(values) else values
        raise ValueError(
            f"{name} holds numbers as large as {np.abs(given).max():.3g}, too large for {dtype}, the precision of the "
            f"weights. Scale {name}, or train in float64."
        )
    return result


@contextmanager
def integers_in_range(name: str) -> Iterator[None]:
    """Turn Python's OverflowError for integers of more than 308 digits into a ValueError that names the data."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{name} must hold numbers that a float can hold, got larger integers.") from error


def with_valid_indices(matrix: Any, name: str) -> Any:
    """Check that the indices of a sparse matrix are in range, and return it in the byte order of this machine.

    The indices are int32 or int64. SciPy checks them when a matrix is made, but not when its arrays are replaced later.

    Raises
    ------
    ValueError
        If an index points outside the matrix, or if the arrays of the matrix do not fit each other.
    """

    def check(condition: bool, problem: str) -> None:
        if not condition:
            raise ValueError(f"{name} is a malformed sparse matrix of shape {matrix.shape}: {problem}.")

    if matrix.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, got a sparse array of shape {matrix.shape}.")
    _STRUCTURE_CHECKS[matrix.format](matrix, check)
    if matrix.format in ("csr", "csc", "bsr"):
        indices, indptr, data = _native(matrix.indices), _native(matrix.indptr), _native_order(matrix.data)
        if indices is matrix.indices and indptr is matrix.indptr and data is matrix.data:
            return matrix
        return type(matrix)((data, indices, indptr), shape=matrix.shape)
    if matrix.format == "coo":
        return type(matrix)((_native_order(matrix.data), (_native(matrix.row), _native(matrix.col))), matrix.shape)
    return matrix


def _native(indices: np.ndarray) -> np.ndarray:
    indices = np.asarray(indices)
    is_usual = indices.dtype in (np.int32, np.int64) and indices.dtype.isnative
    return indices if is_usual else indices.astype(np.int64)


def _native_order(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _check_index(indices, upper: int, what: str, check: Callable[[bool, str], None]) -> None:
    indices = np.asarray(indices)
    check(indices.ndim == 1 and indices.dtype.kind in "iu", f"its {what} are not a vector of whole numbers")
    if indices.size:
        low, high = indices.min(), indices.max()
        check(low >= 0 and high < upper, f"its {what} go from {low} to {high}, but must be from 0 to {upper - 1}")


def _check_compressed(matrix, check) -> None:
    n_major, n_minor = matrix.shape if matrix.format != "csc" else matrix.shape[::-1]
    if matrix.format == "bsr":
        check(matrix.data.ndim == 3, "its data are not three-dimensional")
        n_major, n_minor = n_major // max(matrix.data.shape[1], 1), n_minor // max(matrix.data.shape[2], 1)
    else:
        check(np.ndim(matrix.data) == 1, "its data are not a vector")
    indptr = np.asarray(matrix.indptr)
    check(indptr.ndim == 1 and indptr.dtype.kind in "iu", "its indptr is not a vector of whole numbers")
    check(indptr.size == n_major + 1, f"its indptr has {indptr.size} entries, but needs {n_major + 1}")
    check(indptr[0] == 0, f"its indptr starts with {indptr[0]}, not with 0")
    check(bool((indptr[1:] >= indptr[:-1]).all()), "its indptr decreases")
    n_stored = min(len(matrix.indices), len(matrix.data))
    check(indptr[-1] <= n_stored, f"its indptr ends with {indptr[-1]}, but only {n_stored} entries are stored")
    _check_index(matrix.indices[: indptr[-1]], n_minor, "indices", check)


def _check_coordinates(matrix, check) -> None:
    check(len(matrix.row) == len(matrix.col) == len(matrix.data), "its row, col and data differ in length")
    _check_index(matrix.row, matrix.shape[0], "row numbers", check)
    _check_index(matrix.col, matrix.shape[1], "column numbers", check)


def _check_lists(matrix, check) -> None:
    check(len(matrix.rows) == len(matrix.data) == matrix.shape[0], "it must have one list for each row")
    for columns, values in zip(matrix.rows, matrix.data, strict=True):
        check(len(columns) == len(values), "the lists of a row differ in length")
        _check_index(np.array(columns, dtype=np.int64), matrix.shape[1], "column numbers", check)


def _check_diagonals(matrix, check) -> None:
    check(np.ndim(matrix.data) == 2 and np.ndim(matrix.offsets) == 1, "its data must have one row for each diagonal")
    check(len(matrix.data) == len(matrix.offsets), "it must have one offset for each diagonal")
    check(np.asarray(matrix.offsets).dtype.kind in "iu", "its offsets are not whole numbers")


def _check_keys(matrix, check) -> None:
    keys = np.array(list(matrix.keys()), dtype=np.int64).reshape(-1, 2)
    _check_index(keys[:, 0], matrix.shape[0], "row numbers", check)
    _check_index(keys[:, 1], matrix.shape[1], "column numbers", check)


_STRUCTURE_CHECKS = {
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "coo": _check_coordinates,
    "lil": _check_lists,
    "dia": _check_diagonals,
    "dok": _check_keys,
}


# The empty sparse part of dense data, by the dtype's character.
_NO_ENTRIES = {
    np.dtype(dtype).char: (np.empty(0, dtype), np.empty(0, np.int32), np.empty(0, np.int64))
    for dtype in (np.float32, np.float64)
}


def as_inputs(X, dtype: np.dtype, in_order: bool = False) -> Inputs:
    """The rows of a dense or sparse X as kernels take them, without a copy if possible. Stored zeros are kept.

    With `in_order`, the entries of each sparse row are sorted by column.

    Raises
    ------
    ValueError
        If X is a malformed sparse matrix or has too many columns, or if finite numbers overflow in this precision.
    """
    if type(X) is np.ndarray and is_ready(X, dtype):
        return Inputs(X, *_NO_ENTRIES[X.dtype.char])
    if issparse(X):
        X = cast(with_valid_indices(X.tocsr(), "X"), dtype, "X")
        if X.shape[1] > MAX_COLUMNS:
            raise ValueError(f"A sparse X may have at most {MAX_COLUMNS} columns, got {X.shape[1]}.")
        if in_order and not X.has_sorted_indices:
            X = X.sorted_indices()
        return Inputs(
            np.empty((0, X.shape[1]), dtype),
            np.ascontiguousarray(X.data, dtype),
            np.ascontiguousarray(X.indices, np.int32),
            np.ascontiguousarray(X.indptr, np.int64),
        )
    dense = np.require(cast(X, dtype, "X"), dtype, ["C_CONTIGUOUS", "ALIGNED"])
    return Inputs(dense, *_NO_ENTRIES[dense.dtype.char])


class TrainingData(NamedTuple):
    """The data that a network is trained on.

    Attributes
    ----------
    X : {ndarray, sparse matrix} of shape (n, n_features)
    targets : ndarray of shape (n, n_outputs)
        For the log loss, the shape is (n, 1), and a target is a class index.
    sample_weight : ndarray of shape (n,), or None
    weight_scale : float
        The power of two by which the weights have been divided.
    """

    X: Any
    targets: np.ndarray
    sample_weight: np.ndarray | None
    weight_scale: float = 1.0

    def row_weights(self) -> np.ndarray:
        """The weights of the rows in float64. They are ones if there are no sample weights."""
        return np.ones(len(self.targets)) if self.sample_weight is None else self.sample_weight.astype(np.float64)

    def take(self, rows: np.ndarray) -> "TrainingData":
        """The data of some rows."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return self._replace(X=self.X[rows], targets=self.targets[rows], sample_weight=weight)


def normalize_weights(sample_weight: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, float]:
    r"""Divide weights by a power of two so that the largest magnitude is between 1 and 2.

    The loss depends only on the ratios of the weights. Without the division, weights of 1e-50 would vanish in float32,
    weights of 1e50 would overflow, and in float64 the sum of weights of 1e308 would overflow. Dividing by a power of
    two changes no digit.

    Parameters
    ----------
    sample_weight : ndarray of shape (n,)
        Finite, and not all zero.
    dtype : numpy.dtype
        Precision of the result.

    Returns
    -------
    normalized : ndarray of shape (n,)
    scale : float
        The power of two. The strength of the L2 penalty, which is :math:`\alpha / \sum_i s_i`, must be divided by it
        too.
    """
    weights = sample_weight.astype(np.float64)
    _, exponent = np.frexp(np.abs(weights).max())
    return np.ldexp(weights, 1 - exponent).astype(dtype), float(np.ldexp(1.0, exponent - 1))
