"""A fit: from an estimator's parameters, its data and its network to a trained network and the estimator's history."""

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from ..engine.blas import blas_threads, one_blas_thread
from ..engine.data import TrainingData
from ..engine.network import Network
from ..engine.passes import DataPasses
from .batches import check_batch_size
from .divergence import DivergenceError
from .dropout import check_dropout
from .loop import History, Snapshot, train
from .progress import Progress
from .schedules import WARM_UP_EPOCHS, WarmUpAndTail, warm_up
from .solvers import STOCHASTIC_SOLVERS, StochasticSolver, make_solver, minimize_lbfgs
from .state import Beginning, Origin, TrainingState
from .step_size import automatic_step
from .tasks import StopTraining, TrainingTasks
from .validation import Validation, split

# With learning_rate_init="auto", training restarts at most this many times.
MAX_RESTARTS = 8
# Each restart multiplies the learning rate by this factor.
RESTART_FACTOR = 0.25
# With learning_rate_init="auto", training restarts if the loss exceeds this multiple of the untrained network's loss.
LOSS_TOLERANCE = 1.1


def fit_stochastic(
    estimator,
    network: Network,
    data: TrainingData,
    validation_data: TrainingData | None,
    random_state: np.random.RandomState,
    incremental: bool,
    tasks: TrainingTasks | None,
) -> None:
    """Train with a stochastic solver, and set the estimator's fitted attributes.

    If `validation_data` is None, early stopping sets some of the rows aside.
    """
    if estimator.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    keeper = None if tasks is None else tasks.keeper(network, data, validation_data, incremental)
    saved: TrainingState | None = None
    origin: Any = None
    if keeper is not None:
        saved = keeper.load()
        if saved is not None:
            origin = saved.origin(network)
            origin.beginning.restore(network, random_state)
        else:
            origin = Origin(Beginning.of(network, random_state), np.nan, 0)
    dropout = check_dropout(estimator.dropout, len(network.widths) - 2)
    rows = np.arange(len(data.targets))
    measure = None
    if estimator.early_stopping:
        if validation_data is None:
            rows, validation_rows = split(estimator, rows, data, random_state)
            validation_data = data.take(validation_rows)
        measure = Validation(estimator, validation_data).measure
    progress = Progress(estimator.verbose)
    batch_size = check_batch_size(estimator, rows.size)
    passes = DataPasses(network, data, batch_size, _row_alpha(estimator, data), rows)
    solver: Any = estimator.__dict__.get("_optimizer") if incremental else None
    is_automatic = estimator.learning_rate_init == "auto"
    if not (type(solver) is _solver_class(estimator) and solver.belongs_to(network)):
        if saved is not None:
            estimator.learning_rate_init_ = origin.learning_rate_init
        else:
            estimator.learning_rate_init_ = choose_learning_rate(estimator, network, data, batch_size)
        # `get_params` lacks what a subclass takes as keywords.
        parameters = {**vars(estimator), "learning_rate_init": estimator.learning_rate_init_}
        solver = make_solver(estimator.solver, network, parameters)
        if has_tail(estimator):
            solver.follow(WarmUpAndTail.over(estimator.max_iter), estimator.max_iter)
        if any(dropout):
            solver.dropout, solver.seed = np.array(dropout), int(random_state.randint(2**31 - 1))
        if is_automatic:
            progress.note(f'learning_rate_init="auto" found {estimator.learning_rate_init_:.3g}.')
    else:
        # A copy, so that an error leaves the estimator's solver as it was.
        solver = solver.copy()
        if solver.averaging is not None:
            solver.averaging.begin(network.theta)
    if incremental and isinstance(solver.schedule, WarmUpAndTail):
        # partial_fit has no last epoch, so its learning rate has no tail.
        solver.follow(warm_up, WARM_UP_EPOCHS)
    start, generator_state = network.theta.copy(), random_state.get_state(legacy=False)
    with passes:
        loss_limit = LOSS_TOLERANCE * passes.loss() if is_automatic else np.inf
        for n_restarts in range(0 if saved is None else origin.n_restarts, MAX_RESTARTS + 1):
            attempt, history, best_theta = solver.copy(), History.of(estimator), None
            attempt.scale_learning_rate(RESTART_FACTOR**n_restarts)
            if saved is not None:
                best_theta = saved.restore(passes, attempt, history, random_state)
                progress.note(f"Training continues after epoch {history.n_iter_}.")
                saved = None
            keep = None
            if keeper is not None:
                origin = Origin(origin.beginning, estimator.learning_rate_init_, n_restarts)
                keep = partial(_keep, keeper, passes, random_state, origin)
            try:
                estimator._optimizer = train(
                    passes,
                    attempt,
                    history,
                    random_state=random_state,
                    shuffle=estimator.shuffle,
                    max_iter=estimator.max_iter,
                    tol=estimator.tol,
                    n_iter_no_change=estimator.n_iter_no_change,
                    measure=measure,
                    progress=progress,
                    incremental=incremental,
                    # If the loss still rises after the last restart, the learning rate is not the cause.
                    loss_limit=loss_limit if n_restarts < MAX_RESTARTS else np.inf,
                    tasks=tasks,
                    best_theta=best_theta,
                    keep=keep,
                )
                break
            except DivergenceError as error:
                if not is_automatic or n_restarts == MAX_RESTARTS:
                    raise
                progress.note(f"The loss rose in epoch {error.epoch}. Starting again with a smaller learning rate.")
                network.theta[:], passes.rows[:] = start, rows
                random_state.set_state(generator_state)
                if tasks is not None:
                    tasks.discard(error.epoch)
    if n_restarts > 0:
        estimator.learning_rate_init_ *= RESTART_FACTOR**n_restarts
    estimator.__dict__.update(history.attributes(estimator.early_stopping))


def _keep(keeper, passes: DataPasses, random_state, origin: Origin, snapshot: Snapshot, is_last: bool) -> None:
    """Keep the state at the end of an epoch."""
    keeper.save(TrainingState.of(snapshot, passes, random_state, origin), is_last)


def fit_lbfgs(estimator, network: Network, data: TrainingData, tasks: TrainingTasks | None) -> None:
    """Train with L-BFGS, and set the estimator's fitted attributes."""

    def report(n_iter, loss):
        if estimator.verbose:
            print(f"Iteration {n_iter}, loss = {loss:.8f}")
        if tasks is not None:
            estimator.n_iter_, estimator.loss_ = n_iter, loss
            # SciPy reports an iteration only when it is over.
            tasks.begin("iteration")
            if tasks.end(network, {"n_iter_": n_iter, "loss_": loss}):
                raise StopTraining

    if any(check_dropout(estimator.dropout, len(network.widths) - 2)):
        raise ValueError(f'dropout={estimator.dropout} needs a stochastic solver, got solver="lbfgs".')
    # The moments of an earlier solver would belong to weights that no longer exist.
    estimator.__dict__.pop("_optimizer", None)
    passes = DataPasses(network, data, len(data.targets), _row_alpha(estimator, data))
    with passes, one_blas_thread(network.largest_product(len(data.targets))), suppress(StopTraining):
        estimator.n_iter_, estimator.loss_ = minimize_lbfgs(
            passes,
            max_iter=estimator.max_iter,
            max_fun=estimator.max_fun,
            tol=estimator.tol,
            report=report,
        )
    if not np.isfinite(network.theta).all():
        raise DivergenceError(estimator.n_iter_)
    if not np.isfinite(estimator.loss_):
        raise DivergenceError(estimator.n_iter_, quantity="loss")


def _solver_class(estimator) -> type[StochasticSolver]:
    return STOCHASTIC_SOLVERS[estimator.solver][0]


def has_tail(estimator) -> bool:
    """Whether the learning rate warms up and has a tail, because it is automatic and the user gave no schedule."""
    return estimator.learning_rate_init == "auto" and estimator.learning_rate == "constant"


def _row_alpha(estimator, data: TrainingData) -> float:
    """`alpha` divided by the scale of the sample weights."""
    # A NumPy float32 might overflow.
    return float(estimator.alpha) / data.weight_scale


def choose_learning_rate(estimator, network: Network, data: TrainingData, batch_size: int) -> float:
    """The initial learning rate: the estimator's number, or the automatic step from the curvature."""
    if estimator.learning_rate_init != "auto":
        return float(estimator.learning_rate_init)
    rule = _solver_class(estimator).automatic_step
    memory = getattr(estimator, rule.memory) if rule.memory else 0.0
    # BLAS rounds sums differently with another number of threads, but `fit` and `initialize` must choose the same rate.
    with blas_threads(network.largest_product(batch_size)), np.errstate(all="ignore"):
        return automatic_step(network, data, batch_size, _row_alpha(estimator, data), rule, memory)
