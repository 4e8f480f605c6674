r"""Losses of the output layer's preactivations, and their gradients.

`LOSSES` is the one place that knows them. Each takes the preactivations :math:`u` (not the outputs), so that a
confident wrong prediction costs what it should: nothing overflows on the way and no logarithm of zero is taken. With
row weights :math:`s_i` it returns :math:`\sum_i s_i \ell(u_i, y_i)` and writes the deltas
:math:`s_i \, \partial \ell / \partial u_{ij}`; dividing by :math:`\sum_i s_i` is left to the caller.

A loss also takes a vector of `constants`. The first is the most that a single log loss counts for, which may be
infinite: scikit-learn, which clips probabilities at machine epsilon, has `SCIKIT_LEARN_CAP`, and the line searches of
L-BFGS run into it. Deltas are never clipped. The others are the loss's own.

A new loss is one more entry: a kernel ``loss(preactivations, targets, weights, deltas, constants) -> sum``, a kernel of
its second derivative and the norm of that, the output activation that turns preactivations into predictions, and its
constants.
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

SCIKIT_LEARN_CAP = -math.log(np.finfo(np.float64).eps)


class Loss(NamedTuple):
    """A loss and the output activation that belongs to it."""

    kernel: Callable
    # Its second derivative times tangents: ``curve(preactivations, targets, weights, tangents, out, constants)``.
    curve: Callable
    # The spectral norm of that for each row, ``curve_norms(preactivations, targets, constants)``, in float64, by NumPy.
    curve_norms: Callable
    out_activation: str
    # From preactivations to predictions, in place where it can.
    predict: Callable
    # Its constants but the cap, where no others are given.
    constants: tuple[float, ...] = ()
    # What a column of targets belongs to: "an output", "all outputs", or "a group of outputs". A loss of groups has
    # more constants after its others: where each group begins, and where the last one ends.
    target_of: str = "an output"
    # Whether it has one more constant for each output.
    has_constant_for_each_output: bool = False
    # Whether targets are numbers of classes, or, with one for each output, 0 and 1.
    is_of_classes: bool = False
    # The squared error is reported as a mean over outputs, as by scikit-learn, and so are those which it does not have;
    # the others are reported as a sum. All of them descend along the gradient of the sum.
    reports_mean_over_outputs: bool = False


def _identity(preactivations):
    return preactivations


def _exp(preactivations):
    return np.exp(preactivations, out=preactivations)


def _cumulative_softplus(preactivations):
    """The first preactivation, and each later one's softplus added to the number before: rows do not descend."""
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
    """Logarithms of the softmax, by log1p so that the largest keeps its digits near 0."""
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

# From preactivations to predictions, by the name in the fitted attribute `out_activation_`.
OUTPUT_ACTIVATIONS = {loss.out_activation: loss.predict for loss in LOSSES.values()}
# The logarithms of probabilities, likewise.
LOG_OUTPUT_ACTIVATIONS = {"softmax": _log_softmax, "logistic": _log_logistic}


def loss_signature(dtype):
    """Of every loss kernel."""
    types = array_types(dtype)
    return float64(types.matrix, types.data_matrix, types.data_vector, types.matrix, FLOAT64_DATA)


@cache
def compile_loss(name: str, dtype: np.dtype) -> Kernel:
    """``loss(preactivations, targets, weights, deltas, constants)``: the weighted sum; deltas are written."""
    return Kernel(LOSSES[name].kernel, loss_signature(dtype))


def curve_signature(dtype):
    """Of every loss's second derivative."""
    types = array_types(dtype)
    return void(types.matrix, types.data_matrix, types.data_vector, types.matrix, types.matrix, FLOAT64_DATA)


@cache
def compile_curve(name: str, dtype: np.dtype) -> Kernel:
    """``curve(..., tangents, out, constants)``: out = weights * (the second derivative) tangents."""
    return Kernel(LOSSES[name].curve, curve_signature(dtype))
