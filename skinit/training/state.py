"""All that a training needs to go on from the end of an epoch, as arrays and numbers that a file can hold."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ..engine.network import Network
from ..engine.passes import DataPasses
from .loop import History, Snapshot
from .solvers import StochasticSolver


class Beginning(NamedTuple):
    """A fit once its initial parameters were drawn.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        The initial parameters.
    generator : dict
        The state of the random generator.
    """

    theta: np.ndarray
    generator: dict

    @classmethod
    def of(cls, network: Network, random_state: np.random.RandomState) -> "Beginning":
        """The beginning of a fit that has this network and generator now."""
        return cls(network.theta.copy(), random_state.get_state(legacy=False))

    def restore(self, network: Network, random_state: np.random.RandomState) -> None:
        """Begin a fit in this way."""
        network.theta[:] = self.theta
        random_state.set_state(self.generator)


class Origin(NamedTuple):
    """Where the epochs of a fit come from.

    Attributes
    ----------
    beginning : Beginning
    learning_rate_init : float
        The initial learning rate, before any restart.
    n_restarts : int
        How often training started again with a smaller one.
    """

    beginning: Beginning
    learning_rate_init: float
    n_restarts: int


class TrainingState(NamedTuple):
    """A training after a whole epoch.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Parameters, the order of the rows, and what the solver keeps.
    numbers : dict
        Numbers, and lists and dicts of them: the history, the random generator, and what the solver counts.
    """

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]

    @classmethod
    def of(
        cls, snapshot: Snapshot, passes: DataPasses, random_state: np.random.RandomState, origin: Origin
    ) -> "TrainingState":
        """The state at the end of an epoch. It refers to arrays that training changes."""
        beginning, learning_rate_init, n_restarts = origin
        arrays = {
            "theta": snapshot.theta,
            "rows": passes.rows,
            "first_theta": beginning.theta,
            **_arrays_of(snapshot.solver),
        }
        if snapshot.best_theta is not None:
            arrays["best_theta"] = snapshot.best_theta
        history, _ = snapshot.mark
        numbers = {
            "history": history,
            "solver": _numbers_of(snapshot.solver),
            "generator": random_state.get_state(legacy=False),
            "first_generator": beginning.generator,
            "learning_rate_init": learning_rate_init,
            "n_restarts": n_restarts,
            "last_rate": passes.last_rate,
        }
        return cls(arrays, numbers)

    @property
    def position(self) -> tuple[int, int]:
        """How often training started again, and the number of epochs done since then."""
        return self.numbers["n_restarts"], self.numbers["history"]["n_iter_"]

    def origin(self, network: Network) -> Origin:
        """Where its epochs come from, if they are those of such a network."""
        beginning = Beginning(self.array("first_theta", network.theta), self.numbers["first_generator"])
        return Origin(beginning, self.numbers["learning_rate_init"], self.numbers["n_restarts"])

    def restore(
        self, passes: DataPasses, solver: StochasticSolver, history: History, random_state: np.random.RandomState
    ) -> np.ndarray | None:
        """Bring a training of the same origin to this state.

        Returns
        -------
        best_theta : ndarray of shape (n_parameters,), or None
            The parameters with the best validation score.

        Raises
        ------
        ValueError
            If the arrays are not those of such a training.
        """
        theta, rows = passes.network.theta, self.array("rows", passes.rows)
        if not np.array_equal(np.sort(rows), np.sort(passes.rows)):
            raise ValueError("The rows that a state of training holds are not those to train on.")
        passes.rows[:] = rows
        theta[:] = self.array("theta", theta)
        for name, values in _arrays_of(solver).items():
            values[...] = self.array(name, values)
        for part, own, numbers in zip(_parts(solver), _numbers_of(solver), self.numbers["solver"], strict=True):
            if {name: isinstance(value, Integral) for name, value in numbers.items()} != {
                name: isinstance(value, Integral) for name, value in own.items()
            }:
                raise ValueError(f"A {type(part).__name__} has the numbers {', '.join(own)}, but its state {numbers}.")
            vars(part).update(numbers)
        vars(history).update(self.numbers["history"])
        random_state.set_state(self.numbers["generator"])
        passes.last_rate = self.numbers["last_rate"]
        return self.array("best_theta", theta) if "best_theta" in self.arrays else None

    def array(self, name: str, like: np.ndarray) -> np.ndarray:
        """One of its arrays, which must have the shape and the dtype of another one."""
        array = self.arrays.get(name, np.empty(0))
        if array.shape != like.shape or array.dtype != like.dtype:
            raise ValueError(
                f"{name} of a state of training has shape {array.shape} and dtype {array.dtype}, but must have shape "
                f"{like.shape} and dtype {like.dtype}."
            )
        return array


def _parts(solver: StochasticSolver) -> list:
    """The objects that the state of a solver is spread over."""
    return [solver] if solver.averaging is None else [solver, solver.averaging]


def _arrays_of(solver: StochasticSolver) -> dict[str, np.ndarray]:
    return {
        f"{type(part).__name__}_{name}": value
        for part in _parts(solver)
        for name, value in vars(part).items()
        if isinstance(value, np.ndarray)
    }


def _numbers_of(solver: StochasticSolver) -> list[dict[str, Real]]:
    return [{name: value for name, value in vars(part).items() if isinstance(value, Real)} for part in _parts(solver)]
