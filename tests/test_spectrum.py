"""Norm, largest eigenvalue, trace and density of operators with known spectra, mostly degenerate ones."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from skinit.curvature.spectrum import (
    N_VECTORS,
    ScaledOperator,
    _quadrature,
    density,
    frobenius_norm,
    largest_eigenvalue,
    spectral_norm,
    trace,
)

DTYPES = [np.float32, np.float64]
# For each spectrum, a function from the size of the matrix to its eigenvalues. Most are degenerate.
SPECTRA = {
    "random": lambda n: np.random.default_rng(0).normal(size=n),
    "constant": lambda n: np.full(n, 3.0),
    "negative constant": lambda n: np.full(n, -3.0),
    "zero": np.zeros,
    "rank one": lambda n: np.eye(n)[0],
    "negative, rank one": lambda n: -np.eye(n)[0],
    "negative definite": lambda n: -np.linspace(0.1, 1, n),
    "both signs, equal": lambda n: np.where(np.arange(n) % 2, -2.0, 2.0),
    "two of opposite signs": lambda n: np.r_[5.0, np.zeros(n - 1)] - np.r_[np.zeros(n - 1), 5.0],
    "clustered": lambda n: 1 + 1e-9 * np.arange(n),
    "two clusters": lambda n: np.where(np.arange(n) < n // 2, 1.0, -1e-6) + 1e-12 * np.arange(n),
    "twice the largest": lambda n: np.r_[2.0, np.linspace(-1, 2, n - 1)] if n > 1 else np.full(1, 2.0),
    "geometric": lambda n: 0.5 ** np.arange(n),
    "tiny positive": lambda n: np.r_[-np.linspace(1, 2, n - 1), 1e-3] if n > 1 else np.full(1, 1e-3),
}
SIZES = [1, 2, 3, N_VECTORS - 1, N_VECTORS, N_VECTORS + 1, 60]


def make_matrix(spectrum, size, dtype, rotated=True):
    eigenvalues = SPECTRA[spectrum](size)
    if not rotated:
        return np.diag(eigenvalues).astype(dtype)
    basis, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))
    matrix = (basis * eigenvalues) @ basis.T
    return ((matrix + matrix.T) / 2).astype(dtype)


def generator(seed=0):
    return np.random.RandomState(seed)


def rounding(matrix):
    """Return how far rounding may move an eigenvalue. Each product with the matrix has errors relative to its size."""
    return 20 * len(matrix) * float(np.finfo(matrix.dtype).eps) * np.linalg.norm(matrix.astype(float), 2)


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_norm_and_largest_eigenvalue_are_those_of_the_dense_matrix(spectrum, size, dtype, rotated):
    matrix = make_matrix(spectrum, size, dtype, rotated)
    eigenvalues = np.linalg.eigvalsh(matrix.astype(float))
    operator = aslinearoperator(matrix)
    for tol in (0, 1e-8, 1e-3):
        norm, is_converged = spectral_norm(operator, tol, None, generator())
        assert is_converged
        assert abs(norm - np.abs(eigenvalues).max()) <= tol * norm + rounding(matrix)
        largest, is_converged = largest_eigenvalue(operator, tol, None, generator())
        assert is_converged
        assert abs(largest - eigenvalues[-1]) <= tol * abs(eigenvalues[-1]) + rounding(matrix)
        # Rounding does not turn a flat direction into an upward curve.
        if eigenvalues[-1] <= 0 and not rotated:
            assert largest <= 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_trace_is_exact_with_three_products_per_row_or_at_rank_one(spectrum, size, dtype):
    matrix = make_matrix(spectrum, size, dtype)
    operator = aslinearoperator(matrix)
    exact = np.trace(matrix.astype(float))
    assert abs(trace(operator, 3 * size, generator()) - exact) <= rounding(matrix)
    estimate = trace(operator, max(3, size), generator())
    # The variance of an estimate from random signs is at most 2 |H|_F^2. Five standard errors are allowed.
    assert abs(estimate - exact) <= 5 * np.sqrt(2 / max(1, size // 3)) * np.linalg.norm(matrix) + rounding(matrix)
    if "rank one" in spectrum or spectrum == "zero":
        assert abs(estimate - exact) <= rounding(matrix)


@pytest.mark.parametrize("n_steps", [1, 5, 100])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_density_integrates_to_1_over_the_spectrum(spectrum, size, dtype, n_steps):
    matrix = make_matrix(spectrum, size, dtype)
    eigenvalues = np.linalg.eigvalsh(matrix.astype(float))
    grid, heights = density(aslinearoperator(matrix), 4, n_steps, 1000, 0.01, generator())
    assert (np.diff(grid) > 0).all()
    assert (heights >= 0).all()
    assert np.trapezoid(heights, grid) == pytest.approx(1, abs=1e-5)
    # Nodes are within the spectrum. The grid adds five deviations, each a hundredth of the range of nodes, or of their
    # magnitude if the range is zero, or of 1 if both are.
    magnitude = np.abs(eigenvalues).max()
    room = 0.06 * (np.ptp(eigenvalues) or magnitude or 1.0) + rounding(matrix) + 0.06 * magnitude
    assert eigenvalues[0] - room <= grid[0] < grid[-1] <= eigenvalues[-1] + room


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [2, 30])
def test_two_eigenvalues_have_their_shares_of_the_density(size, dtype):
    # A third of the eigenvalues are the upper one. The iteration ends after two steps.
    eigenvalues = np.where(np.arange(3 * size) < size, 2.0, -1.0)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (3 * size,))
    # The matrix is diagonal up to signs, so the squared components of its eigenvectors are known.
    matrix = (np.diag(eigenvalues) * np.outer(signs, signs)).astype(dtype)
    grid, heights = density(aslinearoperator(matrix), 3, 50, 2001, 0.01, generator())
    upper = grid > 0.5
    assert np.trapezoid(heights[upper], grid[upper]) == pytest.approx(1 / 3, abs=1e-5)
    assert np.trapezoid((heights * grid)[upper], grid[upper]) == pytest.approx(2 / 3, abs=1e-4)
    assert grid[heights.argmax()] == pytest.approx(-1, abs=0.01)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spectrum", sorted(set(SPECTRA) - {"zero"}))
def test_quadratures_are_exact_for_polynomials(spectrum, dtype):
    matrix = make_matrix(spectrum, 60, dtype)
    signs = np.random.default_rng(2).choice([-1.0, 1.0], 60).astype(dtype)
    operator = ScaledOperator(aslinearoperator(matrix))
    scaled = operator.assemble()
    nodes, weights = _quadrature(operator, signs, 5)
    assert (weights >= 0).all()
    vector = signs / np.sqrt(60)
    largest = np.abs(np.linalg.eigvalsh(scaled)).max()
    for degree in range(10):
        exact = vector @ np.linalg.matrix_power(scaled / largest, degree) @ vector
        assert weights @ (nodes / largest) ** degree == pytest.approx(exact, abs=rounding(np.eye(60, dtype=dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_of_an_eigenvalue_share_its_weight(dtype):
    # The iteration finds a distant eigenvalue after some steps, and again after some more.
    size = 400
    eigenvalues = np.r_[np.linspace(-1, 1, size - 2), 30.0, 100.0]
    operator = ScaledOperator(
        LinearOperator((size, size), matvec=lambda v: eigenvalues.astype(dtype) * v.ravel(), dtype=dtype)
    )
    nodes, weights = _quadrature(operator, np.ones(size, dtype), 120)
    nodes = operator.unscale(nodes)
    for value in (30.0, 100.0):
        is_near = np.abs(nodes - value) < 1e-3 * value
        assert is_near.sum() > 1
        assert weights[is_near].sum() == pytest.approx(1 / size, rel=1e-3)
    assert nodes.min() > -1.01
    assert nodes.max() < 100.01


@settings(max_examples=60)
@given(
    spectrum=st.sampled_from(sorted(set(SPECTRA) - {"zero"})),
    size=st.sampled_from(SIZES),
    power=st.integers(-990, 990),
)
def test_all_results_scale_with_the_operator(spectrum, size, power):
    matrix = make_matrix(spectrum, size, np.float64)
    # Entries that scaling would make subnormal are set to zero.
    matrix[np.abs(matrix) < 2.0**-30] = 0
    # A zero matrix has no scale. "two of opposite signs" cancel in one row.
    assume(matrix.any())
    results = []
    for operator in (aslinearoperator(matrix), aslinearoperator(np.ldexp(matrix, power))):
        grid, heights = density(operator, 2, 30, 100, 0.05, generator())
        norm, _ = spectral_norm(operator, 1e-3, None, generator())
        largest, _ = largest_eigenvalue(operator, 1e-3, None, generator())
        results.append((np.r_[norm, largest, trace(operator, 12, generator()), grid], heights))
    # Eigenvalue solvers are accurate to some roundings of the largest eigenvalue.
    rounding = 1e-12 * results[0][0][0]
    np.testing.assert_allclose(np.ldexp(results[1][0], -power), results[0][0], rtol=1e-12, atol=rounding)
    np.testing.assert_allclose(np.ldexp(results[1][1], power), results[0][1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spectrum", ["random", "both signs, equal"])
@pytest.mark.parametrize("power", [-140, -100, 100])
@pytest.mark.parametrize("size", [2, 40])
def test_float32_operators_beyond_the_range_of_float32_are_measured(size, power, spectrum):
    matrix = make_matrix(spectrum, size, np.float32)

    def multiply(vectors):
        # A network multiplies in two halves like this. The product with a vector of size 1 is below the smallest
        # float32.
        half = np.float32(2.0 ** (power // 2))
        return (matrix @ (vectors * half)) * half

    operator = LinearOperator((size, size), matvec=multiply, matmat=multiply, dtype=np.float32)
    norm, _ = spectral_norm(operator, 1e-3, None, generator())
    exact = np.linalg.norm(matrix.astype(float), 2)
    assert norm == pytest.approx(np.ldexp(exact, 2 * (power // 2)), rel=2e-3)
    total = trace(operator, 3 * size, generator())
    assert np.ldexp(total, -2 * (power // 2)) == pytest.approx(np.trace(matrix.astype(float)), abs=rounding(matrix))


@pytest.mark.parametrize("size", [1, 2, 40])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_all_functions_raise_the_same_error_if_the_operator_is_not_finite(value, size, capfd):
    matrix = np.eye(size)
    matrix[-1, -1] = value
    operator = LinearOperator(matrix.shape, matvec=lambda v: _quietly(matrix, v), dtype=np.float64)
    for measure in (
        lambda: spectral_norm(operator, 1e-3, None, generator()),
        lambda: largest_eigenvalue(operator, 1e-3, None, generator()),
        lambda: trace(operator, 6, generator()),
        lambda: trace(operator, 3 * size, generator()),
        lambda: density(operator, 2, 5, 10, 0.01, generator()),
    ):
        with pytest.raises(ValueError, match="The Hessian is not finite: X, y or the weights"):
            measure()
    assert capfd.readouterr() == ("", "")


def _quietly(matrix, vector):
    with np.errstate(all="ignore"):
        return matrix @ vector


def test_a_later_product_that_is_not_finite_raises_the_same_error():
    matrix = make_matrix("random", 60, np.float64)
    n_calls = 0

    def multiply(vector):
        nonlocal n_calls
        n_calls += 1
        return matrix @ vector if n_calls < 10 else np.full(60, np.inf)

    operator = LinearOperator(matrix.shape, matvec=multiply, dtype=np.float64)
    with pytest.raises(ValueError, match="The Hessian is not finite"):
        spectral_norm(operator, 1e-3, None, generator())


@pytest.mark.parametrize("measure", [spectral_norm, largest_eigenvalue])
def test_without_convergence_the_result_is_a_lower_bound(measure):
    # The upper edge is as dense as that of a second difference with 4000 points. The largest eigenvalues are within
    # 1e-6.
    size = 4000
    eigenvalues = 2 - 2 * np.cos(np.pi * np.arange(1, size + 1) / (size + 1))
    operator = LinearOperator((size, size), matvec=lambda v: eigenvalues * v.ravel(), dtype=np.float64)
    for max_iter in (1, 2, 5):
        value, is_converged = measure(operator, 1e-12, max_iter, generator())
        assert not is_converged
        assert 0.9 * eigenvalues[-1] < value < eigenvalues[-1]


def test_restarts_find_an_eigenvalue_that_the_first_vectors_miss():
    size = 2000
    eigenvalues = np.r_[np.linspace(0, 1, size - 1), 1.001]
    n_products = 0

    def multiply(vector):
        nonlocal n_products
        n_products += 1
        return eigenvalues * vector.ravel()

    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    value, is_converged = largest_eigenvalue(operator, 1e-6, None, generator())
    assert is_converged
    assert value == pytest.approx(1.001, rel=1e-9)
    assert N_VECTORS < n_products < 500


def test_sign_vectors_in_the_null_space_do_not_hide_the_matrix():
    # Half of all sign vectors have equal entries, which this matrix maps to zero.
    matrix = np.array([[1.0, -1.0], [-1.0, 1.0]])
    for seed in range(10):
        operator = aslinearoperator(matrix)
        assert trace(operator, 6, generator(seed)) == pytest.approx(2)
        grid, heights = density(operator, 20, 10, 1000, 0.01, generator(seed))
        assert np.trapezoid(heights, grid) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_frobenius_norms_neither_overflow_nor_underflow(scale):
    matrix = np.random.default_rng(0).normal(size=(30, 20))
    assert frobenius_norm(scale * matrix) == pytest.approx(scale * np.linalg.norm(matrix), rel=1e-13)
