"""The arguments of kernels: named tuples of arrays, and their numba types."""

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int64, types

from .compilation import FLOAT64_DATA, FLOAT64_VECTOR, INT32_DATA, INT64_DATA, INT64_MATRIX, INT64_VECTOR, array_types


class Inputs(NamedTuple):
    """The rows of X: dense, or else CSR; the other part is empty, but for the number of columns of `X`."""

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
    """The training data. An empty `sample_weight` means that all rows weigh 1."""

    inputs: Inputs
    targets: np.ndarray
    sample_weight: np.ndarray


class Parameters(NamedTuple):
    """All weight matrices of a network, row by row, then all its intercepts; and its widths."""

    theta: np.ndarray
    layer_sizes: np.ndarray


class Epoch(NamedTuple):
    """A pass over the rows numbered `order`, in mini-batches, which go through the network in blocks.

    Attributes
    ----------
    order : ndarray of shape (n,)
    batch_size, block_size : int
    alpha : float
        Strength of the L2 penalty.
    loss_scale : float
        Factor of the reported loss.
    loss_constants : ndarray
    """

    order: np.ndarray
    batch_size: int
    block_size: int
    alpha: float
    loss_scale: float
    loss_constants: np.ndarray


class SolverState(NamedTuple):
    """The state of a solver, see `updates`.

    Attributes
    ----------
    slots, constants : ndarray
    rates : ndarray
        The learning rate of each step of a pass.
    weight_decay : float
        The part of the weights that a step of rate 1 takes away from them, besides.
    n_steps : ndarray of shape (1,)
        Counts the steps of all passes.
    average : ndarray like theta
        The average of the parameters over steps; empty where none is kept.
    average_weights : ndarray
        What the parameters after each step of a pass weigh in the average.
    dropout : ndarray of shape (n_hidden_layers,)
        The probability with which a step leaves out a unit of each hidden layer; empty where none is left out.
    seed : int
        Seed of dropout.
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
    """Memory of a training.

    Attributes
    ----------
    inputs, targets, weights : ndarray
        A block of rows of the data.
    activations, slopes : ndarray
        Of each layer but the input, one after the other.
    deltas : ndarray of shape (block_size, n_outputs)
    transposed : ndarray
        The transposed weights of each layer but the first.
    gradient : ndarray like theta
    offsets : ndarray of shape (n_layers + 1,)
        Where a shard's gradient has the weights of a layer, -1 for none; the last one is for all intercepts.
    shard_gradients : ndarray of shape (n_shards, ...)
    ranges : ndarray of shape (n_ranges, 3)
        Layer, first and last row (not included) of each range of parameters. The layer -1 has all intercepts.
    losses, weight_sums : ndarray of shape (n_shards,)
    squared_norms : ndarray of shape (n_ranges,)
    scratch : ndarray of shape (n_threads, ...)
        A range's gradient and a product's panel.
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
    """Addresses of the kernels that training calls: `activate` has one for each hidden layer."""

    activate: np.ndarray
    loss: int
    multiply: int
    step: int


class Team(NamedTuple):
    """Where threads that share work meet, see `team`; and what the caller tells the others of a phase."""

    board: np.ndarray
    job: np.ndarray
    numbers: np.ndarray


class Training(NamedTuple):
    """All of a training."""

    functions: Functions
    parameters: Parameters
    data: Data
    epoch: Epoch
    solver: SolverState
    workspace: Workspace
    team: Team


class PredictionFunctions(NamedTuple):
    """Addresses of the kernels that predictions call: `activate` has one for each hidden layer."""

    activate: np.ndarray
    multiply: int


class Prediction(NamedTuple):
    """All of a prediction.

    Attributes
    ----------
    block_size : int
        Rows that go through the network together.
    units : ndarray of shape (2 * n_threads, ...)
        Outputs of a layer.
    spare : ndarray of shape (n_threads, ...)
        A product's panel.
    rows : ndarray of shape (n_threads, block_size)
        Row numbers.
    n_nonfinite : ndarray of shape (n_threads,)
        Numbers found that are NaN or infinite.
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
    """Addresses of the kernels that Hessian products call: `activate` has one for each hidden layer."""

    activate: np.ndarray
    loss: int
    curve: int
    multiply: int


class CurvatureWorkspace(NamedTuple):
    """Memory of Hessian products.

    Attributes
    ----------
    inputs, targets, weights, activations, slopes, bends, deltas : ndarray
        Blocks of rows, and all that is computed of them without a direction.
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
    """All of a computation of Hessian products; the rows numbered `rows` go through the network in blocks."""

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
