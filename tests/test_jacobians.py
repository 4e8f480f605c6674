"""Spectral norms of W diag(s), against singular values."""

import numpy as np
import pytest

import skinit.curvature.jacobians
from skinit.curvature.jacobians import TOLERANCE, row_jacobian_norms

RNG = np.random.default_rng(0)
ORTHOGONAL = np.linalg.qr(RNG.normal(size=(30, 30)))[0]
WEIGHTS = {
    "narrowing": RNG.normal(size=(12, 7)),
    "widening": RNG.normal(size=(7, 12)),
    "one unit": RNG.normal(size=(9, 1)),
    "one input": RNG.normal(size=(1, 9)),
    "one weight": np.full((1, 1), -3.0),
    "zero": np.zeros((5, 4)),
    "rank one": np.outer(RNG.normal(size=8), RNG.normal(size=6)),
    "orthogonal": ORTHOGONAL,
    "equal": np.full((6, 8), 0.3),
}
# Each has its own generator, because the order of tests changes.
SLOPES = {
    "random": lambda n: np.random.default_rng(n).uniform(-1.1, 1.1, (5, n)),
    "relu": lambda n: np.random.default_rng(n).integers(0, 2, (5, n)).astype(float),
    "one": lambda n: np.ones((5, n)),
    "zero": lambda n: np.zeros((5, n)),
    "some zero rows": lambda n: np.random.default_rng(n).uniform(0, 1, (5, n)) * np.array([[1], [0], [1], [0], [1]]),
}


def exact_norms(coef, slopes):
    return np.array([np.linalg.norm(coef.astype(float) * row.astype(float), 2) for row in slopes])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("slopes", SLOPES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_norms_are_the_largest_singular_values(weights, slopes, dtype, monkeypatch):
    coef, rows = WEIGHTS[weights].astype(dtype), SLOPES[slopes](WEIGHTS[weights].shape[1]).astype(dtype)
    exact = exact_norms(coef, rows)
    np.testing.assert_allclose(row_jacobian_norms(coef, rows), exact, rtol=1e-12, atol=1e-300)
    # Wide layers are bounded by iterations instead of the Gram matrix.
    monkeypatch.setattr(skinit.curvature.jacobians, "GRAM_SIZE", 0)
    bounds = row_jacobian_norms(coef, rows)
    assert (bounds >= exact * (1 - 1e-12)).all()
    assert (bounds <= exact * (1 + TOLERANCE)).all()


@pytest.mark.parametrize("scheme", ["gaussian", "orthogonal"])
def test_wide_layers_have_close_upper_bounds(scheme, monkeypatch):
    rng = np.random.default_rng(1)
    coef = rng.normal(size=(300, 250)) / 16
    if scheme == "orthogonal":
        coef, _ = np.linalg.qr(coef)
    slopes = np.vstack([1 - np.tanh(rng.normal(size=(3, 250))) ** 2, rng.integers(0, 2, (3, 250))])
    exact = exact_norms(coef, slopes)
    monkeypatch.setattr(skinit.curvature.jacobians, "GRAM_SIZE", 0)
    bounds = row_jacobian_norms(coef, slopes)
    assert (bounds >= exact * (1 - 1e-12)).all()
    # Orthogonal weights make the slopes of tanh the singular values, which crowd near 1.
    assert (bounds <= exact * (1 + (1e-3 if scheme == "orthogonal" else TOLERANCE))).all()


@pytest.mark.parametrize("gram_size", [0, 2**18])
@pytest.mark.parametrize(("weight", "slope"), [(1e300, 1e-300), (1e-300, 1.0), (1e200, 1e100), (5e-324, 1.0)])
def test_norms_neither_overflow_nor_underflow(weight, slope, gram_size, monkeypatch):
    monkeypatch.setattr(skinit.curvature.jacobians, "GRAM_SIZE", gram_size)
    coef, slopes = WEIGHTS["narrowing"], SLOPES["random"](7)
    exact = weight * np.round(coef) if weight == 5e-324 else weight * coef
    expected = exact_norms(exact / weight, slopes) * weight * slope
    np.testing.assert_allclose(row_jacobian_norms(exact, slope * slopes), expected, rtol=2e-6, atol=5e-324)


@pytest.mark.parametrize("gram_size", [0, 2**18])
def test_a_row_that_is_not_finite_does_not_affect_other_rows(gram_size, monkeypatch):
    monkeypatch.setattr(skinit.curvature.jacobians, "GRAM_SIZE", gram_size)
    coef, slopes = WEIGHTS["narrowing"], SLOPES["random"](7)
    expected = row_jacobian_norms(coef, slopes)
    slopes[1, 2], slopes[3, 0] = np.nan, np.inf
    norms = row_jacobian_norms(coef, slopes)
    assert np.isnan(norms[[1, 3]]).all()
    np.testing.assert_allclose(norms[[0, 2, 4]], expected[[0, 2, 4]], rtol=1e-6)
    coef = coef.copy()
    coef[0, 0] = np.inf
    assert np.isnan(row_jacobian_norms(coef, slopes)).all()
