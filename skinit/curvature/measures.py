"""Norms, trace, spectral density and largest stable step, from the Hessian of an estimator's loss."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..engine.hessian import HessianProducts
from ..user_warnings import warn_user
from ..validation import checks_parameters
from . import spectrum
from .operators import PARAMETERS, check_counting_data, shared_operator


def warn_of_bound(what: str, tol: float) -> None:
    """Warn that a Lanczos iteration did not converge, so that its result is a lower bound."""
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
    """The spectral norm of the Hessian, which is the largest magnitude of its eigenvalues.

    The loss is the sum over outputs. Lanczos iterations with thick restarts compute the norm.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    tol : float, default=1e-3
        Relative accuracy.
    max_iter : int or None, default=None
        The largest number of restarts. None: 10 for each parameter.
    random_state : int, RandomState instance or None, default=0
        Seed for the first vector.

    Returns
    -------
    norm : float
        The norm. If the iterations did not converge, it is a lower bound, and there is a
        :class:`~sklearn.exceptions.ConvergenceWarning`.

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
    r"""The norms :math:`\|H_{w^{(k)}}\|` of the Hessian by the weights of each layer.

    The loss is the sum over outputs.

    Parameters
    ----------
    estimator, X, y, sample_weight, kind, tol, max_iter, random_state
        As for :func:`hessian_norm`.

    Returns
    -------
    norms : ndarray of shape (n_layers,)
        One norm for each layer.

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
    r"""An estimate of the trace of the Hessian by Hutch++.

    The loss is the sum over outputs. A third of the products finds a basis `Q` for the largest eigenvalues, and a third
    computes the trace on `Q` exactly. The last third estimates the trace of the rest by random signs :math:`g_i`:
    :math:`\mathrm{tr}(Q^T H Q) + \frac{1}{m} \sum_i g_i^T (I - QQ^T) H (I - QQ^T) g_i`. The error is proportional to 1
    over the number of products. In Hutchinson's plain estimator, it is proportional to 1 over the square root of this
    number. The trace is exact if there are at least three times as many products as parameters.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    n_products : int, default=60
        Number of products with the Hessian.
    random_state : int, RandomState instance or None, default=0
        Seed for the random signs.

    Returns
    -------
    trace : float
        The estimate.

    References
    ----------
    Raphael A. Meyer, Cameron Musco, Christopher Musco and David P. Woodruff, "Hutch++: optimal stochastic
    trace estimation" (2021).

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

    The loss is the sum over outputs. For a random unit vector `v`, the Lanczos iteration gives a tridiagonal matrix.
    Its eigenvalues and the squared first components of its eigenvectors are the nodes and weights of a Gaussian
    quadrature for :math:`v^T \phi(H) v`. The mean of this over `v` is :math:`\mathrm{tr}\,\phi(H) / P`, where `P` is
    the number of parameters. Each node becomes a normal density.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    n_vectors : int, default=10
        Number of random vectors, over which the density is averaged.
    n_steps : int, default=60
        Lanczos steps for each vector. A step takes one product with the Hessian.
    n_points : int, default=1000
        Number of points in the grid.
    width : float, default=0.01
        Standard deviation of the normal densities, as a fraction of the spectrum's range.
    random_state : int, RandomState instance or None, default=0
        Seed for the random vectors.

    Returns
    -------
    eigenvalues, density : ndarray of shape (n_points,)
        The points of the grid, and the density there. The density integrates to 1.

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
    r"""The largest learning rate at which gradient descent on the quadratic model of the loss stays stable.

    The loss is the sum over outputs. Along the eigenvector of the largest eigenvalue :math:`\lambda`, the error follows
    a linear recursion of second order. Its roots are within the unit circle as long as :math:`\gamma < c / \lambda`:

    - gradient descent: :math:`c = 2`;
    - heavy-ball momentum :math:`\beta`, :math:`v \leftarrow \beta v - \gamma g,\ w \leftarrow w + v`:
      :math:`c = 2 (1 + \beta)`;
    - Nesterov's momentum as scikit-learn has it, :math:`w \leftarrow w + \beta v - \gamma g` with the new `v`:
      :math:`c = 2 (1 + \beta) / (1 + 2 \beta)`.

    Half of the step for plain gradient descent is :math:`\gamma^* = 1 / \|H\|` if the largest eigenvalue is the norm.
    This step always lowers the model along the gradient.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.
    momentum : float, default=0.0
        The momentum :math:`\beta`, in [0, 1).
    nesterov : bool, default=False
        Whether the momentum is Nesterov's.
    penalty : bool, default=True
        Whether to add the curvature of the L2 penalty.
    tol : float, default=1e-3
        Relative accuracy.
    random_state : int, RandomState instance or None, default=0
        Seed for the first vector.

    Returns
    -------
    step : float
        The learning rate :math:`c / \lambda`. It is infinite if the loss is not curved upwards in any direction.

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
