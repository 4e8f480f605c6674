r"""Activations of hidden layers and of outputs, in operators of ONNX.

Like the kernels, they give no NaN, lose no digits in the tails, and have full precision in float64. ONNX has operators
with many of these names. They are not used because onnxruntime's Softplus overflows in float64, its Sigmoid and Elu
lose digits, LeakyRelu has a float32 slope, and Erf takes only float32.
"""

from collections.abc import Callable

import numpy as np

from ..kernels.activations import LEAKY_RELU_SLOPE, SELU_ALPHA, SELU_SCALE
from ..kernels.elementary import upper_tail_coefficients
from .graph import Tensor

Formula = Callable[[Tensor], Tensor]


def _where(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return condition.node("Where", yes, no)


def _identity(u: Tensor) -> Tensor:
    return u


def _logistic(u: Tensor) -> Tensor:
    return 1 / (1 + (-u).node("Exp"))


def _expm1_of_negative(u: Tensor) -> Tensor:
    """e^u - 1 = 2 t / (1 - t) with t = tanh(u / 2), which is accurate near 0."""
    t = (u.node("Min", 0) / 2).node("Tanh")
    return 2 * t / (1 - t)


def _elu(u: Tensor) -> Tensor:
    return _where(u > 0, u, _expm1_of_negative(u))


def _selu(u: Tensor) -> Tensor:
    return _where(u > 0, SELU_SCALE * u, SELU_SCALE * SELU_ALPHA * _expm1_of_negative(u))


def _softplus(u: Tensor) -> Tensor:
    """max(u, 0) + log(1 + e) with e = exp(-|u|)."""
    e = (-abs(u)).node("Exp")
    # W. Kahan's formula: log(1 + e) = log(s) * e / (s - 1), where s is the rounded sum 1 + e.
    total = 1 + e
    left = total - 1
    log1p = _where(left > 0, total.node("Log") * (e / left), e)
    return u.node("Max", 0) + log1p


def _softsign(u: Tensor) -> Tensor:
    return u / (1 + abs(u))


def _normal_cdf(u: Tensor) -> Tensor:
    """The normal distribution function, with the polynomial of `normal_cdf` in `kernels/elementary.py`."""
    a = abs(u).node("Min", 40)
    t = (a - 5) / (a + 5)
    lead, *rest = reversed(upper_tail_coefficients(u.graph.dtype).tolist())
    series = u.graph.tensor(lead)
    for coefficient in rest:
        series = series * t + coefficient
    tail = (-0.5 * a * a).node("Exp") * series / (1 + 2 * a)
    return _where(u > 0, 1 - tail, tail)


ONNX_ACTIVATIONS: dict[str, Formula] = {
    "identity": _identity,
    "logistic": _logistic,
    "tanh": lambda u: u.node("Tanh"),
    "relu": lambda u: u.node("Relu"),
    "leaky_relu": lambda u: u.node("Max", LEAKY_RELU_SLOPE * u),
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "softsign": _softsign,
    "silu": lambda u: u * _logistic(u),
    "gelu": lambda u: u * _normal_cdf(u),
}


def _cumulative_softplus(u: Tensor) -> Tensor:
    return u.columns(0, 1).node("Concat", _softplus(u.columns(1)), axis=1).node("CumSum", np.array(1))


# Output activations by the name in the fitted attribute `out_activation_`.
ONNX_OUTPUT_ACTIVATIONS: dict[str, Formula] = {
    "identity": _identity,
    "exp": lambda u: u.node("Exp"),
    "cumulative_softplus": _cumulative_softplus,
    "softmax": lambda u: u.node("Softmax", axis=1),
    "logistic": _logistic,
}
