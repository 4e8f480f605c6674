"""Norms, trace, density and largest step: what the spectrum of an estimator's Hessian comes to."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..engine.hessian import HessianProducts
from ..user_warnings import warn_user
from ..validation import checks_parameters
from . import spectrum
from .operators import PARAMETERS, check_counting_data, shared_operator


def warn_of_bound(what: str, tol: float) -> None:
    """Warn that a Lanczos iteration did not converge."""
    warn_user(f"{what} did not converge to tol={tol}: it is a lower bound.", ConvergenceWarning)


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
    with shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
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
    network, data = check_counting_data(estimator, X, y, sample_weight)
    norms = np.empty(len(network.coefs))
    with HessianProducts(network, data) as products:
        for layer in range(len(norms)):
            operator = products.as_operator(layer, kind == "gauss_newton")
            generator = check_random_state(random_state)
            norms[layer], is_converged = spectrum.spectral_norm(operator, tol, max_iter, generator)
            if not is_converged:
                warn_of_bound(f"The norm of the Hessian of layer {layer}", tol)
    return norms


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
    with shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
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
    with shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
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
    with shared_operator(estimator, X, y, sample_weight, None, "hessian", penalty) as operator:
        highest, is_converged = spectrum.largest_eigenvalue(operator, tol, None, check_random_state(random_state))
        if not is_converged:
            warn_of_bound("The largest eigenvalue, whose inverse the step is proportional to,", tol)
        return stability_factor(momentum, nesterov) / highest if highest > 0 else np.inf
