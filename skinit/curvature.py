r"""The curvature of the loss of a fitted or initialized estimator on given data.

The loss is the weighted mean over rows, without the L2 penalty unless asked for. Parameters are ordered as in one
vector: all weights layer by layer, each matrix row by row, then all intercepts. `layer` selects the weights of one
layer, the :math:`H_{w^{(k)}}` of M. Skorski, "Revisiting initialization of neural networks" (2020); its first layer
is 0. Nothing is changed in the estimator, and memory does not grow with the number of rows.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.linalg import LinearOperator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.extmath import row_norms

from . import spectrum
from .blas import one_blas_thread
from .data import TrainingData
from .hessian import BLOCK, BLOCK_WORK, HessianProducts
from .jacobians import row_jacobian_norms
from .kernels.activations import evaluate
from .kernels.curvature import ALL_LAYERS
from .kernels.losses import LOSSES
from .network import Network
from .spectrum import check_finite
from .validation import NumberInterval, checks_parameters

__all__ = [
    "hessian_bound",
    "hessian_norm",
    "hessian_operator",
    "hessian_trace",
    "layer_hessian_norms",
    "layer_jacobian_norms",
    "max_stable_step",
    "spectral_density",
]

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


def _check_data(estimator, X, y, sample_weight, *, allow_nonfinite: bool = False) -> tuple[Network, TrainingData]:
    """The network of a fitted estimator and the data as it takes them; the estimator is left as it is."""
    if not hasattr(estimator, "_own_network"):
        raise TypeError(
            f"The estimator must be an MLPClassifier or MLPRegressor of skinit, got {type(estimator).__name__}. Of a "
            "pipeline or a search take the network itself (pipeline[-1]), with the data as it gets them."
        )
    network = estimator._own_network(allow_nonfinite=allow_nonfinite).copy()
    # Validation may set fitted attributes, so it works on a copy.
    data = copy(estimator)._check_data(X, y, sample_weight, network=network, incremental=True)
    network.check_columns(data.X)
    return network, data


def _check_counting_data(estimator, X, y, sample_weight, name: str = "Hessian") -> tuple[Network, TrainingData]:
    """As `_check_data`, without rows of weight zero, and with an error where a unit's preactivation overflows.

    Saturated activations would hide it.
    """
    network, data = _check_data(estimator, X, y, sample_weight)
    data = counting_rows(data)
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            for _, preactivations in network.propagate(block.X):
                check_finite(preactivations, network.theta.dtype, name)
    return network, data


def counting_rows(data: TrainingData) -> TrainingData:
    """The data without rows of weight zero, which do not matter even where they overflow."""
    if data.sample_weight is None or data.sample_weight.all():
        return data
    return data.take(np.flatnonzero(data.sample_weight))


def _check_layer(network: Network, layer) -> int:
    if layer is None:
        return ALL_LAYERS
    n_layers = len(network.coefs)
    if not isinstance(layer, Integral) or isinstance(layer, (bool, np.bool_)) or not 0 <= int(layer) < n_layers:
        raise ValueError(f"layer must be None or an int from 0 to {n_layers - 1}, got {layer!r}.")
    return int(layer)


def _make_operator(estimator, X, y, sample_weight, layer, kind: str, penalty: bool):
    """The products that an operator takes, and the operator."""
    network, data = _check_counting_data(estimator, X, y, sample_weight)
    alpha = float(estimator.alpha) / data.weight_scale if penalty else 0.0
    products = HessianProducts(network, data)
    return products, products.as_operator(_check_layer(network, layer), kind == "gauss_newton", alpha)


@contextmanager
def _shared_operator(*arguments) -> Iterator[LinearOperator]:
    """An operator whose products have the help of threads that stay."""
    products, operator = _make_operator(*arguments)
    # The threads of BLAS, which spin after each product of SciPy's, would take the cores of these.
    with products, one_blas_thread(products.network.largest_product(BLOCK)):
        yield operator


class _FiniteOperator(LinearOperator):
    """A symmetric operator whose products are finite, or else an error."""

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

    Products are exact, by forward-over-reverse propagation (see `skinit.kernels.curvature`), at the cost of about three
    gradients; several at once (``matmat``) share what does not depend on the direction.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted or initialized.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data that the loss is taken over.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Their weights.
    layer : int or None, default=None
        The layer whose weights are meant; None: all parameters.
    kind : {"hessian", "gauss_newton"}, default="hessian"
        Gauss-Newton is :math:`J^T \ell'' J` with the Jacobian `J` of the output layer's preactivations: positive
        semidefinite, and the same for the weights of a layer if the activation is piecewise linear.
    penalty : bool, default=False
        Whether to add that of the L2 penalty, :math:`\alpha / \sum_i s_i` for weights.

    Returns
    -------
    operator : scipy.sparse.linalg.LinearOperator
        Symmetric, of the dtype of the weights.

    Raises
    ------
    ValueError
        If the data do not fit the estimator, or if a layer or a kind does not exist.
    sklearn.exceptions.NotFittedError
        If the estimator has no weights.

    References
    ----------
    B. A. Pearlmutter, "Fast exact multiplication by the Hessian" (1994).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_operator
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), random_state=0).initialize(X, y)
    >>> hessian_operator(network, X, y).shape
    (43, 43)
    """
    _, operator = _make_operator(estimator, X, y, sample_weight, layer, kind, penalty)
    return _FiniteOperator(operator)


def warn_of_bound(what: str, tol: float, stacklevel: int = 4) -> None:
    """Warn that a Lanczos iteration did not converge: of a public function's caller, with its check in between."""
    warnings.warn(f"{what} did not converge to tol={tol}: it is a lower bound.", ConvergenceWarning, stacklevel)


@checks_parameters(PARAMETERS)
def hessian_norm(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    layer: int | None = None,
    kind: str = "hessian",
    penalty: bool = False,
    tol: float = 1e-3,
    max_iter: int | None = None,
    random_state=0,
) -> float:
    """The spectral norm of the Hessian: the largest magnitude of an eigenvalue, by SciPy's Lanczos iteration.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    tol : float, default=1e-3
        Relative accuracy.
    max_iter : int or None, default=None
        Bound on the iterations. None: SciPy's, 10 for each parameter.
    random_state : int, RandomState instance or None, default=0
        Of the first vector.

    Returns
    -------
    norm : float
        Where it did not converge, a lower bound, with a :class:`~sklearn.exceptions.ConvergenceWarning`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_norm
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((), init="zero").initialize(X, y)
    >>> round(hessian_norm(network, X, y), 1)
    20.8
    """
    with _shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
        norm, is_converged = spectrum.spectral_norm(operator, tol, max_iter, check_random_state(random_state))
        if not is_converged:
            warn_of_bound("The norm of the Hessian", tol)
        return norm


@checks_parameters(PARAMETERS)
def layer_hessian_norms(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    kind: str = "hessian",
    tol: float = 1e-3,
    max_iter: int | None = None,
    random_state=0,
) -> np.ndarray:
    r"""The norms :math:`\|H_{w^{(k)}}\|` of the Hessian with respect to the weights of each layer.

    Parameters
    ----------
    estimator, X, y, sample_weight, kind, tol, max_iter, random_state
        As for :func:`hessian_norm`.

    Returns
    -------
    norms : ndarray of shape (n_layers,)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import layer_hessian_norms
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), init="hessian", random_state=0).initialize(X, y)
    >>> layer_hessian_norms(network, X, y).shape
    (3,)
    """
    network, data = _check_counting_data(estimator, X, y, sample_weight)
    norms = np.empty(len(network.coefs))
    with HessianProducts(network, data) as products:
        for layer in range(len(norms)):
            operator = products.as_operator(layer, kind == "gauss_newton")
            generator = check_random_state(random_state)
            norms[layer], is_converged = spectrum.spectral_norm(operator, tol, max_iter, generator)
            if not is_converged:
                warn_of_bound(f"The norm of the Hessian of layer {layer}", tol)
    return norms


def layers_of_rows(network: Network, X):
    """Input, preactivations and slopes of each layer, the output layer's slopes being 1."""
    last = len(network.coefs) - 1
    for k, (inputs, preactivations) in enumerate(network.propagate(X)):
        slopes = np.ones_like(preactivations) if k == last else evaluate(network.activation, preactivations)[1]
        yield inputs, preactivations, slopes


def row_blocks(network: Network, data: TrainingData):
    """The data, so many rows at a time that a layer takes them in a moment."""
    n_rows = data.targets.shape[0]
    step = min(BLOCK, max(1, BLOCK_WORK // (2 * network.largest_coef)))
    return (data.take(np.arange(start, min(start + step, n_rows))) for start in range(0, n_rows, step))


def layer_jacobian_norms(estimator, X, y, *, sample_weight=None) -> np.ndarray:
    r"""The mean over rows of :math:`\|J^{(k)}\|`, the Jacobian of each layer's output with respect to its input.

    :math:`J^{(k)}` is :math:`W_k \mathrm{diag}(f'(u_k))` (transposed); the output layer's is :math:`W_k`, as losses are
    taken of preactivations.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.

    Returns
    -------
    norms : ndarray of shape (n_layers,)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import layer_jacobian_norms
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), init="hessian_jacobian", random_state=0).initialize(X, y)
    >>> layer_jacobian_norms(network, X, y).round(2)
    array([1., 1., 1.])
    """
    network, data = _check_counting_data(estimator, X, y, sample_weight, "Jacobian")
    total, weight_sum = np.zeros(len(network.coefs)), data.row_weights().sum()
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            shares = block.row_weights() / weight_sum
            for k, (_, _, slopes) in enumerate(layers_of_rows(network, block.X)):
                total[k] += shares @ row_jacobian_norms(network.coefs[k], slopes)
    check_finite(total, np.float64, "Jacobian")
    return total


def _row_lengths(rows) -> np.ndarray:
    """Euclidean norms of the rows of a dense or sparse matrix in float64; squares neither overflow nor vanish."""
    if issparse(rows):
        rows = csr_array(rows, dtype=np.float64)
        largest = np.asarray(abs(rows).max(axis=1).todense()).ravel()
        data = rows.data / np.repeat(np.where(largest > 0, largest, 1), np.diff(rows.indptr))
        return largest * row_norms(csr_array((data, rows.indices, rows.indptr), shape=rows.shape))
    rows = rows.astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    return largest * row_norms(rows / np.where(largest > 0, largest, 1)[:, None])


def row_hessian_bounds(loss: str, layers: list, jacobian_norms: list[np.ndarray]) -> np.ndarray:
    """The bound of each layer and row, of shape (n_layers, n), from the layers of the rows and their Jacobians' norms.

    It is not a number where something is not finite.
    """
    roots = np.empty((len(layers), len(jacobian_norms[0])))
    above = np.sqrt(LOSSES[loss].curve_norms(layers[-1][1]))
    for k in range(len(layers) - 1, -1, -1):
        inputs, _, slopes = layers[k]
        roots[k] = above * _row_lengths(inputs) * np.abs(slopes).max(axis=1)
        above = above * jacobian_norms[k]
    return roots**2


def hessian_bound(estimator, X, y, *, sample_weight=None) -> np.ndarray:
    r"""An upper bound of the norm of each layer's Gauss-Newton matrix: M. Skorski's Theorem 2 with all its factors.

    A row's part of the matrix of layer `k` maps weights `g` to :math:`v^T H_z v` with :math:`v = B A g a` (Theorem
    1): `a` the layer's input, `A` the slopes of its units, `B` the Jacobian of all layers above, and :math:`H_z` the
    Hessian of the loss with respect to the output layer's preactivations. As norms are submultiplicative,

    .. math:: \|H_{w^{(k)}}\| \le \frac{1}{\sum_i s_i} \sum_i s_i \|H_{z,i}\| \, \|a_{k,i}\|^2 \, \|A_{k,i}\|^2
              \prod_{j > k} \|J^{(j)}_i\|^2 ,

    row by row. The paper's (6) leaves out the squares, :math:`\|H_z\|`, and the norm of the input: it bounds
    :math:`\|a_k\|` by :math:`\|z^{(0)}\| \prod_{j < k} \|J^{(j)}\|`, which holds only where layers are linear, while
    the norm of the activations themselves is exact. :math:`J^{(j)}` is here the Jacobian from preactivations to
    preactivations' inputs, :math:`W_j` with the slopes of layer `j` (1 in the output layer).

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.

    Returns
    -------
    bounds : ndarray of shape (n_layers,)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_bound, layer_hessian_norms
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), random_state=0).initialize(X, y)
    >>> bool((layer_hessian_norms(network, X, y) <= hessian_bound(network, X, y)).all())
    True
    """
    network, data = _check_counting_data(estimator, X, y, sample_weight)
    total, weight_sum = np.zeros(len(network.coefs)), data.row_weights().sum()
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            layers = list(layers_of_rows(network, block.X))
            norms = [row_jacobian_norms(coef, layer[2]) for coef, layer in zip(network.coefs, layers, strict=True)]
            total += row_hessian_bounds(network.loss, layers, norms) @ (block.row_weights() / weight_sum)
    check_finite(total, np.float64)
    return total


@checks_parameters(PARAMETERS)
def hessian_trace(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    layer: int | None = None,
    kind: str = "hessian",
    penalty: bool = False,
    n_products: int = 60,
    random_state=0,
) -> float:
    r"""An estimate of the trace of the Hessian: Hutch++.

    A third of the products finds the range `Q` of the largest eigenvalues, whose trace is taken exactly, and a third
    estimates that of the rest by random signs:
    :math:`\mathrm{tr}(Q^T H Q) + \frac{1}{m} \sum_i g_i^T (I - QQ^T) H (I - QQ^T) g_i`. The error falls like 1 over
    the number of products, where plain Hutchinson has its square root. With as many products as three times the
    parameters it is exact.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    n_products : int, default=60
        Number of products with the Hessian.
    random_state : int, RandomState instance or None, default=0
        Of the random signs.

    Returns
    -------
    trace : float

    References
    ----------
    R. A. Meyer, C. Musco, C. Musco and D. P. Woodruff, "Hutch++: optimal stochastic trace estimation" (2021).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_trace
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((), init="zero").initialize(X, y)
    >>> round(hessian_trace(network, X, y), 1)
    43.1
    """
    with _shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
        return spectrum.trace(operator, n_products, check_random_state(random_state))


@checks_parameters(PARAMETERS)
def spectral_density(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    layer: int | None = None,
    kind: str = "hessian",
    penalty: bool = False,
    n_vectors: int = 10,
    n_steps: int = 60,
    n_points: int = 1000,
    width: float = 0.01,
    random_state=0,
) -> tuple[np.ndarray, np.ndarray]:
    r"""The density of the eigenvalues of the Hessian, by stochastic Lanczos quadrature.

    For a random unit vector `v`, the Lanczos iteration gives a tridiagonal matrix whose eigenvalues and squared first
    components of eigenvectors are nodes and weights of a Gaussian quadrature for :math:`v^T \phi(H) v`, whose mean
    over `v` is :math:`\mathrm{tr}\,\phi(H) / P`. Each node is drawn as a normal density.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    n_vectors : int, default=10
        Random vectors averaged over.
    n_steps : int, default=60
        Lanczos steps for each, every one a product with the Hessian.
    n_points : int, default=1000
        Points of the grid.
    width : float, default=0.01
        Standard deviation of the normal densities, as a part of the spectrum's range.
    random_state : int, RandomState instance or None, default=0
        Of the random vectors.

    Returns
    -------
    eigenvalues, density : ndarray of shape (n_points,)
        The density integrates to 1.

    References
    ----------
    B. Ghorbani, S. Krishnan and Y. Xiao, "An investigation into neural net optimization via Hessian eigenvalue density"
    (2019).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import spectral_density
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), random_state=0).initialize(X, y)
    >>> eigenvalues, density = spectral_density(network, X, y)
    >>> round(float(np.trapezoid(density, eigenvalues)), 3)
    1.0
    """
    with _shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
        return spectrum.density(operator, n_vectors, n_steps, n_points, width, check_random_state(random_state))


def stability_factor(momentum: float, nesterov: bool) -> float:
    """The largest stable learning rate times the largest eigenvalue; see `max_stable_step`."""
    return 2 * (1 + momentum) / (1 + 2 * momentum if nesterov else 1)


@checks_parameters(PARAMETERS)
def max_stable_step(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    momentum: float = 0.0,
    nesterov: bool = False,
    penalty: bool = True,
    tol: float = 1e-3,
    random_state=0,
) -> float:
    r"""The largest learning rate at which gradient descent does not blow up the quadratic model of the loss.

    On the eigenvector of the largest eigenvalue :math:`\lambda` the error follows a linear recursion of second order,
    whose roots stay within the unit circle as long as :math:`\gamma < c / \lambda`:

    - gradient descent: :math:`c = 2`;
    - heavy-ball momentum :math:`\beta`, :math:`v \leftarrow \beta v - \gamma g,\ w \leftarrow w + v`:
      :math:`c = 2 (1 + \beta)`;
    - Nesterov's momentum as scikit-learn has it, :math:`w \leftarrow w + \beta v - \gamma g` with the new `v`:
      :math:`c = 2 (1 + \beta) / (1 + 2 \beta)`.

    Half of the first is :math:`\gamma^* = 1 / \|H\|`, which is sure to lower the loss along the gradient.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Whether the momentum is Nesterov's.
    penalty : bool, default=True
        Whether to add the curvature of the L2 penalty.
    tol : float, default=1e-3
        Relative accuracy.
    random_state : int, RandomState instance or None, default=0
        Of the first vector.

    Returns
    -------
    step : float
        Infinite where nothing is curved upwards.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_norm, max_stable_step
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((), init="zero", alpha=0.0).initialize(X, y)
    >>> round(max_stable_step(network, X, y) * hessian_norm(network, X, y), 3)
    2.0
    """
    with _shared_operator(estimator, X, y, sample_weight, None, "hessian", penalty) as operator:
        highest, is_converged = spectrum.largest_eigenvalue(operator, tol, None, check_random_state(random_state))
        if not is_converged:
            warn_of_bound("The largest eigenvalue, whose inverse the step is proportional to,", tol)
        return stability_factor(momentum, nesterov) / highest if highest > 0 else np.inf
