"""Training as scikit-learn's callbacks see it: tasks that begin and end.

:mod:`sklearn.callback` came with scikit-learn 1.9. With older versions, everything else works, and setting callbacks
raises an ImportError that names the version needed.
"""

from copy import copy
from functools import wraps

import numpy as np
import sklearn

from ..engine.network import Network
from ..validation import check_takes

NEEDED = f"Callbacks need scikit-learn 1.9 or later, which has sklearn.callback; this is {sklearn.__version__}."

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replaces scikit-learn's class of the same name."""

        def set_callbacks(self, *callbacks):
            """Not available: callbacks need scikit-learn 1.9 or later.

            Parameters
            ----------
            *callbacks : callback instances
            """
            raise ImportError(NEEDED)

    def with_callbacks(method):  # type: ignore[no-redef]
        return method


# The methods of a callback that scikit-learn calls.
HOOKS = ("setup", "on_fit_task_begin", "on_fit_task_end", "teardown")


class CheckedHooks:
    """The hooks of a callback. They reject return values that scikit-learn would take for a request to stop.

    Parameters
    ----------
    callback : FitCallback
    """

    def __init__(self, callback) -> None:
        self.on_fit_task_begin = callback.on_fit_task_begin

        @wraps(callback.on_fit_task_end)
        def on_fit_task_end(*args, **kwargs):
            result = callback.on_fit_task_end(*args, **kwargs)
            if not (result is None or isinstance(result, (bool, np.bool))):
                raise TypeError(
                    f"{callback!r}.on_fit_task_end must return True to end training, and False or None to go on, got "
                    f"{type(result).__name__}."
                )
            return result

        self.on_fit_task_end = on_fit_task_end


class StopTraining(Exception):
    """Ends training within SciPy's loop, because a callback asks to stop."""


class TrainingTasks:
    """Training as callbacks see it: one task for the fit, with a subtask for each epoch or iteration.

    Parameters
    ----------
    estimator : estimator with callbacks
        The estimator with the weights from which training starts.
    X, y : array-like
        The data as they were given to `fit`, because callbacks pass them to methods of the estimator.
    metadata : dict
        The other arguments of `fit`. Those that are None are left out.
    max_epochs : int
    """

    def __init__(self, estimator, X, y, metadata: dict, max_epochs: int) -> None:
        given = {name: value for name, value in metadata.items() if value is not None}
        self._arguments = {"estimator": estimator, "X": X, "y": y, "metadata": given or None}
        for callback in estimator._skl_callbacks:
            for hook in HOOKS:
                check_takes(getattr(callback, hook), (None, None), f"{callback!r}.{hook}", "(estimator, context)")
        self._estimator = estimator
        self._fit = estimator._init_callback_context(max_subtasks=max_epochs)
        self._fit._callbacks = [CheckedHooks(callback) for callback in self._fit._callbacks]
        self._fit.call_on_fit_task_begin(**self._arguments, reconstruction_attributes={"n_iter_": 0})

    def keeper(self, network: Network, data, validation_data, incremental: bool):
        """The object that saves the state of training and loads the state of an earlier fit, or None.

        It comes from the callback that has a method ``_keeper``, which takes the estimator and then the arguments of
        this method.
        """
        keepers = [
            callback._keeper(self._estimator, network, data, validation_data, incremental)
            for callback in self._estimator._skl_callbacks
            if hasattr(callback, "_keeper")
        ]
        if len(keepers) > 1:
            raise ValueError(f"A fit takes at most one Checkpoint, got {len(keepers)}.")
        return keepers[0] if keepers else None

    def begin(self, name: str) -> None:
        """Begin the task of an epoch."""
        self._task = self._fit.subcontext(task_name=name)
        self._task.call_on_fit_task_begin(**self._arguments)

    def end(self, network: Network, attributes: dict) -> bool:
        """End the task of the epoch; return whether a callback asks to stop.

        `attributes` are the attributes, besides weights, that the estimator would have if training ended here.
        """

        def reconstruction_attributes():
            # Copies, because training goes on.
            known = {name: copy(value) for name, value in attributes.items()}
            weights = network.copy()
            return known | {"coefs_": list(weights.coefs), "intercepts_": list(weights.intercepts)}

        return self._task.call_on_fit_task_end(**self._arguments, reconstruction_attributes=reconstruction_attributes)

    def discard(self, n_epochs: int) -> None:
        """Allow `n_epochs` more epochs, because the epochs before a restart of training do not count."""
        self._fit.max_subtasks += n_epochs

    def finish(self) -> None:
        """End the task of the fit, after the estimator has its final attributes."""
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})
