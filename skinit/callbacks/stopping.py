"""Callbacks that monitor a loss or a score, to stop training or to keep the weights of the best epoch."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import StrOptions

from ..validation import NumberInterval
from .base import NetworkCallback, is_epoch

# For each monitor, the fitted attribute with its curve, and the sign that makes higher values better.
CURVES = {
    "loss": ("loss_curve_", -1),
    "validation_score": ("validation_scores_", 1),
    "validation_loss": ("validation_loss_curve_", -1),
}


class _CurveCallback(NetworkCallback):
    """The base class of the callbacks in this file. It reads the monitored curve."""

    monitor: str
    patience: int
    min_delta: float

    _parameter_constraints: dict = {
        "monitor": [StrOptions(set(CURVES))],
        "patience": [NumberInterval(Integral, 1, None, closed="left")],
        "min_delta": [NumberInterval(Real, 0, None, closed="left")],
    }

    def setup(self, estimator, context) -> None:
        """Called by scikit-learn when a fit begins."""
        super().setup(estimator, context)
        self._check_solver(estimator)
        if self.monitor != "loss" and not estimator.early_stopping:
            raise ValueError(
                f"{type(self).__name__}(monitor={self.monitor!r}) needs validation rows: set early_stopping=True on "
                f"{type(estimator).__name__}, got early_stopping={estimator.early_stopping}. monitor='loss' needs no "
                "validation rows."
            )

    def _goodness(self, fitted_estimator) -> np.ndarray:
        """The curve over the epochs of this fit, with losses negated so that higher is better. NaN is the worst."""
        name, sign = CURVES[self.monitor]
        curve = sign * np.array(getattr(fitted_estimator, name)[-fitted_estimator.n_iter_ :], dtype=np.float64)
        return np.where(np.isnan(curve), -np.inf, curve)


class EarlyStopping(_CurveCallback):
    """Callback that stops training when a loss or a score no longer improves.

    Set it with ``set_callbacks`` on an estimator of skinit with a stochastic solver. Pipelines and searches pass it on.
    Training also stops by the estimator's own rule, unless ``n_iter_no_change=np.inf``.

    Parameters
    ----------
    monitor : {"loss", "validation_score", "validation_loss"}, default="loss"
        The curve to monitor: `loss_curve_`, `validation_scores_` or `validation_loss_curve_`. The last two need
        ``early_stopping=True``. Higher scores and lower losses are better.

    patience : int, default=10
        Number of epochs without improvement after which training stops.

    min_delta : float, default=0.0
        The best of the last `patience` epochs must be better than the best epoch before them by more than this, in the
        units of the monitored curve. Otherwise training stops.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.
    ValueError
        If a parameter is invalid. From `fit`, if the curve needs validation rows and ``early_stopping=False``, or with
        ``solver="lbfgs"``.

    See Also
    --------
    BestWeights : Keeps the weights of the best epoch.

    Notes
    -----
    The callback only reads the epochs of the current fit and keeps no state, so fits may share it, even in threads.

    References
    ----------
    See L. Prechelt, "Early stopping - but when?" (1998), for a comparison of such rules.

    Examples
    --------
    Training stops after epoch 16, because the last five epochs lowered the loss by less than 0.05:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import EarlyStopping
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((10,), max_iter=500, random_state=0)
    >>> network = network.set_callbacks(EarlyStopping(patience=5, min_delta=0.05)).fit(X, y)
    >>> network.n_iter_
    16
    >>> [round(loss, 2) for loss in network.loss_curve_[-6:]]
    [1.02, 1.01, 1.0, 0.99, 0.98, 0.97]
    """

    def __init__(self, monitor: str = "loss", *, patience: int = 10, min_delta: float = 0.0) -> None:
        super().__init__(monitor=monitor, patience=patience, min_delta=min_delta)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None) -> bool:
        """Called by scikit-learn at the end of each epoch, and of the whole fit."""
        if not is_epoch(context) or fitted_estimator.n_iter_ <= self.patience:
            return False
        curve = self._goodness(fitted_estimator)
        before, last = curve[: -self.patience].max(), curve[-self.patience :].max()
        # The difference of two infinities is NaN.
        return not (last > before and last - before > self.min_delta)


class BestWeights(_CurveCallback):
    """Callback that restores the weights of the epoch with the best loss or score.

    Set it with ``set_callbacks`` on an estimator of skinit with a stochastic solver. Pipelines and searches pass it on.
    Unless `fit` raises an error, the estimator ends with the weights of the fit's best epoch (the first, if several are
    equally good), and `best_iter_` is the number of that epoch, counted from 1. ``early_stopping=True`` alone restores
    the weights with the best validation score.

    Parameters
    ----------
    monitor : {"loss", "validation_score", "validation_loss"}, default="loss"
        The curve to monitor: `loss_curve_`, `validation_scores_` or `validation_loss_curve_`. The last two need
        ``early_stopping=True``. Higher scores and lower losses are better.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.
    ValueError
        If a parameter is invalid. From `fit`, if the curve needs validation rows and ``early_stopping=False``, or with
        ``solver="lbfgs"``.

    See Also
    --------
    EarlyStopping : Stops training when a loss or a score no longer improves.

    Notes
    -----
    `loss_curve_` has the loss of each epoch, averaged over its mini-batches while the weights change. The restored
    weights are the weights at the end of the epoch. The solver keeps the state that it had after the last epoch, and
    `partial_fit` continues with this state.

    Examples
    --------
    The validation loss is lowest after 11 of 100 epochs, so the network gets the weights of epoch 11:

    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skinit import MLPRegressor
    >>> from skinit.callbacks import BestWeights
    >>> X, y = map(scale, load_diabetes(return_X_y=True))
    >>> network = MLPRegressor(
    ...     hidden_layer_sizes=(50,),
    ...     early_stopping=True,
    ...     learning_rate_init=0.01,
    ...     max_iter=100,
    ...     n_iter_no_change=100,
    ...     random_state=0,
    ... )
    >>> network = network.set_callbacks(BestWeights("validation_loss")).fit(X, y)
    >>> network.n_iter_, network.best_iter_
    (100, 11)
    >>> losses = network.validation_loss_curve_
    >>> round(losses[-1], 2), round(losses[10], 2)
    (0.28, 0.21)
    """

    def __init__(self, monitor: str = "loss") -> None:
        super().__init__(monitor=monitor)

    def on_fit_task_begin(self, estimator, context) -> None:
        """Called by scikit-learn at the beginning of a fit, and of each epoch."""
        if not is_epoch(context):
            # The best epoch and its parameters for each monitor, kept on the estimator because fits may share the
            # callback.
            estimator._best_weights = {}

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit."""
        if is_epoch(context):
            curve = self._goodness(fitted_estimator)
            if np.argmax(curve) == len(curve) - 1:
                theta = np.concatenate([*map(np.ravel, fitted_estimator.coefs_), *fitted_estimator.intercepts_])
                estimator._best_weights[self.monitor] = len(curve), theta
        elif self.monitor in estimator._best_weights:
            estimator.best_iter_, theta = estimator._best_weights[self.monitor]
            estimator.__dict__.update(estimator._own_network().with_theta(theta).as_attributes())

    def teardown(self, estimator, context) -> None:
        """Called by scikit-learn when a fit is over, whether or not it succeeded."""
        estimator.__dict__.pop("_best_weights", None)
