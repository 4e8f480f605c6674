r"""Products with the Hessian of the loss, or with its Gauss-Newton part, by forward-over-reverse propagation.

For a direction `v` in the space of parameters, with weights :math:`V_k` and intercepts :math:`c_k`, let
:math:`R\{\cdot\}` be the derivative along `v` (B. A. Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
Applied to the equations of `propagation`, and starting from :math:`R\{a_0\} = 0`, it gives

.. math::
    R\{u_k\} &= R\{a_k\} W_k + a_k V_k + c_k, \qquad R\{a_{k+1}\} = f'(u_k) \odot R\{u_k\}, \\
    R\{\delta_L\} &= \ell''(u_L) R\{u_L\}, \\
    R\{\delta_{k-1}\} &= (R\{\delta_k\} W_k^T + \delta_k V_k^T) \odot f'(u_{k-1})
        + (\delta_k W_k^T) \odot f''(u_{k-1}) \odot R\{u_{k-1}\}, \\
    (H v)_{W_k} &= a_k^T R\{\delta_k\} + R\{a_k\}^T \delta_k, \qquad (H v)_{b_k} = 1^T R\{\delta_k\}.

The loss is the sum over outputs, which training minimizes. The Gauss-Newton part :math:`J^T \ell'' J`, where `J` is
the Jacobian of the output layer's preactivations, is the Hessian without the terms in :math:`\delta` (N. N.
Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", 2002).

Threads share the work (see `team`) in two phases. In the first phase, an item is a block of rows, and a thread computes
everything about it that does not depend on a direction. In the second phase, an item is a shard: one of n shards has
every n-th block. For each direction, a thread sums the products of the shard's blocks.

A direction may lie in the weights of a single layer. Then tangents are zero below this layer, and the product is needed
only for its weights. This saves more than half of the work.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import int64, void

from .arguments import Curvature, argument_type
from .compilation import Kernel, function_at, inlined, inner
from .losses import curve_signature, loss_signature
from .products import ACCUMULATE, OVERWRITE, multiply_signature
from .propagation import (
    Shard,
    add_column_sums,
    add_intercept,
    coef_of,
    count_weights,
    forward,
    gather,
    input_products,
    intercept_of,
    transpose,
    transposed_input_products,
    units_of,
)
from .team import finish, next_item, open_phase

# In place of a layer's number, this value means that a direction covers all parameters.
ALL_LAYERS = -1
# The entries of `job`, which the caller sets.
(
    CURVATURE_PHASE,  # The kind of the current phase.
    FIRST_BLOCK,  # The index of the first block in this call.
    STOP_BLOCK,  # The index after the last block.
    N_DIRECTIONS,  # The number of directions in this call.
    IS_GAUSS_NEWTON,  # 1 for products with the Gauss-Newton part, 0 for products with the Hessian.
    CURVATURE_JOB_SIZE,
) = range(6)
# Kinds of phases.
(
    FORWARD_PHASE,  # The first phase, over blocks.
    TANGENTS_PHASE,  # The second phase, over shards.
) = range(2)

_loss_at = function_at(loss_signature)
_curve_at = function_at(curve_signature)
_multiply_at = function_at(multiply_signature)


class _Block(NamedTuple):
    """A block of rows: row numbers, data, and the results that do not depend on a direction."""

    shard: Shard
    rows: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    activations: np.ndarray
    slopes: np.ndarray
    bends: np.ndarray
    deltas: np.ndarray


@inlined
def _block_of(curvature, number):
    """The block with the index `number`. If the workspace cannot hold all blocks, they use its space in turn."""
    workspace, block_size = curvature.workspace, curvature.block_size
    start, stop = number * block_size, min((number + 1) * block_size, curvature.rows.size)
    n = stop - start
    slot = number * block_size % workspace.inputs.shape[0]
    n_units = curvature.parameters.layer_sizes[1:].sum()
    units = slice(slot * n_units, (slot + n) * n_units)
    return _Block(
        Shard(n, 0, n),
        curvature.rows[start:stop],
        workspace.inputs[slot : slot + n],
        workspace.targets[slot : slot + n],
        workspace.weights[slot : slot + n],
        workspace.activations[units],
        workspace.slopes[units],
        workspace.bends[units],
        workspace.deltas[units],
    )


@inlined
def _transposed_of(transposed_coefs, layer_sizes, k):
    """The transposed weights of layer `k`, a view of shape (d_{k+1}, d_k)."""
    return coef_of(transposed_coefs, layer_sizes, k).reshape(layer_sizes[k + 1], layer_sizes[k])


@inner
def _transpose_all(coefs, layer_sizes, out):
    """Write the transposed weights of every layer to the place where `_transposed_of` finds them."""
    for k in range(layer_sizes.size - 1):
        transpose(coef_of(coefs, layer_sizes, k), _transposed_of(out, layer_sizes, k))


@inlined
def _part_of(vector, layer_sizes, k, layer):
    """The weights of layer `k` in `vector`: at their place in `theta` for `ALL_LAYERS`, otherwise at the start."""
    size = layer_sizes[k] * layer_sizes[k + 1]
    start = 0
    if layer == ALL_LAYERS:
        start = count_weights(layer_sizes[: k + 1])
    return vector[start : start + size].reshape(layer_sizes[k], layer_sizes[k + 1])


@inlined
def _pass_block(curvature, number, multiply, spare):
    """Compute everything about a block that does not depend on a direction."""
    theta, layer_sizes = curvature.parameters
    block = _block_of(curvature, number)
    shard = block.shard
    last = layer_sizes.size - 2
    gather(curvature.data, block.rows, block.inputs, block.targets, block.weights)
    forward(
        curvature.parameters,
        curvature.data.inputs,
        block.rows,
        block.inputs,
        shard,
        curvature.functions.activate,
        multiply,
        spare,
        block.activations,
        block.slopes,
        block.bends,
    )
    if curvature.team.job[IS_GAUSS_NEWTON] == 0:
        loss = _loss_at(curvature.functions.loss, theta)
        preactivations = units_of(block.activations, layer_sizes, last, shard)
        deltas = units_of(block.deltas, layer_sizes, last, shard)
        loss(preactivations, block.targets, block.weights, deltas, curvature.loss_constants)
        for k in range(last, 0, -1):
            # Each bend is multiplied by the derivative of the loss with respect to the unit's activation.
            below = units_of(block.deltas, layer_sizes, k - 1, shard)
            slopes = units_of(block.slopes, layer_sizes, k - 1, shard)
            bends = units_of(block.bends, layer_sizes, k - 1, shard)
            multiply(
                units_of(block.deltas, layer_sizes, k, shard),
                False,
                _transposed_of(curvature.workspace.transposed, layer_sizes, k),
                below,
                OVERWRITE,
                spare,
            )
            for i in range(below.shape[0]):
                for j in range(below.shape[1]):
                    bends[i, j] *= below[i, j]
                    below[i, j] *= slopes[i, j]


@inlined
def _tangent_forward(curvature, block, direction, layer, tangents, activation_tangents, multiply, spare):
    """Fill the tangents R{u} and R{a}, starting with the layer of the direction."""
    theta, layer_sizes = curvature.parameters
    shard = block.shard
    last = layer_sizes.size - 2
    first = max(layer, 0)
    for k in range(first, last + 1):
        layer_tangents = units_of(tangents, layer_sizes, k, shard)
        if layer == ALL_LAYERS or k == layer:
            coef_direction = _part_of(direction, layer_sizes, k, layer)
            if k == 0:
                input_products(
                    curvature.data.inputs, block.rows, block.inputs, coef_direction, layer_tangents, multiply, spare
                )
            else:
                activations = units_of(block.activations, layer_sizes, k - 1, shard)
                multiply(activations, False, coef_direction, layer_tangents, OVERWRITE, spare)
            if layer == ALL_LAYERS:
                add_intercept(layer_tangents, intercept_of(direction, layer_sizes, k))
        if k > first:
            input_tangents = units_of(activation_tangents, layer_sizes, k - 1, shard)
            mode = ACCUMULATE if layer == ALL_LAYERS else OVERWRITE
            multiply(input_tangents, False, coef_of(theta, layer_sizes, k), layer_tangents, mode, spare)
        if k < last:
            slopes = units_of(block.slopes, layer_sizes, k, shard)
            layer_activation_tangents = units_of(activation_tangents, layer_sizes, k, shard)
            for i in range(layer_tangents.shape[0]):
                for j in range(layer_tangents.shape[1]):
                    layer_activation_tangents[i, j] = slopes[i, j] * layer_tangents[i, j]


@inlined
def _tangent_backward(
    curvature, block, direction, layer, tangents, activation_tangents, delta_tangents, rank, multiply, spare, product
):
    """Add the Hessian's product with `direction` to `product`, starting from the tangents of the output deltas."""
    layer_sizes, workspace = curvature.parameters.layer_sizes, curvature.workspace
    is_gauss_newton = curvature.team.job[IS_GAUSS_NEWTON] == 1
    shard = block.shard
    first = max(layer, 0)
    for k in range(layer_sizes.size - 2, first - 1, -1):
        layer_tangents = units_of(delta_tangents, layer_sizes, k, shard)
        if layer == ALL_LAYERS or k == layer:
            coef_product = _part_of(product, layer_sizes, k, layer)
            if layer == ALL_LAYERS:
                add_column_sums(layer_tangents, intercept_of(product, layer_sizes, k))
            if k == 0:
                transposed_input_products(
                    curvature.data.inputs,
                    block.rows,
                    block.inputs,
                    layer_tangents,
                    coef_product,
                    ACCUMULATE,
                    multiply,
                    spare,
                )
            else:
                activations = units_of(block.activations, layer_sizes, k - 1, shard)
                multiply(activations, True, layer_tangents, coef_product, ACCUMULATE, spare)
            if k > first and not is_gauss_newton:
                input_tangents = units_of(activation_tangents, layer_sizes, k - 1, shard)
                deltas = units_of(block.deltas, layer_sizes, k, shard)
                multiply(input_tangents, True, deltas, coef_product, ACCUMULATE, spare)
        if k > first:
            below = units_of(delta_tangents, layer_sizes, k - 1, shard)
            transposed = _transposed_of(workspace.transposed, layer_sizes, k)
            multiply(layer_tangents, False, transposed, below, OVERWRITE, spare)
            if layer == ALL_LAYERS and not is_gauss_newton:
                deltas = units_of(block.deltas, layer_sizes, k, shard)
                transposed_direction = _transposed_of(workspace.transposed_directions[rank], layer_sizes, k)
                multiply(deltas, False, transposed_direction, below, ACCUMULATE, spare)
            slopes = units_of(block.slopes, layer_sizes, k - 1, shard)
            if is_gauss_newton:
                for i in range(below.shape[0]):
                    for j in range(below.shape[1]):
                        below[i, j] *= slopes[i, j]
            else:
                bends = units_of(block.bends, layer_sizes, k - 1, shard)
                input_tangents = units_of(tangents, layer_sizes, k - 1, shard)
                for i in range(below.shape[0]):
                    for j in range(below.shape[1]):
                        below[i, j] = below[i, j] * slopes[i, j] + bends[i, j] * input_tangents[i, j]


@inlined
def _count_shards(workspace):
    """The number of shards. Each shard has a product for every direction."""
    return workspace.products.shape[0] // workspace.layers.size


@inlined
def _multiply_shard(curvature, number, rank, multiply, spare):
    """Add the products of a shard's blocks to the products of the shard."""
    layer_sizes, workspace, job = curvature.parameters.layer_sizes, curvature.workspace, curvature.team.job
    curve = _curve_at(curvature.functions.curve, curvature.parameters.theta)
    last = layer_sizes.size - 2
    n_shards, most_directions = _count_shards(workspace), workspace.layers.size
    tangents, activation_tangents = workspace.tangents[rank], workspace.activation_tangents[rank]
    delta_tangents = workspace.delta_tangents[rank]
    for m in range(job[N_DIRECTIONS]):
        layer, direction = workspace.layers[m], workspace.directions[m]
        if layer == ALL_LAYERS and job[IS_GAUSS_NEWTON] == 0:
            _transpose_all(direction, layer_sizes, workspace.transposed_directions[rank])
        # A block belongs to the same shard in every call.
        first = job[FIRST_BLOCK] + (number - job[FIRST_BLOCK]) % n_shards
        for block_number in range(first, job[STOP_BLOCK], n_shards):
            block = _block_of(curvature, block_number)
            _tangent_forward(curvature, block, direction, layer, tangents, activation_tangents, multiply, spare)
            curve(
                units_of(block.activations, layer_sizes, last, block.shard),
                block.targets,
                block.weights,
                units_of(tangents, layer_sizes, last, block.shard),
                units_of(delta_tangents, layer_sizes, last, block.shard),
                curvature.loss_constants,
            )
            _tangent_backward(
                curvature,
                block,
                direction,
                layer,
                tangents,
                activation_tangents,
                delta_tangents,
                rank,
                multiply,
                spare,
                workspace.products[number * most_directions + m],
            )


def _multiply_directions(curvature, rank, is_passed):
    """Over some blocks, multiply the summed loss's Hessian by all directions, and add the results to `products`.

    ``layers[m]`` is `ALL_LAYERS` if direction `m` covers all parameters. Otherwise it is a layer, and row `m` of
    `directions` starts with the weights of this layer. `is_passed` is 1 if the first phase has been done for these
    blocks and parameters. Rank 0 is the caller. Any other rank is a helper, which works on the caller's items until it
    is sent home.
    """
    workspace = curvature.workspace
    board, job, _ = curvature.team
    multiply = _multiply_at(curvature.functions.multiply, curvature.parameters.theta)
    spare = workspace.spare[rank]
    n_shards = _count_shards(workspace)
    if rank == 0:
        if is_passed == 1:
            job[CURVATURE_PHASE] = TANGENTS_PHASE
            open_phase(board, n_shards)
        else:
            _transpose_all(curvature.parameters.theta, curvature.parameters.layer_sizes, workspace.transposed)
            job[CURVATURE_PHASE] = FORWARD_PHASE
            open_phase(board, job[STOP_BLOCK] - job[FIRST_BLOCK])
    while True:
        item = next_item(board, rank)
        if item >= 0:
            if job[CURVATURE_PHASE] == FORWARD_PHASE:
                _pass_block(curvature, job[FIRST_BLOCK] + item, multiply, spare)
            else:
                _multiply_shard(curvature, item, rank, multiply, spare)
            finish(board, rank)
        elif rank > 0 or job[CURVATURE_PHASE] == TANGENTS_PHASE:
            return
        else:
            job[CURVATURE_PHASE] = TANGENTS_PHASE
            open_phase(board, n_shards)


@cache
def compile_multiply_directions(dtype: np.dtype) -> Kernel:
    """Compile `_multiply_directions`, for every activation and loss."""
    return Kernel(_multiply_directions, void(argument_type(Curvature, dtype), int64, int64))
