"""The loop over mini-batches, in one compiled call."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import float64, int64, types, void

from .activations import activate_signature, activate_with_slopes_signature
from .compilation import array_types, compile_kernel
from .losses import loss_signature
from .propagation import (
    add_intercept,
    backward,
    count_weights,
    forward,
    sparse_products,
)
from .updates import update_signature

INT64_DATA = types.Array(int64, 1, "C", readonly=True)
INT32_DATA = types.Array(types.int32, 1, "C", readonly=True)


def _train_batches(
    theta,
    gradient,
    layer_sizes,
    X,
    data,
    indices,
    indptr,
    targets,
    sample_weight,
    rows,
    batch_size,
    alpha,
    loss_scale,
    loss_cap,
    activate,
    loss,
    step,
    slots,
    scalars,
    workspace,
    batch_targets,
    batch_weights,
    totals,
):
    """Take a step for each mini-batch of `rows`.

    Adds to totals[0] the reported loss (mean of the batch, penalty included, times rows of the batch), and to
    totals[1] the weighted sum of the rows' losses. A batch whose weights sum to zero is passed over.
    """
    n_weights = count_weights(layer_sizes)
    widest = 0
    for k in range(1, layer_sizes.size):
        widest = max(widest, layer_sizes[k])
    n_hidden = 0
    for k in range(1, layer_sizes.size - 1):
        n_hidden += layer_sizes[k]
    n_outputs = layer_sizes[-1]
    largest = min(batch_size, rows.size)
    # Four parts: two layers' deltas, all slopes, all activations.
    deltas = workspace[: largest * widest]
    next_deltas = workspace[largest * widest : 2 * largest * widest]
    slopes_end = largest * (2 * widest + n_hidden)
    slopes = workspace[2 * largest * widest : slopes_end]
    activations = workspace[slopes_end:]
    for start in range(0, rows.size, batch_size):
        batch = rows[start : start + batch_size]
        n = batch.size
        weight_sum = float64(n)
        if sample_weight.size > 0:
            weight_sum = 0.0
            for i in range(n):
                batch_weights[i] = sample_weight[batch[i]]
                weight_sum += float64(batch_weights[i])
            if weight_sum == 0.0:
                continue
        for i in range(n):
            for j in range(targets.shape[1]):
                batch_targets[i, j] = targets[batch[i], j]
        output_start = forward(
            theta,
            layer_sizes,
            X,
            data,
            indices,
            indptr,
            batch,
            activate,
            activations,
            slopes,
        )
        output_size = n * n_outputs
        loss_sum = loss(
            activations[output_start : output_start + output_size].reshape(n, n_outputs),
            batch_targets[:n],
            batch_weights[:n],
            deltas[:output_size].reshape(n, n_outputs),
            loss_cap,
        )
        backward(
            theta,
            gradient,
            layer_sizes,
            X,
            data,
            indices,
            indptr,
            batch,
            activations,
            output_start,
            slopes,
            deltas,
            next_deltas,
        )
        squared_norm = step(theta, gradient, slots, scalars, n_weights, alpha, weight_sum)
        totals[0] += n * (loss_sum * loss_scale + 0.5 * alpha * squared_norm) / weight_sum
        totals[1] += loss_sum


def _predict_rows(theta, layer_sizes, X, data, indices, indptr, rows, activate, workspace, out):
    """Write to `out` the output layer's preactivations of the consecutive rows of X numbered `rows`."""
    n = rows.size
    n_layers = layer_sizes.size - 1
    inputs = workspace[: workspace.size // 2]
    outputs = workspace[workspace.size // 2 :]
    intercept_start = count_weights(layer_sizes)
    coef_start = 0
    for k in range(n_layers):
        fan_in = layer_sizes[k]
        fan_out = layer_sizes[k + 1]
        coef = theta[coef_start : coef_start + fan_in * fan_out].reshape(fan_in, fan_out)
        intercept = theta[intercept_start : intercept_start + fan_out]
        products = outputs[: n * fan_out].reshape(n, fan_out)
        if k == n_layers - 1:
            products = out
        if k > 0:
            np.dot(inputs[: n * fan_in].reshape(n, fan_in), coef, products)
        elif X.shape[0] > 0:
            np.dot(X[rows[0] : rows[0] + n], coef, products)
        else:
            sparse_products(data, indices, indptr, rows, coef, products)
        if k < n_layers - 1:
            activate(products, intercept)
        else:
            add_intercept(products, intercept)
        inputs, outputs = outputs, inputs
        coef_start += fan_in * fan_out
        intercept_start += fan_out


def _input_types(arrays):
    return (arrays.data_matrix, arrays.data_vector, INT32_DATA, INT64_DATA)


@cache
def compile_train_batches(dtype: np.dtype) -> Callable:
    """`_train_batches`, whatever the activation, the loss and the solver."""
    arrays = array_types(dtype)
    return compile_kernel(
        _train_batches,
        void(
            arrays.vector,
            arrays.vector,
            INT64_DATA,
            *_input_types(arrays),
            arrays.data_matrix,
            arrays.data_vector,
            INT64_DATA,
            int64,
            float64,
            float64,
            float64,
            types.FunctionType(activate_with_slopes_signature(dtype)),
            types.FunctionType(loss_signature(dtype)),
            types.FunctionType(update_signature(dtype)),
            arrays.matrix,
            types.Array(float64, 1, "C"),
            arrays.vector,
            arrays.matrix,
            arrays.vector,
            types.Array(float64, 1, "C"),
        ),
    )


@cache
def compile_predict_rows(dtype: np.dtype) -> Callable:
    """`_predict_rows`, whatever the activation."""
    arrays = array_types(dtype)
    return compile_kernel(
        _predict_rows,
        void(
            arrays.data_vector,
            INT64_DATA,
            *_input_types(arrays),
            INT64_DATA,
            types.FunctionType(activate_signature(dtype)),
            arrays.vector,
            arrays.matrix,
        ),
    )
