"""The arguments of kernels: named tuples of arrays, and their numba types.

All arrays are C-contiguous. They have the dtype of the network, float32 or float64, unless the docstring gives another.
Layer `k` of a network maps `d_k` inputs to `d_{k+1}` units. "Units" counts the units of all layers except the input.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, types

from .compilation import FLOAT64_DATA, FLOAT64_VECTOR, INT32_DATA, INT64_DATA, INT64_MATRIX, INT64_VECTOR, array_types


class Inputs(NamedTuple):
    """The rows of X, either dense (`X`) or in CSR form (the other arrays). The unused arrays have no entries.

    Attributes
    ----------
    X : ndarray of shape (n, n_features), or (0, n_features) if the rows are sparse
    data : ndarray of shape (n_entries,)
    indices : int32 ndarray of shape (n_entries,)
        The column of each entry.
    indptr : int64 ndarray of shape (n + 1,)
        Row `i` has the entries from ``indptr[i]`` to ``indptr[i + 1]`` (exclusive).
    """

    X: np.ndarray
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and the number of features."""
        n_rows = len(self.X) if len(self.X) > 0 else max(len(self.indptr) - 1, 0)
        return n_rows, self.X.shape[1]


class Data(NamedTuple):
    """The training data.

    Attributes
    ----------
    inputs : Inputs
    targets : ndarray of shape (n, n_targets)
    sample_weight : ndarray of shape (n,)
        Empty if all rows have weight 1.
    """

    inputs: Inputs
    targets: np.ndarray
    sample_weight: np.ndarray


class Parameters(NamedTuple):
    """The parameters and the shape of a network.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        The weight matrices of all layers, row by row, then the intercepts of all layers.
    layer_sizes : int64 ndarray of shape (n_layers + 1,)
    """

    theta: np.ndarray
    layer_sizes: np.ndarray


class Epoch(NamedTuple):
    """A pass over rows in mini-batches. A mini-batch goes through the network in blocks of rows.

    Attributes
    ----------
    order : int64 ndarray of shape (n,)
        The indices of the rows, in the order of the pass.
    batch_size, block_size : int
        The largest number of rows in a mini-batch, and in a block.
    alpha : float
        Strength of the L2 penalty.
    loss_scale : float
        The factor that turns the sum over outputs into the reported loss.
    loss_constants : float64 ndarray
        The constants of the loss (see `losses`).
    """

    order: np.ndarray
    batch_size: int
    block_size: int
    alpha: float
    loss_scale: float
    loss_constants: np.ndarray


class SolverState(NamedTuple):
    """The state of a solver (see `updates`).

    Attributes
    ----------
    slots : ndarray of shape (n_slots, n_parameters)
        The vectors that the solver keeps, such as moments.
    constants : float64 ndarray
        Other numbers of the solver, such as momentum.
    rates : float64 ndarray of shape (n_steps_of_a_pass,)
        The learning rate of each step of a pass.
    weight_decay : float
        Decoupled weight decay: the fraction of the weights that a step with learning rate 1 removes.
    n_steps : int64 ndarray of shape (1,)
        The number of steps taken in all passes.
    average : ndarray of shape (n_parameters,)
        The average of the parameters over steps. Empty if no average is kept.
    average_weights : float64 ndarray of shape (n_steps_of_a_pass,)
        For each step of a pass, the weight that the average gives to the parameters after this step.
    dropout : float64 ndarray of shape (n_hidden_layers,)
        For each hidden layer, the probability that a step leaves out a unit. Empty without dropout.
    seed : int
        Seed for dropout.
    """

    slots: np.ndarray
    constants: np.ndarray
    rates: np.ndarray
    weight_decay: float
    n_steps: np.ndarray
    average: np.ndarray
    average_weights: np.ndarray
    dropout: np.ndarray
    seed: int


class Workspace(NamedTuple):
    """Memory for training.

    Attributes
    ----------
    inputs : ndarray of shape (block_size, n_features), or (block_size, 0) for sparse data
        The inputs of the current block.
    targets : ndarray of shape (block_size, n_targets)
        The targets of the current block.
    weights : ndarray of shape (block_size,)
        The sample weights of the current block.
    activations : ndarray of shape (block_size * n_units,)
        The activations of each layer except the input, one layer after the other.
    slopes : ndarray of shape (block_size * n_units,)
        The slopes in the same places, which the deltas of hidden layers overwrite.
    deltas : ndarray of shape (block_size, n_outputs)
        The deltas of the output layer.
    transposed : ndarray
        The transposed weights of each layer except the first.
    gradient : ndarray of shape (n_parameters,)
        The sum of the gradients of the mini-batch's blocks so far.
    offsets : int64 ndarray of shape (n_layers + 1,)
        Where each layer's weights start in a shard's gradient, or -1 if they are not in it. The last entry is where the
        intercepts start.
    shard_gradients : ndarray of shape (n_shards, ...)
    ranges : int64 ndarray of shape (n_ranges, 3)
        Layer, first row and last row (exclusive) of each range of parameters. Layer -1 means all intercepts.
    losses, weight_sums : float64 ndarray of shape (n_shards,)
        The weighted loss and the sum of weights of each shard's rows.
    squared_norms : float64 ndarray of shape (n_ranges,)
        The sum of squares of each range of weights.
    scratch : ndarray of shape (n_threads, ...)
        Room for the gradient of a range and for the panel of a product.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    activations: np.ndarray
    slopes: np.ndarray
    deltas: np.ndarray
    transposed: np.ndarray
    gradient: np.ndarray
    offsets: np.ndarray
    shard_gradients: np.ndarray
    ranges: np.ndarray
    losses: np.ndarray
    weight_sums: np.ndarray
    squared_norms: np.ndarray
    scratch: np.ndarray


class Functions(NamedTuple):
    """Addresses of the kernels that training calls.

    `activate` is an int64 array with an address for each hidden layer.
    """

    activate: np.ndarray
    loss: int
    multiply: int
    step: int


class Team(NamedTuple):
    """Memory of threads that share work (see `team`).

    Attributes
    ----------
    board, job : int64 ndarray
        The board, and the caller's integers for the current phase.
    numbers : float64 ndarray
        The caller's other numbers for the current phase.
    """

    board: np.ndarray
    job: np.ndarray
    numbers: np.ndarray


class Training(NamedTuple):
    """All arguments of the training kernel."""

    functions: Functions
    parameters: Parameters
    data: Data
    epoch: Epoch
    solver: SolverState
    workspace: Workspace
    team: Team


class PredictionFunctions(NamedTuple):
    """Addresses of the kernels that predictions call. `activate` is as in `Functions`."""

    activate: np.ndarray
    multiply: int


class Prediction(NamedTuple):
    """All arguments of the prediction kernel.

    Attributes
    ----------
    block_size : int
        The largest number of rows that go through the network together.
    units : ndarray of shape (2 * n_threads, ...)
        Activations of hidden layers. Each thread uses two of these rows.
    spare : ndarray of shape (n_threads, ...)
        Room for the panel of a product.
    rows : int64 ndarray of shape (n_threads, block_size)
        The indices of the rows in each thread's block.
    n_nonfinite : int64 ndarray of shape (n_threads,)
        The number of NaN and infinite values that each thread has found.
    out : ndarray of shape (n, n_outputs)
        The output layer's preactivations.
    """

    functions: PredictionFunctions
    parameters: Parameters
    inputs: Inputs
    block_size: int
    units: np.ndarray
    spare: np.ndarray
    rows: np.ndarray
    n_nonfinite: np.ndarray
    out: np.ndarray
    team: Team


class CurvatureFunctions(NamedTuple):
    """Addresses of the kernels that Hessian products call. `activate` is as in `Functions`."""

    activate: np.ndarray
    loss: int
    curve: int
    multiply: int


class CurvatureWorkspace(NamedTuple):
    """Memory for Hessian products.

    Attributes
    ----------
    inputs : ndarray of shape (n_rows, n_features), or (n_rows, 0) for sparse data
        The inputs of the blocks that are kept. These blocks have `n_rows` rows in all.
    targets : ndarray of shape (n_rows, n_targets)
    weights : ndarray of shape (n_rows,)
    activations, slopes, bends, deltas : ndarray of shape (n_rows * n_units,)
        For each block, the values of each layer except the input, one layer after the other.
    transposed : ndarray of shape (n_weights,)
        The transposed weights of each layer.
    layers : int64 ndarray of shape (n_directions,)
        The layer of each direction (see `curvature`).
    directions : ndarray of shape (n_directions, n_parameters)
    products : ndarray of shape (n_shards * n_directions, n_parameters)
    tangents, activation_tangents, delta_tangents : ndarray of shape (n_threads, block_size * n_units)
        The tangents of preactivations, activations and deltas, for the block of each thread.
    transposed_directions : ndarray of shape (n_threads, n_weights)
    spare : ndarray of shape (n_threads, ...)
        Room for the panel of a product.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    activations: np.ndarray
    slopes: np.ndarray
    bends: np.ndarray
    deltas: np.ndarray
    transposed: np.ndarray
    layers: np.ndarray
    directions: np.ndarray
    products: np.ndarray
    tangents: np.ndarray
    activation_tangents: np.ndarray
    delta_tangents: np.ndarray
    transposed_directions: np.ndarray
    spare: np.ndarray


class Curvature(NamedTuple):
    """All arguments of the kernel for Hessian products.

    Attributes
    ----------
    rows : int64 ndarray of shape (n,)
        The indices of the rows that go through the network, in blocks.
    block_size : int
        The largest number of rows in a block.
    loss_constants : float64 ndarray
        The constants of the loss (see `losses`).
    """

    functions: CurvatureFunctions
    parameters: Parameters
    data: Data
    rows: np.ndarray
    block_size: int
    loss_constants: np.ndarray
    workspace: CurvatureWorkspace
    team: Team


def argument_type(argument: type, dtype: np.dtype) -> Any:
    """The numba type of one of these named tuples for a dtype."""
    arrays = array_types(dtype)
    fields: dict[type, tuple] = {
        Inputs: (arrays.data_matrix, arrays.data_vector, INT32_DATA, INT64_DATA),
        Functions: (INT64_DATA, int64, int64, int64),
        PredictionFunctions: (INT64_DATA, int64),
        CurvatureFunctions: (INT64_DATA, int64, int64, int64),
        CurvatureWorkspace: (
            *(2 * (arrays.matrix,)),
            *(6 * (arrays.vector,)),
            INT64_VECTOR,
            *(7 * (arrays.matrix,)),
        ),
        Parameters: (arrays.vector, INT64_DATA),
        Epoch: (INT64_DATA, int64, int64, float64, float64, FLOAT64_DATA),
        SolverState: (
            arrays.matrix,
            FLOAT64_VECTOR,
            FLOAT64_VECTOR,
            float64,
            INT64_VECTOR,
            arrays.vector,
            FLOAT64_VECTOR,
            FLOAT64_VECTOR,
            int64,
        ),
        Workspace: (
            arrays.matrix,
            arrays.matrix,
            arrays.vector,
            arrays.vector,
            arrays.vector,
            arrays.matrix,
            arrays.vector,
            arrays.vector,
            INT64_VECTOR,
            arrays.matrix,
            INT64_MATRIX,
            FLOAT64_VECTOR,
            FLOAT64_VECTOR,
            FLOAT64_VECTOR,
            arrays.matrix,
        ),
        Team: (INT64_VECTOR, INT64_VECTOR, FLOAT64_VECTOR),
    }
    if argument is Data:
        own: tuple = (argument_type(Inputs, dtype), arrays.data_matrix, arrays.data_vector)
    elif argument is Training:
        parts: tuple = (Functions, Parameters, Data, Epoch, SolverState, Workspace, Team)
        own = tuple(argument_type(part, dtype) for part in parts)
    elif argument is Prediction:
        first = tuple(argument_type(part, dtype) for part in (PredictionFunctions, Parameters, Inputs))
        own = (
            *first,
            int64,
            arrays.matrix,
            arrays.matrix,
            INT64_MATRIX,
            INT64_VECTOR,
            arrays.matrix,
            argument_type(Team, dtype),
        )
    elif argument is Curvature:
        parts = (CurvatureFunctions, Parameters, Data, CurvatureWorkspace, Team)
        first = tuple(argument_type(part, dtype) for part in parts)
        own = (*first[:3], INT64_DATA, int64, FLOAT64_DATA, *first[3:])
    else:
        own = fields[argument]
    return types.NamedTuple(own, argument)
