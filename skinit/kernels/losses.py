r"""Losses of the output layer's preactivations, and their gradients.

`LOSSES` is the one place that knows them. Each takes the preactivations :math:`u` (not the outputs), so that a
confident wrong prediction costs what it should: nothing overflows on the way and no logarithm of zero is taken. With
row weights :math:`s_i` it returns :math:`\sum_i s_i \ell(u_i, y_i)` and writes the deltas
:math:`s_i \, \partial \ell / \partial u_{ij}`; dividing by :math:`\sum_i s_i` is left to the caller.

No log loss of one output counts for more than `cap`, which may be infinite: scikit-learn, which clips probabilities at
machine epsilon, has `SCIKIT_LEARN_CAP`, and the line searches of L-BFGS run into it. Deltas are never clipped.

A new loss is one more entry: a kernel ``loss(preactivations, targets, weights, deltas, cap) -> sum``, a kernel of its
second derivative and the norm of that, the output activation that turns preactivations into predictions, and how
scikit-learn averages it.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy.special
from numba import float64, void

from . import elementary
from .compilation import Kernel, array_types, inner
from .processor import prefer_wide_vectors

SCIKIT_LEARN_CAP = -math.log(np.finfo(np.float64).eps)


class Loss(NamedTuple):
    """A loss and the output activation that belongs to it."""

    kernel: Callable
    # Its second derivative times tangents: ``curve(preactivations, targets, weights, tangents, out)``.
    curve: Callable
    # The spectral norm of the second derivative for each row of preactivations, in float64, by NumPy.
    curve_norms: Callable
    out_activation: str
    # From preactivations to predictions, in place where it can.
    predict: Callable
    # scikit-learn reports the squared error as a mean over outputs, and the others as a sum; all of them descend
    # along the gradient of the sum.
    reports_mean_over_outputs: bool = False


@inner
def _copy(values, out):
    """out = values; the assignment of whole arrays takes numba two seconds to compile."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = values[i, j]


@inner
def _apply(function, values):
    """values = function(values), by one loop: rows may be too short for vector code."""
    flat = values.reshape(values.size)
    for i in range(flat.size):
        flat[i] = function(flat[i])


@inner
def _exp_of_margins(preactivations, out):
    """out = the exponentials of each row less its largest."""
    for i in range(preactivations.shape[0]):
        highest = preactivations[i, 0]
        for j in range(1, preactivations.shape[1]):
            highest = max(highest, preactivations[i, j])
        for j in range(preactivations.shape[1]):
            out[i, j] = preactivations[i, j] - highest
    _apply(elementary.exp, out)


def _squared_error(preactivations, targets, weights, deltas, cap):
    """Half of the squared difference, summed over outputs."""
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            difference = preactivations[i, j] - targets[i, j]
            deltas[i, j] = weights[i] * difference
            row += float64(difference) * float64(difference)
        total += float64(weights[i]) * row
    return total / 2


def _poisson(preactivations, targets, weights, deltas, cap):
    """Half of the Poisson deviance of the mean exp(u), summed over outputs."""
    prefer_wide_vectors()
    means = deltas
    _copy(preactivations, means)
    _apply(elementary.exp, means)
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            y = targets[i, j]
            row += float64(means[i, j])
            if y > 0:
                row += float64(y) * (elementary.log(float64(y)) - float64(preactivations[i, j]) - 1.0)
            deltas[i, j] = weights[i] * (means[i, j] - y)
        total += float64(weights[i]) * row
    return total


def _log_loss(preactivations, targets, weights, deltas, cap):
    """Cross-entropy of the softmax; a target is the number of its class."""
    prefer_wide_vectors()
    n_classes = preactivations.shape[1]
    _exp_of_margins(preactivations, deltas)
    total = 0.0
    for i in range(preactivations.shape[0]):
        highest = preactivations[i, 0]
        normalizer = deltas[i, 0]
        for j in range(1, n_classes):
            highest = max(highest, preactivations[i, j])
            normalizer += deltas[i, j]
        label = int(targets[i, 0])
        # In float32 the difference may overflow.
        margin = float64(preactivations[i, label]) - float64(highest)
        scale = weights[i] / normalizer
        for j in range(n_classes):
            deltas[i, j] *= scale
        deltas[i, label] -= weights[i]
        row = elementary.log(float64(normalizer)) - margin
        total += float64(weights[i]) * min(row, cap)
    return total


def _binary_log_loss(preactivations, targets, weights, deltas, cap):
    """Cross-entropy of the logistic function, summed over outputs; a target is 0 or 1."""
    prefer_wide_vectors()
    costs = deltas
    for i in range(preactivations.shape[0]):
        for j in range(preactivations.shape[1]):
            u = preactivations[i, j]
            costs[i, j] = -u if targets[i, j] > 0 else u
    _apply(elementary.softplus, costs)
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            row += min(float64(costs[i, j]), cap)
        total += float64(weights[i]) * row
    _copy(preactivations, deltas)
    _apply(elementary.logistic, deltas)
    for i in range(preactivations.shape[0]):
        for j in range(preactivations.shape[1]):
            deltas[i, j] = weights[i] * (deltas[i, j] - targets[i, j])
    return total


def _curve_squared_error(preactivations, targets, weights, tangents, out):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * tangents[i, j]


def _curve_poisson(preactivations, targets, weights, tangents, out):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * elementary.exp(preactivations[i, j]) * tangents[i, j]


def _curve_log_loss(preactivations, targets, weights, tangents, out):
    n_classes = preactivations.shape[1]
    _exp_of_margins(preactivations, out)
    for i in range(preactivations.shape[0]):
        normalizer = out[i, 0]
        mean = out[i, 0] * tangents[i, 0]
        for j in range(1, n_classes):
            normalizer += out[i, j]
            mean += out[i, j] * tangents[i, j]
        mean /= normalizer
        scale = weights[i] / normalizer
        for j in range(n_classes):
            out[i, j] *= scale * (tangents[i, j] - mean)


def _curve_binary_log_loss(preactivations, targets, weights, tangents, out):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            u = preactivations[i, j]
            variance = elementary.logistic(u) * elementary.logistic(-u)
            out[i, j] = weights[i] * variance * tangents[i, j]


def _curve_norms_squared_error(preactivations):
    return np.ones(len(preactivations))


def _curve_norms_poisson(preactivations):
    return np.exp(preactivations.max(axis=1).astype(np.float64))


def _curve_norms_log_loss(preactivations):
    r"""The largest eigenvalue of :math:`\mathrm{diag}(p) - p p^T` with the probabilities `p`.

    With :math:`p_1 \ge p_2 \ge \dots` it lies between :math:`p_2` and :math:`p_1` and solves the secular equation
    :math:`\sum_j p_j / (p_j - \lambda) = 0`, which is

    .. math:: \lambda = \frac{p_1 (p_2 + c)}{p_1 + c}, \qquad
              c = p_2 + \sum_{j > 2} p_j \frac{\lambda - p_2}{\lambda - p_j} .

    Iterations that begin with the largest `c`, :math:`1 - p_1`, fall to the solution. Each is an upper bound. All terms
    are positive, so that the result has full relative accuracy even where it vanishes.
    """
    ordered = -np.sort(-preactivations.astype(np.float64), axis=1)
    probabilities = np.exp(ordered - ordered[:, :1])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    first, others = probabilities[:, :1], probabilities[:, 1:]
    if others.shape[1] == 0:
        return np.zeros(len(preactivations))
    second, rest = others[:, :1], others[:, 1:]
    c = others.sum(axis=1, keepdims=True)
    norms = first * (second + c) / (first + c)
    # Of 200,000 rows of 3 to 100 classes none took more than 20.
    for _ in range(100):
        shares = np.divide(norms - second, norms - rest, out=np.ones_like(rest), where=norms > rest)
        c = second + (rest * shares).sum(axis=1, keepdims=True)
        lower = first * (second + c) / (first + c)
        is_done = not (lower < norms * (1 - 4 * np.finfo(np.float64).eps)).any()
        norms = np.fmin(lower, norms)
        if is_done:
            break
    return norms.ravel()


def _curve_norms_binary_log_loss(preactivations):
    nearest = np.abs(preactivations).min(axis=1).astype(np.float64)
    return scipy.special.expit(nearest) * scipy.special.expit(-nearest)


def _identity(preactivations):
    return preactivations


def _exp(preactivations):
    return np.exp(preactivations, out=preactivations)


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
        _squared_error,
        _curve_squared_error,
        _curve_norms_squared_error,
        "identity",
        _identity,
        reports_mean_over_outputs=True,
    ),
    "poisson": Loss(_poisson, _curve_poisson, _curve_norms_poisson, "exp", _exp),
    "log_loss": Loss(_log_loss, _curve_log_loss, _curve_norms_log_loss, "softmax", _softmax),
    "binary_log_loss": Loss(
        _binary_log_loss, _curve_binary_log_loss, _curve_norms_binary_log_loss, "logistic", _logistic
    ),
}

# From preactivations to predictions, by the name in the fitted attribute `out_activation_`.
OUTPUT_ACTIVATIONS = {loss.out_activation: loss.predict for loss in LOSSES.values()}
# The logarithms of probabilities, likewise.
LOG_OUTPUT_ACTIVATIONS = {"softmax": _log_softmax, "logistic": _log_logistic}


def loss_signature(dtype):
    """Of every loss kernel."""
    types = array_types(dtype)
    return float64(types.matrix, types.data_matrix, types.data_vector, types.matrix, float64)


@cache
def compile_loss(name: str, dtype: np.dtype) -> Kernel:
    """``loss(preactivations, targets, weights, deltas, cap)``: the weighted sum; deltas are written."""
    return Kernel(LOSSES[name].kernel, loss_signature(dtype))


def curve_signature(dtype):
    """Of every loss's second derivative."""
    types = array_types(dtype)
    return void(types.matrix, types.data_matrix, types.data_vector, types.matrix, types.matrix)


@cache
def compile_curve(name: str, dtype: np.dtype) -> Kernel:
    """``curve(preactivations, targets, weights, tangents, out)``: out = weights * (the second derivative) tangents."""
    return Kernel(LOSSES[name].curve, curve_signature(dtype))
