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
    """Warn that a Lanczos iteration did not converge and that its result is a lower bound."""
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
    r"""The spectral norm :math:`\|H\| = \max_i |\lambda_i|` of the Hessian, the largest magnitude of its eigenvalues.

    For several outputs, this is the Hessian of the sum over outputs, which training minimizes. Lanczos iterations with
    thick restarts compute the norm, with about twenty Hessian products. Each costs about three gradients.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    tol : float, default=1e-3
        Relative accuracy, at least 0.
    max_iter : int or None, default=None
        The largest number of restarts. None allows 10 restarts for each parameter.
    random_state : int, RandomState instance or None, default=0
        Seed for the first vector.

    Returns
    -------
    norm : float
        The norm, or a lower bound if the iterations did not converge.

    Raises
    ------
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        For the same reasons as :func:`hessian_operator`. Also ValueError if the Hessian is not finite.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iterations did not converge.

    References
    ----------
    The iterations are from K. Wu and H. Simon, "Thick-restart Lanczos method for large symmetric eigenvalue problems"
    (2000).

    Examples
    --------
    Gradient descent at a constant rate is stable below 2 / 20.8, which is about 0.1:

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
    r"""The spectral norms :math:`\|H_{w^{(k)}}\|` of the Hessian with respect to the weights of each layer.

    For several outputs, this is the Hessian of the sum over outputs, which training minimizes.

    Parameters
    ----------
    estimator, X, y, sample_weight, kind, tol, max_iter, random_state
        As for :func:`hessian_norm`.

    Returns
    -------
    norms : ndarray of shape (n_layers,)
        One norm for each layer, in float64. A norm is a lower bound if the iterations did not converge.

    Raises
    ------
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        For the same reasons as :func:`hessian_operator`. Also ValueError if the Hessian is not finite.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iterations for a layer did not converge.

    References
    ----------
    The norms are from M. Skorski, "Revisiting initialization of neural networks" (2020).

    Examples
    --------
    The scheme "hessian" brings each norm near 1:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import layer_hessian_norms
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), init="hessian", random_state=0).initialize(X, y)
    >>> layer_hessian_norms(network, X, y).round(1)
    array([1.1, 1.1, 1.1])
    >>> network = MLPClassifier((20, 20), init="xavier", random_state=0).initialize(X, y)
    >>> layer_hessian_norms(network, X, y).round(1)
    array([ 3.9,  8.4, 11.8])
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
    r"""An estimate of the trace of the Hessian, which is the sum of its eigenvalues, by Hutch++.

    For several outputs, this is the Hessian of the sum over outputs, which training minimizes. The estimate is

    .. math:: \mathrm{tr}(Q^T H Q) + \frac{1}{m} \sum_{i=1}^m g_i^T (I - QQ^T) H (I - QQ^T) g_i.

    A third of the products finds the orthonormal basis `Q` of a space near the eigenvectors of the largest eigenvalues.
    A third computes the trace on this space exactly. The last `m` products estimate the trace of the rest with vectors
    :math:`g_i` of random signs. With `n` products, the error of Hutch++ is proportional to :math:`1/n`, and the error
    of Hutchinson's plain estimator to :math:`1/\sqrt n`. The trace is exact if there are at least three times as many
    products as parameters.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    n_products : int, default=60
        Number of products with the Hessian, at least 3. Each costs about three gradients.
    random_state : int, RandomState instance or None, default=0
        Seed for the random signs.

    Returns
    -------
    trace : float
        The estimate.

    Raises
    ------
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        For the same reasons as :func:`hessian_operator`. Also ValueError if the Hessian is not finite.

    References
    ----------
    Hutch++ is from R. A. Meyer, C. Musco, C. Musco and D. P. Woodruff, "Hutch++: optimal stochastic trace estimation"
    (2021).

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

    For several outputs, this is the Hessian of the sum over outputs, which training minimizes. For a random unit vector
    `v`, the Lanczos iteration gives a tridiagonal matrix. Its eigenvalues and the squared first components of its
    eigenvectors are the nodes and weights of a Gaussian quadrature for :math:`v^T \phi(H) v` with any function
    :math:`\phi`. The mean of :math:`v^T \phi(H) v` over `v` is :math:`\mathrm{tr}\,\phi(H) / P`, where `P` is the
    number of parameters. In the result, each node is a narrow normal density with the node's weight.

    Parameters
    ----------
    estimator, X, y, sample_weight, layer, kind, penalty
        As for :func:`hessian_operator`.
    n_vectors : int, default=10
        Number of random vectors, over which the density is averaged.
    n_steps : int, default=60
        Lanczos steps for each vector. A step takes one product with the Hessian.
    n_points : int, default=1000
        Number of points in the grid, from 2 to a million.
    width : float, default=0.01
        Standard deviation of the normal densities, as a fraction of the spectrum's range, in (0, 1].
    random_state : int, RandomState instance or None, default=0
        Seed for the random vectors.

    Returns
    -------
    eigenvalues, density : ndarray of shape (n_points,)
        The points of the grid, and the density there, in float64. The density integrates to 1.

    Raises
    ------
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        For the same reasons as :func:`hessian_operator`. Also ValueError if the Hessian is not finite.

    References
    ----------
    B. Ghorbani, S. Krishnan and Y. Xiao, "An investigation into neural net optimization via Hessian eigenvalue density"
    (2019).

    Examples
    --------
    Four fifths of the eigenvalues of this Hessian have magnitudes below 1:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import spectral_density
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((5,), random_state=0).initialize(X, y)
    >>> eigenvalues, density = spectral_density(network, X, y)
    >>> is_small = np.abs(eigenvalues) < 1
    >>> round(float(np.trapezoid(density[is_small], eigenvalues[is_small])), 1)
    0.8
    """
    with shared_operator(estimator, X, y, sample_weight, layer, kind, penalty) as operator:
        return spectrum.density(operator, n_vectors, n_steps, n_points, width, check_random_state(random_state))


def stability_factor(momentum: float, nesterov: bool) -> float:
    """The factor `c` of `max_stable_step`: the largest stable learning rate times the largest eigenvalue."""
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

    For several outputs, the loss is the sum over outputs, which training minimizes. Along the eigenvector of the
    largest eigenvalue :math:`\lambda` of the Hessian, the distance to the minimum of the quadratic model follows a
    linear recursion of second order. The recursion is stable if the learning rate :math:`\gamma` is below
    :math:`c / \lambda`. For a gradient `g`, the factor `c` is

    - :math:`c = 2` for gradient descent, :math:`w \leftarrow w - \gamma g`;
    - :math:`c = 2 (1 + \beta)` for heavy-ball momentum :math:`\beta`,
      :math:`v \leftarrow \beta v - \gamma g,\ w \leftarrow w + v`;
    - :math:`c = 2 (1 + \beta) / (1 + 2 \beta)` for Nesterov's momentum in scikit-learn's form,
      :math:`v \leftarrow \beta v - \gamma g,\ w \leftarrow w + \beta v - \gamma g`.

    Half of the result without momentum is the step :math:`\gamma^* = 1 / \|H\|`, if the largest eigenvalue is also the
    largest in magnitude. A gradient step of this size always lowers the quadratic model.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.
    momentum : float, default=0.0
        The momentum :math:`\beta`, in [0, 1).
    nesterov : bool, default=False
        Whether the momentum is Nesterov's.
    penalty : bool, default=True
        Whether to add the Hessian of the L2 penalty.
    tol : float, default=1e-3
        Relative accuracy of the largest eigenvalue, at least 0.
    random_state : int, RandomState instance or None, default=0
        Seed for the first vector.

    Returns
    -------
    step : float
        The learning rate :math:`c / \lambda`. It is infinite if no eigenvalue is positive.

    Raises
    ------
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        For the same reasons as :func:`hessian_operator`. Also ValueError if the Hessian is not finite.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iterations for the largest eigenvalue did not converge. The result may then be too large.

    Examples
    --------
    The largest eigenvalue is 20.8 here. Heavy-ball momentum allows a learning rate almost twice as large, and
    Nesterov's momentum requires a smaller one:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import max_stable_step
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((), init="zero").initialize(X, y)
    >>> round(max_stable_step(network, X, y), 3)
    0.096
    >>> round(max_stable_step(network, X, y, momentum=0.9), 3)
    0.183
    >>> round(max_stable_step(network, X, y, momentum=0.9, nesterov=True), 3)
    0.065
    """
    with shared_operator(estimator, X, y, sample_weight, None, "hessian", penalty) as operator:
        highest, is_converged = spectrum.largest_eigenvalue(operator, tol, None, check_random_state(random_state))
        if not is_converged:
            warn_of_bound("The largest eigenvalue (a larger one means a smaller step)", tol)
        return stability_factor(momentum, nesterov) / highest if highest > 0 else np.inf
