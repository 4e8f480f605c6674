"""Solvers: the state of stochastic gradient descent, Adam and L-BFGS between steps.

The steps are compiled code. To add a stochastic solver, add a class here and a step in `kernels.updates`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from ..engine.network import Network
from ..engine.passes import DataPasses
from ..interrupts import INTERRUPTED_MESSAGE, is_one_fit_of_many
from ..user_warnings import warn_user
from ..validation import check_takes
from .averaging import Averaging
from .schedules import SCHEDULES, Schedule, WarmUpAndTail, factors


class AutomaticStep(NamedTuple):
    """The properties of a solver that ``learning_rate_init="auto"`` needs (see `step_size`).

    Attributes
    ----------
    follows_signs : bool
        Whether the first step follows the signs of the gradient, as in Adam, or the gradient itself.
    memory : str or None
        The name of the parameter with the fraction of a step that the next step repeats: momentum, or Adam's `beta_1`.
    largest : float
        The largest learning rate to choose.
    fallback : float
        The learning rate if the curvature is zero or not finite.
    """

    follows_signs: bool = False
    memory: str | None = None
    largest: float = 100.0
    fallback: float = 0.1


class StochasticSolver:
    """Base class of the stochastic solvers.

    A subclass has the name of its compiled step as `update`, and may have its own `automatic_step`.

    Parameters
    ----------
    network : Network
        The network to train. The solver's state fits only networks with the same layers and precision.
    n_slots : int
        Number of vectors, each as long as the parameters, that the step keeps.
    learning_rate : float
        The learning rate of the next step, before the schedule's factor.
    constants : sequence of float
        Other numbers that the step needs.
    weight_decay : float
        Decoupled weight decay: the fraction of the weights that a step with learning rate 1 removes.

    Attributes
    ----------
    n_steps : ndarray of shape (1,)
        Number of steps taken.
    schedule : callable or None
        The schedule of the learning rate (see `schedules`).
    averaging : Averaging or None
        The average of the parameters, if one is kept.
    dropout : ndarray of shape (n_hidden_layers,)
        For each hidden layer, the probability that a step leaves out a unit. Empty without dropout.
    seed : int
        Seed for dropout.
    """

    update: str
    automatic_step = AutomaticStep()

    def __init__(
        self, network: Network, n_slots: int, learning_rate: float, constants=(), weight_decay: float = 0.0
    ) -> None:
        self.layer_sizes = network.widths
        self.slots = np.zeros((n_slots, network.theta.size), network.theta.dtype)
        self.learning_rate = float(learning_rate)
        self.constants = np.array(constants, dtype=np.float64)
        self.weight_decay = float(weight_decay)
        self.n_steps = np.zeros(1, dtype=np.int64)
        self.schedule: Schedule | None = None
        self.averaging: Averaging | None = None
        self.dropout, self.seed = np.empty(0), 0
        # The tail epoch is the epoch in which the schedule's tail began early, or 0 if it did not.
        self._n_epochs = self._n_scheduled_epochs = self._tail_epoch = 0

    def follow(self, schedule: Schedule, n_epochs: int) -> None:
        """Multiply the learning rate by the factors of a schedule over `n_epochs` epochs."""
        self.schedule, self._n_scheduled_epochs = schedule, n_epochs

    def rates(self, n_batches: int) -> np.ndarray:
        """The learning rates of the next epoch's steps."""
        rates, schedule = np.full(n_batches, self.learning_rate), self._schedule_of_now
        if schedule is not None:
            first, n_steps = self._n_epochs * n_batches, self._n_scheduled_epochs * n_batches
            rates *= factors(schedule, first, n_batches, n_steps)
        return rates

    def copy(self) -> "StochasticSolver":
        """A solver in the same state, with copies of the arrays."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied.slots, copied.n_steps = self.slots.copy(), self.n_steps.copy()
        copied.averaging = None if self.averaging is None else self.averaging.copy()
        return copied

    def belongs_to(self, network: Network) -> bool:
        """Whether the solver's state fits a network with these layers and this precision."""
        return (
            getattr(self, "layer_sizes", None) == network.widths
            and self.slots.dtype == network.theta.dtype
            and self.slots.shape[1] == network.theta.size
        )

    def scale_learning_rate(self, factor: float) -> None:
        """Multiply the learning rate of all later steps."""
        self.learning_rate *= factor

    def end_epoch(self, t: int) -> None:
        """React to the end of an epoch, after `t` samples since the first."""
        self._n_epochs += 1

    def slow_down(self) -> tuple[bool, str]:
        """React to a lack of progress; return whether training goes on, and a message in scikit-learn's words."""
        schedule = self._schedule_of_now
        if not isinstance(schedule, WarmUpAndTail):
            return False, "Stopping."
        if self._n_epochs < schedule.begin:
            self._tail_epoch = self._n_epochs
            schedule = schedule.begin_tail(self._n_epochs)
        return True, f"The learning rate goes down to zero in epoch {schedule.end:g}."

    @property
    def is_at_end(self) -> bool:
        """Whether the learning rate has come down to zero."""
        schedule = self._schedule_of_now
        return isinstance(schedule, WarmUpAndTail) and self._n_epochs >= schedule.end

    @property
    def _schedule_of_now(self) -> Schedule | None:
        if self._tail_epoch and isinstance(self.schedule, WarmUpAndTail):
            return self.schedule.begin_tail(self._tail_epoch)
        return self.schedule


class SGD(StochasticSolver):
    """Stochastic gradient descent with (Nesterov's) momentum and a learning-rate schedule."""

    update = "sgd"
    automatic_step = AutomaticStep(memory="momentum")

    def __init__(
        self,
        network,
        *,
        learning_rate_init,
        learning_rate,
        power_t,
        momentum,
        nesterovs_momentum,
    ) -> None:
        super().__init__(network, 1, learning_rate_init, [momentum, float(nesterovs_momentum)])
        self.learning_rate_init = float(learning_rate_init)
        self.decay = learning_rate
        self.power_t = power_t

    def scale_learning_rate(self, factor: float) -> None:
        super().scale_learning_rate(factor)
        self.learning_rate_init *= factor

    def end_epoch(self, t: int) -> None:
        super().end_epoch(t)
        if self.decay == "invscaling":
            # If the power overflows, the learning rate is zero.
            with np.errstate(over="ignore"):
                self.learning_rate = float(self.learning_rate_init / np.float64(t + 1) ** float(self.power_t))

    def slow_down(self) -> tuple[bool, str]:
        if self.decay != "adaptive":
            return super().slow_down()
        if self.learning_rate <= 1e-6:
            return False, "Learning rate too small. Stopping."
        self.learning_rate /= 5.0
        return True, f"Setting learning rate to {self.learning_rate:f}"


class Adam(StochasticSolver):
    """Adam: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015)."""

    update = "adam"
    automatic_step = AutomaticStep(follows_signs=True, memory="beta_1", largest=0.1, fallback=1e-3)

    def __init__(self, network, *, learning_rate_init, beta_1, beta_2, epsilon, weight_decay=0.0) -> None:
        super().__init__(network, 2, learning_rate_init, [beta_1, beta_2, epsilon], weight_decay)


class AdamW(Adam):
    """Adam with decoupled weight decay: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization" (2019)."""


# The class of each solver, and the estimator parameters that it takes.
STOCHASTIC_SOLVERS: dict[str, tuple[type[StochasticSolver], tuple[str, ...]]] = {
    "sgd": (
        SGD,
        (
            "learning_rate_init",
            "learning_rate",
            "power_t",
            "momentum",
            "nesterovs_momentum",
        ),
    ),
    "adam": (Adam, ("learning_rate_init", "beta_1", "beta_2", "epsilon")),
    "adamw": (AdamW, ("learning_rate_init", "beta_1", "beta_2", "epsilon", "weight_decay")),
}


def make_solver(name: str, network: Network, parameters: dict) -> StochasticSolver:
    """A new solver for a network, with the parameters of an estimator."""
    solver_class, names = STOCHASTIC_SOLVERS[name]
    solver = solver_class(network, **{key: parameters[key] for key in names})
    schedule = parameters["learning_rate"]
    if callable(schedule):
        check_takes(schedule, (0, 1), "learning_rate", "(step, n_steps)")
    else:
        schedule = SCHEDULES.get(schedule)
    if schedule is not None:
        solver.follow(schedule, parameters["max_iter"])
    if parameters["average"]:
        solver.averaging = Averaging(network, parameters["average"])
    return solver


class Iterate(NamedTuple):
    """The state of "lbfgs" after an iteration."""

    n_iter: int
    loss: float
    theta: np.ndarray


def minimize_lbfgs(
    passes: DataPasses,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    report: Callable[[int, float], None],
) -> tuple[int, float]:
    """Minimize the penalized mean loss over all rows with SciPy's L-BFGS-B, in place.

    Parameters
    ----------
    passes : DataPasses
        Passes with all rows in one mini-batch.
    max_iter, max_fun : int
        The largest number of iterations, and of evaluations of the gradient.
    tol : float
        Training stops when no entry of the gradient has a larger magnitude.
    report : callable
        Called with the number and the loss of each iteration, while the network has the parameters of the iteration.

    Returns
    -------
    n_iter, loss : int, float

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C before the end of the first iteration, or in one fit of many.
    """
    network = passes.network
    theta = network.theta
    last = Iterate(0, np.inf, theta.astype(np.float64))

    def loss_and_gradient(x):
        _assign(theta, x)
        return passes.loss_and_gradient()

    def keep(intermediate_result):
        nonlocal last
        last = Iterate(last.n_iter + 1, float(intermediate_result.fun), intermediate_result.x.copy())
        _assign(theta, last.theta)
        report(last.n_iter, last.loss)

    try:
        # SciPy subtracts infinite losses.
        with np.errstate(over="ignore", invalid="ignore"):
            result = scipy.optimize.minimize(
                loss_and_gradient,
                last.theta.copy(),
                method="L-BFGS-B",
                jac=True,
                callback=keep,
                options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
            )
    except KeyboardInterrupt:
        if last.n_iter == 0 or is_one_fit_of_many():
            raise
        _assign(theta, last.theta)
        warn_user(INTERRUPTED_MESSAGE)
        return last.n_iter, last.loss
    _assign(theta, result.x)
    if np.isfinite(result.fun) and result.status != 0:
        warn_user(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}): {result.message}. "
            f"Increase max_iter={max_iter} or max_fun={max_fun}, or scale the data.",
            ConvergenceWarning,
        )
    return int(min(result.nit, max_iter)), float(result.fun)


def _assign(theta: np.ndarray, x: np.ndarray) -> None:
    """Assign parameters. A float64 that overflows float32 becomes infinite, and training then ends with an error."""
    with np.errstate(over="ignore"):
        theta[:] = x
