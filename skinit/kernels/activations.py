r"""Activation functions: value :math:`f(u)`, slope :math:`f'(u)` and bend :math:`f''(u)`.

`ACTIVATIONS` is the only table of activations. To add an activation, add an entry with three functions of one number.
They compute in the precision of that number, so write `type(u)(2)`, not `2`. The slope and the bend also take the
results computed before them:

``value(u)``, ``slope(u, value)``, ``bend(u, value, slope)``.

At a kink, the slope is the slope on the left, as in scikit-learn (relu: 0 at 0).
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import void

from . import elementary
from .compilation import Kernel, array_types
from .elementary import jittable
from .processor import multiply_add, prefer_wide_vectors

LEAKY_RELU_SLOPE = 0.01
# SELU for positive u is this times u. With `SELU_ALPHA`, mean 0 and variance 1 are a fixed point of a layer: G.
# Klambauer et al., "Self-normalizing neural networks" (2017).
SELU_SCALE = 1.0507009873554804934193349852946
# SELU for negative u is this times `SELU_SCALE` times (e^u - 1).
SELU_ALPHA = 1.6732632423543772848170429916717


class Formulas(NamedTuple):
    """The three scalar functions of an activation, for use inside kernels."""

    value: Callable
    slope: Callable
    bend: Callable


@jittable
def _zero(u, value, slope):
    return type(u)(0)


@jittable
def _identity_value(u):
    return u


@jittable
def _identity_slope(u, value):
    return type(u)(1)


@jittable
def _logistic_slope(u, value):
    return value * (type(u)(1) - value)


@jittable
def _logistic_bend(u, value, slope):
    return slope * (type(u)(1) - type(u)(2) * value)


@jittable
def _tanh_slope(u, value):
    return multiply_add(-value, value, type(u)(1))


@jittable
def _tanh_bend(u, value, slope):
    return type(u)(-2) * value * slope


@jittable
def _relu_value(u):
    return max(u, type(u)(0))


@jittable
def _relu_slope(u, value):
    return type(u)(1) if u > type(u)(0) else type(u)(0)


@jittable
def _leaky_relu_value(u):
    return u if u > type(u)(0) else type(u)(LEAKY_RELU_SLOPE) * u


@jittable
def _leaky_relu_slope(u, value):
    return type(u)(1) if u > type(u)(0) else type(u)(LEAKY_RELU_SLOPE)


@jittable
def _elu_value(u):
    zero = type(u)(0)
    return u if u > zero else elementary.expm1(min(u, zero))


@jittable
def _elu_slope(u, value):
    one = type(u)(1)
    return one if u > type(u)(0) else value + one


@jittable
def _elu_bend(u, value, slope):
    return type(u)(0) if u > type(u)(0) else slope


@jittable
def _selu_value(u):
    Float = type(u)
    zero = Float(0)
    negative = Float(SELU_SCALE * SELU_ALPHA) * elementary.expm1(min(u, zero))
    return Float(SELU_SCALE) * u if u > zero else negative


@jittable
def _selu_slope(u, value):
    Float = type(u)
    return Float(SELU_SCALE) if u > Float(0) else value + Float(SELU_SCALE * SELU_ALPHA)


@jittable
def _softplus_slope(u, value):
    return elementary.logistic(u)


@jittable
def _softplus_bend(u, value, slope):
    return slope * (type(u)(1) - slope)


@jittable
def _softsign_value(u):
    return u / (type(u)(1) + abs(u))


@jittable
def _softsign_slope(u, value):
    closeness = type(u)(1) / (type(u)(1) + abs(u))
    return closeness * closeness


@jittable
def _softsign_bend(u, value, slope):
    sign = type(u)(1) if u > type(u)(0) else type(u)(-1)
    return type(u)(-2) * sign * slope / (type(u)(1) + abs(u))


@jittable
def _silu_value(u):
    return u * elementary.logistic(u)


@jittable
def _silu_slope(u, value):
    gate = elementary.logistic(u)
    return multiply_add(value, type(u)(1) - gate, gate)


@jittable
def _silu_bend(u, value, slope):
    Float = type(u)
    gate = elementary.logistic(u)
    return gate * (Float(1) - gate) * (Float(2) + u * (Float(1) - Float(2) * gate))


@jittable
def _gelu_value(u):
    return u * elementary.normal_cdf(u)


@jittable
def _gelu_slope(u, value):
    return multiply_add(u, elementary.normal_pdf(u), elementary.normal_cdf(u))


@jittable
def _gelu_bend(u, value, slope):
    density = elementary.normal_pdf(u)
    # u * u alone might overflow.
    return type(u)(2) * density - u * (u * density)


ACTIVATIONS = {
    "identity": Formulas(_identity_value, _identity_slope, _zero),
    "logistic": Formulas(elementary.logistic, _logistic_slope, _logistic_bend),
    "tanh": Formulas(elementary.tanh, _tanh_slope, _tanh_bend),
    "relu": Formulas(_relu_value, _relu_slope, _zero),
    "leaky_relu": Formulas(_leaky_relu_value, _leaky_relu_slope, _zero),
    "elu": Formulas(_elu_value, _elu_slope, _elu_bend),
    "selu": Formulas(_selu_value, _selu_slope, _elu_bend),
    "softplus": Formulas(elementary.softplus, _softplus_slope, _softplus_bend),
    "softsign": Formulas(_softsign_value, _softsign_slope, _softsign_bend),
    "silu": Formulas(_silu_value, _silu_slope, _silu_bend),
    "gelu": Formulas(_gelu_value, _gelu_slope, _gelu_bend),
}


def activate_signature(dtype):
    """Signature of kernels that turn a layer's products, of shape (n, d), into its activations, in place.

    The second argument is the intercept, of shape (d,).
    """
    types = array_types(dtype)
    return void(types.matrix, types.data_vector)


def activate_with_slopes_signature(dtype):
    """Signature of kernels that also write the slopes, of shape (n, d), and possibly the bends."""
    types = array_types(dtype)
    return void(types.matrix, types.data_vector, types.matrix, types.matrix)


def _make_activate(value):
    def activate(products, intercept):
        prefer_wide_vectors()
        for i in range(products.shape[0]):
            for j in range(products.shape[1]):
                products[i, j] = value(products[i, j] + intercept[j])

    return activate


def _make_activate_with_slopes(value, slope):
    def activate_with_slopes(products, intercept, slopes, bends):
        prefer_wide_vectors()
        for i in range(products.shape[0]):
            for j in range(products.shape[1]):
                u = products[i, j] + intercept[j]
                activation = value(u)
                products[i, j] = activation
                slopes[i, j] = slope(u, activation)

    return activate_with_slopes


def _make_activate_with_bends(value, slope, bend):
    def activate_with_bends(products, intercept, slopes, bends):
        prefer_wide_vectors()
        for i in range(products.shape[0]):
            for j in range(products.shape[1]):
                u = products[i, j] + intercept[j]
                activation = value(u)
                u_slope = slope(u, activation)
                products[i, j] = activation
                slopes[i, j] = u_slope
                bends[i, j] = bend(u, activation, u_slope)

    return activate_with_bends


def _make_evaluate(value, slope, bend):
    def evaluate(preactivations, values, slopes, bends):
        prefer_wide_vectors()
        for i in range(preactivations.size):
            u = preactivations[i]
            values[i] = value(u)
            slopes[i] = slope(u, values[i])
            bends[i] = bend(u, values[i], slopes[i])

    return evaluate


def _formulas_of(activation) -> Formulas:
    """The formulas of an activation, given as a name in `ACTIVATIONS` or as an object with its own `formulas`."""
    return ACTIVATIONS[activation] if isinstance(activation, str) else activation.formulas


@cache
def compile_activate(activation, dtype: np.dtype) -> Kernel:
    """``activate(products, intercept)``: add the intercept and apply `activation`, in place."""
    value, _, _ = _formulas_of(activation)
    return Kernel(_make_activate(value), activate_signature(dtype))


@cache
def compile_activate_with_slopes(activation, dtype: np.dtype) -> Kernel:
    """``activate(products, intercept, slopes, bends)``: like `compile_activate`, but also write f'(u) to `slopes`."""
    value, slope, _ = _formulas_of(activation)
    return Kernel(_make_activate_with_slopes(value, slope), activate_with_slopes_signature(dtype))


@cache
def compile_activate_with_bends(activation, dtype: np.dtype) -> Kernel:
    """Like `compile_activate_with_slopes`, but also write f''(u) to `bends`."""
    return Kernel(_make_activate_with_bends(*_formulas_of(activation)), activate_with_slopes_signature(dtype))


@cache
def _compile_evaluate(activation, dtype: np.dtype) -> Callable:
    types = array_types(dtype)
    return Kernel(
        _make_evaluate(*_formulas_of(activation)),
        void(types.data_vector, types.vector, types.vector, types.vector),
    )


def evaluate(activation, preactivations: np.ndarray) -> tuple[np.ndarray, ...]:
    """Value, slope and bend of an activation, each with the shape and dtype of `preactivations`."""
    flat = np.ascontiguousarray(preactivations).ravel()
    results = tuple(np.empty_like(flat) for _ in range(3))
    _compile_evaluate(activation, flat.dtype)(flat, *results)
    return tuple(result.reshape(preactivations.shape) for result in results)
