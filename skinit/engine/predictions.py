"""Predictions: blocks of rows go through a network on all cores."""

from contextlib import nullcontext
from functools import partial

import numpy as np
from scipy.sparse import issparse

from ..kernels.activations import compile_activate
from ..kernels.arguments import Parameters, Prediction, PredictionFunctions
from ..kernels.prediction import PREDICTION_JOB_SIZE, compile_predict
from ..kernels.products import compile_multiply, spare_size
from .data import as_inputs, is_ready
from .network import CALL_MULTIPLY_ADDS, MOST_BLOCK_ROWS, Network
from .team import Team, shared_memory

# The largest number of activations of a block in the widest layer, so small that they stay in the cache.
BLOCK_NUMBERS = 16384
# A block has at least this many rows, even if a layer is wide, because these rows fill tiles. It is smaller only if X
# has fewer rows, or if one call could not hold it.
FEWEST_BLOCK_ROWS = 64
# From this many multiply-adds on, a prediction is faster with helpers, which start and end with it.
SHARED_PREDICTION_MULTIPLY_ADDS = 10_000_000


def predict_preactivations(network: Network, X) -> np.ndarray:
    """The output layer's preactivations for the rows of a dense or sparse X.

    Raises
    ------
    ValueError
        If the number of columns of X differs from the number of inputs of the network.
    """
    return predict_and_check(network, X)[0]


def predict_and_check(network: Network, X) -> tuple[np.ndarray, bool]:
    """The output layer's preactivations for the rows of a dense or sparse X, and whether all values are finite.

    Returns
    -------
    preactivations : ndarray of shape (n, n_outputs)
    are_finite : bool
        Whether all preactivations, all parameters and all entries of a dense X are finite.

    Raises
    ------
    ValueError
        If the number of columns of X differs from the number of inputs of the network.
    """
    network.check_columns(X)
    dtype, widths = network.theta.dtype, network.widths
    n_rows = X.shape[0]
    out = np.empty((n_rows, widths[-1]), dtype)
    # A matrix with another dtype or memory order is converted a few rows at a time, because this takes less memory.
    converts = not issparse(X) and not is_ready(X, dtype)
    inputs = as_inputs(X[:0] if converts else X, dtype)
    row_work = network.n_weights if converts else network.row_work(inputs)
    widest = max(widths[1:])
    block_size = min(
        MOST_BLOCK_ROWS, max(FEWEST_BLOCK_ROWS, BLOCK_NUMBERS // widest), CALL_MULTIPLY_ADDS // row_work, n_rows
    )
    block_size = max(1, block_size)
    # The rows of one compiled call.
    step = max(1, CALL_MULTIPLY_ADDS // row_work // block_size) * block_size
    team = None
    if n_rows * row_work >= SHARED_PREDICTION_MULTIPLY_ADDS:
        team = Team(-(-n_rows // block_size), n_rows * row_work, PREDICTION_JOB_SIZE, 0)
    n_threads = 1 if team is None else team.most_threads
    kernel = compile_predict(dtype)
    arguments = Prediction(
        PredictionFunctions(network.activation_addresses(compile_activate), compile_multiply(dtype).address),
        Parameters(network.theta, network.layer_sizes),
        inputs,
        block_size,
        np.empty((2 * n_threads, block_size * widest), dtype),
        np.empty((n_threads, spare_size(max(widths[:-1]), dtype)), dtype),
        np.empty((n_threads, block_size), np.int64),
        np.empty(n_threads, np.int64),
        out,
        shared_memory(1, PREDICTION_JOB_SIZE, 0) if team is None else team.shared,
    )
    n_nonfinite = 0
    with nullcontext() if team is None else team:
        for start in range(0, n_rows, step):
            stop = min(start + step, n_rows)
            if converts:
                if team is not None:
                    # Helpers hold the earlier inputs.
                    team.stop()
                    arguments = arguments._replace(team=team.shared)
                arguments = arguments._replace(inputs=as_inputs(X[start:stop], dtype))
            arguments.team.job[:] = start, stop, 0 if converts else start
            with nullcontext() if team is None else team.working(partial(kernel, arguments)):
                n_nonfinite += kernel(arguments, 0)
    return out, n_nonfinite == 0
