"""Callbacks that record norms of the Hessian and of gradients while a network trains."""

from numbers import Integral

import numpy as np
from sklearn.utils import _safe_indexing, indexable, shuffle
from sklearn.utils.validation import _num_samples

from ..curvature import hessian_norm, layer_hessian_norms
from ..curvature.operators import check_counting_data
from ..curvature.spectrum import check_finite, frobenius_norm
from ..engine.passes import DataPasses
from ..user_warnings import warn_user
from ..validation import NumberInterval
from .base import Log, is_epoch


class _NormMonitor(Log):
    """What the monitors share: when to record, and on which rows."""

    _parameter_constraints: dict = {
        "every": [NumberInterval(Integral, 1, None, closed="left")],
        "layers": ["boolean"],
        "sample_size": [NumberInterval(Integral, 1, None, closed="left")],
    }

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None) -> None:
        """Called by scikit-learn: the network before its first epoch is recorded when the whole fit begins."""
        super().on_fit_task_end(estimator, context, X=X, y=y, metadata=metadata, fitted_estimator=fitted_estimator)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit, which says nothing new."""
        if is_epoch(context) and fitted_estimator.n_iter_ % self.every == 0:
            super().on_fit_task_end(estimator, context, X=X, y=y, metadata=metadata, fitted_estimator=fitted_estimator)

    def _record(self, estimator, X, y, sample_weight=None, **validation) -> dict:
        data = (X, y) if sample_weight is None else (X, y, sample_weight)
        n_rows = _num_samples(X)
        rows = np.arange(n_rows) if sample_weight is None else np.flatnonzero(sample_weight)
        if rows.size > self.sample_size:
            rows = shuffle(rows, random_state=0, n_samples=self.sample_size)
        if rows.size < n_rows:
            data = tuple(_safe_indexing(part, rows) for part in indexable(*data))
        norms = {"n_iter": estimator.n_iter_}
        try:
            norms.update(self._norms(estimator, *data))
        except ValueError as error:
            # Training may get over it, with early_stopping for one.
            warn_user(f"{type(self).__name__} leaves norms out of a record. {error}", RuntimeWarning)
        return norms

    def _norms(self, estimator, X, y, sample_weight=None) -> dict:
        raise NotImplementedError


class CurvatureMonitor(_NormMonitor):
    r"""Callback that records the norm of the Hessian of the loss while a network trains.

    Set it on an estimator of skinit, by ``set_callbacks``; pipelines and searches carry it along. It records the
    network before the first epoch (or iteration of "lbfgs") and after every `every`-th one, as
    :func:`skinit.curvature.hessian_norm` has it: without the L2 penalty, to a relative accuracy of 1e-3. Training goes
    the same way as without it, bit by bit.

    Parameters
    ----------
    every : int, default=1
        Number of epochs from one record to the next.

    layers : bool, default=False
        Whether to record the norm with respect to the weights of each layer too.

    sample_size : int, default=1000
        Number of rows to take the norms on: the same ones each time, drawn with a seed of its own. All if there are
        not more. A norm takes some twenty products with the Hessian, each at the cost of three gradients on these rows.

    See Also
    --------
    GradientMonitor : The same for gradients, cheaper.
    sklearn.callback.ScoringMonitor : Scores while training.

    Notes
    -----
    ``get_logs()`` is that of :class:`sklearn.callback.ScoringMonitor`: it returns the log of the most recent `fit`, or
    ``get_logs("all")`` that of each one, whose ``data`` (a list of dicts) and ``data_as_pandas`` have a row for each
    record. Its columns, besides scikit-learn's own, are:

    - `n_iter`: the number of epochs done, 0 for the network before the first. Where ``learning_rate_init="auto"``
      starts again, it does so too; `task_id` goes on;
    - `hessian_norm`: :math:`\|H\|`, of all parameters;
    - `hessian_norm_0`, `hessian_norm_1`, ..., if `layers`: :math:`\|H_{w^{(k)}}\|`, of the weights of each layer.

    What cannot be measured, as a Hessian that is not finite, is left out with a warning. With ``early_stopping=True``
    the weights recorded are those of the moment, not the best ones so far. Each call of `partial_fit` is a fit of its
    own.

    Examples
    --------
    Gradient descent is stable as long as the norm is below 2 over the learning rate, here 200:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import CurvatureMonitor
    >>> X, y = load_iris(return_X_y=True)
    >>> monitor = CurvatureMonitor(every=10)
    >>> network = MLPClassifier((), init="zero", solver="sgd", momentum=0, learning_rate_init=0.01, max_iter=30)
    >>> network = network.set_callbacks(monitor).fit(X, y)
    >>> monitor.get_logs().data_as_pandas[["n_iter", "hessian_norm"]].round(1)
       n_iter  hessian_norm
    0       0          20.8
    1      10          23.1
    2      20          23.4
    3      30          23.5
    """

    def __init__(self, *, every: int = 1, layers: bool = False, sample_size: int = 1000) -> None:
        super().__init__(every=every, layers=layers, sample_size=sample_size)

    def _norms(self, estimator, X, y, sample_weight=None) -> dict:
        norms = {"hessian_norm": hessian_norm(estimator, X, y, sample_weight=sample_weight)}
        if self.layers:
            of_layers = layer_hessian_norms(estimator, X, y, sample_weight=sample_weight)
            norms.update({f"hessian_norm_{layer}": float(norm) for layer, norm in enumerate(of_layers)})
        return norms


class GradientMonitor(_NormMonitor):
    r"""Callback that records the norms of each layer's gradient while a network trains.

    Set it on an estimator of skinit, by ``set_callbacks``; pipelines and searches carry it along. It records the
    network before the first epoch (or iteration of "lbfgs") and after every `every`-th one. The gradient is that of the
    mean loss without the L2 penalty, which does not vanish where the loss's does. Training goes the same way as without
    it, bit by bit.

    Parameters
    ----------
    every : int, default=1
        Number of epochs from one record to the next.

    sample_size : int, default=1000
        Number of rows to take the norms on: the same ones each time, drawn with a seed of its own. All if there are
        not more.

    See Also
    --------
    CurvatureMonitor : The same for the Hessian.
    sklearn.callback.ScoringMonitor : Scores while training.

    Notes
    -----
    Logs are those of :class:`CurvatureMonitor`, with these columns for the weights :math:`W_k` of each layer, the first
    of which is 0:

    - `gradient_norm_0`, ...: :math:`\|\partial L / \partial W_k\|`, the root of the sum of squares;
    - `gradient_to_weight_0`, ...: its ratio to :math:`\|W_k\|`; infinite, or nan, where that is 0.

    Examples
    --------
    Below ten logistic layers, nearly nothing of the gradient arrives at the first one:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import GradientMonitor
    >>> X, y = load_iris(return_X_y=True)
    >>> monitor = GradientMonitor()
    >>> network = MLPClassifier((20,) * 10, "logistic", max_iter=5, random_state=0)
    >>> network = network.set_callbacks(monitor).fit(X, y)
    >>> log = monitor.get_logs().data_as_pandas
    >>> bool((log["gradient_norm_0"] < 1e-4 * log["gradient_norm_10"]).all())
    True
    """

    def __init__(self, *, every: int = 1, sample_size: int = 1000) -> None:
        super().__init__(every=every, sample_size=sample_size)

    def _norms(self, estimator, X, y, sample_weight=None) -> dict:
        network, data = check_counting_data(estimator, X, y, sample_weight, "gradient")
        with np.errstate(all="ignore"), DataPasses(network, data, len(data.targets), alpha=0.0) as passes:
            _, gradient = passes.loss_and_gradient()
        check_finite(gradient, network.theta.dtype, "gradient")
        gradients = np.split(gradient, np.cumsum([coef.size for coef in network.coefs]))
        norms: dict[str, float] = {}
        for layer, coef in enumerate(network.coefs):
            gradient_norm, weight_norm = np.float64(frobenius_norm(gradients[layer])), frobenius_norm(coef)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                ratio = gradient_norm / weight_norm
            norms |= {f"gradient_norm_{layer}": float(gradient_norm), f"gradient_to_weight_{layer}": float(ratio)}
        return norms
