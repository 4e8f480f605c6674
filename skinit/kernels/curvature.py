r"""Products with the Hessian of the loss, or with its Gauss-Newton part, by forward-over-reverse propagation.

For a direction `v` in the space of parameters, with weights :math:`V_k` and intercepts :math:`c_k`, let
:math:`R\{\cdot\}` be the derivative along `v` (B. A. Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
Applied to the equations of `propagation`, from :math:`R\{a_0\} = 0` on,

.. math::
    R\{u_k\} &= R\{a_k\} W_k + a_k V_k + c_k, \qquad R\{a_{k+1}\} = f'(u_k) \odot R\{u_k\}, \\
    R\{\delta_L\} &= \ell''(u_L) R\{u_L\}, \\
    R\{\delta_{k-1}\} &= (R\{\delta_k\} W_k^T + \delta_k V_k^T) \odot f'(u_{k-1})
        + (\delta_k W_k^T) \odot f''(u_{k-1}) \odot R\{u_{k-1}\}, \\
    (H v)_{W_k} &= a_k^T R\{\delta_k\} + R\{a_k\}^T \delta_k, \qquad (H v)_{b_k} = 1^T R\{\delta_k\}.

The Gauss-Newton part :math:`J^T \ell'' J`, with the Jacobian `J` of the output layer's preactivations, is what is left
without the terms in :math:`\delta` (N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient
descent", 2002).

A direction may be one in the weights of a single layer: nothing changes below it then, and nothing below it is asked
for, which leaves out more than half of the work.
"""

from functools import cache

import numpy as np
from numba import boolean, int64, types, void

from .activations import activate_with_slopes_signature
from .compilation import INT64_DATA, Kernel, array_types, inner, input_types
from .losses import curve_signature, loss_signature
from .products import ACCUMULATE, OVERWRITE, multiply_signature
from .propagation import (
    add_column_sums,
    add_intercept,
    block_of,
    coef_of,
    forward,
    gather,
    input_products,
    intercept_of,
    transpose,
    transposed_input_products,
)

ALL_LAYERS = -1


@inner
def transpose_all(coefs, layer_sizes, out):
    """Write the transposed weights of every layer to where `transposed_of` finds them."""
    for k in range(layer_sizes.size - 1):
        transpose(coef_of(coefs, layer_sizes, k), transposed_of(out, layer_sizes, k))


@inner
def transposed_of(transposed_coefs, layer_sizes, k):
    """The transposed weights of layer `k`, a view of shape (d_{k+1}, d_k)."""
    return coef_of(transposed_coefs, layer_sizes, k).reshape(layer_sizes[k + 1], layer_sizes[k])


@inner
def backpropagate_deltas(theta, layer_sizes, n, slopes, bends, deltas, transposed_coefs, multiply, spare):
    """Fill the blocks of `deltas` below the last, and multiply the bends by the deltas of what they bend."""
    for k in range(layer_sizes.size - 2, 0, -1):
        input_deltas = block_of(deltas, layer_sizes, k - 1, n)
        input_slopes = block_of(slopes, layer_sizes, k - 1, n)
        input_bends = block_of(bends, layer_sizes, k - 1, n)
        transposed = transposed_of(transposed_coefs, layer_sizes, k)
        multiply(block_of(deltas, layer_sizes, k, n), False, transposed, input_deltas, OVERWRITE, spare)
        for i in range(n):
            for j in range(input_deltas.shape[1]):
                input_bends[i, j] *= input_deltas[i, j]
                input_deltas[i, j] *= input_slopes[i, j]


@inner
def tangent_forward(
    theta,
    layer_sizes,
    rows_of_X,
    rows,
    inputs,
    activations,
    slopes,
    direction,
    layer,
    multiply,
    tangents,
    activation_tangents,
    spare,
):
    """Fill `tangents` with R{u} and `activation_tangents` with R{a}, from the layer of the direction on."""
    n = rows.size
    last = layer_sizes.size - 2
    first = max(layer, 0)
    for k in range(first, last + 1):
        fan_in, fan_out = layer_sizes[k], layer_sizes[k + 1]
        layer_tangents = block_of(tangents, layer_sizes, k, n)
        if layer == ALL_LAYERS or k == layer:
            if layer == ALL_LAYERS:
                coef_direction = coef_of(direction, layer_sizes, k)
            else:
                coef_direction = direction[: fan_in * fan_out].reshape(fan_in, fan_out)
            if k == 0:
                input_products(rows_of_X, rows, inputs, coef_direction, layer_tangents, multiply, spare)
            else:
                layer_inputs = block_of(activations, layer_sizes, k - 1, n)
                multiply(layer_inputs, False, coef_direction, layer_tangents, OVERWRITE, spare)
            if layer == ALL_LAYERS:
                add_intercept(layer_tangents, intercept_of(direction, layer_sizes, k))
        if k > first:
            input_tangents = block_of(activation_tangents, layer_sizes, k - 1, n)
            mode = ACCUMULATE if layer == ALL_LAYERS else OVERWRITE
            multiply(input_tangents, False, coef_of(theta, layer_sizes, k), layer_tangents, mode, spare)
        if k < last:
            layer_slopes = block_of(slopes, layer_sizes, k, n)
            layer_activation_tangents = block_of(activation_tangents, layer_sizes, k, n)
            for i in range(n):
                for j in range(fan_out):
                    layer_activation_tangents[i, j] = layer_slopes[i, j] * layer_tangents[i, j]


@inner
def tangent_backward(
    theta,
    layer_sizes,
    rows_of_X,
    rows,
    inputs,
    activations,
    slopes,
    bends,
    deltas,
    direction,
    layer,
    gauss_newton,
    tangents,
    activation_tangents,
    delta_tangents,
    next_delta_tangents,
    transposed_coefs,
    transposed_direction,
    multiply,
    spare,
    product,
):
    """Add to `product` that of the Hessian with `direction`, from the tangents of the output deltas on."""
    n = rows.size
    first = max(layer, 0)
    for k in range(layer_sizes.size - 2, first - 1, -1):
        fan_in, fan_out = layer_sizes[k], layer_sizes[k + 1]
        layer_tangents = delta_tangents[: n * fan_out].reshape(n, fan_out)
        if layer == ALL_LAYERS or k == layer:
            if layer == ALL_LAYERS:
                coef_product = coef_of(product, layer_sizes, k)
                add_column_sums(layer_tangents, intercept_of(product, layer_sizes, k))
            else:
                coef_product = product[: fan_in * fan_out].reshape(fan_in, fan_out)
            if k == 0:
                transposed_input_products(
                    rows_of_X, rows, inputs, layer_tangents, coef_product, ACCUMULATE, multiply, spare
                )
            else:
                layer_inputs = block_of(activations, layer_sizes, k - 1, n)
                multiply(layer_inputs, True, layer_tangents, coef_product, ACCUMULATE, spare)
            if k > first and not gauss_newton:
                input_tangents = block_of(activation_tangents, layer_sizes, k - 1, n)
                layer_deltas = block_of(deltas, layer_sizes, k, n)
                multiply(input_tangents, True, layer_deltas, coef_product, ACCUMULATE, spare)
        if k > first:
            below = next_delta_tangents[: n * fan_in].reshape(n, fan_in)
            multiply(layer_tangents, False, transposed_of(transposed_coefs, layer_sizes, k), below, OVERWRITE, spare)
            input_slopes = block_of(slopes, layer_sizes, k - 1, n)
            if gauss_newton:
                for i in range(n):
                    for j in range(fan_in):
                        below[i, j] *= input_slopes[i, j]
            else:
                if layer == ALL_LAYERS:
                    layer_deltas = block_of(deltas, layer_sizes, k, n)
                    coef_direction = transposed_of(transposed_direction, layer_sizes, k)
                    multiply(layer_deltas, False, coef_direction, below, ACCUMULATE, spare)
                input_bends = block_of(bends, layer_sizes, k - 1, n)
                input_tangents = block_of(tangents, layer_sizes, k - 1, n)
                for i in range(n):
                    for j in range(fan_in):
                        below[i, j] = below[i, j] * input_slopes[i, j] + input_bends[i, j] * input_tangents[i, j]
            delta_tangents, next_delta_tangents = next_delta_tangents, delta_tangents


def _add_hessian_products(
    theta,
    layer_sizes,
    rows_of_X,
    targets,
    sample_weight,
    rows,
    block_size,
    activate,
    loss,
    curve,
    multiply,
    gauss_newton,
    layers,
    directions,
    products,
    inputs,
    block_targets,
    block_weights,
    layer_workspaces,
    wide_workspaces,
    transposed_coefs,
    spare,
):
    """Add to each row of `products` that of the summed loss's Hessian with the same row of `directions`.

    ``layers[m]`` is `ALL_LAYERS`, or the layer whose weights direction `m` is in; its row then starts with them. What
    does not depend on a direction is computed once for all of them, a block of rows at a time.
    """
    last = layer_sizes.size - 2
    transpose_all(theta, layer_sizes, transposed_coefs[0])
    activations, slopes, bends = layer_workspaces[0], layer_workspaces[1], layer_workspaces[2]
    deltas, tangents, activation_tangents = layer_workspaces[3], layer_workspaces[4], layer_workspaces[5]
    for start in range(0, rows.size, block_size):
        block = rows[start : start + block_size]
        n = block.size
        gather(rows_of_X, targets, sample_weight, block, inputs, block_targets, block_weights)
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
            bends,
        )
        preactivations = block_of(activations, layer_sizes, last, n)
        if not gauss_newton:
            loss(preactivations, block_targets[:n], block_weights[:n], block_of(deltas, layer_sizes, last, n), np.inf)
            backpropagate_deltas(theta, layer_sizes, n, slopes, bends, deltas, transposed_coefs[0], multiply, spare)
        for m in range(layers.size):
            if layers[m] == ALL_LAYERS and not gauss_newton:
                transpose_all(directions[m], layer_sizes, transposed_coefs[1])
            tangent_forward(
                theta,
                layer_sizes,
                rows_of_X,
                block,
                inputs[:n],
                activations,
                slopes,
                directions[m],
                layers[m],
                multiply,
                tangents,
                activation_tangents,
                spare,
            )
            output_tangents = block_of(tangents, layer_sizes, last, n)
            curve(
                preactivations,
                block_weights[:n],
                output_tangents,
                wide_workspaces[0][: output_tangents.size].reshape(output_tangents.shape),
            )
            tangent_backward(
                theta,
                layer_sizes,
                rows_of_X,
                block,
                inputs[:n],
                activations,
                slopes,
                bends,
                deltas,
                directions[m],
                layers[m],
                gauss_newton,
                tangents,
                activation_tangents,
                wide_workspaces[0],
                wide_workspaces[1],
                transposed_coefs[0],
                transposed_coefs[1],
                multiply,
                spare,
                products[m],
            )


@cache
def compile_add_hessian_products(dtype: np.dtype) -> Kernel:
    """`_add_hessian_products`, whatever the activation and the loss."""
    arrays = array_types(dtype)
    return Kernel(
        _add_hessian_products,
        void(
            arrays.data_vector,
            INT64_DATA,
            input_types(dtype),
            arrays.data_matrix,
            arrays.data_vector,
            INT64_DATA,
            int64,
            types.FunctionType(activate_with_slopes_signature(dtype)),
            types.FunctionType(loss_signature(dtype)),
            types.FunctionType(curve_signature(dtype)),
            types.FunctionType(multiply_signature(dtype)),
            boolean,
            INT64_DATA,
            arrays.data_matrix,
            arrays.matrix,
            arrays.matrix,
            arrays.matrix,
            arrays.vector,
            arrays.matrix,
            arrays.matrix,
            arrays.matrix,
            arrays.vector,
        ),
    )
