"""The epoch loop: shuffling, stopping rules, best weights and interrupts.

Random numbers are drawn in scikit-learn's order (one shuffle of the row indices for each epoch). So from the same
initial weights and random state, training takes the same course as in scikit-learn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..engine.network import Network
from ..engine.passes import DataPasses
from ..interrupts import INTERRUPTED_MESSAGE, is_one_fit_of_many
from ..user_warnings import warn_user
from .divergence import VALIDATION_SCORES, DivergenceError
from .progress import Progress
from .solvers import StochasticSolver
from .tasks import TrainingTasks
from .validation import Quality

# The learning rate is too large if the loss exceeds its limit, which is near the untrained loss. It is also too large
# if, for one of these pairs, the loss falls below the second fraction of the limit and climbs back above the first.
FORGOTTEN = ((0.5, 0.25), (0.85, 0.75), (0.93, 0.88))
# The fitted attributes that need validation rows.
VALIDATION_ATTRIBUTES = ("validation_scores_", "validation_loss_curve_", "best_validation_score_", "best_iter_")


@dataclass
class History:
    """The history of an estimator's training. Its attributes have the names of the estimator's fitted attributes."""

    n_iter_: int = 0
    t_: int = 0
    loss_: float | None = None
    loss_curve_: list[float] = field(default_factory=list)
    best_loss_: float = np.inf
    validation_scores_: list[float] = field(default_factory=list)
    validation_loss_curve_: list[float] = field(default_factory=list)
    best_validation_score_: float = -np.inf
    best_iter_: int = 0
    _no_improvement_count: int = 0

    @classmethod
    def of(cls, estimator) -> "History":
        """The history of `estimator` so far, with copies of its lists. The count of epochs starts from 0 again."""
        history = cls()
        for name in cls.__dataclass_fields__:
            value = getattr(estimator, name, None)
            expected = list if isinstance(getattr(history, name), list) else Real
            if value is not None and not isinstance(value, expected):
                kind = "a list" if expected is list else "a number"
                raise ValueError(f"{name} must be {kind}, because training continues from it, got {value!r}.")
            if value is not None:
                setattr(history, name, list(value) if isinstance(value, list) else value)
        history.n_iter_ = history.best_iter_ = 0
        return history

    def attributes(self, early_stopping: bool) -> dict:
        """The fitted attributes.

        With `early_stopping`, the best loss is None. Without it, the validation attributes are None.
        """
        known = vars(self).copy()
        if early_stopping:
            known["best_loss_"] = None
        else:
            known |= dict.fromkeys(VALIDATION_ATTRIBUTES)
        if self.loss_ is None:
            del known["loss_"]
        return known

    def mark(self) -> tuple:
        """The mark with which `rewind` returns to this point."""
        known = vars(self).copy()
        return known, {name: len(value) for name, value in known.items() if isinstance(value, list)}

    def rewind(self, mark: tuple) -> None:
        """Forget everything after `mark`."""
        known, lengths = mark
        vars(self).update(known)
        for name, length in lengths.items():
            del known[name][length:]

    def shows_too_large_steps(self, loss_limit: float) -> bool:
        """Whether the loss is not finite, exceeds its limit, or has climbed back towards it from far below."""
        if not np.isfinite(loss_limit):
            return False
        losses = self.loss_curve_[-self.n_iter_ :]
        has_forgotten = any(
            losses[-1] > high * loss_limit and min(losses) < low * loss_limit for high, low in FORGOTTEN
        )
        return not losses[-1] <= loss_limit or has_forgotten

    def note_loss(self, loss: float, tol: float) -> None:
        """Add the loss of an epoch, and count the epochs without progress."""
        if loss > self.best_loss_ - tol:
            self._no_improvement_count += 1
        else:
            self._no_improvement_count = 0
        if loss < self.best_loss_:
            self.best_loss_ = loss

    def note_validation(self, quality: Quality, tol: float) -> bool:
        """Add the validation score and loss of an epoch; return whether the score is the best so far."""
        score = quality.score
        self.validation_scores_.append(score)
        self.validation_loss_curve_.append(quality.loss)
        # NaN counts as no improvement.
        if not score >= self.best_validation_score_ + tol:
            self._no_improvement_count += 1
        else:
            self._no_improvement_count = 0
        is_best = score > self.best_validation_score_
        if is_best:
            self.best_validation_score_, self.best_iter_ = score, self.n_iter_
        return is_best


class Snapshot(NamedTuple):
    """The state of training after a whole epoch.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    best_theta : ndarray of shape (n_parameters,), or None
        The parameters with the best validation score, or None without one.
    solver : StochasticSolver
        A copy of the solver.
    mark : tuple
        The mark of the history.
    """

    theta: np.ndarray
    best_theta: np.ndarray | None
    solver: StochasticSolver
    mark: tuple


def train(
    passes: DataPasses,
    solver: StochasticSolver,
    history: History,
    *,
    random_state: np.random.RandomState,
    shuffle: bool,
    max_iter: int,
    tol: float,
    n_iter_no_change: float,
    measure: Callable[[Network], Quality] | None,
    progress: Progress,
    incremental: bool,
    loss_limit: float = np.inf,
    tasks: TrainingTasks | None = None,
    best_theta: np.ndarray | None = None,
    keep: Callable[[Snapshot, bool], None] | None = None,
) -> StochasticSolver:
    """Train the network of `passes` in place, and record the course of training in `history`.

    Parameters
    ----------
    measure : callable or None
        Returns the validation score and loss of a network. The weights with the best score are restored at the end. If
        it is None, the training loss decides when to stop.
    incremental : bool
        Whether to end after one epoch, regardless of `max_iter`.
    loss_limit : float, default=inf
        If finite, the limit of the loss (see `History.shows_too_large_steps`).
    tasks : TrainingTasks or None, default=None
        Reports each epoch to callbacks. Any of them may ask to stop.
    best_theta : ndarray of shape (n_parameters,), or None
        The parameters with the best validation score, if `history` has epochs of this fit. Training then continues
        after the last epoch, which is reported to callbacks again.
    keep : callable or None, default=None
        Called with the snapshot and False at the end of each epoch, and with the last snapshot and True when training
        ends.

    Returns
    -------
    solver : StochasticSolver
        The state of the solver after the last whole epoch.

    Raises
    ------
    DivergenceError
        If the loss or the parameters are not finite, unless an earlier epoch has a validation score. Also if the
        losses show that the learning rate is too large (see `History.shows_too_large_steps`).
    KeyboardInterrupt
        On Ctrl-C before the end of the first epoch, or in one fit of many.
    """
    theta, averaging = passes.network.theta, solver.averaging
    # The network that is validated and reported to callbacks, and that remains at the end.
    network = passes.network if averaging is None else passes.network.with_theta(averaging.vector)
    learned = network.theta
    snapshot = Snapshot(theta.copy(), best_theta, solver, history.mark())
    goes_on = history.n_iter_ > 0
    if not goes_on and measure is not None and np.isfinite(history.best_validation_score_):
        # In a warm start, the best score so far belongs to the initial weights.
        snapshot = snapshot._replace(best_theta=snapshot.theta)
    try:
        while True:
            if tasks is not None:
                tasks.begin("epoch")
            is_best = False
            if not goes_on:
                if shuffle:
                    # Shuffling swaps positions, so the order is the same as scikit-learn's order[permutation].
                    random_state.shuffle(passes.rows)
                if passes.has_negative_weights:
                    passes.check_batch_weights()
                loss = passes.run(solver)
                history.n_iter_ += 1
                history.loss_ = loss
                history.t_ += passes.rows.size
                history.loss_curve_.append(loss)
                if history.shows_too_large_steps(loss_limit):
                    raise DivergenceError(history.n_iter_)
                # Weights that are not finite make the next loss not finite, but a validation score may hide them.
                if measure is not None or not math.isfinite(loss):
                    _check_finite(history.n_iter_, theta, loss)
                if measure is None:
                    history.note_loss(loss, tol)
                else:
                    is_best = history.note_validation(measure(network), tol)
                progress.note_epoch(history, passes.last_rate, measure is not None)
                solver.end_epoch(history.t_)
            goes_on = False
            best_theta = learned.copy() if is_best else snapshot.best_theta
            snapshot = Snapshot(theta.copy(), best_theta, solver.copy(), history.mark())
            is_told_to_stop = tasks is not None and tasks.end(
                network, history.attributes(measure is not None) | {"_last_rate": passes.last_rate}
            )
            if keep is not None:
                keep(snapshot, False)
            if is_told_to_stop:
                break
            if history._no_improvement_count > n_iter_no_change:
                what = "Training loss" if measure is None else "Validation score"
                reason = f"{what} did not improve more than tol={tol:f} for {n_iter_no_change} consecutive epochs."
                is_slower, words = solver.slow_down()
                progress.note(reason, words)
                if not is_slower:
                    break
                history._no_improvement_count = 0
            if incremental:
                break
            if history.n_iter_ >= max_iter:
                warn_user(
                    f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and "
                    "the optimization hasn't converged yet.",
                    ConvergenceWarning,
                )
                break
            if solver.is_at_end:
                break
        if keep is not None:
            keep(snapshot, True)
    except KeyboardInterrupt:
        if snapshot.solver is solver or is_one_fit_of_many():
            raise
        _go_back(snapshot, theta, history)
        solver = snapshot.solver
        warn_user(INTERRUPTED_MESSAGE)
    except DivergenceError as error:
        if measure is None or snapshot.best_theta is None or snapshot.solver is solver or np.isfinite(loss_limit):
            raise
        _go_back(snapshot, theta, history)
        solver = snapshot.solver
        warn_user(
            f"Training diverged in epoch {error.epoch}. The weights with the best validation score are kept.",
            ConvergenceWarning,
        )
    if solver.averaging is not None:
        solver.averaging.end(theta)
    if measure is not None:
        if snapshot.best_theta is None:
            raise DivergenceError(history.n_iter_, quantity=VALIDATION_SCORES)
        theta[:] = snapshot.best_theta
    _check_finite(history.n_iter_, theta, history.loss_)
    return solver


def _check_finite(epoch: int, theta: np.ndarray, loss: float | None) -> None:
    if not np.isfinite(theta).all():
        raise DivergenceError(epoch)
    if loss is not None and not math.isfinite(loss):
        raise DivergenceError(epoch, quantity="loss")


def _go_back(snapshot: Snapshot, theta: np.ndarray, history: History) -> None:
    theta[:] = snapshot.theta
    history.rewind(snapshot.mark)
