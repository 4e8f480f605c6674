r"""Forward and backward propagation through one block of rows.

Layer `k` maps ``activations[k]`` of shape (n, d_k) to

.. math:: u_k = a_k W_k + b_k, \qquad a_{k+1} = f(u_k),

without `f` after the last layer. Backwards, with :math:`\delta_k = \partial L / \partial u_k`,

.. math:: \partial L / \partial W_k = a_k^T \delta_k, \quad \partial L / \partial b_k = 1^T \delta_k,
          \quad \delta_{k-1} = (\delta_k W_k^T) \odot f'(u_{k-1}).

Parameters lie in one vector `theta`: all weight matrices, row by row, then all intercepts; a gradient likewise. The
functions of this module trust their arguments and allocate nothing: what they write for each layer goes to consecutive
blocks of flat workspaces, one block for each layer but the input.

Data come as the tuple `rows_of_X`: ``(X, data, indices, indptr)``, dense, or CSR with an `X` of no rows; the first
layer's products then go over the stored entries only.
"""

from numba import float64

from .compilation import inner
from .processor import multiply_add
from .products import ACCUMULATE, OVERWRITE, SCALE


@inner
def count_weights(layer_sizes):
    """Number of entries of all weight matrices: the first intercept's place in `theta`."""
    n_weights = 0
    for k in range(layer_sizes.size - 1):
        n_weights += layer_sizes[k] * layer_sizes[k + 1]
    return n_weights


@inner
def coef_of(theta, layer_sizes, k):
    """The weights of layer `k`, a view of shape (d_k, d_{k+1})."""
    start = count_weights(layer_sizes[: k + 1])
    fan_in, fan_out = layer_sizes[k], layer_sizes[k + 1]
    return theta[start : start + fan_in * fan_out].reshape(fan_in, fan_out)


@inner
def intercept_of(theta, layer_sizes, k):
    """The intercepts of layer `k`, a view of shape (d_{k+1},)."""
    start = count_weights(layer_sizes) + layer_sizes[1 : k + 1].sum()
    return theta[start : start + layer_sizes[k + 1]]


@inner
def block_of(workspace, layer_sizes, k, n):
    """What a workspace holds for the units of layer `k`, for `n` rows: a view of shape (n, d_{k+1})."""
    start = n * layer_sizes[1 : k + 1].sum()
    return workspace[start : start + n * layer_sizes[k + 1]].reshape(n, layer_sizes[k + 1])


@inner
def input_products(rows_of_X, rows, inputs, coef, out, multiply, spare):
    """out = X[rows] @ coef; `inputs` holds the rows if they are dense."""
    X, data, indices, indptr = rows_of_X
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
def transposed_input_products(rows_of_X, rows, inputs, deltas, out, mode, multiply, spare):
    """out = X[rows].T @ deltas, or out + that, by `mode`; `inputs` holds the rows if they are dense."""
    X, data, indices, indptr = rows_of_X
    if X.shape[0] > 0:
        multiply(inputs, True, deltas, out, mode, spare)
        return
    if mode == OVERWRITE:
        out[:] = 0
    for i in range(rows.size):
        for entry in range(indptr[rows[i]], indptr[rows[i] + 1]):
            x = data[entry]
            j = indices[entry]
            for h in range(deltas.shape[1]):
                out[j, h] = multiply_add(x, deltas[i, h], out[j, h])


@inner
def add_intercept(products, intercept):
    """Add the intercept to every row."""
    for i in range(products.shape[0]):
        for j in range(products.shape[1]):
            products[i, j] += intercept[j]


@inner
def transpose(coef, out):
    """out = coef.T, a matrix of its own."""
    for i in range(coef.shape[0]):
        for j in range(coef.shape[1]):
            out[j, i] = coef[i, j]


@inner
def add_column_sums(deltas, out):
    """Add the sum of the rows to `out`."""
    for i in range(deltas.shape[0]):
        for j in range(deltas.shape[1]):
            out[j] += deltas[i, j]


@inner
def gather(rows_of_X, targets, sample_weight, rows, inputs, block_targets, block_weights):
    """Copy what belongs to `rows` (for CSR data their numbers will do); return the sum of their weights.

    Without sample weights `block_weights` is left as it is, all ones.
    """
    X = rows_of_X[0]
    n = rows.size
    for i in range(n):
        row = rows[i]
        for j in range(inputs.shape[1]):
            inputs[i, j] = X[row, j]
        for j in range(targets.shape[1]):
            block_targets[i, j] = targets[row, j]
    if sample_weight.size == 0:
        return float64(n)
    weight_sum = 0.0
    for i in range(n):
        block_weights[i] = sample_weight[rows[i]]
        weight_sum += float64(block_weights[i])
    return weight_sum


@inner
def forward(theta, layer_sizes, rows_of_X, rows, inputs, activate, multiply, spare, activations, slopes, bends):
    """Fill the workspaces with every layer's activations and every hidden unit's slope and bend.

    The last block of `activations` gets the output layer's preactivations. Where `activate` does not write bends,
    `bends` may be any workspace.
    """
    n = rows.size
    last = layer_sizes.size - 2
    for k in range(last + 1):
        coef = coef_of(theta, layer_sizes, k)
        intercept = intercept_of(theta, layer_sizes, k)
        products = block_of(activations, layer_sizes, k, n)
        if k == 0:
            input_products(rows_of_X, rows, inputs, coef, products, multiply, spare)
        else:
            multiply(block_of(activations, layer_sizes, k - 1, n), False, coef, products, OVERWRITE, spare)
        if k < last:
            activate(products, intercept, block_of(slopes, layer_sizes, k, n), block_of(bends, layer_sizes, k, n))
        else:
            add_intercept(products, intercept)


@inner
def backward(
    theta,
    gradient,
    layer_sizes,
    rows_of_X,
    rows,
    inputs,
    activations,
    slopes,
    output_deltas,
    is_first,
    transposed_coef,
    multiply,
    spare,
):
    """Write the gradient if this is the first block of rows, otherwise add to it, from the deltas of the output layer.

    Deltas of hidden layers take the place of their slopes, which are not needed any more by then.
    """
    n = rows.size
    last = layer_sizes.size - 2
    mode = OVERWRITE if is_first else ACCUMULATE
    if is_first:
        gradient[count_weights(layer_sizes) :] = 0
    deltas = output_deltas
    for k in range(last, -1, -1):
        coef_gradient = coef_of(gradient, layer_sizes, k)
        add_column_sums(deltas, intercept_of(gradient, layer_sizes, k))
        if k == 0:
            transposed_input_products(rows_of_X, rows, inputs, deltas, coef_gradient, mode, multiply, spare)
            return
        multiply(block_of(activations, layer_sizes, k - 1, n), True, deltas, coef_gradient, mode, spare)
        coef = coef_of(theta, layer_sizes, k)
        transposed = transposed_coef[: coef.size].reshape(coef.shape[1], coef.shape[0])
        transpose(coef, transposed)
        input_deltas = block_of(slopes, layer_sizes, k - 1, n)
        multiply(deltas, False, transposed, input_deltas, SCALE, spare)
        deltas = input_deltas
