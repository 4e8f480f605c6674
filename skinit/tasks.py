"""A training as scikit-learn's callbacks see it: tasks that begin and end.

:mod:`sklearn.callback` came with scikit-learn 1.9. With an older one everything else works, and asking for callbacks is
an ImportError that says what is needed.
"""

from copy import copy

import sklearn

from .network import Network

NEEDED = f"Callbacks need scikit-learn 1.9 or later, which has sklearn.callback; this is {sklearn.__version__}."

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's."""

        def set_callbacks(self, *callbacks):
            """Not available: callbacks need scikit-learn 1.9 or later.

            Parameters
            ----------
            *callbacks : callback instances
            """
            raise ImportError(NEEDED)

    def with_callbacks(method):  # type: ignore[no-redef]
        return method


class StopTraining(Exception):
    """A callback asks to end a training whose loop is not ours."""


class TrainingTasks:
    """A training as callbacks see it: one task for the fit, with a subtask for each epoch or iteration.

    Parameters
    ----------
    estimator : estimator with callbacks
        With the weights to start from.
    X, y : array-like
        As given to `fit`, since it is the estimator that callbacks give them to.
    sample_weight : ndarray of shape (n_samples,), or None
    max_epochs : int
    """

    def __init__(self, estimator, X, y, sample_weight, max_epochs: int) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=max_epochs)
        self._fit.call_on_fit_task_begin(**self._arguments, reconstruction_attributes={"n_iter_": 0})

    def begin(self, name: str) -> None:
        """Begin the task of an epoch."""
        self._task = self._fit.subcontext(task_name=name)
        self._task.call_on_fit_task_begin(**self._arguments)

    def end(self, network: Network, attributes: dict) -> bool:
        """End the task of the epoch; tell whether a callback asks to stop.

        `attributes` are those, besides weights, that the estimator would have if training ended here.
        """

        def reconstruction_attributes():
            # Copies, as training goes on.
            known = {name: copy(value) for name, value in attributes.items()}
            weights = network.copy()
            return known | {"coefs_": list(weights.coefs), "intercepts_": list(weights.intercepts)}

        return self._task.call_on_fit_task_end(**self._arguments, reconstruction_attributes=reconstruction_attributes)

    def discard(self, n_epochs: int) -> None:
        """Training starts again: epochs in vain do not count towards the maximum."""
        self._fit.max_subtasks += n_epochs

    def finish(self) -> None:
        """End the task of the fit, whose estimator has its final attributes."""
        self._fit.call_on_fit_task_end(**self._arguments, reconstruction_attributes={})
