"""The loop over mini-batches, in one compiled call, and the one over rows to predict."""

from functools import cache

import numpy as np
from numba import float64, int64, types, void

from .activations import activate_signature, activate_with_slopes_signature
from .compilation import FLOAT64_VECTOR, INT64_DATA, Kernel, array_types, input_types
from .losses import loss_signature
from .products import OVERWRITE, multiply_signature
from .propagation import (
    add_intercept,
    backward,
    block_of,
    coef_of,
    count_weights,
    forward,
    gather,
    input_products,
    intercept_of,
)
from .updates import update_signature


def _train_batches(
    theta,
    gradient,
    layer_sizes,
    rows_of_X,
    targets,
    sample_weight,
    rows,
    batch_size,
    block_size,
    alpha,
    loss_scale,
    loss_cap,
    activate,
    loss,
    multiply,
    step,
    slots,
    scalars,
    inputs,
    block_targets,
    block_weights,
    activations,
    slopes,
    output_deltas,
    transposed_coef,
    spare,
    totals,
):
    """Take a step for each mini-batch of `rows`, which goes through the network in blocks of `block_size` rows.

    Adds to totals[0] the reported loss (mean of the batch, penalty included, times rows of the batch), and to totals[1]
    the weighted sum of the rows' losses. A batch whose weights are all zero changes nothing.
    """
    n_weights = count_weights(layer_sizes)
    last = layer_sizes.size - 2
    for start in range(0, rows.size, batch_size):
        batch = rows[start : start + batch_size]
        loss_sum, weight_sum = 0.0, 0.0
        for block_start in range(0, batch.size, block_size):
            block = batch[block_start : block_start + block_size]
            n = block.size
            weight_sum += gather(rows_of_X, targets, sample_weight, block, inputs, block_targets, block_weights)
            forward(
                theta,
                layer_sizes,
                rows_of_X,
                block,
                inputs[:n],
                activate,
                multiply,
                spare,
                activations,
                slopes,
                slopes,
            )
            preactivations = block_of(activations, layer_sizes, last, n)
            deltas = output_deltas[:n]
            loss_sum += loss(preactivations, block_targets[:n], block_weights[:n], deltas, loss_cap)
            backward(
                theta,
                gradient,
                layer_sizes,
                rows_of_X,
                block,
                inputs[:n],
                activations,
                slopes,
                deltas,
                block_start == 0,
                transposed_coef,
                multiply,
                spare,
            )
        squared_norm = step(theta, gradient, slots, scalars, n_weights, alpha, weight_sum)
        if weight_sum != 0.0:
            totals[0] += batch.size * (loss_sum * loss_scale + 0.5 * alpha * squared_norm) / weight_sum
        totals[1] += loss_sum


def _predict_rows(theta, layer_sizes, rows_of_X, rows, activate, multiply, workspaces, spare, out):
    """Write to `out` the output layer's preactivations of the consecutive rows of X numbered `rows`.

    Layers write to the two rows of `workspaces` in turn.
    """
    n = rows.size
    last = layer_sizes.size - 2
    X = rows_of_X[0]
    inputs = X[rows[0] : rows[0] + n] if X.shape[0] > 0 else X
    activations = out
    for k in range(last + 1):
        coef = coef_of(theta, layer_sizes, k)
        intercept = intercept_of(theta, layer_sizes, k)
        fan_out = layer_sizes[k + 1]
        products = out if k == last else workspaces[k % 2][: n * fan_out].reshape(n, fan_out)
        if k == 0:
            input_products(rows_of_X, rows, inputs, coef, products, multiply, spare)
        else:
            multiply(activations, False, coef, products, OVERWRITE, spare)
        if k < last:
            activate(products, intercept)
        else:
            add_intercept(products, intercept)
        activations = products


@cache
def compile_train_batches(dtype: np.dtype) -> Kernel:
    """`_train_batches`, whatever the activation, the loss and the solver."""
    arrays = array_types(dtype)
    return Kernel(
        _train_batches,
        void(
            arrays.vector,
            arrays.vector,
            INT64_DATA,
            input_types(dtype),
            arrays.data_matrix,
            arrays.data_vector,
            INT64_DATA,
            int64,
            int64,
            float64,
            float64,
            float64,
            types.FunctionType(activate_with_slopes_signature(dtype)),
            types.FunctionType(loss_signature(dtype)),
            types.FunctionType(multiply_signature(dtype)),
            types.FunctionType(update_signature(dtype)),
            arrays.matrix,
            FLOAT64_VECTOR,
            arrays.matrix,
            arrays.matrix,
            arrays.vector,
            arrays.vector,
            arrays.vector,
            arrays.matrix,
            arrays.vector,
            arrays.vector,
            FLOAT64_VECTOR,
        ),
    )


@cache
def compile_predict_rows(dtype: np.dtype) -> Kernel:
    """`_predict_rows`, whatever the activation."""
    arrays = array_types(dtype)
    return Kernel(
        _predict_rows,
        void(
            arrays.data_vector,
            INT64_DATA,
            input_types(dtype),
            INT64_DATA,
            types.FunctionType(activate_signature(dtype)),
            types.FunctionType(multiply_signature(dtype)),
            arrays.matrix,
            arrays.vector,
            arrays.matrix,
        ),
    )
