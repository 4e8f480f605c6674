r"""Losses of the output layer's preactivations, and their gradients.

`LOSSES` is the only table of losses. Each loss takes the preactivations :math:`u` (not the outputs), so nothing
overflows, no logarithm of zero is taken, and a confident wrong prediction has its full cost. With row weights
:math:`s_i`, a loss returns :math:`\sum_i s_i \ell(u_i, y_i)` and writes the deltas
:math:`s_i \, \partial \ell / \partial u_{ij}`. The caller divides by :math:`\sum_i s_i`. The loss of a row is a sum
over outputs.

The shapes are (n, n_outputs) for preactivations, deltas and tangents, (n, n_targets) for targets, and (n,) for weights.
All of them have the dtype of the network. A loss is summed in float64.

A loss also takes a float64 vector of `constants`. The first is the largest value that a single log loss can have, and
it may be infinite. scikit-learn clips probabilities at machine epsilon, so its log losses are at most
`SCIKIT_LEARN_CAP`. Training uses the same cap, because the line searches of L-BFGS try steps at which losses exceed it.
Deltas are never clipped. The remaining constants depend on the loss.

To add a loss, add an entry with a kernel ``loss(preactivations, targets, weights, deltas, constants) -> sum``, a kernel
for its second derivative, the norm of this derivative, the output activation that turns preactivations into
predictions, and the constants.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy.special
from numba import float64, void

from . import classification_losses as classification
from . import regression_losses as regression
from .compilation import FLOAT64_DATA, Kernel, array_types

# The largest log loss of scikit-learn, about 36.
SCIKIT_LEARN_CAP = -math.log(np.finfo(np.float64).eps)


class Loss(NamedTuple):
    """A loss and the output activation that belongs to it."""

    kernel: Callable
    # Its second derivative times tangents: ``curve(preactivations, targets, weights, tangents, out, constants)``.
    curve: Callable
    # The spectral norm of the second derivative for each row, ``curve_norms(preactivations, targets, constants)``,
    # computed by NumPy in float64.
    curve_norms: Callable
    out_activation: str
    # Turns preactivations into predictions, in place if possible.
    predict: Callable
    # The default constants, without the cap.
    constants: tuple[float, ...] = ()
    # A column of targets belongs to "an output", "all outputs", or "a group of outputs". A loss with groups takes
    # further constants after the others: the start of each group, and the end of the last group.
    target_of: str = "an output"
    # Whether it takes one further constant for each output.
    has_constant_for_each_output: bool = False
    # Whether targets are classes: 0 or 1 if each output has its own target, and class indices otherwise.
    is_of_classes: bool = False
    # Whether the reported loss is a mean over outputs, as scikit-learn reports the squared error. Losses that
    # scikit-learn does not have are reported in the same way. The others are reported as a sum over outputs. Training
    # always minimizes the sum.
    reports_mean_over_outputs: bool = False


def _identity(preactivations):
    return preactivations


def _exp(preactivations):
    return np.exp(preactivations, out=preactivations)


def _cumulative_softplus(preactivations):
    """Cumulative sums of the first preactivation and the softplus of each later one, so no row decreases."""
    np.logaddexp(preactivations[:, 1:], 0, out=preactivations[:, 1:])
    return np.cumsum(preactivations, axis=1, out=preactivations)


def _softmax(preactivations):
    preactivations -= preactivations.max(axis=1, keepdims=True)
    np.exp(preactivations, out=preactivations)
    preactivations /= preactivations.sum(axis=1, keepdims=True)
    return preactivations


def _logistic(preactivations):
    return scipy.special.expit(preactivations, out=preactivations)


def _log_softmax(preactivations):
    """Logarithms of the softmax. log1p keeps the digits of the largest logarithm if it is near 0."""
    rows = np.arange(len(preactivations))
    highest = preactivations.argmax(axis=1)
    # The difference of two finite numbers may overflow.
    with np.errstate(over="ignore"):
        margins = preactivations - preactivations[rows, highest][:, np.newaxis]
    others = np.exp(margins)
    others[rows, highest] = 0
    result = margins - np.log1p(others.sum(axis=1, keepdims=True))
    return np.maximum(result, np.finfo(result.dtype).min, out=result)


def _log_logistic(preactivations):
    return scipy.special.log_expit(preactivations)


LOSSES = {
    "squared_error": Loss(
        regression.squared_error,
        regression.curve_squared_error,
        regression.curve_norms_squared_error,
        "identity",
        _identity,
        reports_mean_over_outputs=True,
    ),
    "huber": Loss(
        regression.huber,
        regression.curve_huber,
        regression.curve_norms_huber,
        "identity",
        _identity,
        constants=(1.0,),
        reports_mean_over_outputs=True,
    ),
    "absolute_error": Loss(
        regression.absolute_error,
        regression.curve_absolute_error,
        regression.curve_norms_absolute_error,
        "identity",
        _identity,
        constants=(1.0,),
        reports_mean_over_outputs=True,
    ),
    "quantile": Loss(
        regression.quantile,
        regression.curve_quantile,
        regression.curve_norms_quantile,
        "identity",
        _identity,
        constants=(1.0, 0.5),
        reports_mean_over_outputs=True,
    ),
    "quantiles": Loss(
        regression.quantiles,
        regression.curve_quantiles,
        regression.curve_norms_quantiles,
        "cumulative_softplus",
        _cumulative_softplus,
        constants=(1.0,),
        target_of="all outputs",
        has_constant_for_each_output=True,
        reports_mean_over_outputs=True,
    ),
    "gamma": Loss(
        regression.gamma,
        regression.curve_gamma,
        regression.curve_norms_gamma,
        "exp",
        _exp,
        reports_mean_over_outputs=True,
    ),
    "poisson": Loss(regression.poisson, regression.curve_poisson, regression.curve_norms_poisson, "exp", _exp),
    "log_loss": Loss(
        classification.log_loss,
        classification.curve_log_loss,
        classification.curve_norms_log_loss,
        "softmax",
        _softmax,
        constants=(0.0,),
        target_of="all outputs",
        is_of_classes=True,
    ),
    "log_losses": Loss(
        classification.log_losses,
        classification.curve_log_losses,
        classification.curve_norms_log_losses,
        "softmax",
        _softmax,
        constants=(0.0,),
        target_of="a group of outputs",
        is_of_classes=True,
    ),
    "binary_log_loss": Loss(
        classification.binary_log_loss,
        classification.curve_binary_log_loss,
        classification.curve_norms_binary_log_loss,
        "logistic",
        _logistic,
        constants=(0.0,),
        is_of_classes=True,
    ),
}

# Functions from preactivations to predictions, by the name in the fitted attribute `out_activation_`.
OUTPUT_ACTIVATIONS = {loss.out_activation: loss.predict for loss in LOSSES.values()}
# Functions from preactivations to logarithms of probabilities, by the same name.
LOG_OUTPUT_ACTIVATIONS = {"softmax": _log_softmax, "logistic": _log_logistic}


def loss_signature(dtype):
    """Signature of a loss."""
    types = array_types(dtype)
    return float64(types.matrix, types.data_matrix, types.data_vector, types.matrix, FLOAT64_DATA)


@cache
def compile_loss(name: str, dtype: np.dtype) -> Kernel:
    """``loss(preactivations, targets, weights, deltas, constants)``: return the weighted sum and write the deltas."""
    return Kernel(LOSSES[name].kernel, loss_signature(dtype))


def curve_signature(dtype):
    """Signature of the second derivative of a loss."""
    types = array_types(dtype)
    return void(types.matrix, types.data_matrix, types.data_vector, types.matrix, types.matrix, FLOAT64_DATA)


@cache
def compile_curve(name: str, dtype: np.dtype) -> Kernel:
    """``curve(..., tangents, out, constants)``: out = the second derivative times the tangents, times the weights."""
    return Kernel(LOSSES[name].curve, curve_signature(dtype))
