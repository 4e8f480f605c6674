"""Passes over training data: what a network, its data and a kernel need, made ready once."""

import time

import numpy as np

from .blas import block_rows, has_small_products
from .kernels.activations import compile_activate_with_slopes
from .kernels.epochs import compile_train_batches
from .kernels.losses import LOSSES, SCIKIT_LEARN_CAP, compile_loss
from .kernels.updates import compile_update
from .network import Inputs, Network

# Seconds that one compiled call should last, so that Ctrl-C is answered soon.
CALL_SECONDS = 0.2


class DataPasses:
    """Passes of a network over the rows of X.

    Parameters
    ----------
    network : Network
    inputs : Inputs
        Rows of X.
    targets : ndarray of shape (n, n_outputs), or (n, 1) with class numbers for the log loss
    sample_weight : ndarray of shape (n,), or None
    batch_size : int
    alpha : float
        Strength of the L2 penalty.
    """

    def __init__(
        self,
        network: Network,
        inputs: Inputs,
        targets: np.ndarray,
        sample_weight: np.ndarray | None,
        batch_size: int,
        alpha: float,
    ) -> None:
        dtype = network.theta.dtype
        self.network = network
        self.inputs = inputs
        self.targets = targets
        self.sample_weight = np.empty(0, dtype) if sample_weight is None else sample_weight
        self.batch_size = batch_size
        self.alpha = float(alpha)
        loss = LOSSES[network.loss]
        n_outputs = int(network.layer_sizes[-1])
        self.loss_scale = 1.0 / n_outputs if loss.reports_mean_over_outputs else 1.0
        self._kernel = compile_train_batches(dtype)
        self._activate = compile_activate_with_slopes(network.activation, dtype)
        self._loss = compile_loss(network.loss, dtype)
        self._gradient = np.empty_like(network.theta)
        sizes = network.layer_sizes
        n_dense_features = sizes[0] if inputs.X.shape[0] > 0 else 0
        self.block_size = block_rows(batch_size, network.largest_coef)
        self._copy_transposed = has_small_products(self.block_size * network.largest_coef)
        self._workspaces = (
            np.empty((self.block_size, n_dense_features), dtype),
            np.empty((self.block_size, targets.shape[1]), dtype),
            np.ones(self.block_size, dtype),
            np.empty(self.block_size * sizes[1:].sum(), dtype),
            np.empty(self.block_size * sizes[1:].sum(), dtype),
            np.empty((self.block_size, n_outputs), dtype),
            np.empty(network.largest_coef, dtype),
        )
        self._batches_per_call = 1

    def run(self, rows: np.ndarray, update: str, slots: np.ndarray, scalars: np.ndarray) -> tuple[float, float]:
        """One pass over `rows`, a step of `update` for each mini-batch.

        Returns
        -------
        reported_loss : float
            Sum over batches of the mean loss with its penalty, times the rows of the batch.
        loss_sum : float
            Weighted sum of the losses of all rows, without penalty.
        """
        network = self.network
        step = compile_update(update, network.theta.dtype)
        totals = np.zeros(2)
        start = 0
        while start < rows.size:
            stop = start + self._batches_per_call * self.batch_size
            began = time.perf_counter()
            self._kernel(
                network.theta,
                self._gradient,
                network.layer_sizes,
                tuple(self.inputs),
                self.targets,
                self.sample_weight,
                rows[start:stop],
                self.batch_size,
                self.block_size,
                self._copy_transposed,
                self.alpha,
                self.loss_scale,
                SCIKIT_LEARN_CAP,
                self._activate,
                self._loss,
                step,
                slots,
                scalars,
                *self._workspaces,
                totals,
            )
            seconds = max(time.perf_counter() - began, 1e-6)
            n_batches = -(-(min(stop, rows.size) - start) // self.batch_size)
            self._batches_per_call = max(1, int(n_batches * CALL_SECONDS / seconds))
            start = stop
        return totals[0], totals[1]

    def loss_and_gradient(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean loss over `rows` with its penalty, as scikit-learn reports it, and its gradient, a new vector."""
        network = self.network
        weight_sum = float(self.sample_weight[rows].sum(dtype=np.float64)) if self.sample_weight.size else rows.size
        total = np.zeros((1, network.theta.size), network.theta.dtype)
        _, loss_sum = self.run(rows, "accumulate", total, np.zeros(1))
        weights = network.theta[: network.n_weights]
        squared_norm = float(np.dot(weights, weights))
        gradient = total[0].astype(np.float64)
        gradient[: network.n_weights] += self.alpha * weights
        return (loss_sum * self.loss_scale + 0.5 * self.alpha * squared_norm) / weight_sum, gradient / weight_sum
