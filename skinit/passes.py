"""Passes over training data: what a network, its data and a kernel need, made ready once."""

import time

import numpy as np

from . import blas
from .kernels.activations import compile_activate_with_slopes
from .kernels.epochs import compile_train_batches
from .kernels.losses import LOSSES, SCIKIT_LEARN_CAP, compile_loss
from .kernels.products import compile_multiply, spare_size
from .kernels.updates import compile_update
from .network import CALL_MULTIPLY_ADDS, Inputs, Network

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

    Raises
    ------
    ValueError
        If the data do not fit the network.
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
        network.check_data(inputs, targets, sample_weight)
        dtype = network.theta.dtype
        self.network = network
        self.inputs = inputs
        self.targets = targets
        self.sample_weight = np.empty(0, dtype) if sample_weight is None else sample_weight
        self.has_negative_weights = bool((self.sample_weight < 0).any())
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
        # Rows of one compiled call at most. A mini-batch of more rows takes several calls.
        self._call_size = max(1, min(batch_size, CALL_MULTIPLY_ADDS // network.row_work(inputs)))
        self.block_size = self._call_size
        self._multiply = compile_multiply(dtype, blas.is_faster(network.largest_product(self.block_size)))
        self._workspaces = (
            np.empty((self.block_size, n_dense_features), dtype),
            np.empty((self.block_size, targets.shape[1]), dtype),
            np.ones(self.block_size, dtype),
            np.empty(self.block_size * sizes[1:].sum(), dtype),
            np.empty(self.block_size * sizes[1:].sum(), dtype),
            np.empty((self.block_size, n_outputs), dtype),
            np.empty(network.largest_coef, dtype),
            np.empty(spare_size(sizes, self.block_size, dtype), dtype),
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
        totals = np.zeros(2)
        if self._call_size < self.batch_size and update != "accumulate":
            for start in range(0, rows.size, self.batch_size):
                self._run_long_batch(rows[start : start + self.batch_size], update, slots, scalars, totals)
        else:
            self._run_batches(rows, self._call_size, update, slots, scalars, totals)
        return totals[0], totals[1]

    def _run_batches(self, rows, batch_size: int, update: str, slots, scalars, totals) -> None:
        """Call the kernel for as many whole mini-batches at a time as take about `CALL_SECONDS`."""
        network = self.network
        step = compile_update(update, network.theta.dtype)
        start = 0
        while start < rows.size:
            stop = start + self._batches_per_call * batch_size
            began = time.perf_counter()
            self._kernel(
                network.theta,
                self._gradient,
                network.layer_sizes,
                tuple(self.inputs),
                self.targets,
                self.sample_weight,
                rows[start:stop],
                batch_size,
                self.block_size,
                self.alpha,
                self.loss_scale,
                SCIKIT_LEARN_CAP,
                self._activate,
                self._loss,
                self._multiply,
                step,
                slots,
                scalars,
                *self._workspaces,
                totals,
            )
            seconds = max(time.perf_counter() - began, 1e-6)
            n_batches = -(-(min(stop, rows.size) - start) // batch_size)
            self._batches_per_call = max(1, int(n_batches * CALL_SECONDS / seconds))
            start = stop

    def _run_long_batch(self, batch, update: str, slots, scalars, totals) -> None:
        """One step for a mini-batch whose gradient is summed over several calls."""
        network = self.network
        gradient, sums = np.zeros((1, network.theta.size), network.theta.dtype), np.zeros(2)
        self._run_batches(batch, self._call_size, "accumulate", gradient, np.zeros(1), sums)
        weight_sum = self._weight_sum(batch)
        step = compile_update(update, network.theta.dtype)
        squared_norm = step(network.theta, gradient[0], slots, scalars, network.n_weights, self.alpha, weight_sum)
        if weight_sum != 0.0:
            totals[0] += batch.size * (sums[1] * self.loss_scale + 0.5 * self.alpha * squared_norm) / weight_sum
        totals[1] += sums[1]

    def _weight_sum(self, rows: np.ndarray) -> float:
        return float(self.sample_weight[rows].sum(dtype=np.float64)) if self.sample_weight.size else float(rows.size)

    def loss_and_gradient(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean loss over `rows` with its penalty, as scikit-learn reports it, and its gradient, a new vector."""
        network = self.network
        weight_sum = self._weight_sum(rows)
        total = np.zeros((1, network.theta.size), network.theta.dtype)
        _, loss_sum = self.run(rows, "accumulate", total, np.zeros(1))
        weights = network.theta[: network.n_weights]
        with np.errstate(over="ignore", invalid="ignore"):
            squared_norm = float(np.dot(weights, weights))
            gradient = total[0].astype(np.float64)
            gradient[: network.n_weights] += self.alpha * weights
            return (loss_sum * self.loss_scale + 0.5 * self.alpha * squared_norm) / weight_sum, gradient / weight_sum

    def check_batch_weights(self, rows: np.ndarray) -> None:
        """Check that every mini-batch of `rows` has a positive sum of weights, unless all its weights are zero.

        Raises
        ------
        ValueError
            If negative weights outweigh the others in a mini-batch, where training would climb the loss.
        """
        weights = self.sample_weight[rows]
        starts = np.arange(0, rows.size, self.batch_size)
        sums = np.add.reduceat(weights.astype(np.float64), starts)
        magnitudes = np.add.reduceat(np.abs(weights).astype(np.float64), starts)
        # Positive beyond rounding.
        bad = ~(sums > np.finfo(np.float64).eps * self.batch_size * magnitudes) & (magnitudes > 0)
        if bad.any():
            raise ValueError(
                f"The sample weights of mini-batch {int(bad.argmax()) + 1} sum to {sums[bad][0]:.3g}. With negative "
                'weights every mini-batch needs a positive sum: increase batch_size, or use solver="lbfgs".'
            )
