"""Activations as users write them, in a module that the workers of a search can import."""

import math

import numpy as np
from numba import njit

import skinit

SCALE = 0.01


def softsign(u):
    return u / (1 + abs(u))


def softsign_slope(u):
    closeness = 1 / (1 + abs(u))
    return closeness * closeness


def softsign_bend(u):
    sign = 1 if u > 0 else -1
    return -2 * sign * softsign_slope_for_kernels(u) / (1 + abs(u))


softsign_slope_for_kernels = njit(softsign_slope)


def leaky_relu(u):
    return u if u > 0 else SCALE * u


def leaky_relu_slope(u):
    return 1 if u > 0 else SCALE


def zero(u):
    return 0


def silu(u):
    return u / (1 + math.exp(-u))


def silu_slope(u):
    gate = 1 / (1 + math.exp(-u))
    return gate + u * gate * (1 - gate)


def gelu(u):
    return u * (1 + math.erf(u / math.sqrt(2))) / 2


def elu(u):
    return u if u > 0 else np.expm1(u)


# Each is named after the built-in activation that it equals. Some give both derivatives, some only the slope, some
# none.
MADE = {
    "softsign": skinit.make_activation(softsign, softsign_slope, softsign_bend),
    "leaky_relu": skinit.make_activation(leaky_relu, leaky_relu_slope, zero),
    "silu": skinit.make_activation(silu, silu_slope),
    "gelu": skinit.make_activation(gelu),
    "elu": skinit.make_activation(elu),
    "tanh": skinit.make_activation(math.tanh),
}
