"""Passes over training data. The arguments of the kernel are prepared once for all passes."""

import time
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..kernels import training
from ..kernels.activations import compile_activate_with_slopes
from ..kernels.arguments import Data, Epoch, Functions, Parameters, SolverState, Training, Workspace
from ..kernels.losses import SCIKIT_LEARN_CAP, compile_loss
from ..kernels.products import compile_multiply, spare_size
from ..kernels.updates import compile_update
from .data import TrainingData
from .network import CALL_MULTIPLY_ADDS, MOST_BLOCK_ROWS, Network
from .team import Team

# The time that one compiled call should take, so short that Ctrl-C is answered soon.
CALL_SECONDS = 0.2


class DataPasses:
    """Passes of a network over the rows of its training data.

    In a with block, helper threads share the work of all passes.

    Parameters
    ----------
    network : Network
    data : TrainingData
    batch_size : int
    alpha : float
        Strength of the L2 penalty.
    rows : ndarray of shape (n,), or None
        Indices of the rows to pass over, by default all rows. Their order may be changed between passes.

    Raises
    ------
    ValueError
        If the data do not fit the network.
    """

    def __init__(
        self, network: Network, data: TrainingData, batch_size: int, alpha: float, rows: np.ndarray | None = None
    ) -> None:
        dtype = network.theta.dtype
        self.network = network
        self.rows = np.arange(len(data.targets)) if rows is None else rows.copy()
        self.batch_size = batch_size
        self.alpha = float(alpha)
        self._data = network.check_data(data)
        self.has_negative_weights = bool((self._data.sample_weight < 0).any())
        row_work = network.row_work(self._data.inputs)
        # A mini-batch with more rows takes several blocks.
        block_size = max(1, min(batch_size, self.rows.size, MOST_BLOCK_ROWS, CALL_MULTIPLY_ADDS // row_work))
        self._epoch = Epoch(
            self.rows,
            batch_size,
            block_size,
            self.alpha,
            network.loss.reported_scale(network.widths[-1]),
            network.loss.kernel_constants(SCIKIT_LEARN_CAP),
        )
        self._kernel = training.compile_train(dtype)
        self._functions = Functions(
            network.activation_addresses(compile_activate_with_slopes),
            compile_loss(network.loss.name, dtype).address,
            compile_multiply(dtype).address,
            0,
        )
        self._team = Team(
            training.count_shards(block_size), block_size * row_work, training.TRAINING_JOB_SIZE, training.N_NUMBERS
        )
        self._workspace = _make_workspace(network, self._data, block_size, self._team.most_threads)
        self._blocks_per_call = 1
        self._solver: Any = None
        # The learning rate of the last step.
        self.last_rate = np.nan
        self._bind(None)

    def __enter__(self) -> "DataPasses":
        self._team.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        self._team.__exit__(*exception)

    def _bind(self, solver) -> None:
        """Prepare the arguments of the kernel, with the state of a solver, or with an empty state if it is None."""
        theta = self.network.theta
        if solver is None:
            nothing = np.empty(0)
            state = SolverState(
                slots=np.empty((0, 0), theta.dtype),
                constants=nothing,
                rates=nothing,
                weight_decay=0.0,
                n_steps=np.zeros(1, np.int64),
                average=np.empty(0, theta.dtype),
                average_weights=nothing,
                dropout=nothing,
                seed=0,
            )
            functions = self._functions
        else:
            n_batches = -(-self.rows.size // self.batch_size)
            average = np.empty(0, theta.dtype) if solver.averaging is None else solver.averaging.vector
            state = SolverState(
                slots=solver.slots,
                constants=solver.constants,
                rates=np.empty(n_batches),
                weight_decay=solver.weight_decay,
                n_steps=solver.n_steps,
                average=average,
                average_weights=np.empty(n_batches),
                dropout=solver.dropout,
                seed=solver.seed,
            )
            functions = self._functions._replace(step=compile_update(solver.update, theta.dtype).address)
        self._solver = solver
        parameters = Parameters(theta, self.network.layer_sizes)
        # Helpers hold the earlier arguments.
        self._team.stop()
        self._arguments = Training(
            functions, parameters, self._data, self._epoch, state, self._workspace, self._team.shared
        )

    def run(self, solver) -> float:
        """One pass over the rows, with a step of the solver for each mini-batch.

        Returns
        -------
        reported_loss : float
            The mean of the mini-batches' losses, weighted by their numbers of rows. A loss is taken before the step
            and includes the penalty.
        """
        if solver is not self._solver:
            self._bind(solver)
        state = self._arguments.solver
        state.rates[:] = solver.rates(state.rates.size)
        self.last_rate = float(state.rates[-1])
        if solver.averaging is not None:
            state.average_weights[:] = solver.averaging.next_weights(self.rows.size, self.batch_size)
        return float(self._pass(training.TAKE_STEPS)[training.REPORTED_LOSS]) / self.rows.size

    def loss(self) -> float:
        """The loss that `run` would return if it took no steps. Each mini-batch weights the penalty as in training."""
        weights = self.network.theta[: self.network.n_weights].astype(np.float64)
        self._team.shared.numbers[training.SQUARED_NORM] = weights @ weights
        return float(self._pass(training.SUM_LOSSES)[training.REPORTED_LOSS]) / self.rows.size

    def loss_and_gradient(self) -> tuple[float, np.ndarray]:
        """The mean loss over rows, including the penalty, as scikit-learn reports it, and the gradient as a new vector.

        The gradient belongs to the loss summed over outputs. All rows must be in one mini-batch.
        """
        network = self.network
        loss_sum = self._pass(training.SUM_GRADIENTS)[training.LOSS]
        sample_weight = self._data.sample_weight
        weight_sum = float(sample_weight[self.rows].sum(dtype=np.float64) if sample_weight.size else self.rows.size)
        weights = network.theta[: network.n_weights]
        with np.errstate(over="ignore", invalid="ignore"):
            squared_norm = float(np.dot(weights, weights))
            gradient = self._workspace.gradient.astype(np.float64)
            gradient[: network.n_weights] += self.alpha * weights
            loss = loss_sum * self._epoch.loss_scale + 0.5 * self.alpha * squared_norm
            return loss / weight_sum, gradient / weight_sum

    def _pass(self, purpose: int) -> np.ndarray:
        """Pass over all rows in calls of the kernel that take about `CALL_SECONDS` each."""
        totals = np.zeros(training.N_TOTALS)
        job = self._team.shared.job
        job[training.PURPOSE], job[training.POSITION], job[training.N_PASS_STEPS] = purpose, 0, 0
        while job[training.POSITION] < self.rows.size:
            began = time.perf_counter()
            n_blocks = min(self._blocks_per_call, self._count_blocks(int(job[training.POSITION])))
            arguments = self._arguments._replace(team=self._team.shared)
            with self._team.working(partial(self._help, arguments)):
                self._kernel(arguments, 0, n_blocks, totals)
            seconds = max(time.perf_counter() - began, 1e-6)
            self._blocks_per_call = max(1, int(n_blocks * CALL_SECONDS / seconds))
        return totals

    def _count_blocks(self, position: int) -> int:
        """The number of blocks left in a pass."""
        n_batches, n_rows = divmod(self.rows.size - position, self.batch_size)
        block_size = self._epoch.block_size
        return n_batches * -(-self.batch_size // block_size) + -(-n_rows // block_size)

    def _help(self, arguments: Training, rank: int) -> None:
        """Help another thread with its passes until they end."""
        self._kernel(arguments, rank, 0, np.zeros(training.N_TOTALS))

    def check_batch_weights(self) -> None:
        """Check that every mini-batch has a positive sum of weights, unless all its weights are zero.

        Raises
        ------
        ValueError
            If negative weights outweigh the others in a mini-batch, because its step would increase the loss.
        """
        weights = self._data.sample_weight[self.rows]
        starts = np.arange(0, self.rows.size, self.batch_size)
        sums = np.add.reduceat(weights.astype(np.float64), starts)
        magnitudes = np.add.reduceat(np.abs(weights).astype(np.float64), starts)
        # The sum must exceed its rounding error.
        bad = ~(sums > np.finfo(np.float64).eps * self.batch_size * magnitudes) & (magnitudes > 0)
        if bad.any():
            raise ValueError(
                f"The sample weights of mini-batch {int(bad.argmax()) + 1} sum to {sums[bad][0]:.3g}. With negative "
                'weights every mini-batch needs a positive sum: increase batch_size, or use solver="lbfgs".'
            )


def _make_workspace(network: Network, data: Data, block_size: int, n_threads: int) -> Workspace:
    """Memory for passes in blocks of `block_size` rows, by `n_threads` threads."""
    dtype, sizes = network.theta.dtype, network.widths
    inputs = data.inputs
    n_rows, n_features = inputs.shape
    is_dense = len(inputs.X) > 0
    n_inputs = n_features if is_dense else -(-inputs.data.size // max(n_rows, 1))
    n_shards = training.count_shards(block_size)
    offsets, ranges, place = [], [], 0
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        # A sharded gradient is written and read once for each shard. Otherwise its two factors are read once.
        is_sharded = n_shards * fan_in * fan_out <= block_size * ((n_inputs if k == 0 else fan_in) + fan_out)
        offsets.append(place if is_sharded else -1)
        place += fan_in * fan_out if is_sharded else 0
        n_range = training.RANGE_PARAMETERS // fan_out
        if not is_sharded and (k > 0 or is_dense):
            n_range = max(n_range, training.RANGE_MULTIPLY_ADDS // (block_size * fan_out))
        n_range = max(training.RANGE_ROWS, n_range // training.RANGE_ROWS * training.RANGE_ROWS)
        ranges += [(k, first, min(first + n_range, fan_in)) for first in range(0, fan_in, n_range)]
    offsets.append(place)
    n_units = sum(sizes[1:])
    n_range = training.RANGE_PARAMETERS
    ranges += [(training.INTERCEPTS, first, min(first + n_range, n_units)) for first in range(0, n_units, n_range)]
    largest_range = max((stop - first) * (sizes[k + 1] if k >= 0 else 1) for k, first, stop in ranges)
    return Workspace(
        inputs=np.empty((block_size, n_features if is_dense else 0), dtype),
        targets=np.empty((block_size, data.targets.shape[1]), dtype),
        weights=np.ones(block_size, dtype),
        activations=np.empty(block_size * n_units, dtype),
        slopes=np.empty(block_size * n_units, dtype),
        deltas=np.empty((block_size, sizes[-1]), dtype),
        transposed=np.empty(network.n_weights - sizes[0] * sizes[1], dtype),
        gradient=np.empty_like(network.theta),
        offsets=np.array(offsets, np.int64),
        shard_gradients=np.empty((n_shards, place + n_units), dtype),
        ranges=np.array(ranges, np.int64),
        losses=np.empty(n_shards),
        weight_sums=np.empty(n_shards),
        squared_norms=np.zeros(len(ranges)),
        scratch=np.empty((n_threads, largest_range + spare_size(max(*sizes, block_size), dtype)), dtype),
    )
