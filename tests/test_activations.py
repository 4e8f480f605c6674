"""Activations: value, slope and bend against exact formulas and derivatives, and the array kernels built on them."""

from functools import cache

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from twins import ACTIVATIONS as TWINS
from twins import SELU_ALPHA, SELU_SCALE, SMOOTH

from skinit.kernels.activations import (
    ACTIVATIONS,
    compile_activate,
    compile_activate_with_bends,
    compile_activate_with_slopes,
    evaluate,
)
from skinit.kernels.elementary import MAX_ERROR

DTYPES = [np.float32, np.float64]
# The formulas of `TWINS` again for mpmath, which differentiates them.
EXACT = {
    "identity": lambda u: u,
    "logistic": lambda u: 1 / (1 + mpmath.exp(-u)),
    "tanh": mpmath.tanh,
    "relu": lambda u: max(u, mpf(0)),
    "leaky_relu": lambda u: u if u > 0 else u / 100,
    "elu": lambda u: u if u > 0 else mpmath.expm1(u),
    "selu": lambda u: mpf(SELU_SCALE) * (u if u > 0 else mpf(SELU_ALPHA) * mpmath.expm1(u)),
    "softplus": lambda u: mpmath.log1p(mpmath.exp(u)),
    "softsign": lambda u: u / (1 + abs(u)),
    "silu": lambda u: u / (1 + mpmath.exp(-u)),
    "gelu": lambda u: u * mpmath.ncdf(u),
}
# The elementary function that each activation calls. `MAX_ERROR` states its error in units of machine epsilon.
CALLS = {
    "logistic": "logistic",
    "tanh": "tanh",
    "elu": "expm1",
    "selu": "expm1",
    "softplus": "softplus",
    "silu": "logistic",
    "gelu": "normal_cdf",
}
# Slopes at 0, taken from the left.
SLOPES_AT_ZERO = {
    "identity": 1,
    "logistic": 0.25,
    "tanh": 1,
    "relu": 0,
    "leaky_relu": 0.01,
    "elu": 1,
    "selu": SELU_SCALE * SELU_ALPHA,
    "softplus": 0.5,
    "softsign": 1,
    "silu": 0.5,
    "gelu": 0.5,
}
# Limits of the slopes towards minus infinity and infinity.
SLOPES_FAR_OUT = {
    "identity": (1, 1),
    "logistic": (0, 0),
    "tanh": (0, 0),
    "relu": (0, 1),
    "leaky_relu": (0.01, 1),
    "elu": (0, 1),
    "selu": (0, SELU_SCALE),
    "softplus": (0, 1),
    "softsign": (0, 0),
    "silu": (0, 1),
    "gelu": (0, 1),
}
# Zero is left out, because some activations have no derivative there.
POINTS = np.concatenate(
    [sign * np.r_[np.geomspace(1e-4, 1, 12), np.linspace(1.1, 6, 40), 9.5, 20, 50] for sign in (-1, 1)]
).astype(np.float32)


def elementary_error(name):
    return MAX_ERROR[CALLS[name]] if name in CALLS else 0.0


@cache
def exact_values_and_derivatives(name):
    with mpmath.workdps(40):
        # The points are at least 1e-4 from a kink. mpmath's step, about 1e-20, does not reach it.
        return tuple(
            np.array([float(mpmath.diff(EXACT[name], mpf(float(u)), order)) for u in POINTS]) for order in (0, 1, 2)
        )


def test_every_activation_is_tested():
    assert set(TWINS) == set(EXACT) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_value_is_that_of_the_formula(name, dtype):
    u = np.concatenate([np.linspace(-5, 50, 1000), np.linspace(-5, 5, 1000), np.geomspace(1e-30, 1e10, 100), [0.0]])
    u = u.astype(dtype)
    values, _, _ = evaluate(name, u)
    # The error of the elementary function, two roundings of selu's constants and two of products.
    rtol = (elementary_error(name) + 2) * np.finfo(dtype).eps
    np.testing.assert_allclose(values, TWINS[name](u.astype(np.float64)), rtol=rtol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_slope_and_bend_are_the_derivatives_of_the_formula(name, dtype):
    results = evaluate(name, POINTS.astype(dtype))
    # Slopes and bends are sums of at most four products of the elementary function, its complement and u. No product is
    # larger than 2 (1 + |u|), and each is off by the function's error and a few roundings.
    atol = (2 * elementary_error(name) + 10) * np.finfo(dtype).eps * (1 + np.abs(POINTS.astype(float)))
    for what, result, exact in zip(
        ("value", "slope", "bend"), results, exact_values_and_derivatives(name), strict=True
    ):
        assert np.all(np.abs(result - exact) <= atol), what


@settings(max_examples=200)
@given(u=st.floats(-30, 30), name=st.sampled_from(sorted(TWINS)))
def test_slope_and_bend_are_the_difference_quotients_of_value_and_slope(u, name):
    step = 1e-3
    if name not in SMOOTH and abs(u) <= 2 * step:
        u += 1  # away from the kink
    values, slopes, bends = evaluate(name, u + step * np.array([-2.0, -1.0, 1.0, 2.0, 0.0]))
    stencil = np.array([1, -8, 8, -1]) / (12 * step)
    # Truncation: step^4 / 30 times the fifth derivative, at most 120 here (softsign at 0). Rounding: the stencil's 1.5
    # / step times the error of a number of size 1 + |u|.
    tolerance = step**4 * 4 + 1.5 / step * (2 * elementary_error(name) + 10) * 2.3e-16 * (1 + abs(u))
    # The fifth derivative of the slope is the sixth of the value, at most 720.
    assert abs(stencil @ values[:4] - slopes[4]) <= tolerance
    assert abs(stencil @ slopes[:4] - bends[4]) <= tolerance + step**4 * 20


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_slope_at_zero_is_the_slope_from_the_left(name, dtype):
    u = np.array([0.0, -0.0], dtype)
    _, slopes, bends = evaluate(name, u)
    rtol = (elementary_error(name) + 2) * np.finfo(dtype).eps
    np.testing.assert_allclose(slopes, SLOPES_AT_ZERO[name], rtol=rtol)
    _, just_below, _ = evaluate(name, np.array([-np.finfo(dtype).tiny], dtype))
    np.testing.assert_allclose(slopes, just_below[0], rtol=rtol)
    assert np.isfinite(bends).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_values_slopes_and_bends_are_finite_and_slopes_reach_their_limits_far_out(name, dtype):
    far = np.geomspace(1e3 if name != "softsign" else 1e10, np.finfo(dtype).max / 2, 50).astype(dtype)
    for side, sign in enumerate((-1, 1)):
        values, slopes, bends = evaluate(name, sign * far)
        assert np.isfinite(values).all()
        limit = SLOPES_FAR_OUT[name][side]
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(slopes, limit, rtol=2 * eps, atol=eps)
        np.testing.assert_allclose(bends, 0, atol=eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_nan_gives_nan(name, dtype):
    values, _, _ = evaluate(name, np.array([1.0, np.nan, -1.0], dtype))
    np.testing.assert_array_equal(np.isnan(values), [False, True, False])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 1, 3)])
def test_evaluate_keeps_shape_and_dtype(name, shape, dtype):
    u = np.full(shape, 0.5, dtype)
    for result in evaluate(name, u):
        assert result.shape == shape
        assert result.dtype == dtype


def test_evaluate_takes_arrays_of_any_layout():
    u = np.linspace(-3, 3, 24).reshape(4, 6)
    for view in (u.T, u[:, ::2], u[::-1], np.asfortranarray(u)):
        values, slopes, _ = evaluate("tanh", view)
        np.testing.assert_allclose(values, np.tanh(view), rtol=1e-14)
        np.testing.assert_allclose(slopes, 1 / np.cosh(view) ** 2, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 1), (7, 19)])
def test_array_kernels_add_the_intercept_and_apply_the_activation(name, shape, dtype):
    rng = np.random.default_rng(0)
    products = rng.normal(0, 3, shape).astype(dtype)
    intercept = rng.normal(0, 3, shape[1]).astype(dtype)
    u = products + intercept
    values, slopes, bends = evaluate(name, u)
    activated, activated_with_slopes, activated_with_bends = (products.copy() for _ in range(3))
    written_slopes, untouched, slopes_beside_bends, written_bends = (np.full_like(products, np.nan) for _ in range(4))
    dtype = np.dtype(dtype)
    compile_activate(name, dtype)(activated, intercept)
    compile_activate_with_slopes(name, dtype)(activated_with_slopes, intercept, written_slopes, untouched)
    compile_activate_with_bends(name, dtype)(activated_with_bends, intercept, slopes_beside_bends, written_bends)
    # The kernels are compiled separately, so one may fuse a multiply-add where the other does not. Both stay within the
    # bound.
    unit = np.finfo(dtype).eps * (1 + np.abs(u))
    error = (2 * elementary_error(name) + 10) * unit
    for result in (activated, activated_with_slopes, activated_with_bends):
        assert result.dtype == dtype
        assert np.all(np.abs(result - values) <= error)
        assert np.all(np.abs(result - TWINS[name](u.astype(np.float64))) <= error)
    for result in (written_slopes, slopes_beside_bends):
        assert np.all(np.abs(result - slopes) <= error)
    # A bend has at most one more factor.
    assert np.all(np.abs(written_bends - bends) <= 2 * error * (1 + np.abs(u)))
    assert np.isnan(untouched).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_array_kernels_take_a_read_only_intercept_and_leave_it_alone(dtype):
    products = np.ones((2, 3), dtype)
    intercept = np.arange(3, dtype=dtype)
    intercept.flags.writeable = False
    compile_activate("relu", np.dtype(dtype))(products, intercept)
    np.testing.assert_array_equal(products, [[1, 2, 3], [1, 2, 3]])
    np.testing.assert_array_equal(intercept, [0, 1, 2])
