"""Training: one compiled call takes the steps of many mini-batches, and threads share its work.

A block of rows takes two phases. In the *rows phase*, each item is a shard of the rows, which goes forward through the
network, through the loss, and backward. In the *parameters phase*, each item is a range of parameters, for which the
gradient and the step are computed together. The computations and the order of sums depend only on shapes. So results
have the same bits for every number of threads.

There are two ways to compute the gradient of a layer's weights. If the gradients of all shards are smaller than the
activations and deltas that they depend on, each shard computes its own gradient, and each range adds the shards' parts.
Otherwise each range multiplies its columns of the layer's inputs by the deltas of all rows, and uses the product while
it is in the cache.

If a mini-batch has several blocks, their gradients are added before the step. Without a step, the gradient stays in the
workspace, for solvers that need the gradient over all rows.
"""

from functools import cache

import numpy as np
from numba import int64, void

from .arguments import Training, argument_type
from .compilation import FLOAT64_VECTOR, Kernel, function_at, inlined, inner
from .dropout import drop_units
from .losses import loss_signature
from .processor import multiply_add
from .products import OVERWRITE, SCALE, multiply_signature, sum_of_squares
from .propagation import (
    Shard,
    add_column_sums,
    coef_of,
    count_weights,
    forward_layer,
    gather,
    some_transposed_input_products,
    transposed_input_products,
    units_of,
)
from .team import finish, next_item, open_phase
from .updates import update_signature

# The smallest number of rows in a shard, unless it is the only shard. The usual mini-batch of 200 rows has four shards.
SHARD_ROWS = 48
# The largest number of shards in a block. It is small because each shard needs memory for its gradient. A block of 512
# rows has eight shards.
MOST_TRAINING_SHARDS = 16
# The number of parameters in a range that adds up the gradients of shards. In float64, its gradient takes 16 KB, so it
# is still in the cache when the step uses it.
RANGE_PARAMETERS = 2048
# The number of multiply-adds in a range that computes a product. It is large because each range reads the deltas of all
# rows.
RANGE_MULTIPLY_ADDS = 4_000_000
# The number of rows in a range of weights is a multiple of this, so that it fills whole tiles.
RANGE_ROWS = 8

# The entries of `job`, which the caller sets.
(
    PURPOSE,  # The purpose of the pass.
    TRAINING_PHASE,  # The kind of the current phase.
    BLOCK_START,  # The place of the block's first row in the order of rows.
    BLOCK_STOP,  # The place after the block's last row.
    IS_FIRST,  # Whether the block is the first of its mini-batch.
    IS_LAST,  # Whether the block is the last of its mini-batch.
    N_SHARDS,  # The number of shards of the block.
    STEP_NUMBER,  # The number of the step, counted from 1 over all passes.
    POSITION,  # The place of the next block's first row, which is kept between calls.
    N_PASS_STEPS,  # The number of steps taken in this pass, which is kept between calls.
    TRAINING_JOB_SIZE,
) = range(11)
# The entries of `numbers`, which the caller sets.
(
    RATE,  # The learning rate of the step.
    KEEP,  # The fraction of the weights that weight decay leaves.
    INVERSE_WEIGHT_SUM,  # 1 / the sum of the mini-batch's sample weights.
    AVERAGE_WEIGHT,  # The weight of the parameters in their average over steps.
    SQUARED_NORM,  # The sum of squares of all weights before the step, which is kept between calls.
    N_NUMBERS,
) = range(6)
# Kinds of phases. The first phase of each call transposes the weights.
TRANSPOSE_PHASE, ROWS_PHASE, PARAMETERS_PHASE = range(3)
# Purposes of a pass. The second leaves the gradient in the workspace. The third goes only forward.
TAKE_STEPS, SUM_GRADIENTS, SUM_LOSSES = range(3)
# The entries of `totals`. For the pass: the sum of the reported loss times the rows of each mini-batch, and the sum of
# the rows' weighted losses. For the current mini-batch: the sums of its rows' weighted losses and of their weights.
REPORTED_LOSS, LOSS, BATCH_LOSS, BATCH_WEIGHT, N_TOTALS = range(5)
# In place of a layer's number, this value means that a range has intercepts.
INTERCEPTS = -1

_loss_at = function_at(loss_signature)
_multiply_at = function_at(multiply_signature)
_step_at = function_at(update_signature)


def count_shards(n_rows: int) -> int:
    """The number of shards of a block with `n_rows` rows."""
    n_shards = 1
    while n_shards < MOST_TRAINING_SHARDS and n_rows >= 2 * n_shards * SHARD_ROWS:
        n_shards *= 2
    return n_shards


_count_shards = inner(count_shards)


@inner
def _shard_start(n_rows, n_shards, shard):
    """The first row of a shard, a multiple of eight so that shards fill whole tiles."""
    return min(n_rows, (n_rows + 7) // 8 * shard // n_shards * 8)


@inlined
def _transposed_of(transposed, layer_sizes, k):
    """The transposed weights of layer `k`, from the second layer on: a view of shape (d_{k+1}, d_k)."""
    start = count_weights(layer_sizes[: k + 1]) - layer_sizes[0] * layer_sizes[1]
    size = layer_sizes[k] * layer_sizes[k + 1]
    return transposed[start : start + size].reshape(layer_sizes[k + 1], layer_sizes[k])


@inlined
def _pass_rows(training, number, scratch):
    """Propagate a shard of a block forward and backward."""
    theta, layer_sizes = training.parameters
    inputs_of_data, job, workspace = training.data.inputs, training.team.job, training.workspace
    loss = _loss_at(training.functions.loss, theta)
    multiply = _multiply_at(training.functions.multiply, theta)
    last = layer_sizes.size - 2
    n = job[BLOCK_STOP] - job[BLOCK_START]
    first, stop = _shard_start(n, job[N_SHARDS], number), _shard_start(n, job[N_SHARDS], number + 1)
    shard = Shard(n, first, stop)
    rows = training.epoch.order[job[BLOCK_START] + first : job[BLOCK_START] + stop]
    inputs, targets = workspace.inputs[first:stop], workspace.targets[first:stop]
    weights = workspace.weights[first:stop]
    workspace.weight_sums[number] = gather(training.data, rows, inputs, targets, weights)
    dropout = training.solver.dropout
    for k in range(last + 1):
        forward_layer(
            k,
            training.parameters,
            inputs_of_data,
            rows,
            inputs,
            shard,
            training.functions.activate,
            multiply,
            scratch,
            workspace.activations,
            workspace.slopes,
            workspace.slopes,
        )
        if k < last and job[PURPOSE] == TAKE_STEPS and dropout.size > 0:
            drop_units(
                units_of(workspace.activations, layer_sizes, k, shard),
                units_of(workspace.slopes, layer_sizes, k, shard),
                dropout[k],
                training.solver.seed,
                training.solver.n_steps[0],
                job[BLOCK_START] + first,
                k,
            )
    deltas = workspace.deltas[first:stop]
    preactivations = units_of(workspace.activations, layer_sizes, last, shard)
    workspace.losses[number] = loss(preactivations, targets, weights, deltas, training.epoch.loss_constants)
    if job[PURPOSE] == SUM_LOSSES:
        return
    gradient = workspace.shard_gradients[number]
    intercepts = gradient[workspace.offsets[last + 1] :]
    for k in range(last, -1, -1):
        fan_in, fan_out = layer_sizes[k], layer_sizes[k + 1]
        place = layer_sizes[1 : k + 1].sum()
        sums = intercepts[place : place + fan_out]
        for j in range(fan_out):
            sums[j] = 0
        add_column_sums(deltas, sums)
        offset = workspace.offsets[k]
        if offset >= 0:
            coef_gradient = gradient[offset : offset + fan_in * fan_out].reshape(fan_in, fan_out)
            if k == 0:
                transposed_input_products(
                    inputs_of_data, rows, inputs, deltas, coef_gradient, OVERWRITE, multiply, scratch
                )
            else:
                layer_inputs = units_of(workspace.activations, layer_sizes, k - 1, shard)
                multiply(layer_inputs, True, deltas, coef_gradient, OVERWRITE, scratch)
        if k > 0:
            # The deltas of a hidden layer overwrite its slopes, which are no longer needed.
            input_deltas = units_of(workspace.slopes, layer_sizes, k - 1, shard)
            transposed = _transposed_of(workspace.transposed, layer_sizes, k)
            multiply(deltas, False, transposed, input_deltas, SCALE, scratch)
            deltas = input_deltas


@inner
def _add_shards(shard_gradients, n_shards, offset, out):
    """out = the sum of the shards' gradients in the order of shards, for the parameters from `offset` on."""
    stop = offset + out.size
    first = shard_gradients[0][offset:stop]
    if n_shards == 1:
        for j in range(out.size):
            out[j] = first[j]
        return
    second = shard_gradients[1][offset:stop]
    for j in range(out.size):
        out[j] = first[j] + second[j]
    # Two at a time, because the number of shards is a power of two.
    for shard in range(2, n_shards, 2):
        first, second = shard_gradients[shard][offset:stop], shard_gradients[shard + 1][offset:stop]
        for j in range(out.size):
            out[j] += first[j] + second[j]


@inlined
def _multiply_columns(training, k, first, stop, gradient, spare):
    """Compute the gradient for rows `first` to `stop` (exclusive) of the weights of layer `k`, over the whole block."""
    layer_sizes, workspace, job = training.parameters.layer_sizes, training.workspace, training.team.job
    multiply = _multiply_at(training.functions.multiply, training.parameters.theta)
    n = job[BLOCK_STOP] - job[BLOCK_START]
    out = gradient.reshape(stop - first, layer_sizes[k + 1])
    deltas = workspace.deltas[:n]
    if k < layer_sizes.size - 2:
        deltas = units_of(workspace.slopes, layer_sizes, k, Shard(n, 0, n))
    if k > 0:
        activations = units_of(workspace.activations, layer_sizes, k - 1, Shard(n, 0, n))
        multiply(activations[:, first:stop], True, deltas, out, OVERWRITE, spare)
    elif training.data.inputs.X.shape[0] > 0:
        multiply(workspace.inputs[:n, first:stop], True, deltas, out, OVERWRITE, spare)
    else:
        rows = training.epoch.order[job[BLOCK_START] : job[BLOCK_STOP]]
        some_transposed_input_products(training.data.inputs, rows, deltas, first, out, OVERWRITE)


@inner
def _average_with(theta, weight, average):
    """average = (1 - weight) * average + weight * theta."""
    Float = theta.dtype.type
    share, rest = Float(weight), Float(1.0 - weight)
    for j in range(theta.size):
        average[j] = multiply_add(share, theta[j], rest * average[j])


@inlined
def _change_range(training, item, scratch):
    """Compute the gradient for a range of parameters, and take the step."""
    theta, layer_sizes = training.parameters
    job, workspace = training.team.job, training.workspace
    k, first, stop = workspace.ranges[item, 0], workspace.ranges[item, 1], workspace.ranges[item, 2]
    is_intercepts = k == INTERCEPTS
    # Each intercept is a row with one column, after the weights of all layers.
    layer = layer_sizes.size - 1 if is_intercepts else k
    fan_out = 1 if is_intercepts else layer_sizes[k + 1]
    start = count_weights(layer_sizes[: layer + 1]) + first * fan_out
    size = (stop - first) * fan_out
    is_step = job[PURPOSE] == TAKE_STEPS and job[IS_LAST] == 1
    kept = workspace.gradient[start : start + size]
    gradient = scratch[:size] if is_step or job[IS_FIRST] == 0 else kept
    offset = workspace.offsets[layer]
    if offset >= 0:
        _add_shards(workspace.shard_gradients, job[N_SHARDS], offset + first * fan_out, gradient)
    else:
        _multiply_columns(training, k, first, stop, gradient, scratch[size:])
    if job[IS_FIRST] == 0:
        total = gradient if is_step else kept
        for j in range(size):
            total[j] = kept[j] + gradient[j]
    if is_step:
        some = theta[start : start + size]
        workspace.squared_norms[item] = 0.0 if is_intercepts else sum_of_squares(some)
        step = _step_at(training.functions.step, theta)
        solver, numbers = training.solver, training.team.numbers
        alpha = 0.0 if is_intercepts else training.epoch.alpha
        keep = 1.0 if is_intercepts else numbers[KEEP]
        step(
            some,
            gradient,
            solver.slots,
            start,
            solver.constants,
            numbers[RATE],
            job[STEP_NUMBER],
            alpha,
            keep,
            numbers[INVERSE_WEIGHT_SUM],
        )
        if solver.average.size > 0:
            _average_with(some, numbers[AVERAGE_WEIGHT], solver.average[start : start + size])


@inner
def _transpose_range(parameters, ranges, item, transposed_coefs):
    """Update the transposed copy of a range of weights."""
    theta, layer_sizes = parameters
    k = ranges[item, 0]
    if k > 0:
        coef = coef_of(theta, layer_sizes, k)
        transposed = _transposed_of(transposed_coefs, layer_sizes, k)
        for j in range(coef.shape[1]):
            for i in range(ranges[item, 1], ranges[item, 2]):
                transposed[j, i] = coef[i, j]


@inner
def _sum(values, n):
    total = 0.0
    for i in range(n):
        total += values[i]
    return total


@inner
def _begin_block(epoch, job):
    """Move on to the next block of rows, and return its number of shards."""
    start = job[POSITION]
    batch_start = start - start % epoch.batch_size
    batch_stop = min(batch_start + epoch.batch_size, epoch.order.size)
    stop = min(start + epoch.block_size, batch_stop)
    job[TRAINING_PHASE] = ROWS_PHASE
    job[BLOCK_START], job[BLOCK_STOP] = start, stop
    job[IS_FIRST], job[IS_LAST] = int64(start == batch_start), int64(stop == batch_stop)
    job[N_SHARDS] = _count_shards(stop - start)
    job[POSITION] = stop
    return job[N_SHARDS]


@inner
def _end_rows(epoch, solver, workspace, job, numbers, totals):
    """Add up the shards of a rows phase. Return whether a parameters phase comes next."""
    totals[BATCH_LOSS] += _sum(workspace.losses, job[N_SHARDS])
    totals[BATCH_WEIGHT] += _sum(workspace.weight_sums, job[N_SHARDS])
    if job[PURPOSE] == SUM_LOSSES:
        return False
    if job[PURPOSE] == TAKE_STEPS and job[IS_LAST] == 1:
        # A mini-batch whose weights are all zero takes no step.
        if totals[BATCH_WEIGHT] == 0.0:
            return False
        numbers[RATE] = solver.rates[job[N_PASS_STEPS]]
        numbers[KEEP] = 1.0 - numbers[RATE] * solver.weight_decay
        if solver.average.size > 0:
            numbers[AVERAGE_WEIGHT] = solver.average_weights[job[N_PASS_STEPS]]
        numbers[INVERSE_WEIGHT_SUM] = 1.0 / totals[BATCH_WEIGHT]
        job[N_PASS_STEPS] += 1
        solver.n_steps[0] += 1
        job[STEP_NUMBER] = solver.n_steps[0]
    return True


@inner
def _end_batch(epoch, job, squared_norm, totals):
    """Add a mini-batch to the sums of the pass."""
    if totals[BATCH_WEIGHT] != 0.0:
        n_rows = job[BLOCK_STOP] - (job[BLOCK_STOP] - 1) // epoch.batch_size * epoch.batch_size
        loss = totals[BATCH_LOSS] * epoch.loss_scale + 0.5 * epoch.alpha * squared_norm
        totals[REPORTED_LOSS] += n_rows * loss / totals[BATCH_WEIGHT]
    totals[LOSS] += totals[BATCH_LOSS]
    totals[BATCH_LOSS] = 0.0
    totals[BATCH_WEIGHT] = 0.0


def _train(training, rank, n_blocks, totals):
    """Train on the next `n_blocks` blocks of a pass as the caller, which has rank 0. Other ranks help until sent home.

    The caller adds to the sums in `totals`. The reported loss is the mean over a mini-batch, including the penalty.
    """
    epoch, workspace = training.epoch, training.workspace
    board, job, numbers = training.team
    scratch = workspace.scratch[rank]
    n_ranges = workspace.ranges.shape[0]
    if rank == 0:
        job[TRAINING_PHASE] = TRANSPOSE_PHASE
        open_phase(board, n_ranges)
    while True:
        item = next_item(board, rank)
        if item >= 0:
            if job[TRAINING_PHASE] == ROWS_PHASE:
                _pass_rows(training, item, scratch)
            elif job[TRAINING_PHASE] == PARAMETERS_PHASE:
                _change_range(training, item, scratch)
            if job[TRAINING_PHASE] == TRANSPOSE_PHASE or (
                job[TRAINING_PHASE] == PARAMETERS_PHASE and job[PURPOSE] == TAKE_STEPS and job[IS_LAST] == 1
            ):
                _transpose_range(training.parameters, workspace.ranges, item, workspace.transposed)
            finish(board, rank)
        elif rank > 0:
            return
        else:
            if job[TRAINING_PHASE] == ROWS_PHASE and _end_rows(epoch, training.solver, workspace, job, numbers, totals):
                job[TRAINING_PHASE] = PARAMETERS_PHASE
                open_phase(board, n_ranges)
                continue
            if job[TRAINING_PHASE] == PARAMETERS_PHASE:
                numbers[SQUARED_NORM] = _sum(workspace.squared_norms, n_ranges)
            if job[TRAINING_PHASE] != TRANSPOSE_PHASE and job[IS_LAST] == 1:
                _end_batch(epoch, job, numbers[SQUARED_NORM], totals)
            if n_blocks == 0:
                return
            n_blocks -= 1
            open_phase(board, _begin_block(epoch, job))


@cache
def compile_train(dtype: np.dtype) -> Kernel:
    """``train(training, rank, n_blocks, totals)``, for every activation, loss and solver."""
    return Kernel(_train, void(argument_type(Training, dtype), int64, int64, FLOAT64_VECTOR))
