"""Base classes of the callbacks. They check parameters, and raise an error if scikit-learn has no callbacks."""

from ..training.solvers import STOCHASTIC_SOLVERS
from ..training.tasks import NEEDED
from ..validation import check_parameters

try:
    from sklearn.callback import ScoringMonitor

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False

    class ScoringMonitor:  # type: ignore[no-redef]
        """Replaces scikit-learn's class of the same name."""

        def __init__(self, *, scoring) -> None:
            raise ImportError(NEEDED)


class NetworkCallback:
    """A callback for the estimators of skinit. Its parameters are checked when it is made."""

    _parameter_constraints: dict = {}

    def __init_subclass__(cls) -> None:
        if not HAS_CALLBACKS:
            # The example in the docstring would fail as a doctest, because the class cannot be used.
            cls.__doc__ = NEEDED

    def __init__(self, **parameters) -> None:
        if not HAS_CALLBACKS:
            raise ImportError(NEEDED)
        check_parameters(self._parameter_constraints, parameters, type(self).__name__)
        self.__dict__.update(parameters)

    def setup(self, estimator, context) -> None:
        """Called by scikit-learn when a fit begins."""
        if not hasattr(estimator, "_own_network"):
            raise TypeError(
                f"{type(self).__name__} is for an MLPClassifier or MLPRegressor of skinit: set it on the network, not "
                f"on {type(estimator).__name__}; pipelines and searches pass it on."
            )

    def teardown(self, estimator, context) -> None:
        """Called by scikit-learn when a fit ends, with or without an error."""

    def on_fit_task_begin(self, estimator, context) -> None:
        """Called by scikit-learn at the beginning of a fit, and of each epoch."""

    def _check_solver(self, estimator) -> None:
        if estimator.solver not in STOCHASTIC_SOLVERS:
            names = ", ".join(map(repr, sorted(STOCHASTIC_SOLVERS)))
            raise ValueError(f"{type(self).__name__} takes the solvers {names}, got solver={estimator.solver!r}.")


class Log(NetworkCallback, ScoringMonitor):
    """A callback that records numbers in scikit-learn's logs."""

    def __init__(self, **parameters) -> None:
        NetworkCallback.__init__(self, **parameters)
        ScoringMonitor.__init__(self, scoring=self._record)

    def setup(self, estimator, context) -> None:
        """Called by scikit-learn when a fit begins."""
        NetworkCallback.setup(self, estimator, context)
        ScoringMonitor.setup(self, estimator, context)

    def teardown(self, estimator, context) -> None:
        """Called by scikit-learn when a fit ends, with or without an error."""
        ScoringMonitor.teardown(self, estimator, context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit."""
        ScoringMonitor.on_fit_task_end(
            self, estimator, context, X=X, y=y, metadata=metadata, fitted_estimator=fitted_estimator
        )

    def __getstate__(self) -> dict:
        state = super().__getstate__()
        # `_scoring` is a bound method of the callback, so skops would write the callback again and again.
        return {name: value for name, value in state.items() if name != "_scoring"}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self._scoring = self._record

    def _record(self, estimator, X, y, sample_weight=None, **validation) -> dict:
        """The numbers to record, by name; `validation` has the validation rows that were passed to `fit`."""
        raise NotImplementedError


def is_epoch(context) -> bool:
    """Whether a task is an epoch or an iteration, and not a whole fit."""
    return context.max_subtasks == 0
