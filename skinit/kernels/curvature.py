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
from numba import boolean, int64, void

from .activations import activate_with_slopes_signature
from .arguments import Curvature, argument_type
from .compilation import INT64_DATA, Kernel, array_types, function_at, inlined, inner
from .losses import curve_signature, loss_signature
from .products import ACCUMULATE, OVERWRITE, multiply_signature
from .propagation import (
    Shard,
    add_column_sums,
    add_intercept,
    coef_of,
    forward,
    gather,
    input_products,
    intercept_of,
    transpose,
    transposed_input_products,
    units_of,
)

ALL_LAYERS = -1

_activate_at = function_at(activate_with_slopes_signature)
_loss_at = function_at(loss_signature)
_curve_at = function_at(curve_signature)
_multiply_at = function_at(multiply_signature)


@inner
def _transpose_all(coefs, layer_sizes, out):
    """Write the transposed weights of every layer to where `_transposed_of` finds them."""
    for k in range(layer_sizes.size - 1):
        transpose(coef_of(coefs, layer_sizes, k), _transposed_of(out, layer_sizes, k))


@inlined
def _transposed_of(transposed_coefs, layer_sizes, k):
    """The transposed weights of layer `k`, a view of shape (d_{k+1}, d_k)."""
    return coef_of(transposed_coefs, layer_sizes, k).reshape(layer_sizes[k + 1], layer_sizes[k])


@inner
def _backpropagate_deltas(curvature, block, multiply):
    """Fill the deltas below the last layer, and multiply the bends by the deltas of what they bend."""
    layer_sizes, workspace = curvature.parameters.layer_sizes, curvature.workspace
    for k in range(layer_sizes.size - 2, 0, -1):
        input_deltas = units_of(workspace.deltas, layer_sizes, k - 1, block)
        input_slopes = units_of(workspace.slopes, layer_sizes, k - 1, block)
        input_bends = units_of(workspace.bends, layer_sizes, k - 1, block)
        transposed = _transposed_of(workspace.transposed, layer_sizes, k)
        deltas = units_of(workspace.deltas, layer_sizes, k, block)
        multiply(deltas, False, transposed, input_deltas, OVERWRITE, workspace.spare)
        for i in range(input_deltas.shape[0]):
            for j in range(input_deltas.shape[1]):
                input_bends[i, j] *= input_deltas[i, j]
                input_deltas[i, j] *= input_slopes[i, j]


@inlined
def _part_of(vector, layer_sizes, k, layer):
    """The weights of layer `k` in a vector of all parameters, or in one that starts with those of `layer`."""
    if layer == ALL_LAYERS:
        return coef_of(vector, layer_sizes, k)
    return vector[: layer_sizes[k] * layer_sizes[k + 1]].reshape(layer_sizes[k], layer_sizes[k + 1])


@inner
def _tangent_forward(curvature, rows, block, direction, layer, multiply):
    """Fill the tangents R{u} and R{a}, from the layer of the direction on."""
    theta, layer_sizes = curvature.parameters
    inputs_of_data, workspace = curvature.data.inputs, curvature.workspace
    spare = workspace.spare
    last = layer_sizes.size - 2
    first = max(layer, 0)
    for k in range(first, last + 1):
        tangents = units_of(workspace.tangents, layer_sizes, k, block)
        if layer == ALL_LAYERS or k == layer:
            coef_direction = _part_of(direction, layer_sizes, k, layer)
            if k == 0:
                inputs = workspace.inputs[: block.n_rows]
                input_products(inputs_of_data, rows, inputs, coef_direction, tangents, multiply, spare)
            else:
                activations = units_of(workspace.activations, layer_sizes, k - 1, block)
                multiply(activations, False, coef_direction, tangents, OVERWRITE, spare)
            if layer == ALL_LAYERS:
                add_intercept(tangents, intercept_of(direction, layer_sizes, k))
        if k > first:
            input_tangents = units_of(workspace.activation_tangents, layer_sizes, k - 1, block)
            mode = ACCUMULATE if layer == ALL_LAYERS else OVERWRITE
            multiply(input_tangents, False, coef_of(theta, layer_sizes, k), tangents, mode, spare)
        if k < last:
            slopes = units_of(workspace.slopes, layer_sizes, k, block)
            activation_tangents = units_of(workspace.activation_tangents, layer_sizes, k, block)
            for i in range(tangents.shape[0]):
                for j in range(tangents.shape[1]):
                    activation_tangents[i, j] = slopes[i, j] * tangents[i, j]


@inner
def _tangent_backward(curvature, rows, block, direction, layer, gauss_newton, multiply, product):
    """Add to `product` that of the Hessian with `direction`, from the tangents of the output deltas on."""
    layer_sizes, workspace = curvature.parameters.layer_sizes, curvature.workspace
    spare = workspace.spare
    delta_tangents, next_delta_tangents = workspace.delta_tangents, workspace.next_delta_tangents
    n = block.n_rows
    first = max(layer, 0)
    for k in range(layer_sizes.size - 2, first - 1, -1):
        fan_in, fan_out = layer_sizes[k], layer_sizes[k + 1]
        tangents = delta_tangents[: n * fan_out].reshape(n, fan_out)
        if layer == ALL_LAYERS or k == layer:
            coef_product = _part_of(product, layer_sizes, k, layer)
            if layer == ALL_LAYERS:
                add_column_sums(tangents, intercept_of(product, layer_sizes, k))
            if k == 0:
                inputs = workspace.inputs[:n]
                transposed_input_products(
                    curvature.data.inputs, rows, inputs, tangents, coef_product, ACCUMULATE, multiply, spare
                )
            else:
                activations = units_of(workspace.activations, layer_sizes, k - 1, block)
                multiply(activations, True, tangents, coef_product, ACCUMULATE, spare)
            if k > first and not gauss_newton:
                input_tangents = units_of(workspace.activation_tangents, layer_sizes, k - 1, block)
                deltas = units_of(workspace.deltas, layer_sizes, k, block)
                multiply(input_tangents, True, deltas, coef_product, ACCUMULATE, spare)
        if k > first:
            below = next_delta_tangents[: n * fan_in].reshape(n, fan_in)
            transposed = _transposed_of(workspace.transposed, layer_sizes, k)
            multiply(tangents, False, transposed, below, OVERWRITE, spare)
            slopes = units_of(workspace.slopes, layer_sizes, k - 1, block)
            if gauss_newton:
                for i in range(n):
                    for j in range(fan_in):
                        below[i, j] *= slopes[i, j]
            else:
                if layer == ALL_LAYERS:
                    deltas = units_of(workspace.deltas, layer_sizes, k, block)
                    transposed_direction = _transposed_of(workspace.transposed_direction, layer_sizes, k)
                    multiply(deltas, False, transposed_direction, below, ACCUMULATE, spare)
                bends = units_of(workspace.bends, layer_sizes, k - 1, block)
                input_tangents = units_of(workspace.tangents, layer_sizes, k - 1, block)
                for i in range(n):
                    for j in range(fan_in):
                        below[i, j] = below[i, j] * slopes[i, j] + bends[i, j] * input_tangents[i, j]
            delta_tangents, next_delta_tangents = next_delta_tangents, delta_tangents


def _add_hessian_products(curvature, rows, block_size, gauss_newton, layers, directions, products):
    """Add to each row of `products` that of the summed loss's Hessian with the same row of `directions`.

    ``layers[m]`` is `ALL_LAYERS`, or the layer whose weights direction `m` is in; its row then starts with them. What
    does not depend on a direction is computed once for all of them, a block of rows at a time.
    """
    theta, layer_sizes = curvature.parameters
    functions, data, workspace = curvature.functions, curvature.data, curvature.workspace
    activate, loss = _activate_at(functions.activate, theta), _loss_at(functions.loss, theta)
    curve, multiply = _curve_at(functions.curve, theta), _multiply_at(functions.multiply, theta)
    last = layer_sizes.size - 2
    _transpose_all(theta, layer_sizes, workspace.transposed)
    for start in range(0, rows.size, block_size):
        some = rows[start : start + block_size]
        block = Shard(some.size, 0, some.size)
        targets, weights = workspace.targets[: some.size], workspace.weights[: some.size]
        inputs = workspace.inputs[: some.size]
        gather(data, some, inputs, targets, weights)
        forward(
            curvature.parameters,
            data.inputs,
            some,
            inputs,
            block,
            activate,
            multiply,
            workspace.spare,
            workspace.activations,
            workspace.slopes,
            workspace.bends,
        )
        preactivations = units_of(workspace.activations, layer_sizes, last, block)
        if not gauss_newton:
            loss(preactivations, targets, weights, units_of(workspace.deltas, layer_sizes, last, block), np.inf)
            _backpropagate_deltas(curvature, block, multiply)
        for m in range(layers.size):
            if layers[m] == ALL_LAYERS and not gauss_newton:
                _transpose_all(directions[m], layer_sizes, workspace.transposed_direction)
            _tangent_forward(curvature, some, block, directions[m], layers[m], multiply)
            tangents = units_of(workspace.tangents, layer_sizes, last, block)
            curve(preactivations, weights, tangents, workspace.delta_tangents[: tangents.size].reshape(tangents.shape))
            _tangent_backward(curvature, some, block, directions[m], layers[m], gauss_newton, multiply, products[m])


@cache
def compile_add_hessian_products(dtype: np.dtype) -> Kernel:
    """`_add_hessian_products`, whatever the activation and the loss."""
    arrays = array_types(dtype)
    return Kernel(
        _add_hessian_products,
        void(
            argument_type(Curvature, dtype),
            INT64_DATA,
            int64,
            boolean,
            INT64_DATA,
            arrays.data_matrix,
            arrays.matrix,
        ),
    )
