"""Checks of the types, layouts and sizes that compiled code trusts. The tests run them before each call of a kernel."""

import numpy as np
from numba import types
from numba.np.numpy_support import as_dtype

from skinit.kernels import arguments
from skinit.kernels.products import spare_size
from skinit.kernels.team import board_size


def check_arguments(signature, values) -> None:
    """Raise AssertionError if an argument lacks the type, layout or size that the kernel expects."""
    assert len(signature.args) == len(values)
    for number, (numba_type, value) in enumerate(zip(signature.args, values, strict=True)):
        _check_value(numba_type, value, f"argument {number}")


def _check_value(numba_type, value, name: str) -> None:
    if isinstance(numba_type, types.NamedTuple):
        assert type(value) is numba_type.instance_class, name
        for field, field_type in zip(numba_type.fields, numba_type.types, strict=True):
            _check_value(field_type, getattr(value, field), f"{name}.{field}")
        SIZES.get(type(value), lambda value: None)(value)
    elif isinstance(numba_type, types.Array):
        assert isinstance(value, np.ndarray), name
        assert (value.dtype, value.ndim) == (as_dtype(numba_type.dtype), numba_type.ndim), name
        assert value.flags.aligned, name
        assert value.flags.c_contiguous or numba_type.layout == "A", name
        assert value.flags.writeable or not numba_type.mutable, name
    elif isinstance(numba_type, types.Integer):
        assert isinstance(value, int | np.integer), name
    elif isinstance(numba_type, types.Float):
        assert isinstance(value, float | np.floating), name
    else:
        assert isinstance(numba_type, types.Boolean), name


def _check_inputs(inputs) -> None:
    n_rows, n_features = inputs.shape
    if len(inputs.X) > 0:
        assert inputs.data.size == inputs.indices.size == inputs.indptr.size == 0
    elif inputs.indptr.size:
        starts, stops = inputs.indptr[:-1], inputs.indptr[1:]
        assert inputs.indptr[0] == 0
        assert (starts <= stops).all()
        assert inputs.indptr[-1] <= min(inputs.data.size, inputs.indices.size)
        columns = inputs.indices[: inputs.indptr[-1]]
        assert not columns.size or (columns.min() >= 0 and columns.max() < n_features)


def _check_parameters(parameters) -> None:
    sizes = parameters.layer_sizes
    assert sizes.size >= 2
    assert sizes.min() >= 1
    assert parameters.theta.size == (sizes[:-1] * sizes[1:]).sum() + sizes[1:].sum()


def _check_data(data) -> None:
    n_rows = data.inputs.shape[0]
    assert len(data.targets) == n_rows
    assert data.sample_weight.size in (0, n_rows)


def _check_network_and_rows(parameters, data, rows) -> tuple[int, int]:
    n_rows, n_features = data.inputs.shape
    assert n_features == parameters.layer_sizes[0]
    assert not rows.size or (rows.min() >= 0 and rows.max() < n_rows)
    return int(parameters.layer_sizes[1:].sum()), n_features if len(data.inputs.X) > 0 else 0


def _check_functions(functions, parameters) -> None:
    assert functions.activate.size == parameters.layer_sizes.size - 2


def _check_board(team, n_threads: int) -> None:
    assert team.board.size >= board_size(n_threads)


def _check_training(training) -> None:
    functions, parameters, data, epoch, solver, workspace, team = training
    _check_functions(functions, parameters)
    n_units, n_inputs = _check_network_and_rows(parameters, data, epoch.order)
    sizes, theta, block = parameters.layer_sizes, parameters.theta, epoch.block_size
    n_layers, n_weights = sizes.size - 1, int((sizes[:-1] * sizes[1:]).sum())
    assert 1 <= block <= epoch.batch_size
    assert workspace.inputs.shape == (block, n_inputs)
    assert workspace.targets.shape == (block, data.targets.shape[1])
    assert workspace.weights.size == block
    assert workspace.activations.size == workspace.slopes.size == block * n_units
    assert workspace.deltas.shape == (block, sizes[-1])
    assert workspace.transposed.size == n_weights - sizes[0] * sizes[1]
    assert workspace.gradient.size == theta.size
    assert workspace.offsets.size == n_layers + 1
    n_shards, n_sharded = workspace.shard_gradients.shape
    assert n_sharded == workspace.offsets[-1] + sizes[1:].sum()
    for k, offset in enumerate(workspace.offsets[:-1]):
        assert offset == -1 or 0 <= offset <= workspace.offsets[-1] - sizes[k] * sizes[k + 1]
    assert workspace.losses.size == workspace.weight_sums.size == n_shards
    assert workspace.squared_norms.size == len(workspace.ranges)
    # The ranges cover each parameter exactly once.
    counts = np.zeros(theta.size, np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes[:-1] * sizes[1:])])
    for k, first, stop in workspace.ranges:
        width = sizes[k + 1] if k >= 0 else 1
        counts[starts[k] + first * width : starts[k] + stop * width] += 1
    assert (counts == 1).all()
    if solver.slots.size:
        assert solver.slots.shape[1] == theta.size
        n_steps = -(-epoch.order.size // epoch.batch_size)
        assert solver.rates.size >= n_steps
        if solver.average.size > 0:
            assert solver.average.size == theta.size
            assert solver.average_weights.size >= n_steps
    assert solver.dropout.size in (0, sizes.size - 2)
    assert ((solver.dropout >= 0) & (solver.dropout < 1)).all()
    assert solver.seed >= 0
    assert solver.n_steps.size == 1
    _check_board(team, len(workspace.scratch))


def _check_prediction(given) -> None:
    sizes = given.parameters.layer_sizes
    n_rows, n_features = given.inputs.shape
    n_threads = len(given.spare)
    assert n_features == sizes[0]
    _check_functions(given.functions, given.parameters)
    assert given.out.shape[1] == sizes[-1]
    start, stop, first = given.team.job
    assert 0 <= start <= stop <= len(given.out)
    assert 0 <= first <= first + stop - start <= n_rows
    assert len(given.units) == 2 * n_threads
    assert given.units.shape[1] >= given.block_size * sizes[1:].max()
    assert given.spare.shape[1] >= spare_size(int(sizes[:-1].max()), given.out.dtype)
    assert given.rows.shape == (n_threads, given.block_size)
    assert given.n_nonfinite.size == n_threads
    _check_board(given.team, n_threads)


def _check_curvature(curvature) -> None:
    functions, parameters, data, rows, block, _, workspace, team = curvature
    _check_functions(functions, parameters)
    n_units, n_inputs = _check_network_and_rows(parameters, data, rows)
    n_kept, n_directions, n_threads = len(workspace.inputs), workspace.layers.size, len(workspace.tangents)
    assert n_kept % block == 0
    assert workspace.inputs.shape[1] == n_inputs
    assert workspace.targets.shape == (n_kept, data.targets.shape[1])
    assert workspace.weights.size == n_kept
    for units in (workspace.activations, workspace.slopes, workspace.bends, workspace.deltas):
        assert units.size == n_kept * n_units
    assert workspace.directions.shape == (n_directions, parameters.theta.size)
    assert workspace.products.shape[1] == parameters.theta.size
    assert len(workspace.products) % n_directions == 0
    for tangents in (workspace.tangents, workspace.activation_tangents, workspace.delta_tangents):
        assert tangents.shape == (n_threads, block * n_units)
    _check_board(team, n_threads)


SIZES = {
    arguments.Inputs: _check_inputs,
    arguments.Parameters: _check_parameters,
    arguments.Data: _check_data,
    arguments.Training: _check_training,
    arguments.Prediction: _check_prediction,
    arguments.Curvature: _check_curvature,
}
