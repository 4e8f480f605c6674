"""Solvers: what stochastic gradient descent, Adam and L-BFGS remember between steps.

The steps themselves are compiled (`kernels.updates`). A new stochastic solver is a class here and a step there.
"""

import warnings
from collections.abc import Callable

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result

from .passes import DataPasses


class StochasticSolver:
    """What the stochastic solvers share.

    Parameters
    ----------
    n_parameters : int
    dtype : numpy.dtype
    n_slots : int
        Vectors of the length of the parameters that the step keeps.
    scalars : sequence of float
        What the step needs besides; the first is the learning rate.
    """

    update: str

    def __init__(self, n_parameters, dtype, n_slots, scalars) -> None:
        self.slots = np.zeros((n_slots, n_parameters), dtype)
        self.scalars = np.array(scalars, dtype=np.float64)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.scalars[0])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.scalars[0] = value

    def scale_learning_rate(self, factor: float) -> None:
        """Multiply the learning rate, for all of what follows."""
        self.learning_rate *= factor

    def end_epoch(self, t: int) -> None:
        """React to the end of an epoch, after `t` samples since the first."""

    def slow_down(self) -> str | None:
        """React to a lack of progress: a message if training goes on, None if it should stop."""
        return None


class SGD(StochasticSolver):
    """Stochastic gradient descent with (Nesterov's) momentum and a learning-rate schedule."""

    update = "sgd"

    def __init__(
        self,
        n_parameters,
        dtype,
        *,
        learning_rate_init,
        learning_rate,
        power_t,
        momentum,
        nesterovs_momentum,
    ) -> None:
        super().__init__(
            n_parameters,
            dtype,
            1,
            [learning_rate_init, momentum, float(nesterovs_momentum)],
        )
        self.learning_rate_init = float(learning_rate_init)
        self.schedule = learning_rate
        self.power_t = power_t

    def scale_learning_rate(self, factor: float) -> None:
        super().scale_learning_rate(factor)
        self.learning_rate_init *= factor

    def end_epoch(self, t: int) -> None:
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (t + 1) ** self.power_t

    def slow_down(self) -> str | None:
        if self.schedule != "adaptive" or self.learning_rate <= 1e-6:
            return None
        self.learning_rate /= 5.0
        return f"Setting learning rate to {self.learning_rate:f}"


class Adam(StochasticSolver):
    """Adam: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015)."""

    update = "adam"

    def __init__(self, n_parameters, dtype, *, learning_rate_init, beta_1, beta_2, epsilon) -> None:
        super().__init__(n_parameters, dtype, 2, [learning_rate_init, beta_1, beta_2, epsilon, 0.0])


# Class, and the estimator parameters that it takes.
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
}


def make_solver(name: str, theta: np.ndarray, parameters: dict) -> StochasticSolver:
    """A new solver for the parameter vector `theta`, from an estimator's parameters."""
    solver_class, names = STOCHASTIC_SOLVERS[name]
    return solver_class(theta.size, theta.dtype, **{key: parameters[key] for key in names})


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
        Its batch size only bounds the memory: gradients are summed over all rows.
    max_iter, max_fun : int
        Bounds on iterations and on evaluations of the gradient.
    tol : float
        Largest entry of the gradient at which to stop.
    report : callable
        Called with the number and the loss of each iteration.

    Returns
    -------
    n_iter, loss : int, float
    """
    network = passes.network
    theta = network.theta
    rows = np.arange(passes.targets.shape[0])

    def loss_and_gradient(x):
        theta[:] = x
        return passes.loss_and_gradient(rows)

    n_iter = 0
    best = theta.astype(np.float64)
    loss = np.inf

    def keep(intermediate_result):
        nonlocal n_iter, loss
        n_iter += 1
        best[:] = intermediate_result.x
        loss = float(intermediate_result.fun)
        report(n_iter, loss)

    try:
        result = scipy.optimize.minimize(
            loss_and_gradient,
            best.copy(),
            method="L-BFGS-B",
            jac=True,
            callback=keep,
            options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        theta[:] = best
        return n_iter, loss
    theta[:] = result.x
    n_iter = _check_optimize_result("lbfgs", result, max_iter)
    return n_iter, float(result.fun)
