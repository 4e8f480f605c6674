"""The arguments of kernels: named tuples of arrays, and their numba types."""

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, types

from .compilation import FLOAT64_DATA, FLOAT64_VECTOR, INT32_DATA, INT64_DATA, INT64_MATRIX, INT64_VECTOR, array_types


class Inputs(NamedTuple):
    """The rows of X, either dense or CSR. The other part is empty, but `X` always has the right number of columns."""

    X: np.ndarray
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and of features."""
        n_rows = len(self.X) if len(self.X) > 0 else max(len(self.indptr) - 1, 0)
        return n_rows, self.X.shape[1]


class Data(NamedTuple):
    """The training data. An empty `sample_weight` means that all rows have weight 1."""

    inputs: Inputs
    targets: np.ndarray
    sample_weight: np.ndarray


class Parameters(NamedTuple):
    """A network's weight matrices, row by row, then its intercepts, in one vector; and its layer sizes."""

    theta: np.ndarray
    layer_sizes: np.ndarray


class Epoch(NamedTuple):
    """A pass over the rows numbered `order`, in mini-batches. A mini-batch goes through the network in blocks of rows.

    Attributes
    ----------
    order : ndarray of shape (n,)
    batch_size, block_size : int
    alpha : float
        Strength of the L2 penalty.
    loss_scale : float
        Factor that turns the sum over outputs into the reported loss.
    loss_constants : ndarray
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
    slots, constants : ndarray
    rates : ndarray
        The learning rate of each step of a pass.
    weight_decay : float
        Decoupled weight decay: the fraction of the weights that a step with learning rate 1 removes.
    n_steps : ndarray of shape (1,)
        Counts the steps of all passes.
    average : ndarray like theta
        The average of the parameters over steps; empty if no average is kept.
    average_weights : ndarray
        The weights in the average of the parameters after each step of a pass.
    dropout : ndarray of shape (n_hidden_layers,)
        For each hidden layer, the probability that a step leaves out a unit; empty without dropout.
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
    inputs, targets, weights : ndarray
        A block of rows of the data.
    activations, slopes : ndarray
        For each layer except the input, one after the other.
    deltas : ndarray of shape (block_size, n_outputs)
    transposed : ndarray
        The transposed weights of each layer except the first.
    gradient : ndarray like theta
    offsets : ndarray of shape (n_layers + 1,)
        Where each layer's weights start in a shard's gradient, or -1 if they are not there. The last is for intercepts.
    shard_gradients : ndarray of shape (n_shards, ...)
    ranges : ndarray of shape (n_ranges, 3)
        Layer, first row and last row (exclusive) of each range of parameters. Layer -1 means all intercepts.
    losses, weight_sums : ndarray of shape (n_shards,)
    squared_norms : ndarray of shape (n_ranges,)
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
    """Addresses of the kernels that training calls. `activate` has one address for each hidden layer."""

    activate: np.ndarray
    loss: int
    multiply: int
    step: int


class Team(NamedTuple):
    """Memory of threads that share work (see `team`): their board, and the caller's values for the current phase."""

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
    """Addresses of the kernels that predictions call. `activate` has one address for each hidden layer."""

    activate: np.ndarray
    multiply: int


class Prediction(NamedTuple):
    """All arguments of the prediction kernel.

    Attributes
    ----------
    block_size : int
        Rows that go through the network together.
    units : ndarray of shape (2 * n_threads, ...)
        Activations of a layer. Each thread has two of these rows.
    spare : ndarray of shape (n_threads, ...)
        Room for the panel of a product.
    rows : ndarray of shape (n_threads, block_size)
        Row numbers.
    n_nonfinite : ndarray of shape (n_threads,)
        How many NaN or infinite numbers each thread has found.
    out : ndarray of shape (n, n_outputs)
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
    """Addresses of the kernels that Hessian products call. `activate` has one address for each hidden layer."""

    activate: np.ndarray
    loss: int
    curve: int
    multiply: int


class CurvatureWorkspace(NamedTuple):
    """Memory for Hessian products.

    Attributes
    ----------
    inputs, targets, weights, activations, slopes, bends, deltas : ndarray
        Blocks of rows, and everything computed from them that does not depend on a direction.
    transposed : ndarray of shape (n_weights,)
        The transposed weights of each layer.
    layers : ndarray of shape (n_directions,)
    directions : ndarray of shape (n_directions, n_parameters)
    products : ndarray of shape (n_shards * n_directions, n_parameters)
    tangents, activation_tangents, delta_tangents, transposed_directions, spare : ndarray of shape (n_threads, ...)
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
    """All arguments of the kernel for Hessian products. The rows numbered `rows` go through the network in blocks."""

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
