r"""Forward and backward propagation through one block of rows.

Layer `k` maps ``activations[k]`` of shape (n, d_k) to

.. math:: u_k = a_k W_k + b_k, \qquad a_{k+1} = f(u_k),

without `f` after the last layer. Backwards, with :math:`\delta_k = \partial L / \partial u_k`,

.. math:: \partial L / \partial W_k = a_k^T \delta_k, \quad \partial L / \partial b_k = 1^T \delta_k,
          \quad \delta_{k-1} = (\delta_k W_k^T) \odot f'(u_{k-1}).

All parameters are in one vector `theta`: first the weight matrices, row by row, then the intercepts. A gradient has the
same order. The functions of this module trust their arguments and allocate nothing. They write the results of each
layer to a part of a flat workspace, in which the parts for all layers except the input follow each other.

For CSR data, the first layer's products use only the stored entries.
"""

from typing import NamedTuple

from numba import float64

from .activations import activate_with_slopes_signature
from .compilation import function_at, inlined, inner
from .processor import multiply_add
from .products import OVERWRITE

_activate_at = function_at(activate_with_slopes_signature)


@inner
def count_weights(layer_sizes):
    """The number of weights in all layers, which is also the index of the first intercept in `theta`."""
    n_weights = 0
    for k in range(layer_sizes.size - 1):
        n_weights += layer_sizes[k] * layer_sizes[k + 1]
    return n_weights


@inlined
def coef_of(theta, layer_sizes, k):
    """The weights of layer `k`, a view of shape (d_k, d_{k+1})."""
    start = count_weights(layer_sizes[: k + 1])
    fan_in, fan_out = layer_sizes[k], layer_sizes[k + 1]
    return theta[start : start + fan_in * fan_out].reshape(fan_in, fan_out)


@inlined
def intercept_of(theta, layer_sizes, k):
    """The intercepts of layer `k`, a view of shape (d_{k+1},)."""
    start = count_weights(layer_sizes) + layer_sizes[1 : k + 1].sum()
    return theta[start : start + layer_sizes[k + 1]]


class Shard(NamedTuple):
    """Some rows of a block of `n_rows` rows: from `first` up to, but not including, `stop`."""

    n_rows: int
    first: int
    stop: int


@inlined
def units_of(workspace, layer_sizes, k, shard):
    """The part of a workspace for the units of layer `k` and a shard, a view of shape (rows, d_{k+1})."""
    width = layer_sizes[k + 1]
    start = shard.n_rows * layer_sizes[1 : k + 1].sum()
    return workspace[start + shard.first * width : start + shard.stop * width].reshape(shard.stop - shard.first, width)


@inner
def input_products(inputs_of_data, rows, inputs, coef, out, multiply, spare):
    """out = X[rows] @ coef. If X is dense, `inputs` holds these rows, with shape (n, d_0)."""
    X, data, indices, indptr = inputs_of_data
    if X.shape[0] > 0:
        multiply(inputs, False, coef, out, OVERWRITE, spare)
        return
    out[:] = 0
    for i in range(rows.size):
        for entry in range(indptr[rows[i]], indptr[rows[i] + 1]):
            x = data[entry]
            j = indices[entry]
            for h in range(coef.shape[1]):
                out[i, h] = multiply_add(x, coef[j, h], out[i, h])


@inner
def transposed_input_products(inputs_of_data, rows, inputs, deltas, out, mode, multiply, spare):
    """Replace `out` by X[rows].T @ deltas, or add the product to `out`, depending on `mode`.

    If X is dense, `inputs` holds its rows. The shapes are (n, d_0) for `inputs`, (n, d_1) for `deltas`, and (d_0, d_1)
    for `out`.
    """
    if inputs_of_data.X.shape[0] > 0:
        multiply(inputs, True, deltas, out, mode, spare)
    else:
        some_transposed_input_products(inputs_of_data, rows, deltas, 0, out, mode)


@inner
def _first_entry(indices, start, stop, column):
    """The first entry whose column is at least `column`, in a sparse row with the entries from `start` to `stop`."""
    while start < stop:
        middle = (start + stop) // 2
        if indices[middle] < column:
            start = middle + 1
        else:
            stop = middle
    return start


@inner
def some_transposed_input_products(inputs_of_data, rows, deltas, first, out, mode):
    """Rows of X[rows].T @ deltas, from row `first` on, as many as fit into `out`. X is sparse with sorted indices."""
    _, data, indices, indptr = inputs_of_data
    if mode == OVERWRITE:
        for j in range(out.shape[0]):
            for h in range(out.shape[1]):
                out[j, h] = 0
    for i in range(rows.size):
        start, stop = indptr[rows[i]], indptr[rows[i] + 1]
        if first > 0:
            start = _first_entry(indices, start, stop, first)
        while start < stop and indices[start] - first < out.shape[0]:
            j = indices[start] - first
            x = data[start]
            for h in range(deltas.shape[1]):
                out[j, h] = multiply_add(x, deltas[i, h], out[j, h])
            start += 1


@inner
def add_intercept(products, intercept):
    """Add the intercept to every row."""
    for i in range(products.shape[0]):
        for j in range(products.shape[1]):
            products[i, j] += intercept[j]


@inner
def transpose(coef, out):
    """out = coef.T, as a copy."""
    for i in range(coef.shape[0]):
        for j in range(coef.shape[1]):
            out[j, i] = coef[i, j]


@inner
def add_column_sums(deltas, out):
    """Add the sum of all rows of `deltas`, of shape (n, d), to `out`, of shape (d,). Four rows are added at a time."""
    n_rows = deltas.shape[0]
    n_whole = n_rows // 4 * 4
    for i in range(0, n_whole, 4):
        for j in range(deltas.shape[1]):
            out[j] += (deltas[i, j] + deltas[i + 1, j]) + (deltas[i + 2, j] + deltas[i + 3, j])
    for i in range(n_whole, n_rows):
        for j in range(deltas.shape[1]):
            out[j] += deltas[i, j]


@inner
def gather(data, rows, inputs, targets, weights):
    """Copy the inputs (if they are dense), the targets and the weights of `rows`. Return the sum of the weights.

    Without sample weights, `weights` keeps its ones.
    """
    n = rows.size
    for i in range(n):
        row = rows[i]
        for j in range(inputs.shape[1]):
            inputs[i, j] = data.inputs.X[row, j]
        for j in range(targets.shape[1]):
            targets[i, j] = data.targets[row, j]
    if data.sample_weight.size == 0:
        return float64(n)
    weight_sum = 0.0
    for i in range(n):
        weights[i] = data.sample_weight[rows[i]]
        weight_sum += float64(weights[i])
    return weight_sum


@inlined
def forward_layer(
    k, parameters, inputs_of_data, rows, inputs, shard, activate, multiply, spare, activations, slopes, bends
):
    """Fill the parts of the workspaces for layer `k`, from the activations of the layer below; see `forward`."""
    theta, layer_sizes = parameters
    coef, intercept = coef_of(theta, layer_sizes, k), intercept_of(theta, layer_sizes, k)
    products = units_of(activations, layer_sizes, k, shard)
    if k == 0:
        input_products(inputs_of_data, rows, inputs, coef, products, multiply, spare)
    else:
        multiply(units_of(activations, layer_sizes, k - 1, shard), False, coef, products, OVERWRITE, spare)
    if k < layer_sizes.size - 2:
        activate_layer = _activate_at(activate[k], theta)
        activate_layer(
            products, intercept, units_of(slopes, layer_sizes, k, shard), units_of(bends, layer_sizes, k, shard)
        )
    else:
        add_intercept(products, intercept)


@inner
def forward(parameters, inputs_of_data, rows, inputs, shard, activate, multiply, spare, activations, slopes, bends):
    """Fill the workspaces with every layer's activations and every hidden unit's slope and bend, for a shard of rows.

    `activate` is an int64 vector with the address of each hidden layer's activation. The last part of `activations`
    gets the output layer's preactivations. If the activations do not write bends, `bends` may be any workspace.
    """
    for k in range(parameters.layer_sizes.size - 1):
        forward_layer(
            k, parameters, inputs_of_data, rows, inputs, shard, activate, multiply, spare, activations, slopes, bends
        )
