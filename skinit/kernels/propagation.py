r"""Forward and backward propagation through one block of rows.

Layer `k` maps ``activations[k]`` of shape (n, d_k) to

.. math:: u_k = a_k W_k + b_k, \qquad a_{k+1} = f(u_k),

without `f` after the last layer. Backwards, with :math:`\delta_k = \partial L / \partial u_k`,

.. math:: \partial L / \partial W_k = a_k^T \delta_k, \quad \partial L / \partial b_k = 1^T \delta_k,
          \quad \delta_{k-1} = (\delta_k W_k^T) \odot f'(u_{k-1}).

Parameters lie in one vector `theta`: all weight matrices, row by row, then all intercepts; a gradient likewise. The
functions of this module trust their arguments and allocate nothing: layers are consecutive blocks of flat workspaces.
Rows of `X` may be dense (`X`) or CSR (`data`, `indices`, `indptr`): then `X` has no rows, and the first layer's
products go over the stored entries only.
"""

import numpy as np
from numba import njit

# Inner functions are compiled as part of the kernels that call them.
_inner = njit(nogil=True, error_model="numpy", fastmath={"contract"})


@_inner
def count_weights(layer_sizes):
    """Number of entries of all weight matrices: the first intercept's place in `theta`."""
    n_weights = 0
    for k in range(layer_sizes.size - 1):
        n_weights += layer_sizes[k] * layer_sizes[k + 1]
    return n_weights


@_inner
def gather_rows(X, rows, out):
    """Copy the rows of X numbered `rows` to `out`."""
    for i in range(rows.size):
        row = rows[i]
        for j in range(X.shape[1]):
            out[i, j] = X[row, j]


@_inner
def sparse_products(data, indices, indptr, rows, coef, out):
    """out = X[rows] @ coef for a CSR matrix X."""
    out[:] = 0
    for i in range(rows.size):
        for entry in range(indptr[rows[i]], indptr[rows[i] + 1]):
            x = data[entry]
            j = indices[entry]
            for h in range(coef.shape[1]):
                out[i, h] += x * coef[j, h]


@_inner
def sparse_transposed_products(data, indices, indptr, rows, deltas, out):
    """out = X[rows].T @ deltas for a CSR matrix X."""
    out[:] = 0
    for i in range(rows.size):
        for entry in range(indptr[rows[i]], indptr[rows[i] + 1]):
            x = data[entry]
            j = indices[entry]
            for h in range(deltas.shape[1]):
                out[j, h] += x * deltas[i, h]


@_inner
def add_intercept(products, intercept):
    for i in range(products.shape[0]):
        for j in range(products.shape[1]):
            products[i, j] += intercept[j]


@_inner
def forward(theta, layer_sizes, X, data, indices, indptr, rows, activate, activations, slopes):
    """Fill `activations` with every layer's output and `slopes` with every hidden unit's slope.

    The last block of `activations` holds the output layer's preactivations. Returns where it starts.
    """
    n = rows.size
    n_layers = layer_sizes.size - 1
    intercept_start = count_weights(layer_sizes)
    coef_start = 0
    slope_start = 0
    input_start = 0
    output_start = 0
    for k in range(n_layers):
        fan_in = layer_sizes[k]
        fan_out = layer_sizes[k + 1]
        coef = theta[coef_start : coef_start + fan_in * fan_out].reshape(fan_in, fan_out)
        intercept = theta[intercept_start : intercept_start + fan_out]
        if k == 0 and X.shape[0] == 0:
            output_start = 0
            outputs = activations[: n * fan_out].reshape(n, fan_out)
            sparse_products(data, indices, indptr, rows, coef, outputs)
        else:
            inputs = activations[input_start : input_start + n * fan_in].reshape(n, fan_in)
            output_start = input_start + n * fan_in
            outputs = activations[output_start : output_start + n * fan_out].reshape(n, fan_out)
            if k == 0:
                gather_rows(X, rows, inputs)
            np.dot(inputs, coef, outputs)
        if k < n_layers - 1:
            activate(
                outputs,
                intercept,
                slopes[slope_start : slope_start + n * fan_out].reshape(n, fan_out),
            )
            slope_start += n * fan_out
        else:
            add_intercept(outputs, intercept)
        input_start = output_start
        coef_start += fan_in * fan_out
        intercept_start += fan_out
    return output_start


@_inner
def backward(
    theta,
    gradient,
    layer_sizes,
    X,
    data,
    indices,
    indptr,
    rows,
    activations,
    output_start,
    slopes,
    deltas,
    next_deltas,
):
    """Write the gradient from the deltas of the output layer, in `deltas`; both delta buffers are overwritten."""
    n = rows.size
    n_layers = layer_sizes.size - 1
    coef_end = count_weights(layer_sizes)
    intercept_end = theta.size
    slope_end = 0
    for k in range(1, n_layers):
        slope_end += n * layer_sizes[k]
    input_end = output_start
    for k in range(n_layers - 1, -1, -1):
        fan_in = layer_sizes[k]
        fan_out = layer_sizes[k + 1]
        layer_deltas = deltas[: n * fan_out].reshape(n, fan_out)
        coef_gradient = gradient[coef_end - fan_in * fan_out : coef_end].reshape(fan_in, fan_out)
        if k == 0 and X.shape[0] == 0:
            sparse_transposed_products(data, indices, indptr, rows, layer_deltas, coef_gradient)
        else:
            inputs = activations[input_end - n * fan_in : input_end].reshape(n, fan_in)
            np.dot(inputs.T, layer_deltas, coef_gradient)
        intercept_gradient = gradient[intercept_end - fan_out : intercept_end]
        intercept_gradient[:] = 0
        for i in range(n):
            for j in range(fan_out):
                intercept_gradient[j] += layer_deltas[i, j]
        if k > 0:
            coef = theta[coef_end - fan_in * fan_out : coef_end].reshape(fan_in, fan_out)
            input_deltas = next_deltas[: n * fan_in]
            np.dot(layer_deltas, coef.T, input_deltas.reshape(n, fan_in))
            input_slopes = slopes[slope_end - n * fan_in : slope_end]
            for i in range(n * fan_in):
                input_deltas[i] *= input_slopes[i]
            deltas, next_deltas = next_deltas, deltas
        coef_end -= fan_in * fan_out
        intercept_end -= fan_out
        slope_end -= n * fan_in
        input_end -= n * fan_in
