r"""Norm, largest eigenvalue, trace and density of a symmetric matrix that is given by its products.

All results follow the scale of the matrix: the eigenvalues and the trace of :math:`cH` are :math:`c` times as large as
those of :math:`H`, if floating-point numbers can hold them. All functions raise the same error if the matrix is
not finite.
"""

from typing import Any

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator

from ..engine.blas import blas_threads
from ..interrupts import interruptible

# The number of vectors in a restarted Lanczos iteration. A matrix with at most this many rows is computed in full.
N_VECTORS = 20
# Eigenvalues and residuals of at most this many rounding errors of the norm count as zero.
ROUNDINGS = 10
# The largest number of entries in the vectors that are multiplied at a time. It limits the memory, and the time until
# Ctrl-C is answered.
GROUP = 2**22


class NotFiniteError(ValueError):
    """The measured quantity is infinite or undefined."""


def check_finite(values, dtype, name: str = "Hessian") -> None:
    """Raise a NotFiniteError if some values are infinite or NaN; `name` is the measured quantity."""
    if not np.isfinite(values).all():
        raise NotFiniteError(
            f"The {name} is not finite: X, y or the weights of the network are too large for {np.dtype(dtype).name}. "
            "Scale X (StandardScaler) and y, or start from smaller weights."
        )


def frobenius_norm(matrix: np.ndarray) -> float:
    """The root of the sum of squares, without overflow or underflow of the squares."""
    return float(scipy.linalg.norm(matrix.ravel().astype(np.float64, copy=False), check_finite=False))


class ScaledOperator:
    """A symmetric operator times a power of four, so that products are about as long as their vectors.

    Vectors and products are both multiplied by the square root of this power, a power of two. So neither the products
    nor their squares overflow or underflow, and the scaling causes no rounding.

    Parameters
    ----------
    operator : LinearOperator
        Real and symmetric.

    Attributes
    ----------
    size : int
        Number of rows of the matrix.
    dtype : numpy.dtype
        float32 or float64.

    Raises
    ------
    NotFiniteError
        If the products are not finite with any scale.
    """

    def __init__(self, operator: LinearOperator) -> None:
        self._operator = operator
        self.size = operator.shape[0]
        self.dtype: np.dtype[Any] = np.dtype(np.float32 if operator.dtype == np.float32 else np.float64)
        self._half_exponent = 0
        # Random signs may be orthogonal to all rows of a nonzero matrix. Gaussian numbers never are.
        probe = np.random.RandomState(0).standard_normal(self.size).astype(self.dtype)
        quarter = int(np.finfo(self.dtype).maxexp) // 4
        lengths = []
        for half_exponent in (0, quarter, -quarter, 2 * quarter, -2 * quarter):
            length = float(np.abs(self._multiply(probe, half_exponent)).max())
            lengths.append(length)
            if 0 < length < np.inf:
                half_exponent -= int(np.frexp(length)[1]) // 2
                self._half_exponent = min(max(half_exponent, -2 * quarter), 2 * quarter)
                return
        if 0 not in lengths:
            check_finite(lengths, self.dtype)

    def _multiply(self, vectors: np.ndarray, half_exponent: int) -> np.ndarray:
        factor = self.dtype.type(2.0**half_exponent)
        with np.errstate(all="ignore"):
            return self._operator.dot(vectors * factor) * factor

    def multiply(self, vectors: np.ndarray) -> np.ndarray:
        """The products with a vector, or with the columns of a matrix.

        Raises
        ------
        NotFiniteError
            If a product is not finite.
        """
        if vectors.ndim == 1:
            products = self._multiply(vectors, self._half_exponent)
        else:
            products = np.empty(vectors.shape, self.dtype)
            step = max(1, GROUP // self.size)
            for start in range(0, vectors.shape[1], step):
                group = np.s_[:, start : start + step]
                products[group] = self._multiply(vectors[group], self._half_exponent)
        check_finite(products, self.dtype)
        return products

    def assemble(self) -> np.ndarray:
        """The scaled matrix in float64, symmetric to the last bit."""
        matrix = self.multiply(np.eye(self.size, dtype=self.dtype)).astype(np.float64)
        return (matrix + matrix.T) / 2

    def unscale(self, values, power: int = 1):
        """Convert results to the operator's scale. They must be proportional to the matrix to the power of `power`.

        Raises
        ------
        NotFiniteError
            If a converted number is not finite.
        """
        with np.errstate(all="ignore"):
            values = np.ldexp(values, -2 * power * self._half_exponent)
        check_finite(values, np.float64)
        return values


class KrylovSpace:
    """An orthonormal basis that each product with an operator extends, and the operator's projection onto it.

    Parameters
    ----------
    operator : ScaledOperator
    n_vectors : int
        The largest number of vectors in the basis, at most the operator's size.
    """

    def __init__(self, operator: ScaledOperator, n_vectors: int) -> None:
        self._operator = operator
        self._basis = np.empty((n_vectors, operator.size), operator.dtype)
        self._projection = np.zeros((n_vectors, n_vectors))
        self._n_known = 0
        self._next = np.empty(0)
        # The norm of the last product's component outside the space.
        self.residual = 0.0

    def start(self, vector: np.ndarray) -> None:
        """Empty the basis; the direction of `vector` will be its first vector."""
        self._next = vector / float(np.linalg.norm(vector))
        self._n_known = 0

    def extend(self) -> tuple[np.ndarray, np.ndarray]:
        """Take Lanczos steps until the basis is complete, or until the space is invariant.

        Returns
        -------
        values : ndarray of shape (n,)
            The Ritz values in ascending order. Here n is the number of vectors in the basis.
        components : ndarray of shape (n, n)
            The components of the Ritz vectors in the basis, one vector in each column.
        """
        rounding = ROUNDINGS * float(np.finfo(self._operator.dtype).eps)
        for step in range(self._n_known, len(self._basis)):
            self._basis[step] = self._next
            basis = self._basis[: step + 1]
            projection = self._projection[: step + 1, : step + 1]
            product = self._operator.multiply(self._next)
            projection[step] = 0
            with blas_threads(basis.size):
                # If little of the product remains, only the second subtraction makes it orthogonal to the basis.
                for _ in range(2):
                    components = basis @ product
                    product -= components @ basis
                    projection[step] += components
                self.residual = float(np.linalg.norm(product))
            projection[:, step] = projection[step]
            self._n_known = step + 1
            if self.residual <= rounding * np.abs(projection).max():
                self.residual = 0.0
                break
            self._next = product / self.residual
        return np.linalg.eigh(self._projection[: self._n_known, : self._n_known])

    def restart(self, values: np.ndarray, components: np.ndarray) -> None:
        """Keep only these Ritz values and vectors, and continue with the residual."""
        n_kept, n_known = values.size, self._n_known
        rotation = components.T.astype(self._operator.dtype)
        step = max(1, GROUP // n_known)
        for start in range(0, self._operator.size, step):
            columns = np.s_[start : start + step]
            with blas_threads(n_kept * n_known * step):
                self._basis[:n_kept, columns] = rotation @ self._basis[:n_known, columns]
        self._projection[:n_kept, :n_kept] = np.diag(values)
        self._n_known = n_kept


def _extreme_eigenvalue(rank, operator: LinearOperator, tol: float, max_iter: int | None, random_state):
    """The eigenvalue for which the function `rank` is largest, and whether it converged."""
    scaled = ScaledOperator(operator)
    start = random_state.standard_normal(scaled.size).astype(scaled.dtype)
    rounding = ROUNDINGS * float(np.finfo(scaled.dtype).eps)
    if scaled.size <= N_VECTORS:
        values, is_converged = np.linalg.eigvalsh(scaled.assemble()), True
        values = values[np.argsort(rank(values))]
    else:
        space = KrylovSpace(scaled, N_VECTORS)
        space.start(start)
        n_restarts_left = 10 * scaled.size if max_iter is None else max_iter
        while True:
            values, components = space.extend()
            order = np.argsort(rank(values))
            values, components = values[order], components[:, order]
            error = space.residual * abs(components[-1, -1])
            is_converged = bool(error <= max(tol * abs(values[-1]), rounding * np.abs(values).max()))
            if is_converged or n_restarts_left == 0:
                break
            n_restarts_left -= 1
            space.restart(values[-N_VECTORS // 2 :], components[:, -N_VECTORS // 2 :])
    value = values[-1] if abs(values[-1]) > rounding * np.abs(values).max() else 0.0
    return float(scaled.unscale(value)), is_converged


def spectral_norm(
    operator: LinearOperator, tol: float, max_iter: int | None, random_state: np.random.RandomState
) -> tuple[float, bool]:
    """The largest magnitude of an eigenvalue of a symmetric operator, by Lanczos iterations with thick restarts.

    Parameters
    ----------
    operator : LinearOperator
        Real and symmetric.
    tol : float
        Relative accuracy. It is never better than ten rounding errors.
    max_iter : int or None
        The largest number of restarts. None allows 10 restarts for each row of the matrix.
    random_state : RandomState
        Generator of the first vector.

    Returns
    -------
    norm : float
    is_converged : bool
        Whether the iterations converged. If not, `norm` is a lower bound.

    Raises
    ------
    NotFiniteError
        If the operator or its norm is not finite.

    References
    ----------
    The iterations are from K. Wu and H. Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems"
    (2000).
    """
    value, is_converged = _extreme_eigenvalue(np.abs, operator, tol, max_iter, random_state)
    return abs(value), is_converged


def largest_eigenvalue(
    operator: LinearOperator, tol: float, max_iter: int | None, random_state: np.random.RandomState
) -> tuple[float, bool]:
    """The largest eigenvalue of a symmetric operator, which may be negative.

    Parameters, errors and the second result are the same as for :func:`spectral_norm`. The result is zero if its
    magnitude is within ten rounding errors of the norm.
    """
    return _extreme_eigenvalue(np.positive, operator, tol, max_iter, random_state)


def _random_signs(shape: tuple[int, ...], dtype, random_state: np.random.RandomState) -> np.ndarray:
    """Random signs, 1 or -1, drawn in blocks of rows so that Ctrl-C is answered."""
    signs = np.empty(shape, dtype)
    step = max(1, GROUP // max(1, signs[:1].size))
    for start in range(0, shape[0], step):
        part = signs[start : start + step]
        part[...] = random_state.choice([-1.0, 1.0], part.shape)
    return signs


def trace(operator: LinearOperator, n_products: int, random_state: np.random.RandomState) -> float:
    r"""An estimate of the trace of a symmetric operator by Hutch++.

    Parameters
    ----------
    operator : LinearOperator
        Real and symmetric.
    n_products : int
        Number of products, at least 3. The trace is exact with three times as many products as the matrix has rows.
    random_state : RandomState
        Generator of the random signs.

    Returns
    -------
    trace : float

    Raises
    ------
    NotFiniteError
        If the operator or its trace is not finite.
    """
    scaled = ScaledOperator(operator)
    third = n_products // 3
    if third >= scaled.size:
        return float(scaled.unscale(np.trace(scaled.assemble())))
    signs = _random_signs((scaled.size, third), scaled.dtype, random_state)
    basis, _ = interruptible(np.linalg.qr, scaled.multiply(signs))
    total = np.sum(basis * scaled.multiply(basis), dtype=np.float64)
    rest = _random_signs((scaled.size, third), scaled.dtype, random_state)
    rest -= basis @ (basis.T @ rest)
    total += np.sum(rest * scaled.multiply(rest), dtype=np.float64) / third
    return float(scaled.unscale(total))


def _quadrature(operator: ScaledOperator, vector: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes and weights of the Gaussian quadrature for :math:`v^T \phi(H) v`, by Lanczos's recurrence.

    Each vector is orthogonalized only against the two vectors before it. Because of rounding, some eigenvalues are then
    found several times, and their copies share the weight. Sums over nodes are still as accurate as with full
    orthogonalization (G. H. Golub and Z. Strakos, "Estimates in quadratic formulas", 1994), in less time and memory.
    """
    rounding = ROUNDINGS * float(np.finfo(operator.dtype).eps)
    vector = vector / operator.dtype.type(np.linalg.norm(vector))
    previous = np.zeros_like(vector)
    diagonal: list[float] = []
    lengths: list[float] = [0.0]
    for _ in range(min(n_steps, operator.size)):
        product = operator.multiply(vector)
        product -= operator.dtype.type(lengths[-1]) * previous
        with blas_threads(vector.size):
            component = 0.0
            # If little of the product remains, only the second subtraction makes it orthogonal to the vector.
            for _ in range(2):
                part = vector @ product
                product -= part * vector
                component += float(part)
            length = float(np.linalg.norm(product))
        diagonal.append(component)
        if length <= rounding * max(*map(abs, diagonal), *lengths):
            break
        lengths.append(length)
        previous, vector = vector, product / operator.dtype.type(length)
    values, components = interruptible(scipy.linalg.eigh_tridiagonal, diagonal, lengths[1 : len(diagonal)])
    return values, components[0] ** 2


def density(
    operator: LinearOperator,
    n_vectors: int,
    n_steps: int,
    n_points: int,
    width: float,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """The density of the eigenvalues of a symmetric operator, by stochastic Lanczos quadrature.

    Parameters
    ----------
    operator : LinearOperator
        Real and symmetric.
    n_vectors, n_steps, n_points : int
        Numbers of random vectors, of Lanczos steps for each vector, and of points in the grid.
    width : float
        Standard deviation of the normal density for each node, relative to the range of the nodes. If all nodes agree
        to eight digits, it is relative to their magnitude. If all nodes are zero, it is absolute.
    random_state : RandomState
        Generator of the random vectors.

    Returns
    -------
    eigenvalues, density : ndarray of shape (n_points,)
        The points of the grid, and the density there.

    Raises
    ------
    NotFiniteError
        If the operator, its eigenvalues or their density are not finite.
    """
    scaled = ScaledOperator(operator)
    nodes, masses = [], []
    for _ in range(n_vectors):
        values, weights = _quadrature(scaled, _random_signs((scaled.size,), scaled.dtype, random_state), n_steps)
        nodes.append(values)
        masses.append(weights / n_vectors)
    values = np.concatenate(nodes)
    largest = np.abs(values).max()
    spread = np.ptp(values)
    # A grid finer than half of the digits would show only rounding errors.
    if spread <= max(ROUNDINGS * float(np.finfo(scaled.dtype).eps), 1e-8) * largest:
        spread = largest or 1.0
    deviation = width * spread
    # Five standard deviations on either side leave out less than a millionth of the mass.
    grid = np.linspace(values.min() - 5 * deviation, values.max() + 5 * deviation, n_points)
    heights = np.zeros(n_points)
    for value, mass in zip(values, np.concatenate(masses), strict=True):
        heights += mass * np.exp(-(((grid - value) / deviation) ** 2) / 2)
    heights /= deviation * np.sqrt(2 * np.pi)
    return scaled.unscale(grid), scaled.unscale(heights, power=-1)
