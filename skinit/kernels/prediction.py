"""Predictions: blocks of rows go through the network in one compiled call, which threads share.

The kernel counts NaN and infinities while the numbers are in the cache. It looks at inputs and parameters too, because
an activation may turn them into finite outputs.
"""

from functools import cache

import numpy as np
from numba import int64

from .activations import activate_signature
from .arguments import Prediction, argument_type
from .compilation import Kernel, function_at, inlined, inner
from .products import OVERWRITE, multiply_signature
from .propagation import add_intercept, coef_of, input_products, intercept_of
from .team import finish, next_item, open_phase

# The entries of `job`, which the caller sets before the call.
(
    OUT_START,  # The first row of `out` to fill in this call.
    OUT_STOP,  # The row of `out` after the last one to fill.
    FIRST_ROW,  # The row of the data that belongs to the first row to fill.
    PREDICTION_JOB_SIZE,
) = range(4)

_activate_at = function_at(activate_signature)
_multiply_at = function_at(multiply_signature)


@inner
def _count_nonfinite(values):
    """How many numbers are NaN or infinite."""
    count = 0
    for i in range(values.size):
        difference = values[i] - values[i]
        count += int64(difference != 0)
    return count


@inlined
def _predict_block(prediction, number, rank):
    """Write the output layer's preactivations for a block of rows. Hidden layers use two rows of `units` in turn.

    Returns
    -------
    n_nonfinite : int
        How many numbers are NaN or infinite in the block's inputs, if they are dense, and in its outputs.
    """
    theta, layer_sizes = prediction.parameters
    inputs_of_data = prediction.inputs
    multiply = _multiply_at(prediction.functions.multiply, theta)
    last = layer_sizes.size - 2
    job, block_size = prediction.team.job, prediction.block_size
    start = job[OUT_START] + number * block_size
    out = prediction.out[start : min(start + block_size, job[OUT_STOP])]
    n = out.shape[0]
    first = job[FIRST_ROW] + number * block_size
    rows = prediction.rows[rank][:n]
    for i in range(n):
        rows[i] = first + i
    spare = prediction.spare[rank]
    X = inputs_of_data.X
    inputs = X[first : first + n] if X.shape[0] > 0 else X
    n_nonfinite = _count_nonfinite(inputs.reshape(inputs.size))
    activations = out
    for k in range(last + 1):
        coef = coef_of(theta, layer_sizes, k)
        intercept = intercept_of(theta, layer_sizes, k)
        fan_out = layer_sizes[k + 1]
        products = out if k == last else prediction.units[2 * rank + k % 2][: n * fan_out].reshape(n, fan_out)
        if k == 0:
            input_products(inputs_of_data, rows, inputs, coef, products, multiply, spare)
        else:
            multiply(activations, False, coef, products, OVERWRITE, spare)
        if k < last:
            activate = _activate_at(prediction.functions.activate[k], theta)
            activate(products, intercept)
        else:
            add_intercept(products, intercept)
        activations = products
    return n_nonfinite + _count_nonfinite(out.reshape(out.size))


@inner
def _count_blocks(job, block_size):
    return -(-(job[OUT_STOP] - job[OUT_START]) // block_size)


def _predict(prediction, rank):
    """Fill some rows of `out` as the caller, which has rank 0. Any other rank helps the caller until it is sent home.

    Returns
    -------
    n_nonfinite : int
        For the caller: how many numbers are NaN or infinite in a dense X, in the parameters and in the outputs.
    """
    board, job, found = prediction.team.board, prediction.team.job, prediction.n_nonfinite
    if rank == 0:
        found[:] = 0
        found[0] = _count_nonfinite(prediction.parameters.theta)
        open_phase(board, _count_blocks(job, prediction.block_size))
    item = next_item(board, rank)
    while item >= 0:
        # Items come in descending order, but memory is read faster in ascending order.
        number = _count_blocks(job, prediction.block_size) - 1 - item
        found[rank] += _predict_block(prediction, number, rank)
        finish(board, rank)
        item = next_item(board, rank)
    return found.sum()


@cache
def compile_predict(dtype: np.dtype) -> Kernel:
    """``predict(prediction, rank)``, for every activation."""
    return Kernel(_predict, int64(argument_type(Prediction, dtype), int64))
