"""The Hessian of an estimator's loss as a linear operator, and the checks that all measures of curvature share."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from numbers import Integral, Real

import numpy as np
from scipy.sparse.linalg import LinearOperator
from sklearn.utils._param_validation import StrOptions

from ..engine.blas import one_blas_thread
from ..engine.data import TrainingData
from ..engine.hessian import BLOCK, BLOCK_WORK, HessianProducts
from ..engine.network import Network
from ..kernels.curvature import ALL_LAYERS
from ..validation import NumberInterval, checks_parameters
from .spectrum import check_finite

PARAMETERS = {
    "kind": [StrOptions({"hessian", "gauss_newton"})],
    "penalty": ["boolean"],
    "tol": [NumberInterval(Real, 0, None, closed="left")],
    "max_iter": [NumberInterval(Integral, 1, None, closed="left"), None],
    "n_products": [NumberInterval(Integral, 3, None, closed="left")],
    "n_vectors": [NumberInterval(Integral, 1, None, closed="left")],
    "n_steps": [NumberInterval(Integral, 1, None, closed="left")],
    "n_points": [NumberInterval(Integral, 2, 10**6, closed="both")],
    "width": [NumberInterval(Real, 0, 1, closed="right")],
    "momentum": [NumberInterval(Real, 0, 1, closed="left")],
    "nesterov": ["boolean"],
    "random_state": ["random_state"],
}


def check_data(estimator, X, y, sample_weight, *, allow_nonfinite: bool = False) -> tuple[Network, TrainingData]:
    """A copy of a fitted estimator's network, and the data as the network takes them."""
    if not hasattr(estimator, "_own_network"):
        raise TypeError(
            f"The estimator must be an MLPClassifier or MLPRegressor of skinit, got {type(estimator).__name__}. For a "
            "pipeline or a search, pass the network itself (pipeline[-1]) and the data that it receives."
        )
    network = estimator._own_network(allow_nonfinite=allow_nonfinite).copy()
    # Validation may set fitted attributes, so it works on a copy.
    data = copy(estimator)._check_data(X, y, sample_weight, network=network, incremental=True)
    network.check_columns(data.X)
    return network, data


def check_counting_data(estimator, X, y, sample_weight, name: str = "Hessian") -> tuple[Network, TrainingData]:
    """Like `check_data`, but leave out rows of weight zero, and raise an error if a preactivation overflows.

    Without this check, a saturated activation would hide the overflow.
    """
    network, data = check_data(estimator, X, y, sample_weight)
    data = counting_rows(data)
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            for _, preactivations in network.propagate(block.X):
                check_finite(preactivations, network.theta.dtype, name)
    return network, data


def counting_rows(data: TrainingData) -> TrainingData:
    """The data without rows of weight zero, so that an overflow in such a row does no harm."""
    if data.sample_weight is None or data.sample_weight.all():
        return data
    return data.take(np.flatnonzero(data.sample_weight))


def row_blocks(network: Network, data: TrainingData):
    """The data in blocks of rows, so small that Ctrl-C is answered soon after each layer."""
    n_rows = data.targets.shape[0]
    step = min(BLOCK, max(1, BLOCK_WORK // (2 * network.largest_coef)))
    return (data.take(np.arange(start, min(start + step, n_rows))) for start in range(0, n_rows, step))


def _check_layer(network: Network, layer) -> int:
    if layer is None:
        return ALL_LAYERS
    n_layers = len(network.coefs)
    if not isinstance(layer, Integral) or isinstance(layer, (bool, np.bool_)) or not 0 <= int(layer) < n_layers:
        raise ValueError(f"layer must be None or an int from 0 to {n_layers - 1}, got {layer!r}.")
    return int(layer)


def _make_operator(estimator, X, y, sample_weight, layer, kind: str, penalty: bool):
    """The Hessian products of the data, and the linear operator that multiplies by them."""
    network, data = check_counting_data(estimator, X, y, sample_weight)
    alpha = float(estimator.alpha) / data.weight_scale if penalty else 0.0
    products = HessianProducts(network, data)
    return products, products.as_operator(_check_layer(network, layer), kind == "gauss_newton", alpha)


@contextmanager
def shared_operator(*arguments) -> Iterator[LinearOperator]:
    """Yield an operator that keeps its helper threads until the end of the block."""
    products, operator = _make_operator(*arguments)
    # BLAS threads spin after each of SciPy's products, and would take the cores of the helper threads.
    with products, one_blas_thread(products.network.largest_product(BLOCK)):
        yield operator


class _FiniteOperator(LinearOperator):
    """A symmetric operator that raises an error if a product is not finite."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.dtype, operator.shape)
        self._operator = operator

    def _matmat(self, X):
        columns = np.asarray(X)
        with np.errstate(all="ignore"):
            columns = columns.astype(self.dtype, copy=False)
        if not np.isfinite(columns).all():
            raise ValueError(f"The vectors that the Hessian is multiplied by must be finite in {self.dtype}.")
        products = self._operator.matmat(columns)
        check_finite(products, self.dtype)
        return products

    def _adjoint(self):
        return self


@checks_parameters(PARAMETERS)
def hessian_operator(
    estimator, X, y, *, sample_weight=None, layer: int | None = None, kind: str = "hessian", penalty: bool = False
) -> LinearOperator:
    r"""The Hessian of the loss, or its Gauss-Newton part, as a linear operator.

    The loss is the weighted mean over rows. For several outputs, it is the sum over outputs, which training minimizes,
    even if ``loss_`` reports the mean over outputs.

    Products are exact up to rounding. Forward-over-reverse propagation (see `skinit.kernels.curvature`) computes a
    product at the cost of about three gradients. Several products at once (``matmat``) share the results that do not
    depend on the direction. For the losses "absolute_error" and "quantile", the second derivative with respect to the
    output layer's preactivations is replaced as in :mod:`skinit.curvature`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted or initialized.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows over which the loss is a mean.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets of the rows.
    sample_weight : array-like of shape (n_samples,), default=None
        The weights :math:`s_i` of the rows. None gives each row the weight 1.
    layer : int or None, default=None
        The layer, counted from 0, whose weights are the variables. None takes the derivatives with respect to all
        parameters.
    kind : {"hessian", "gauss_newton"}, default="hessian"
        The Gauss-Newton part is the weighted mean over rows of :math:`J^T \ell'' J`, where `J` is the Jacobian of the
        output layer's preactivations and :math:`\ell''` the second derivative of the loss with respect to them. It is
        positive semidefinite. For the weights of one layer, it equals the Hessian if the activations are piecewise
        linear.
    penalty : bool, default=False
        Whether to add the Hessian of the L2 penalty, which is :math:`\alpha / \sum_i s_i` times the identity for
        weights and zero for intercepts.

    Returns
    -------
    operator : scipy.sparse.linalg.LinearOperator
        A symmetric operator with the dtype of the weights (float32 or float64). Its shape is (n, n) for `n` parameters
        or weights of the layer. A product raises a ValueError if it is not finite.

    Raises
    ------
    TypeError
        If the estimator is not an estimator of skinit, for example if it is a pipeline.
    ValueError
        If the data do not fit the estimator, if a preactivation is not finite, or if there is no such layer or kind.
    sklearn.exceptions.NotFittedError
        If the estimator has no weights.

    References
    ----------
    The products are from B. A. Pearlmutter, "Fast exact multiplication by the Hessian" (1994).

    Examples
    --------
    :func:`scipy.sparse.linalg.eigsh` finds the two largest eigenvalues of the Hessian from products alone:

    >>> import numpy as np
    >>> from scipy.sparse.linalg import eigsh
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_operator
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), random_state=0).initialize(X, y)
    >>> hessian = hessian_operator(network, X, y)
    >>> hessian.shape
    (43, 43)
    >>> np.sort(eigsh(hessian, k=2, which="LA", return_eigenvectors=False)).round(1)
    array([5.8, 7.2])
    """
    _, operator = _make_operator(estimator, X, y, sample_weight, layer, kind, penalty)
    return _FiniteOperator(operator)
