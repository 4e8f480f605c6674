r"""The step of each solver: one loop over the parameter vector.

``step(theta, gradient, slots, scalars, n_weights, alpha, weight_sum) -> sum of squared weights``. `gradient` is that of
the summed loss of a mini-batch; the mean loss with its L2 penalty,

.. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \ell_i + \frac{\alpha}{2} \sum_k \|W_k\|^2 \right),

has the gradient ``(gradient + alpha * theta) / weight_sum``, the penalty on the first `n_weights` entries only (not
on the intercepts). `slots` has a row of the length of `theta` for each vector the solver keeps, `scalars` (float64)
what it needs besides. What is returned is taken before the step, for the loss. A mini-batch whose weights are all zero
takes no step.
"""

import math
from functools import cache

import numpy as np
from numba import float64, int64

from .compilation import FLOAT64_VECTOR, Kernel, array_types, inner
from .processor import multiply_add, prefer_wide_vectors
from .products import sum_of_squares

# Parameters at a time, which stay in the cache between the sum of their squares and their step.
CHUNK = 1024


def _sgd(theta, gradient, slots, scalars, n_weights, alpha, weight_sum):
    """scalars: learning rate, momentum, and 1 for Nesterov's momentum. slots: velocity."""
    prefer_wide_vectors()
    if weight_sum == 0.0:
        return 0.0
    velocity = slots[0]
    squared_norm = _sgd_block(
        theta[:n_weights],
        gradient[:n_weights],
        velocity[:n_weights],
        scalars,
        alpha,
        weight_sum,
    )
    _sgd_block(
        theta[n_weights:],
        gradient[n_weights:],
        velocity[n_weights:],
        scalars,
        0.0,
        weight_sum,
    )
    return squared_norm


@inner
def _sgd_block(theta, gradient, velocity, scalars, alpha, weight_sum):
    Float = theta.dtype.type
    learning_rate = Float(scalars[0])
    momentum = Float(scalars[1])
    # Plain momentum moves by the velocity; Nesterov's looks one step ahead.
    ahead = Float(scalars[2])
    penalty = Float(alpha)
    inverse_weight_sum = Float(1.0 / weight_sum)
    one = Float(1)
    squared_norm = 0.0
    for start in range(0, theta.size, CHUNK):
        weights, slopes, velocities = (
            theta[start : start + CHUNK],
            gradient[start : start + CHUNK],
            velocity[start : start + CHUNK],
        )
        squared_norm += sum_of_squares(weights)
        for i in range(weights.size):
            weight = weights[i]
            step = learning_rate * (multiply_add(penalty, weight, slopes[i]) * inverse_weight_sum)
            update = multiply_add(momentum, velocities[i], -step)
            velocities[i] = update
            weights[i] = weight + multiply_add(ahead, multiply_add(momentum, update, -step), (one - ahead) * update)
    return squared_norm


def _adam(theta, gradient, slots, scalars, n_weights, alpha, weight_sum):
    """scalars: learning rate, beta_1, beta_2, epsilon, number of steps taken. slots: the two moments."""
    prefer_wide_vectors()
    if weight_sum == 0.0:
        return 0.0
    scalars[4] += 1.0
    squared_norm = _adam_block(
        theta[:n_weights],
        gradient[:n_weights],
        slots[0][:n_weights],
        slots[1][:n_weights],
        scalars,
        alpha,
        weight_sum,
    )
    _adam_block(
        theta[n_weights:],
        gradient[n_weights:],
        slots[0][n_weights:],
        slots[1][n_weights:],
        scalars,
        0.0,
        weight_sum,
    )
    return squared_norm


@inner
def _power(base, exponent):
    """`base` to a whole number, by squaring, because powers of libm have other bits on other machines."""
    power = 1.0
    while exponent > 0:
        if exponent % 2 == 1:
            power *= base
        base *= base
        exponent //= 2
    return power


@inner
def _adam_block(theta, gradient, first_moment, second_moment, scalars, alpha, weight_sum):
    Float = theta.dtype.type
    beta_1 = Float(scalars[1])
    beta_2 = Float(scalars[2])
    one_less_beta_1 = Float(1.0 - scalars[1])
    one_less_beta_2 = Float(1.0 - scalars[2])
    epsilon = Float(scalars[3])
    n_steps = int64(scalars[4])
    bias_1, bias_2 = 1.0 - _power(scalars[1], n_steps), 1.0 - _power(scalars[2], n_steps)
    learning_rate = Float(scalars[0] * math.sqrt(bias_2) / bias_1)
    penalty = Float(alpha)
    inverse_weight_sum = Float(1.0 / weight_sum)
    squared_norm = 0.0
    for start in range(0, theta.size, CHUNK):
        weights, slopes = theta[start : start + CHUNK], gradient[start : start + CHUNK]
        first_moments, second_moments = first_moment[start : start + CHUNK], second_moment[start : start + CHUNK]
        squared_norm += sum_of_squares(weights)
        for i in range(weights.size):
            slope = multiply_add(penalty, weights[i], slopes[i]) * inverse_weight_sum
            m = multiply_add(beta_1, first_moments[i], one_less_beta_1 * slope)
            v = multiply_add(beta_2, second_moments[i], one_less_beta_2 * slope * slope)
            first_moments[i] = m
            second_moments[i] = v
            weights[i] -= learning_rate * m / (math.sqrt(v) + epsilon)
    return squared_norm


def _accumulate(theta, gradient, slots, scalars, n_weights, alpha, weight_sum):
    """No step: add the gradient to slots[0], for solvers that want that of all rows."""
    total = slots[0]
    for i in range(theta.size):
        total[i] += gradient[i]
    return 0.0


UPDATES = {"sgd": _sgd, "adam": _adam, "accumulate": _accumulate}


def update_signature(dtype):
    """Of every step."""
    arrays = array_types(dtype)
    return float64(
        arrays.vector,
        arrays.vector,
        arrays.matrix,
        FLOAT64_VECTOR,
        int64,
        float64,
        float64,
    )


@cache
def compile_update(name: str, dtype: np.dtype) -> Kernel:
    """The step `name`."""
    return Kernel(UPDATES[name], update_signature(dtype))
