"""The state from which training can continue after an epoch, as arrays and numbers that a file can hold."""

from itertools import pairwise
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ..engine.network import Network
from ..engine.passes import DataPasses
from .averaging import Averaging
from .loop import History, Snapshot
from .schedules import SCHEDULES, Schedule, WarmUpAndTail, warm_up
from .solvers import STOCHASTIC_SOLVERS, StochasticSolver

# The schedules that a file knows by name.
_NAMED_SCHEDULES: dict[str, Schedule] = {**SCHEDULES, "warm_up": warm_up}


class Beginning(NamedTuple):
    """The state of a fit after its initial parameters are drawn.

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
        """The beginning of a fit that now has this network and generator."""
        return cls(network.theta.copy(), random_state.get_state(legacy=False))

    def restore(self, network: Network, random_state: np.random.RandomState) -> None:
        """Set the network and the generator to this beginning."""
        network.theta[:] = self.theta
        random_state.set_state(self.generator)


class Origin(NamedTuple):
    """The state from which the epochs of a fit started.

    Attributes
    ----------
    beginning : Beginning
    learning_rate_init : float
        The initial learning rate, before any restart.
    n_restarts : int
        The number of restarts with a smaller learning rate so far.
    """

    beginning: Beginning
    learning_rate_init: float
    n_restarts: int


class TrainingState(NamedTuple):
    """The state of training after a whole epoch, in a form that a file can hold.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The parameters, the order of the rows, and the arrays of the solver.
    numbers : dict
        Numbers, or lists and dicts of numbers: the history, the random generator, and the counts of the solver.
    """

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]

    @classmethod
    def of(
        cls, snapshot: Snapshot, passes: DataPasses, random_state: np.random.RandomState, origin: Origin
    ) -> "TrainingState":
        """The state at the end of an epoch. Its arrays are not copies, and training changes them."""
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
        """The number of restarts, and the number of epochs since the last restart."""
        return self.numbers["n_restarts"], self.numbers["history"]["n_iter_"]

    def origin(self, network: Network) -> Origin:
        """The origin of the epochs, after a check that it fits the network."""
        beginning = Beginning(self.array("first_theta", network.theta), self.numbers["first_generator"])
        return Origin(beginning, self.numbers["learning_rate_init"], self.numbers["n_restarts"])

    def restore(
        self, passes: DataPasses, solver: StochasticSolver, history: History, random_state: np.random.RandomState
    ) -> np.ndarray | None:
        """Bring a fit that has the same origin to this state, in place.

        Returns
        -------
        best_theta : ndarray of shape (n_parameters,), or None
            The parameters with the best validation score.

        Raises
        ------
        ValueError
            If the state does not belong to this network, these rows and this solver.
        """
        theta, rows = passes.network.theta, self.array("rows", passes.rows)
        if not np.array_equal(np.sort(rows), np.sort(passes.rows)):
            raise ValueError("The rows of the saved training state are not the rows to train on.")
        passes.rows[:] = rows
        theta[:] = self.array("theta", theta)
        for name, values in _arrays_of(solver).items():
            values[...] = self.array(name, values)
        for part, own, numbers in zip(_parts(solver), _numbers_of(solver), self.numbers["solver"], strict=True):
            if {name: isinstance(value, Integral) for name, value in numbers.items()} != {
                name: isinstance(value, Integral) for name, value in own.items()
            }:
                raise ValueError(
                    f"A {type(part).__name__} has the numbers {', '.join(own)}, but its saved state has {numbers}."
                )
            vars(part).update(numbers)
        vars(history).update(self.numbers["history"])
        random_state.set_state(self.numbers["generator"])
        passes.last_rate = self.numbers["last_rate"]
        return self.array("best_theta", theta) if "best_theta" in self.arrays else None

    def array(self, name: str, like: np.ndarray) -> np.ndarray:
        """The array with this name, which must have the shape and the dtype of `like`."""
        array = self.arrays.get(name, np.empty(0))
        if array.shape != like.shape or array.dtype != like.dtype:
            raise ValueError(
                f"{name} of the saved training state must have shape {like.shape} and dtype {like.dtype}, got shape "
                f"{array.shape} and dtype {array.dtype}."
            )
        return array


def _parts(solver: StochasticSolver) -> list:
    """The objects that together hold the state of a solver."""
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


def solver_state(solver: StochasticSolver) -> dict[str, Any]:
    """The state of a solver as arrays and builtin objects. The arrays are not copies.

    Only a schedule that is a user's function stays as it is.
    """
    names = {solver_class: name for name, (solver_class, _) in STOCHASTIC_SOLVERS.items()}
    schedule: Any = solver.schedule
    if isinstance(schedule, WarmUpAndTail):
        schedule = vars(schedule).copy()
    else:
        schedule = next((name for name, known in _NAMED_SCHEDULES.items() if known is schedule), schedule)
    averaging = None if solver.averaging is None else vars(solver.averaging).copy()
    return vars(solver) | {"solver": names[type(solver)], "schedule": schedule, "averaging": averaging}


def restore_solver(state: dict[str, Any]) -> StochasticSolver:
    """A solver in the state that `solver_state` returned.

    Raises
    ------
    ValueError
        If `state` is not the state of a solver. Compiled code would not notice.
    """
    try:
        solver_class, names = STOCHASTIC_SOLVERS[state["solver"]]
        solver: Any = object.__new__(solver_class)
        vars(solver).update({name: value for name, value in state.items() if name != "solver"})
        if isinstance(solver.schedule, dict):
            solver.schedule = WarmUpAndTail(**solver.schedule)
        elif isinstance(solver.schedule, str):
            solver.schedule = _NAMED_SCHEDULES[solver.schedule]
        sizes: tuple[int, ...] = solver.layer_sizes
        if not (isinstance(sizes, tuple) and all(isinstance(size, int) for size in sizes)):
            raise TypeError(f"layer_sizes={sizes!r}")
        dtype, n_parameters = solver.slots.dtype, sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
        # All solvers of one class have the same attributes, and all solvers have the attributes in `numbers`.
        network, parameters = Network([1, 1], "identity", "squared_error", dtype), dict.fromkeys(names, 0.0)
        example = solver_class(network, **parameters)  # type: ignore[arg-type]
        (numbers,) = _numbers_of(StochasticSolver(network, 0, 0.0))
        _take_array(solver, "slots", dtype, (len(example.slots), n_parameters))
        _take_array(solver, "constants", np.float64, example.constants.shape)
        _take_array(solver, "n_steps", np.int64, (1,))
        _take_array(solver, "dropout", np.float64, (len(sizes) - 2,) if len(solver.dropout) else (0,))
        if solver.averaging is not None:
            averaging: Any = object.__new__(Averaging)
            vars(averaging).update(solver.averaging)
            for name in ("vector", "last_theta"):
                _take_array(averaging, name, dtype, (n_parameters,))
            solver.averaging = averaging
        if vars(solver).keys() != vars(example).keys():
            raise KeyError(sorted(vars(solver).keys() ^ vars(example).keys()))
        for name, number in numbers.items():
            if not isinstance(getattr(solver, name), Integral if isinstance(number, Integral) else Real):
                raise TypeError(f"{name}={getattr(solver, name)!r}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"This is not the state of a solver: {error!r}.") from error
    return solver


def _take_array(part, name: str, dtype, shape: tuple[int, ...]) -> None:
    """Check an array of a solver or of its average, because compiled code will change it."""
    array = getattr(part, name)
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        raise TypeError(
            f"{name} must be an array of {np.dtype(dtype)} of shape {shape}, got "
            f"{getattr(array, 'dtype', type(array).__name__)} of shape {np.shape(array)}."
        )
    # An array in a memory-mapped file cannot be written to.
    setattr(part, name, np.require(array, requirements=["C", "A", "W", "E"]))
