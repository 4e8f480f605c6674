r"""Losses for regression (see `losses`). Each takes one target for each output, except `quantiles`.

The first constant is the cap on log losses, which these losses ignore. The second is delta for the Huber loss, and the
spread `s` of the targets for the absolute error and the pinball losses. The pinball losses take the levels after it.

The second derivative of the absolute error and of the pinball loss is zero wherever it exists. So it is replaced by the
second derivative of the expected loss, for residuals with the spread `s`. With the residuals' density `p`, it is
:math:`2 p(0)` for the absolute error, and :math:`p(F^{-1}(\tau))` for the pinball loss with the level :math:`\tau`. For
Laplace's distribution these are :math:`1 / s` and :math:`\min(\tau, 1 - \tau) / s`.
"""

import numpy as np
import scipy.special
from numba import float64

from . import elementary
from .compilation import inner
from .elementwise import apply, copy
from .processor import prefer_wide_vectors


def squared_error(preactivations, targets, weights, deltas, constants):
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


def poisson(preactivations, targets, weights, deltas, constants):
    """Half of the Poisson deviance with the mean exp(u), summed over outputs."""
    prefer_wide_vectors()
    means = deltas
    copy(preactivations, means)
    apply(elementary.exp, means)
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


def gamma(preactivations, targets, weights, deltas, constants):
    """Half of the gamma deviance with the mean exp(u), summed over outputs."""
    prefer_wide_vectors()
    ratios = deltas
    for i in range(preactivations.shape[0]):
        for j in range(preactivations.shape[1]):
            ratios[i, j] = -preactivations[i, j]
    apply(elementary.exp, ratios)
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            y = targets[i, j]
            ratio = y * ratios[i, j]
            row += float64(ratio) + float64(preactivations[i, j]) - 1.0
            # A positive target may be too small for float32.
            if y > 0:
                row -= elementary.log(float64(y))
            deltas[i, j] = weights[i] - weights[i] * ratio
        total += float64(weights[i]) * row
    return total


def huber(preactivations, targets, weights, deltas, constants):
    """Half of the squared difference up to delta, continued by a straight line, summed over outputs."""
    delta = constants[1]
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            difference = float64(preactivations[i, j]) - float64(targets[i, j])
            distance = abs(difference)
            slope = difference
            if distance > delta:
                slope = delta if difference > 0 else -delta
                row += delta * (distance - delta / 2)
            else:
                row += difference * difference / 2
            deltas[i, j] = weights[i] * slope
        total += float64(weights[i]) * row
    return total


@inner
def _pinball(difference, level):
    """The pinball loss of prediction minus target, and its slope, which is zero at the kink."""
    slope = difference
    if difference > 0:
        slope = 1.0 - level
    elif difference < 0:
        slope = -level
    # A difference of NaN has a slope of NaN.
    return difference * slope, slope


def absolute_error(preactivations, targets, weights, deltas, constants):
    """The absolute difference, summed over outputs."""
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            half, slope = _pinball(float64(preactivations[i, j]) - float64(targets[i, j]), 0.5)
            row += 2 * half
            deltas[i, j] = weights[i] * 2 * slope
        total += float64(weights[i]) * row
    return total


def quantile(preactivations, targets, weights, deltas, constants):
    """The pinball loss, summed over outputs."""
    total = 0.0
    for i in range(preactivations.shape[0]):
        row = 0.0
        for j in range(preactivations.shape[1]):
            loss, slope = _pinball(float64(preactivations[i, j]) - float64(targets[i, j]), constants[2])
            row += loss
            deltas[i, j] = weights[i] * slope
        total += float64(weights[i]) * row
    return total


def quantiles(preactivations, targets, weights, deltas, constants):
    """The sum of the pinball losses of several quantiles of one target.

    A quantile is the previous quantile plus the softplus of a preactivation. The first is the first preactivation.
    """
    n_levels = preactivations.shape[1]
    total = 0.0
    for i in range(preactivations.shape[0]):
        row, prediction = 0.0, 0.0
        for k in range(n_levels):
            u = float64(preactivations[i, k])
            prediction += u if k == 0 else elementary.softplus(u)
            loss, slope = _pinball(prediction - float64(targets[i, 0]), constants[2 + k])
            row += loss
            deltas[i, k] = slope
        above = 0.0
        for k in range(n_levels - 1, -1, -1):
            above += float64(deltas[i, k])
            u = float64(preactivations[i, k])
            deltas[i, k] = weights[i] * above * (1.0 if k == 0 else elementary.logistic(u))
        total += float64(weights[i]) * row
    return total


def curve_squared_error(preactivations, targets, weights, tangents, out, constants):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * tangents[i, j]


def curve_poisson(preactivations, targets, weights, tangents, out, constants):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * elementary.exp(preactivations[i, j]) * tangents[i, j]


def curve_gamma(preactivations, targets, weights, tangents, out, constants):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * targets[i, j] * elementary.exp(-preactivations[i, j]) * tangents[i, j]


def curve_huber(preactivations, targets, weights, tangents, out, constants):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            is_line = abs(float64(preactivations[i, j]) - float64(targets[i, j])) > constants[1]
            out[i, j] = 0.0 if is_line else weights[i] * tangents[i, j]


def curve_absolute_error(preactivations, targets, weights, tangents, out, constants):
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * tangents[i, j] / constants[1]


def curve_quantile(preactivations, targets, weights, tangents, out, constants):
    curvature = min(constants[2], 1.0 - constants[2]) / constants[1]
    for i in range(tangents.shape[0]):
        for j in range(tangents.shape[1]):
            out[i, j] = weights[i] * tangents[i, j] * curvature


def curve_quantiles(preactivations, targets, weights, tangents, out, constants):
    """The second derivative of the loss, without the second derivatives of the quantiles themselves."""
    n_levels = preactivations.shape[1]
    for i in range(tangents.shape[0]):
        tangent = 0.0
        for k in range(n_levels):
            slope = 1.0 if k == 0 else elementary.logistic(float64(preactivations[i, k]))
            tangent += slope * float64(tangents[i, k])
            level = constants[2 + k]
            out[i, k] = tangent * min(level, 1.0 - level) / constants[1]
        above = 0.0
        for k in range(n_levels - 1, -1, -1):
            slope = 1.0 if k == 0 else elementary.logistic(float64(preactivations[i, k]))
            above += float64(out[i, k])
            out[i, k] = weights[i] * slope * above


def curve_norms_squared_error(preactivations, targets, constants):
    return np.ones(len(preactivations))


def curve_norms_poisson(preactivations, targets, constants):
    return np.exp(preactivations.max(axis=1).astype(np.float64))


def curve_norms_gamma(preactivations, targets, constants):
    return (targets * np.exp(-preactivations.astype(np.float64))).max(axis=1)


def curve_norms_huber(preactivations, targets, constants):
    differences = preactivations.astype(np.float64) - targets
    return 1.0 - (np.abs(differences) > constants[1]).all(axis=1)


def curve_norms_absolute_error(preactivations, targets, constants):
    return np.full(len(preactivations), 1 / constants[1])


def curve_norms_quantile(preactivations, targets, constants):
    return np.full(len(preactivations), min(constants[2], 1 - constants[2]) / constants[1])


def curve_norms_quantiles(preactivations, targets, constants):
    levels = constants[2:]
    roots = np.sqrt(np.minimum(levels, 1 - levels) / constants[1])
    slopes = scipy.special.expit(preactivations.astype(np.float64))
    slopes[:, 0] = 1
    # Each quantile depends on the preactivations up to its own. The second derivative is F^T F with these factors F, so
    # its norm is the square of their norm.
    factors = np.tril(roots[:, np.newaxis] * slopes[:, np.newaxis, :])
    is_finite = np.isfinite(slopes).all(axis=1)
    norms = np.full(len(slopes), np.nan)
    norms[is_finite] = np.linalg.norm(factors[is_finite], ord=2, axis=(1, 2)) ** 2
    return norms
