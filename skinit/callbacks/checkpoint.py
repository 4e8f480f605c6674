"""A callback that saves the state of training to a file, from which a later fit continues."""

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

# The version of the file format.
FORMAT = 1
# Parameters that a later fit may change.
FREE_PARAMETERS = ("max_iter", "verbose")
# The names of all data arguments of `fit`.
DATA = ("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val")
# The placeholder in a path for the name of a fit.
PLACE = "{fit}"


class Checkpoint(NetworkCallback):
    """Callback that saves the state of training to a file, from which a later `fit` continues.

    Set it with ``set_callbacks`` on an estimator of skinit with a stochastic solver. If the file exists, `fit`
    continues from it. Losses, validation scores and weights then equal those of an uninterrupted fit, bit for bit. The
    data and the parameters (except `max_iter` and `verbose`) must be the same as in the fit that wrote the file. With a
    larger `max_iter`, training runs for more epochs. If the earlier fit stopped because losses or scores no longer
    improved, `fit` returns its result.

    Parameters
    ----------
    path : str or path-like
        The file. Its folder must exist. ``{fit}`` in the path is replaced by 32 hexadecimal digits that identify the
        parameters and the data. A search, a cross-validation or an ensemble needs it, because each fit needs its
        own file. If you run a search again, it reuses the finished fits and continues the others.

    every : int, default=1
        Number of epochs between two writes. The last epoch is always written.

    Raises
    ------
    ValueError
        From `fit`, if the file belongs to a fit with other parameters or data, if it is damaged, if its folder does not
        exist, if many fits would share it, or with ``solver="lbfgs"``, ``warm_start=True`` or `partial_fit`.
    ImportError
        If scikit-learn is older than 1.9.

    See Also
    --------
    BestWeights : Keeps the weights of the best epoch.

    Notes
    -----
    A file is written under another name in the same folder and then renamed. A process that is killed therefore leaves
    either the old file or the new file. Two fits must not write the same file at the same time.

    The file is in NumPy's ``.npz`` format, with arrays and a JSON text. It holds no pickled objects, so loading it runs
    no code. It contains the network's parameters, the best parameters on the validation rows, the state of the solver,
    the history, the order of the rows, the state of the random generator, and a digest of the data.

    When training continues, callbacks are called for the last epoch once more, and :class:`EarlyStopping` and
    :class:`BestWeights` continue as well. Functions among the parameters are compared by name, and objects by their
    ``repr``. `max_iter` must be the same too if the learning rate depends on it: with ``learning_rate="linear"`` and
    skinit's other schedules, with your own schedule, and with ``learning_rate_init="auto"`` and
    ``learning_rate="constant"``. `partial_fit` and ``warm_start=True`` raise an error, because they continue from the
    estimator.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "iris.npz")
    >>> network = MLPClassifier((10,), max_iter=20, random_state=0)
    >>> round(network.set_callbacks(Checkpoint(path)).fit(X, y).loss_, 3)
    0.951

    Another process continues after epoch 20, and reaches the loss of one fit of 30 epochs:

    >>> network = MLPClassifier((10,), max_iter=30, random_state=0)
    >>> round(network.set_callbacks(Checkpoint(path)).fit(X, y).loss_, 3)
    0.925
    >>> round(MLPClassifier((10,), max_iter=30, random_state=0).fit(X, y).loss_, 3)
    0.925
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
                "Checkpoint takes warm_start=False, got True: a fit continues from the file or from the estimator's "
                "weights, not from both."
            )
        if is_one_fit_of_many() and PLACE not in os.fspath(self.path):
            raise ValueError(
                f"path={os.fspath(self.path)!r} of Checkpoint is one file for many fits: put {PLACE} into the path, "
                "and each fit gets its own file."
            )
        path = Path(self.path)
        if path.is_dir() or not path.parent.is_dir():
            raise ValueError(
                f"path={str(path)!r} of Checkpoint must be a file in a folder that exists, got "
                f"{'a folder' if path.is_dir() else 'a file in a missing folder'}."
            )

    def on_fit_task_end(self, estimator, context) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit."""

    def _keeper(
        self, estimator, network: Network, data: TrainingData, validation_data: TrainingData | None, incremental: bool
    ) -> "_File":
        """The object that loads and saves the state of this fit, made before the first epoch."""
        if incremental:
            raise ValueError("partial_fit does not support the callback Checkpoint, which only continues fits.")
        identity = _identity(estimator, network, data, validation_data)
        name = blake2b(json.dumps(identity).encode(), digest_size=16).hexdigest()
        return _File(Path(os.fspath(self.path).replace(PLACE, name)), self.every, estimator, network, identity)


class _File:
    """The file that holds the state of one fit.

    Parameters
    ----------
    path : Path
    every : int
        Number of epochs between two writes.
    estimator : MLPClassifier or MLPRegressor
        The estimator in training.
    network : Network
        The network of the estimator.
    identity : dict
        The properties that must be the same for a fit to continue.
    """

    def __init__(self, path: Path, every: int, estimator, network: Network, identity: dict) -> None:
        self._path, self._every, self._estimator, self._identity = path, every, estimator, identity
        self._network = network
        # The position of the training state in the file.
        self._saved: tuple[int, int] | None = None

    def load(self) -> TrainingState | None:
        """The state in the file, or None if there is no file.

        Raises
        ------
        ValueError
            If the file belongs to another fit.
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
                        f"BestWeights(monitor={monitor!r}) was not set when {str(self._path)!r} was written. The file "
                        f"has the best weights of {', '.join(best_epochs) or 'no monitor'}. {self._advice('callbacks')}"
                    )
                theta = state.array(f"best_{monitor}", self._network.theta)
                self._estimator._best_weights[monitor] = best_epochs[monitor], theta
        return state

    def save(self, state: TrainingState, is_last: bool) -> None:
        """Write the state at the end of an epoch, if it is the last epoch or a multiple of `every`."""
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
        """Check that the state in the file belongs to this fit."""
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
        return f"Keep {what} to continue, or delete the file or give Checkpoint another path to start over."


def _identity(estimator, network: Network, data: TrainingData, validation_data: TrainingData | None) -> dict:
    """The properties that must be the same for a fit to continue, as strings and lists for messages and for JSON."""
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
    """A digest of a dense or sparse matrix, or of weights and their scale."""
    digest = blake2b(digest_size=16)
    for part in values if isinstance(values, tuple) else as_inputs(values, dtype, in_order=True):
        array = np.ascontiguousarray(0 if part is None else part)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _words(value) -> str:
    """A parameter as a string that is the same in each process."""
    if isinstance(value, FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.random.RandomState):
        # The position of the generator is part of the training state.
        return "RandomState"
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return repr(value)


def _write(path: Path, arrays: dict[str, Any], numbers: dict) -> None:
    """Write a file so that no reader ever sees it incomplete."""
    text = json.dumps(numbers, default=lambda value: value.tolist())
    # The next write replaces the partial file of a killed process.
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
    """The arrays and numbers in a file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        numbers = json.loads(arrays.pop("numbers").tobytes())
        found = numbers["identity"]["format"]
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{str(path)!r} is not a checkpoint of skinit, or is damaged: delete it, or give Checkpoint another path."
        ) from error
    if found != FORMAT:
        raise ValueError(f"{str(path)!r} is a checkpoint of format {found}; this version of skinit takes {FORMAT}.")
    return arrays, numbers
