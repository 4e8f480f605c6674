"""The elementary functions against mpmath: error, limits, range and monotonicity, in both precisions."""

from functools import cache

import mpmath
import numpy as np
import pytest
import scipy.special
from numba import from_dtype, njit, void

from skinit.kernels import elementary
from skinit.kernels.compilation import array_types
from skinit.kernels.elementary import MAX_ERROR

DTYPES = [np.float32, np.float64]
NAMES = ["exp", "expm1", "log", "log1p", "tanh", "logistic", "softplus", "normal_pdf", "normal_cdf"]
INCREASING = ["exp", "expm1", "log", "log1p", "tanh", "logistic", "softplus", "normal_cdf"]

EXACT = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "normal_pdf": mpmath.npdf,
    "normal_cdf": mpmath.ncdf,
}
# References in float64 for float32.
DOUBLE = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "logistic": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "normal_pdf": lambda x: np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi),
    "normal_cdf": scipy.special.ndtr,
}
# A search over 24 million numbers for each function found its largest errors in float64 here.
WORST = [
    *(-1.0377439599299594, 0.34759619505576733, 0.06983544567389344, 0.1744331108754733),
    *(-37.14844521794055, -0.3298178165635792, -4.65418216060082, -0.08597117128537501),
]
# Values at -inf, 0 and inf. None where the function is not defined, or where expm1 is cut.
LIMITS = {
    "exp": (0, 1, np.inf),
    "expm1": (-1, 0, None),
    "log": (None, None, np.inf),
    "log1p": (None, 0, None),
    "tanh": (-1, 0, 1),
    "logistic": (0, 0.5, 1),
    "softplus": (0, np.log(2), np.inf),
    "normal_pdf": (0, 1 / np.sqrt(2 * np.pi), 0),
    "normal_cdf": (0, 0.5, 1),
}


@cache
def compiled(name, dtype):
    """Return the function for one number and for each number of an array, compiled with the flags of all kernels."""
    function = getattr(elementary, name)
    flags = {"error_model": "numpy"}

    @njit((from_dtype(np.dtype(dtype)),), **flags)
    def scalar(x):
        return function(x)

    vector = array_types(np.dtype(dtype)).vector

    @njit(void(vector, vector), **flags)
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return scalar, loop


def evaluate(name, x):
    _, loop = compiled(name, x.dtype.type)
    out = np.full_like(x, 7)
    loop(x, out)
    return out


def domain(name, dtype):
    """Return the range of the stated error, where the result and, for `exp`, the power of 2 are normal numbers."""
    info = np.finfo(dtype)
    lowest, highest = np.log(float(info.tiny)), np.log(float(info.max))
    return {
        "exp": (lowest, highest),
        "expm1": (-80, 80),
        "log": (float(info.tiny), float(info.max)),
        "log1p": (0, 1),
        "tanh": (-float(info.max), float(info.max)),
        "logistic": (lowest, float(info.max)),
        "softplus": (lowest, float(info.max)),
        "normal_pdf": (-5, 5),
        "normal_cdf": (-5, float(info.max)),
    }[name]


def grid(low, high, dtype, n):
    """Return numbers of all magnitudes in [low, high], more of them near zero, and where range reductions change."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    logs = np.linspace(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), n)[:-1]
    magnitudes = np.concatenate(
        [
            np.exp2(logs),
            info.tiny * np.array([0.5, 1, 1 + info.eps, 2]),
            info.eps * np.array([0.25, 0.5, 1, 2]),
            # Next to half-integer multiples of ln 2 the remainder of exp is largest.
            (np.arange(0, 1100) + 0.5) * np.log(2),
            # Here tanh, normal_cdf and expm1 are cut.
            [20, 40, 80],
        ]
    ).astype(dtype)
    below, above = (np.nextafter(magnitudes, dtype(end)) for end in (0, np.inf))
    x = np.concatenate(
        [
            [low, high],
            rng.uniform(max(low, -50), min(high, 50), n),
            rng.uniform(max(low, -1000), min(high, 1000), n),
            WORST,
            *(sign * values for sign in (-1, 1) for values in (below, magnitudes, above)),
        ]
    ).astype(dtype)
    return np.unique(x[(x >= low) & (x <= high)])


def errors(name, x):
    """Return relative errors in machine epsilons, 0 if the result is no normal number, and where it is one."""
    info = np.finfo(x.dtype)
    with mpmath.workdps(40):
        exact = [EXACT[name](mpmath.mpf(float(value))) for value in x]
        normal = np.array([float(info.tiny) <= abs(value) <= float(info.max) for value in exact])
        results = evaluate(name, x)
        relative = [
            float(abs(mpmath.mpf(float(result)) / value - 1)) if is_normal else 0.0
            for result, value, is_normal in zip(results, exact, normal, strict=True)
        ]
    return np.array(relative) / info.eps, normal


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_error_is_within_the_stated_bound(name, dtype):
    x = grid(*domain(name, dtype), dtype, 300)
    error, normal = errors(name, x)
    assert normal.sum() > 1000
    worst = error.argmax()
    assert error[worst] <= MAX_ERROR[name], x[worst]


@pytest.mark.parametrize("name", NAMES)
def test_float32_error_is_within_the_stated_bound_for_one_number_in_a_thousand(name):
    low, high = domain(name, np.float32)
    x = np.arange(0, 2**32, 1009, dtype=np.uint32).view(np.float32)
    x = x[(x >= np.float32(low)) & (x <= np.float32(high))]
    exact = DOUBLE[name](x.astype(np.float64))
    info = np.finfo(np.float32)
    normal = (np.abs(exact) >= float(info.tiny)) & (np.abs(exact) <= float(info.max))
    assert normal.sum() > 100_000
    error = np.abs(evaluate(name, x)[normal] / exact[normal] - 1) / info.eps
    # The float64 reference is off by less than 1e-6 float32 units.
    assert error.max() <= MAX_ERROR[name] + 1e-6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["normal_pdf", "normal_cdf"])
def test_error_in_the_normal_tail_grows_with_the_rounding_of_the_square(name, dtype):
    info = np.finfo(dtype)
    x = np.linspace(-np.sqrt(-2 * np.log(float(info.tiny))), -5, 2000).astype(dtype)
    error, normal = errors(name, x)
    assert normal.sum() > 1500
    # x^2 is off by half a unit, and exp(-x^2 / 2) by x^2 / 2 times as much.
    assert np.all(error <= MAX_ERROR[name] + x.astype(float) ** 2 / 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "logistic", "softplus", "normal_pdf", "normal_cdf"])
def test_results_below_the_normal_numbers_are_zero_or_tiny(name, dtype):
    info = np.finfo(dtype)
    lowest = np.log(float(info.tiny))
    if name.startswith("normal"):
        lowest = -np.sqrt(-2 * lowest)
    x = np.concatenate([lowest * np.linspace(1, 1.2, 500), -np.geomspace(1000, info.max / 2, 100)]).astype(dtype)
    results = evaluate(name, x)
    # Results below the smallest normal number are lost. They are exp times at most 2, because the other factors of the
    # tails are below 1.
    assert np.all((results >= 0) & (results <= 2 * info.tiny))
    assert np.all(results[x < 1.2 * lowest] == 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_is_zero_exactly_below_the_normal_numbers(dtype):
    info = np.finfo(dtype)
    lowest = np.log(float(info.tiny))
    x = np.linspace(lowest - 1, lowest + 1, 1001).astype(dtype)
    # The threshold itself is rounded by one unit of x.
    beside = np.abs(x - lowest) <= np.spacing(dtype(-lowest))
    np.testing.assert_array_equal((evaluate("exp", x) == 0)[~beside], (x < lowest)[~beside])


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_overflows_where_the_power_is_not_a_finite_number(dtype):
    highest = np.log(float(np.finfo(dtype).max))
    x = np.linspace(highest - 1, highest + 5, 1001).astype(dtype)
    beside = np.abs(x - highest) <= np.spacing(dtype(highest))
    np.testing.assert_array_equal(np.isinf(evaluate("exp", x))[~beside], (x > highest)[~beside])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_gives_nan(name, dtype):
    x = np.full(9, np.nan, dtype)
    x[3] = 0
    np.testing.assert_array_equal(np.isnan(evaluate(name, x)), np.isnan(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_infinities_huge_numbers_and_zeros_have_their_limits(name, dtype):
    huge = np.finfo(dtype).max
    at_minus_infinity, at_zero, at_infinity = LIMITS[name]
    rounding = MAX_ERROR[name] * np.finfo(dtype).eps
    if at_zero is not None:
        np.testing.assert_allclose(evaluate(name, np.array([0.0, -0.0], dtype)), at_zero, rtol=rounding)
    if at_minus_infinity is not None:
        np.testing.assert_array_equal(evaluate(name, np.array([-np.inf, -huge], dtype)), at_minus_infinity)
    if name == "log":
        assert evaluate(name, np.array([np.inf], dtype)) == np.inf
    elif at_infinity is not None:
        expected = huge if name == "softplus" else at_infinity
        np.testing.assert_array_equal(evaluate(name, np.array([np.inf, huge], dtype)), [at_infinity, expected])


@pytest.mark.parametrize("dtype", DTYPES)
def test_expm1_stays_at_its_value_at_80(dtype):
    x = np.array([80, 81, 1e30, np.inf], dtype)
    np.testing.assert_allclose(evaluate("expm1", x), np.exp(80.0), rtol=MAX_ERROR["expm1"] * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INCREASING)
def test_functions_increase_up_to_rounding(name, dtype):
    x = grid(*(domain(name, dtype) if name in ("log", "log1p") else (-1e30, 1e30)), dtype, 2000)
    results = evaluate(name, x).astype(np.float64)
    with np.errstate(invalid="ignore"):
        steps = np.where(np.isinf(results[1:]), 0, np.diff(results))
    allowed = MAX_ERROR[name] * np.ones_like(x[1:], np.float64)
    if name == "normal_cdf":
        allowed += np.minimum(x[1:].astype(np.float64), 0) ** 2 / 4
    unit = np.finfo(dtype).eps * np.minimum(np.abs(results[1:]), np.finfo(dtype).max)
    # Neighbours may each be off by the bound, in opposite directions.
    assert np.all(steps >= -2 * allowed * unit)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exp", 0, np.inf), ("expm1", -1, np.inf), ("tanh", -1, 1), ("logistic", 0, 1), ("softplus", 0, np.inf)]
    + [("normal_pdf", 0, 0.4), ("normal_cdf", 0, 1)],
)
def test_rounding_does_not_leave_the_range(name, low, high, dtype):
    results = evaluate(name, grid(-1e30, 1e30, dtype, 5000))
    assert results.min() >= low
    assert results.max() <= high


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_subnormal_and_tiny_numbers_are_returned_unchanged(name, dtype):
    info = np.finfo(dtype)
    x = np.geomspace(info.smallest_subnormal, info.eps * 0.01, 300, dtype=dtype)
    # f(x) = x (1 + O(x)). Halving a subnormal number, as log1p does, may round by one unit.
    np.testing.assert_allclose(
        evaluate(name, x), x, rtol=(MAX_ERROR[name] + 0.01) * info.eps, atol=info.smallest_subnormal
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_result_has_the_type_of_the_argument(name, dtype):
    scalar, _ = compiled(name, dtype)
    (signature,) = scalar.nopython_signatures
    assert signature.return_type == from_dtype(np.dtype(dtype))


def test_every_function_has_a_stated_error():
    assert set(NAMES) == set(MAX_ERROR)
