"""A callback that keeps the state of training in a file, from which a later fit goes on."""

import json
import os
import zipfile
from contextlib import suppress
from hashlib import blake2b
from numbers import Integral
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from ..engine.data import TrainingData, as_inputs
from ..engine.network import Network
from ..interrupts import is_one_fit_of_many
from ..training.fit import has_tail
from ..training.schedules import SCHEDULES
from ..training.state import TrainingState
from ..validation import NumberInterval
from .base import NetworkCallback
from .stopping import BestWeights

# Counts the changes of what a file holds.
FORMAT = 1
# Parameters that a later fit may change.
FREE_PARAMETERS = ("max_iter", "verbose")
# The names of all data that `fit` may get.
DATA = ("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val")
# The name of a fit, in a path.
PLACE = "{fit}"


class Checkpoint(NetworkCallback):
    """Callback that keeps the state of training in a file, from which a later `fit` goes on.

    Set it on an estimator of skinit with a stochastic solver, by ``set_callbacks``. Where the file exists, `fit` goes
    on from it: losses, validation scores and weights are, bit by bit, those of a fit that was not interrupted. For this
    the parameters (but `max_iter` and `verbose`) and the data must be those of the fit that wrote the file. With a
    larger `max_iter` training takes more epochs. A fit that ended because losses or scores got no better has no more to
    go, and returns what it was.

    Parameters
    ----------
    path : str or path-like
        The file. Its folder must exist. ``{fit}`` in it stands for a name of 32 digits for parameters and data. In a
        search, a cross-validation or an ensemble it is needed, so that each fit has a file of its own; and a search
        that is run again takes over the fits that ended, and goes on with those that did not.

    every : int, default=1
        Number of epochs from one writing to the next. The last epoch is written as well.

    See Also
    --------
    BestWeights : Keeps the weights of the best epoch.

    Notes
    -----
    A file is written under another name in the same folder and then renamed. A process that is killed at any moment
    leaves the file of before, or the new one. No two fits may write one file at the same time. The file of an earlier
    fit is in the way of one with other parameters or data, which is an error that says so: delete it, or give another
    path.

    The file is NumPy's ``.npz``, of arrays and a text of numbers. It holds no pickled objects, so that loading it runs
    no code. It has the parameters of the network, the best ones on the validation rows, what the solver keeps, the
    history, the order of the rows, and the state of the random generator; of the data only a digest.

    When training goes on, callbacks are told of the last epoch once more, and :class:`EarlyStopping` and
    :class:`BestWeights` go on as well. Functions among the parameters are compared by name, and objects by what they
    print. ``learning_rate="linear"`` and other schedules depend on `max_iter`, which must then be the same, and so
    does ``learning_rate_init="auto"``.
    `partial_fit` and ``warm_start=True`` are refused, because they go on from the estimator.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "iris.npz")
    >>> network = MLPClassifier((10,), max_iter=20, random_state=0)
    >>> short = network.set_callbacks(Checkpoint(path)).fit(X, y)

    Another process goes on:

    >>> network = MLPClassifier((10,), max_iter=30, random_state=0)
    >>> longer = network.set_callbacks(Checkpoint(path)).fit(X, y)
    >>> longer.loss_curve_ == MLPClassifier((10,), max_iter=30, random_state=0).fit(X, y).loss_curve_
    True
    """

    _parameter_constraints: dict = {
        "path": [str, os.PathLike],
        "every": [NumberInterval(Integral, 1, None, closed="left")],
    }
    path: str | os.PathLike
    every: int

    def __init__(self, path: str | os.PathLike, *, every: int = 1) -> None:
        super().__init__(path=path, every=every)

    def setup(self, estimator, context) -> None:
        """Called by scikit-learn when a fit begins."""
        super().setup(estimator, context)
        self._check_solver(estimator)
        if estimator.warm_start:
            raise ValueError(
                "Checkpoint takes warm_start=False, got True: a fit goes on from the file, or from the estimator's "
                "weights, not from both."
            )
        if is_one_fit_of_many() and PLACE not in os.fspath(self.path):
            raise ValueError(
                f"path={os.fspath(self.path)!r} of Checkpoint is one file for many fits: put {PLACE} into the path, "
                "which stands for another name in each fit."
            )
        path = Path(self.path)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(
                f"path={str(path)!r} of Checkpoint must be a file in a folder that exists, got "
                f"{'a folder' if path.is_dir() else 'one in none'}."
            )

    def on_fit_task_end(self, estimator, context) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit."""

    def _keeper(
        self, estimator, network: Network, data: TrainingData, validation_data: TrainingData | None, incremental: bool
    ) -> "_File":
        """Who loads and saves the state of this fit, whose epochs are about to begin."""
        if incremental:
            raise ValueError("partial_fit does not support the callback Checkpoint, which goes on with fits.")
        identity = _identity(estimator, network, data, validation_data)
        name = blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest()
        return _File(Path(os.fspath(self.path).replace(PLACE, name)), self.every, estimator, network, identity)


class _File:
    """The file of a fit.

    Parameters
    ----------
    path : Path
    every : int
    estimator : MLPClassifier or MLPRegressor
        The one in training.
    network : Network
        Its network.
    identity : dict
        What must be the same for a fit to go on.
    """

    def __init__(self, path: Path, every: int, estimator, network: Network, identity: dict) -> None:
        self._path, self._every, self._estimator, self._identity = path, every, estimator, identity
        self._network = network
        # Where the training was that the file holds.
        self._saved: tuple[int, int] | None = None

    def load(self) -> TrainingState | None:
        """The state that the file holds, if there is one.

        Raises
        ------
        ValueError
            If it is not that of this fit.
        """
        try:
            arrays, numbers = _read(self._path)
        except FileNotFoundError:
            return None
        self._check(numbers)
        state = TrainingState(arrays, numbers)
        self._saved = state.position
        best_epochs = numbers["best_epochs"]
        for callback in self._estimator._skl_callbacks:
            if isinstance(callback, BestWeights):
                monitor = callback.monitor
                if monitor not in best_epochs:
                    raise ValueError(
                        f"BestWeights(monitor={monitor!r}) was not set when {str(self._path)!r} was written, which has "
                        f"the best weights of {', '.join(best_epochs) or 'no monitor'}. {self._advice('callbacks')}"
                    )
                theta = state.array(f"best_{monitor}", self._network.theta)
                self._estimator._best_weights[monitor] = best_epochs[monitor], theta
        return state

    def save(self, state: TrainingState, is_last: bool) -> None:
        """Write the state at the end of an epoch, if it is due."""
        _, n_epochs = state.position
        if state.position == self._saved or not (is_last or n_epochs % self._every == 0):
            return
        best_weights = vars(self._estimator).get("_best_weights", {})
        arrays = state.arrays | {f"best_{monitor}": theta for monitor, (_, theta) in best_weights.items()}
        best_epochs = {monitor: epoch for monitor, (epoch, _) in best_weights.items()}
        own = {"best_epochs": best_epochs, "max_iter": self._estimator.max_iter, "identity": self._identity}
        _write(self._path, arrays, state.numbers | own)
        self._saved = state.position

    def _check(self, numbers: dict) -> None:
        """Check that the state is one that this fit had, or will have."""
        saved, own = numbers["identity"], self._identity
        for name in ("estimator", "layer_sizes", "dtype"):
            if saved[name] != own[name]:
                raise ValueError(
                    f"{str(self._path)!r} is a checkpoint of another network, with {name}={saved[name]}; this one has "
                    f"{own[name]}. {self._advice('the network')}"
                )
        for name in sorted(saved["parameters"].keys() | own["parameters"].keys()):
            before, now = (each["parameters"].get(name, "nothing") for each in (saved, own))
            if before != now:
                raise ValueError(
                    f"{name}={now} differs from the checkpoint {str(self._path)!r}, which was written with "
                    f"{name}={before}. {self._advice(name)}"
                )
        names = [name for name in DATA if saved["data"].get(name) != own["data"].get(name)]
        if names:
            raise ValueError(
                f"{str(self._path)!r} is a checkpoint of a fit to other data, which differ in {', '.join(names)}. "
                f"{self._advice('the data')}"
            )
        schedule = self._estimator.learning_rate
        is_of_max_iter = callable(schedule) or schedule in SCHEDULES or has_tail(self._estimator)
        if is_of_max_iter and numbers["max_iter"] != self._estimator.max_iter:
            raise ValueError(
                f"max_iter={self._estimator.max_iter} differs from the checkpoint {str(self._path)!r}, which was "
                f"written with max_iter={numbers['max_iter']}: the learning rates of learning_rate={schedule!r} and "
                f"learning_rate_init={self._estimator.learning_rate_init!r} depend on it. {self._advice('max_iter')}"
            )

    def _advice(self, what: str) -> str:
        return f"Keep {what} to go on, or delete the file or give Checkpoint another path to begin anew."


def _identity(estimator, network: Network, data: TrainingData, validation_data: TrainingData | None) -> dict:
    """What must be the same for a fit to go on, in a form to print, to compare and to write."""
    parts = [part for part in (data, validation_data) if part is not None]
    values = [values for part in parts for values in (part.X, part.targets, (part.sample_weight, part.weight_scale))]
    parameters = {name: _words(value) for name, value in estimator.get_params().items() if name not in FREE_PARAMETERS}
    return {
        "format": FORMAT,
        "estimator": type(estimator).__name__,
        "layer_sizes": list(network.widths),
        "dtype": str(network.theta.dtype),
        "parameters": parameters,
        "data": {name: _digest(each, network.theta.dtype) for name, each in zip(DATA, values, strict=False)},
    }


def _digest(values, dtype: np.dtype) -> str:
    """A name for a dense or sparse matrix, or for weights and their scale."""
    digest = blake2b(digest_size=16)
    for part in values if isinstance(values, tuple) else as_inputs(values, dtype, in_order=True):
        array = np.ascontiguousarray(0 if part is None else part)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _words(value) -> str:
    """A parameter in words that are the same in each process."""
    if isinstance(value, FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.random.RandomState):
        # Where it stood is part of the state.
        return "RandomState"
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return repr(value)


def _write(path: Path, arrays: dict[str, Any], numbers: dict) -> None:
    """Write a file that is whole whenever it is there."""
    text = json.dumps(numbers, default=lambda value: value.tolist())
    # The next writing uses up what a killed process has left.
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, **arrays, numbers=np.frombuffer(text.encode(), np.uint8))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and numbers of a file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        numbers = json.loads(arrays.pop("numbers").tobytes())
        found = numbers["identity"]["format"]
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{str(path)!r} is no checkpoint of skinit, or damaged: delete it, or give Checkpoint another path."
        ) from error
    if found != FORMAT:
        raise ValueError(f"{str(path)!r} is a checkpoint of format {found}; this version of skinit takes {FORMAT}.")
    return arrays, numbers
