r"""Spectral norms of a layer's Jacobian :math:`W \mathrm{diag}(s)`, for each row `s` of slopes."""

import numpy as np

from ..engine.blas import blas_threads
from ..interrupts import interruptible

# The largest number of entries in the Gram matrices of a group of rows. One matrix with more entries takes too long.
GRAM_SIZE = 2**18
# Lanczos iterations end when the largest eigenvalue has at most this relative error, by the bound of
# `_largest_ritz_values`.
TOLERANCE = 1e-6
# The error is checked after these numbers of Lanczos steps. The iterations always end after the last of them.
CHECKS = (12, 18, 27, 40, 60, 90, 135, 200, 300)


def row_jacobian_norms(coef: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    r"""The spectral norm of :math:`W \mathrm{diag}(s)` for each row of slopes.

    Weights and slopes are divided by their largest magnitudes, so their squares neither overflow nor vanish.

    Parameters
    ----------
    coef : ndarray of shape (fan_in, fan_out)
        The weights :math:`W`.
    slopes : ndarray of shape (n, fan_out)

    Returns
    -------
    norms : ndarray of shape (n,)
        In float64, exact up to rounding if `coef` has at most 512 rows or at most 512 columns. Otherwise they are upper
        bounds from Lanczos iterations. They are too large by at most a millionth, unless the largest singular values
        are very close. NaN if weights or slopes are not finite.
    """
    norms = np.full(len(slopes), np.nan)
    largest_weight = float(np.abs(coef).max())
    is_finite = np.isfinite(slopes).all(axis=1) & np.isfinite(largest_weight)
    if not is_finite.any():
        return norms
    slopes = slopes[is_finite].astype(np.float64)
    if (slopes == slopes[0]).all():
        slopes = slopes[:1]
    largest_slopes = np.abs(slopes).max(axis=1)
    slopes = slopes / np.where(largest_slopes > 0, largest_slopes, 1)[:, None]
    coef = coef.astype(np.float64) / (largest_weight or 1.0)
    measure = _by_gram_matrices if min(coef.shape) ** 2 <= GRAM_SIZE else _by_lanczos
    norms[is_finite] = largest_weight * largest_slopes * np.sqrt(np.maximum(measure(coef, slopes), 0))
    return norms


def _by_gram_matrices(coef: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The largest eigenvalues of the Gram matrices, by LAPACK."""
    fan_in, fan_out = coef.shape
    squares = np.empty(len(slopes))
    # A slope of zero (a relu that is off) removes a row and a column of the Gram matrix. Rows of slopes are grouped by
    # the number of non-zero slopes, so that the matrices of a group are small.
    n_active = np.count_nonzero(slopes, axis=1)
    gram = interruptible(np.matmul, coef.T, coef) if n_active.min() <= fan_in else None
    order = np.argsort(n_active, kind="stable")
    step = max(1, GRAM_SIZE // min(fan_in, fan_out) ** 2)
    for start in range(0, len(slopes), step):
        rows = order[start : start + step]
        s, most = slopes[rows], n_active[rows[-1]]
        if gram is not None and most <= fan_in:
            products = gram
            if most < fan_out:
                active = np.argsort(s == 0, axis=1, kind="stable")[:, :most]
                s, products = np.take_along_axis(s, active, axis=1), gram[active[:, :, None], active[:, None, :]]
            matrices = products * s[:, :, None] * s[:, None, :]
        else:
            matrices = (coef * s[:, None] ** 2) @ coef.T
        with blas_threads(matrices[0].size):
            squares[rows] = np.linalg.eigvalsh(matrices)[:, -1] if most else 0
    return squares


def _by_lanczos(coef: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Upper bounds for the largest eigenvalues of the Gram matrices, by Lanczos iterations for all rows at once.

    The iterations do not reorthogonalize, because the largest eigenvalue is accurate without it, and because they would
    have to keep all earlier vectors.
    """
    n_rows, n_steps = len(slopes), CHECKS[-1]
    tridiagonal = np.zeros((n_rows, n_steps + 1, n_steps + 1))
    vectors = np.tile(np.random.RandomState(0).standard_normal(len(coef)), (n_rows, 1))
    vectors /= np.linalg.norm(vectors[0])
    previous, lengths = np.zeros_like(vectors), np.zeros(n_rows)
    for step in range(n_steps):
        images = (vectors @ coef) * slopes
        tridiagonal[:, step, step] = np.einsum("ij,ij->i", images, images)
        products = (images * slopes) @ coef.T
        products -= tridiagonal[:, step, step, None] * vectors + lengths[:, None] * previous
        lengths = np.linalg.norm(products, axis=1)
        tridiagonal[:, step, step + 1] = tridiagonal[:, step + 1, step] = lengths
        # If the Krylov space is invariant, the next vector is zero.
        previous, vectors = vectors, products / np.where(lengths > 0, lengths, 1)[:, None]
        if step + 1 in CHECKS:
            squares, errors = _largest_ritz_values(tridiagonal[:, : step + 1, : step + 1], lengths)
            if (errors <= TOLERANCE * squares).all():
                break
    return squares + errors


def _largest_ritz_values(tridiagonal: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalue of each tridiagonal matrix, and a bound on its distance below the true eigenvalue."""
    squares, errors = np.empty((2, len(tridiagonal)))
    step = max(1, GRAM_SIZE // tridiagonal[0].size)
    for start in range(0, len(tridiagonal), step):
        rows = slice(start, start + step)
        with blas_threads(tridiagonal[0].size):
            values, components = np.linalg.eigh(tridiagonal[rows])
        residuals = lengths[rows] * np.abs(components[:, -1, -1])
        squares[rows] = values[:, -1]
        larger = np.maximum(residuals, values[:, -1] - values[:, -2])
        errors[rows] = residuals**2 / np.where(larger > 0, larger, 1)
    return squares, errors
