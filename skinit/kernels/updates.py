r"""The step of each solver, for a range of parameters.

``step(theta, gradient, slots, start, constants, rate, number, penalty, keep, inverse_weight_sum)`` changes `theta`, the
range of parameters that starts at index `start`. `gradient` has the same shape and is the gradient of a mini-batch's
summed loss. The mean loss with its L2 penalty,

.. math:: \frac{1}{\sum_i s_i} \left( \sum_i s_i \ell_i + \frac{\alpha}{2} \sum_k \|W_k\|^2 \right),

has the gradient ``(gradient + penalty * theta) * inverse_weight_sum``. Intercepts have no penalty. `slots`, of shape
(n_slots, n_parameters), has a row for each vector that the solver keeps. `constants` is a float64 vector of the
solver's other numbers, `rate` is the learning rate of this step, and `number` counts the steps from 1. Decoupled
weight decay multiplies the parameters by `keep`, which is 1 for intercepts and without weight decay.

The step of a parameter does not depend on other parameters, so threads may take the steps of different ranges.
"""

import math
from functools import cache

import numpy as np
from numba import float64, int64, void

from .compilation import FLOAT64_VECTOR, Kernel, array_types, inner
from .processor import multiply_add, prefer_wide_vectors


def _sgd(theta, gradient, slots, start, constants, rate, number, penalty, keep, inverse_weight_sum):
    """`constants`: momentum, and 1 with Nesterov's momentum or 0 without it. `slots`: the velocity."""
    prefer_wide_vectors()
    Float = theta.dtype.type
    learning_rate = Float(rate)
    momentum = Float(constants[0])
    # Plain momentum moves by the velocity. Nesterov's momentum looks one step ahead.
    ahead = Float(constants[1])
    behind = Float(1) - ahead
    alpha, kept, scale = Float(penalty), Float(keep), Float(inverse_weight_sum)
    velocities = slots[0][start : start + theta.size]
    for i in range(theta.size):
        step = learning_rate * (multiply_add(alpha, theta[i], gradient[i]) * scale)
        velocity = multiply_add(momentum, velocities[i], -step)
        velocities[i] = velocity
        theta[i] = theta[i] * kept + multiply_add(ahead, multiply_add(momentum, velocity, -step), behind * velocity)


@inner
def _power(base, exponent):
    """`base` to an integer power, by squaring, because the powers of libm differ between machines."""
    power = 1.0
    while exponent > 0:
        if exponent % 2 == 1:
            power *= base
        base *= base
        exponent //= 2
    return power


def _adam(theta, gradient, slots, start, constants, rate, number, penalty, keep, inverse_weight_sum):
    """`constants`: beta_1, beta_2 and epsilon. `slots`: the first and the second moment."""
    prefer_wide_vectors()
    Float = theta.dtype.type
    beta_1, beta_2, epsilon = Float(constants[0]), Float(constants[1]), Float(constants[2])
    one_less_beta_1, one_less_beta_2 = Float(1.0 - constants[0]), Float(1.0 - constants[1])
    bias_1, bias_2 = 1.0 - _power(constants[0], number), 1.0 - _power(constants[1], number)
    learning_rate = Float(rate * math.sqrt(bias_2) / bias_1)
    alpha, kept, scale = Float(penalty), Float(keep), Float(inverse_weight_sum)
    first_moments, second_moments = slots[0][start : start + theta.size], slots[1][start : start + theta.size]
    for i in range(theta.size):
        slope = multiply_add(alpha, theta[i], gradient[i]) * scale
        m = multiply_add(beta_1, first_moments[i], one_less_beta_1 * slope)
        v = multiply_add(beta_2, second_moments[i], one_less_beta_2 * slope * slope)
        first_moments[i] = m
        second_moments[i] = v
        theta[i] = theta[i] * kept - learning_rate * m / (math.sqrt(v) + epsilon)


UPDATES = {"sgd": _sgd, "adam": _adam}


def update_signature(dtype):
    """Signature of a step."""
    arrays = array_types(dtype)
    numbers = [float64, int64, float64, float64, float64]
    return void(arrays.vector, arrays.vector, arrays.matrix, int64, FLOAT64_VECTOR, *numbers)


@cache
def compile_update(name: str, dtype: np.dtype) -> Kernel:
    """Compile the step with this name in `UPDATES`."""
    return Kernel(UPDATES[name], update_signature(dtype))
