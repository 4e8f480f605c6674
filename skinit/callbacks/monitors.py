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
    """The base class of the monitors. It chooses the epochs to record and the rows to measure on."""

    _parameter_constraints: dict = {
        "every": [NumberInterval(Integral, 1, None, closed="left")],
        "layers": ["boolean"],
        "sample_size": [NumberInterval(Integral, 1, None, closed="left")],
    }

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None) -> None:
        """Called by scikit-learn when the whole fit begins; records the network before its first epoch."""
        super().on_fit_task_end(estimator, context, X=X, y=y, metadata=metadata, fitted_estimator=fitted_estimator)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None) -> None:
        """Called by scikit-learn at the end of each epoch, and of the whole fit, which is not recorded."""
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
            # Training may recover, for example with early_stopping.
            warn_user(f"{type(self).__name__} leaves norms out of a record. {error}", RuntimeWarning)
        return norms

    def _norms(self, estimator, X, y, sample_weight=None) -> dict:
        raise NotImplementedError


class CurvatureMonitor(_NormMonitor):
    r"""Callback that records the norm of the Hessian of the loss while a network trains.

    Set it on an estimator of skinit with ``set_callbacks``. Pipelines and searches pass it on. It records the norm
    before the first epoch (or iteration of "lbfgs") and after every `every` epochs. Like
    :func:`skinit.curvature.hessian_norm`, it leaves out the L2 penalty and has a relative accuracy of 1e-3. For several
    outputs, this is the Hessian of the sum over outputs, which training minimizes. Training gives the same results, bit
    for bit, as without the monitor.

    Parameters
    ----------
    every : int, default=1
        Number of epochs between two records.

    layers : bool, default=False
        Whether to record the norm with respect to the weights of each layer as well.

    sample_size : int, default=1000
        Number of rows on which norms are measured, or all rows if there are fewer. They are drawn with a fixed seed and
        are the same each time. A norm takes about twenty products with the Hessian, each as costly as three gradients
        on these rows.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.
    ValueError
        If a parameter is invalid.

    Warns
    -----
    RuntimeWarning
        During `fit`, if a norm is left out because the Hessian is not finite.

    See Also
    --------
    GradientMonitor : The same for gradients, at a lower cost.
    sklearn.callback.ScoringMonitor : Scores while training.

    Notes
    -----
    ``get_logs()`` is inherited from :class:`sklearn.callback.ScoringMonitor`. It returns the log of the most recent
    `fit`, and ``get_logs("all")`` the logs of all fits. The ``data`` of a log (a list of dicts) and its
    ``data_as_pandas`` have a row for each record, with scikit-learn's columns and these:

    - `n_iter`: the number of finished epochs, 0 before the first. A restart of ``learning_rate_init="auto"`` resets it,
      but not `task_id`;
    - `hessian_norm`: :math:`\|H\|`, with respect to all parameters;
    - `hessian_norm_0`, `hessian_norm_1`, ..., if `layers`: :math:`\|H_{w^{(k)}}\|`, with respect to the weights of each
      layer.

    With ``early_stopping=True``, the record describes the current weights, not the best weights so far. Each call of
    `partial_fit` is a separate fit.

    Examples
    --------
    Gradient descent is stable while the norm is below 2 divided by the learning rate, here 200:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import CurvatureMonitor
    >>> X, y = load_iris(return_X_y=True)
    >>> monitor = CurvatureMonitor(every=10)
    >>> network = MLPClassifier(
    ...     (), init="zero", solver="sgd", momentum=0, learning_rate_init=0.01, max_iter=30
    ... )
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

    Set it on an estimator of skinit with ``set_callbacks``. Pipelines and searches pass it on. It records the norms
    before the first epoch (or iteration of "lbfgs") and after every `every` epochs. The loss :math:`L` is the mean over
    rows, and the sum over outputs. The L2 penalty is left out, because its gradient does not vanish with the gradient
    of the loss. Training gives the same results, bit for bit, as without the monitor.

    Parameters
    ----------
    every : int, default=1
        Number of epochs between two records.

    sample_size : int, default=1000
        Number of rows on which norms are measured, or all rows if there are fewer. They are drawn with a fixed seed and
        are the same each time.

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.
    ValueError
        If a parameter is invalid.

    Warns
    -----
    RuntimeWarning
        During `fit`, if norms are left out because the gradient is not finite.

    See Also
    --------
    CurvatureMonitor : The same for the Hessian.
    sklearn.callback.ScoringMonitor : Scores while training.

    Notes
    -----
    The logs are like the logs of :class:`CurvatureMonitor`, with these columns for the weights :math:`W_k` of each
    layer, counted from 0:

    - `gradient_norm_0`, ...: :math:`\|\partial L / \partial W_k\|`, the square root of the sum of squares;
    - `gradient_to_weight_0`, ...: its ratio to :math:`\|W_k\|`, which is infinite or NaN if :math:`\|W_k\| = 0`.

    Examples
    --------
    The gradient vanishes on its way back through ten logistic layers, from the output layer 10 to the first layer 0:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.callbacks import GradientMonitor
    >>> X, y = load_iris(return_X_y=True)
    >>> monitor = GradientMonitor()
    >>> network = MLPClassifier((20,) * 10, "logistic", max_iter=5, random_state=0)
    >>> network = network.set_callbacks(monitor).fit(X, y)
    >>> log = monitor.get_logs().data_as_pandas
    >>> f"{log['gradient_norm_0'][5]:.0e}, {log['gradient_norm_10'][5]:.0e}"
    '6e-09, 3e-01'
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
