r"""Elementary functions that LLVM can vectorize: no branches, no tables, no calls to libm.

Each takes one float32 or float64 number inside a compiled loop and returns a number of that precision.
`MAX_ERROR` states the largest relative error of each, which the tests measure. NaN gives NaN, infinity gives the
limit, and a power too small to be a normal number becomes zero.

All functions use one reduction. With :math:`k = \mathrm{round}(x / \ln 2)` and :math:`r = x - k \ln 2`, where
:math:`|r| \le \ln(2) / 2`,

.. math:: e^x = 2^k e^r, \qquad e^r - 1 = \sum_{j \ge 1} r^j / j!

Here :math:`\ln 2` is subtracted in two parts. The first has so few bits that its product with `k` is exact. The power
:math:`2^k` is built from its exponent bits (J.-M. Muller, "Elementary Functions", 3rd edition, chapter 11).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload, register_jitable
from numba.np.numpy_support import from_dtype
from numpy.polynomial import Chebyshev, Polynomial
from scipy.special import erfcx

from .processor import multiply_add

# Largest relative error in units of machine epsilon (perfect rounding would be half a unit), if the result is a normal
# number. The error of `softplus` is the sum of the errors of `exp` and `log1p`. The errors of `normal_pdf` and of the
# lower tail of `normal_cdf` grow with x^2, because the square in exp(-x^2 / 2) is rounded before the exponential. They
# are stated for |x| <= 5.
MAX_ERROR = {
    "exp": 2.0,
    "expm1": 3.0,
    "log": 3.0,
    "log1p": 3.0,
    "tanh": 3.0,
    "logistic": 3.0,
    "softplus": 5.0,
    "normal_pdf": 8.0,
    "normal_cdf": 32.0,
}


# Functions are inlined, because a loop that contains a call does not become vector code.
INLINE: Any = {"forceinline": True}
jittable = register_jitable(**INLINE)


class _Format(NamedTuple):
    """The constants of a precision: types, bits, the two parts of ln 2, and the number of terms in each series.

    `tail_degree` is the degree of the polynomial for the upper tail of the normal distribution.
    """

    Float: type
    Int: type
    mantissa_bits: int
    exponent_bias: int
    ln2_high: float
    ln2_low: float
    expm1_terms: int
    log1p_terms: int
    tail_degree: int


# The two parts of ln 2 come from FreeBSD's e_exp.c and e_expf.c (Sun Microsystems, 1993).
_FORMATS = {
    types.float64: _Format(
        np.float64, np.int64, 52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10, 13, 17, 24
    ),
    types.float32: _Format(
        np.float32, np.int32, 23, 127, 6.9314575195e-01, 1.4286067653e-06, 7, 8, 13
    ),
}  # fmt: skip


def _polynomial(coefficients, Float):
    """A jittable polynomial, by Horner's rule. The first coefficient is the constant term."""
    if len(coefficients) > 10:
        # LLVM unrolls only short loops. A caller's loop that contains another loop does not become vector code.
        even = _polynomial(coefficients[::2], Float)
        odd = _polynomial(coefficients[1::2], Float)

        @jittable
        def evaluate_halves(x):
            return multiply_add(x, odd(x * x), even(x * x))

        return evaluate_halves

    lead, *rest = (Float(c) for c in reversed(coefficients))
    rest = tuple(rest)

    @jittable
    def evaluate(x):
        value = lead
        for c in rest:
            value = multiply_add(value, x, c)
        return value

    return evaluate


def _reduced_expm1(x):
    """The pair (e^r - 1, k) of the reduction in the module's docstring, where k is an int32."""


@overload(_reduced_expm1, jit_options=INLINE)
def _overload_reduced_expm1(x):
    form = _FORMATS[x]
    inverse_ln2 = form.Float(1 / math.log(2))
    ln2_high, ln2_low = form.Float(form.ln2_high), form.Float(form.ln2_low)
    series = _polynomial([1 / math.factorial(j + 1) for j in range(form.expm1_terms)], form.Float)

    def implementation(x):
        k = np.rint(x * inverse_ln2)
        r = multiply_add(-k, ln2_low, multiply_add(-k, ln2_high, x))
        return r * series(r), np.int32(k)

    return implementation


def _power_of_two(k, like):
    """2^k in the precision of `like`, for k in the range of the normal exponents."""


@overload(_power_of_two, jit_options=INLINE)
def _overload_power_of_two(k, like):
    form = _FORMATS[like]
    Float, Int = form.Float, form.Int
    mantissa_bits, exponent_bias = Int(form.mantissa_bits), Int(form.exponent_bias)

    def implementation(k, like):
        return Int((Int(k) + exponent_bias) << mantissa_bits).view(Float)

    return implementation


def _exponent_range(x):
    """The range of x in which `exp` is computed: from the logarithm of the smallest normal number up to an overflow."""


@overload(_exponent_range, jit_options=INLINE)
def _overload_exponent_range(x):
    form = _FORMATS[x]
    lowest = form.Float((1 - form.exponent_bias) * math.log(2))
    highest = form.Float((form.exponent_bias + 3) * math.log(2))

    def implementation(x):
        return lowest, highest

    return implementation


@jittable
def exp(x):
    """e^x, or 0 if e^x is too small to be a normal number, because processors are slow with subnormal numbers."""
    Float = type(x)
    lowest, highest = _exponent_range(x)
    p, k = _reduced_expm1(min(max(x, lowest), highest))
    # Two factors of 2^k, because 2^k may overflow when the product with e^r does not.
    k_half = k >> 1
    power = (Float(1) + p) * _power_of_two(k_half, x) * _power_of_two(k - k_half, x)
    return Float(0) if x < lowest else power


@jittable
def _expm1_of_small(x):
    """e^x - 1 for |x| <= 80, to full relative accuracy near zero."""
    p, k = _reduced_expm1(x)
    scale = _power_of_two(k, x)
    return multiply_add(scale, p, scale - type(x)(1))


@jittable
def expm1(x):
    """e^x - 1 for x <= 80; larger x give the value at 80."""
    Float = type(x)
    return _expm1_of_small(min(max(x, Float(-80)), Float(80)))


@jittable
def tanh(x):
    """The hyperbolic tangent, from e^{2x} - 1. The cut at |x| = 20 is exact, because tanh(20) rounds to 1."""
    Float = type(x)
    e = _expm1_of_small(Float(2) * min(max(x, Float(-20)), Float(20)))
    return e / (e + Float(2))


@jittable
def logistic(x):
    """1 / (1 + e^{-x})."""
    one = type(x)(1)
    return one / (one + exp(-x))


def _atanh_series(square):
    """1 + s^2 / 3 + s^4 / 5 + ... given s^2 <= 1/9."""


@overload(_atanh_series, jit_options=INLINE)
def _overload_atanh_series(square):
    form = _FORMATS[square]
    series = _polynomial([1 / (2 * j + 1) for j in range(form.log1p_terms)], form.Float)

    def implementation(square):
        return series(square)

    return implementation


@jittable
def log1p(x):
    """log(1 + x) for 0 <= x <= 1: 2 atanh(s) with s = x / (2 + x)."""
    two = type(x)(2)
    s = x / (two + x)
    return two * s * _atanh_series(s * s)


def log(x):
    """log(x) of a normal positive number: with x = 2^k m and m near 1, k log(2) + 2 atanh((m - 1) / (m + 1))."""


@overload(log, jit_options=INLINE)
def _overload_log(x):
    form = _FORMATS[x]
    Float, Int = form.Float, form.Int
    mantissa_bits = Int(form.mantissa_bits)
    # The bits of the square root of 1/2, which is the lower bound of m.
    lowest_bits = Int(Float(math.sqrt(0.5)).view(Int))
    ln2_high, ln2_low = Float(form.ln2_high), Float(form.ln2_low)

    def implementation(x):
        bits = Float(x).view(Int)
        k = (bits - lowest_bits) >> mantissa_bits
        m = Int(bits - (k << mantissa_bits)).view(Float)
        s = (m - Float(1)) / (m + Float(1))
        exponent = Float(k)
        low = multiply_add(exponent, ln2_low, Float(2) * s * _atanh_series(s * s))
        result = multiply_add(exponent, ln2_high, low)
        # Infinity and NaN are returned as they are.
        return result if x < Float(math.inf) else Float(x)

    return implementation


@jittable
def softplus(x):
    """log(1 + e^x), without overflow and without loss of small results."""
    return max(x, type(x)(0)) + log1p(exp(-abs(x)))


@jittable
def normal_pdf(x):
    """The standard normal density."""
    Float = type(x)
    return Float(1 / math.sqrt(2 * math.pi)) * exp(Float(-0.5) * x * x)


def _scaled_upper_tail(t):
    """(1 + 2 a) P(Z > a) / density(a) / sqrt(2 pi), as a polynomial in t = (a - 5) / (a + 5), a >= 0.

    The scaling and the map of the half line onto [-1, 1) follow M. M. Shepherd and J. G. Laframboise, "Chebyshev
    approximation of (1 + 2 x) exp(x^2) erfc(x) in 0 <= x < inf", Mathematics of Computation 36 (1981).
    """
    a = 5 * (1 + t) / (1 - t)
    return (1 + 2 * a) * erfcx(a / math.sqrt(2)) / 2


def upper_tail_coefficients(dtype):
    """Coefficients, from the constant term up, of the polynomial through `_scaled_upper_tail` at Chebyshev points."""
    interpolant = Chebyshev.interpolate(_scaled_upper_tail, _FORMATS[from_dtype(np.dtype(dtype))].tail_degree)
    return interpolant.convert(kind=Polynomial).coef


def _upper_tail_series(t):
    """`_scaled_upper_tail`, computed by the polynomial with `upper_tail_coefficients`."""


@overload(_upper_tail_series, jit_options=INLINE)
def _overload_upper_tail_series(t):
    form = _FORMATS[t]
    series = _polynomial(upper_tail_coefficients(form.Float), form.Float)

    def implementation(t):
        return series(t)

    return implementation


@jittable
def normal_cdf(x):
    """P(Z <= x) for a standard normal Z, to full relative accuracy in the lower tail too."""
    Float = type(x)
    # The cut keeps t finite for infinite x. The tail at the cut is already zero in float64.
    a = min(abs(x), Float(40))
    t = (a - Float(5)) / (a + Float(5))
    tail = exp(Float(-0.5) * a * a) * _upper_tail_series(t) / (Float(1) + Float(2) * a)
    return tail if x < 0 else Float(1) - tail
