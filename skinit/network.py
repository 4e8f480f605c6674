"""A network: layer sizes, activation, loss, and one vector of parameters."""

import operator
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import issparse

from .blas import available_threads, blas_threads, block_rows
from .kernels.activations import compile_activate, evaluate
from .kernels.epochs import compile_predict_rows
from .kernels.losses import LOSSES

# Numbers of a layer's outputs that a block of rows may fill while predicting: they stay in the cache.
PREDICT_BLOCK = 65536
# Blocks from which threads share them, as many as BLAS would have; kernels release the GIL.
PARALLEL_BLOCKS = 64


class Inputs(NamedTuple):
    """The rows of X as kernels take them: dense, or else CSR; the other part is empty."""

    X: np.ndarray
    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    @classmethod
    def from_array(cls, X, dtype: np.dtype) -> "Inputs":
        """View, or where it must be convert, a dense or sparse X; explicit zeros are harmless."""
        no_values = np.empty(0, dtype)
        no_indices = np.empty(0, np.int32)
        if issparse(X):
            X = X.tocsr()
            return cls(
                np.empty((0, X.shape[1]), dtype),
                np.ascontiguousarray(X.data, dtype),
                np.ascontiguousarray(X.indices, np.int32),
                np.ascontiguousarray(X.indptr, np.int64),
            )
        dense = np.require(X, dtype, ["C_CONTIGUOUS", "ALIGNED"])
        return cls(dense, no_values, no_indices, np.empty(0, np.int64))


class TrainingData(NamedTuple):
    """What a network is trained on.

    Attributes
    ----------
    X : {ndarray, sparse matrix} of shape (n, n_features)
    targets : ndarray of shape (n, n_outputs)
        For the log loss of shape (n, 1): the number of each row's class.
    sample_weight : ndarray of shape (n,), or None
    """

    X: np.ndarray
    targets: np.ndarray
    sample_weight: np.ndarray | None

    def row_weights(self) -> np.ndarray:
        """The weights of the rows in float64, ones if there are none."""
        return np.ones(len(self.targets)) if self.sample_weight is None else self.sample_weight.astype(np.float64)

    def take(self, rows: np.ndarray) -> "TrainingData":
        """The data of some rows."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return TrainingData(self.X[rows], self.targets[rows], weight)


class Network:
    """A multilayer perceptron whose weights and intercepts are views of one vector.

    Layer `k` maps activations of shape (n, d_k) to (n, d_{k+1}) through ``coefs[k]`` of shape (d_k, d_{k+1}).

    Parameters
    ----------
    layer_sizes : sequence of int
        Widths d_0 (features), ..., d_L (outputs).
    activation : str
        Name of the hidden layers' activation.
    loss : str
        Name of the loss, which fixes the output activation.
    dtype : numpy.dtype
        float32 or float64.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        All weights, layer by layer, then all intercepts. Zero at first.
    coefs, intercepts : list of ndarray
        Views of `theta`.
    largest_coef : int
        Number of weights of the layer that has most.
    """

    def __init__(self, layer_sizes, activation: str, loss: str, dtype: np.dtype) -> None:
        self.layer_sizes = np.array(layer_sizes, dtype=np.int64)
        self.activation = activation
        self.loss = loss
        shapes = list(pairwise(int(size) for size in layer_sizes))
        self.n_weights = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        self.largest_coef = max(fan_in * fan_out for fan_in, fan_out in shapes)
        n_intercepts = sum(fan_out for _, fan_out in shapes)
        self.theta = np.zeros(self.n_weights + n_intercepts, dtype=dtype)
        self.coefs = []
        self.intercepts = []
        coef_start, intercept_start = 0, self.n_weights
        for fan_in, fan_out in shapes:
            coef = self.theta[coef_start : coef_start + fan_in * fan_out]
            self.coefs.append(coef.reshape(fan_in, fan_out))
            self.intercepts.append(self.theta[intercept_start : intercept_start + fan_out])
            coef_start += fan_in * fan_out
            intercept_start += fan_out

    @classmethod
    def from_parameters(cls, coefs, intercepts, activation: str, loss: str) -> "Network":
        """A network with copies of the given weights and intercepts."""
        layer_sizes = [coefs[0].shape[0], *(coef.shape[1] for coef in coefs)]
        dtype = np.result_type(*coefs)
        if dtype not in (np.float32, np.float64):
            dtype = np.dtype(np.float64)
        network = cls(layer_sizes, activation, loss, dtype)
        for view, values in zip(network.coefs + network.intercepts, [*coefs, *intercepts], strict=True):
            view[...] = values
        return network

    def has_parameters(self, coefs, intercepts) -> bool:
        """Whether these arrays are its own views, not only equal to them."""
        own, given = [*self.coefs, *self.intercepts], [*coefs, *intercepts]
        return len(own) == len(given) and all(map(operator.is_, own, given))

    def copy(self) -> "Network":
        """A network with its own copy of the parameters."""
        copied = Network(self.layer_sizes, self.activation, self.loss, self.theta.dtype)
        copied.theta[:] = self.theta
        return copied

    def largest_product(self, n_rows: int) -> int:
        """Multiply-adds of the largest matrix product that `n_rows` rows take."""
        return n_rows * self.largest_coef

    def preactivations(self, X) -> np.ndarray:
        """The output layer's preactivations for the rows of a dense or sparse X."""
        dtype = self.theta.dtype
        n_rows = X.shape[0]
        out = np.empty((n_rows, int(self.layer_sizes[-1])), dtype)
        widest = int(self.layer_sizes[1:].max())
        block = max(1, min(n_rows, max(64, PREDICT_BLOCK // widest)))
        block = block_rows(block, self.largest_coef)
        kernel = compile_predict_rows(dtype)
        activate = compile_activate(self.activation, dtype)
        # A matrix of another dtype or order is converted a block at a time, not as a whole.
        convert = not issparse(X) and not (X.dtype == dtype and X.flags.c_contiguous and X.flags.aligned)
        whole_inputs = Inputs.from_array(X[:0] if convert else X, dtype)
        all_rows = np.arange(n_rows)

        def predict_blocks(starts) -> None:
            workspaces = np.empty((2, block * widest), dtype)
            inputs = whole_inputs
            for start in starts:
                rows = all_rows[start : start + block]
                if convert:
                    inputs = Inputs.from_array(X[start : start + block], dtype)
                    rows = all_rows[: rows.size]
                kernel(
                    self.theta,
                    self.layer_sizes,
                    tuple(inputs),
                    rows,
                    activate,
                    workspaces,
                    out[start : start + block],
                )

        starts = range(0, n_rows, block)
        n_threads = 1 if len(starts) < PARALLEL_BLOCKS else available_threads()
        with blas_threads(self.largest_product(block)):
            if n_threads == 1:
                predict_blocks(starts)
            else:
                shares = np.array_split(starts, n_threads)
                Parallel(n_threads, backend="threading")(delayed(predict_blocks)(share) for share in shares)
        return out

    def propagate(self, X) -> Iterator[tuple[Any, np.ndarray]]:
        """Input and preactivations of one layer after the other, for the rows of a dense or sparse X, all at once.

        Whoever scales a layer's weights scales its preactivations in place too: the next layer's input comes of them.
        """
        activations = X
        last = len(self.coefs) - 1
        for k, (coef, intercept) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            with blas_threads(self.largest_product(X.shape[0])):
                preactivations = np.asarray(activations @ coef)
            preactivations += intercept
            yield activations, preactivations
            if k < last:
                activations, _, _ = evaluate(self.activation, preactivations)

    def outputs(self, X) -> np.ndarray:
        """Predicted means or probabilities, of shape (n, n_outputs)."""
        return LOSSES[self.loss].predict(self.preactivations(X))
