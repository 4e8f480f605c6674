r"""The curvature of the loss of a fitted or initialized estimator on given data.

The loss is the weighted mean over rows, without the L2 penalty unless asked for. Parameters are ordered as in one
vector: all weights layer by layer, each matrix row by row, then all intercepts. `layer` selects the weights of one
layer, the :math:`H_{w^{(k)}}` of M. Skorski, "Revisiting initialization of neural networks" (2020); its first layer
is 0. Nothing is changed in the estimator, and memory does not grow with the number of rows.
"""

import warnings
from copy import copy
from numbers import Integral

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from .hessian import BLOCK, HessianProducts, spectral_norm
from .kernels.activations import evaluate
from .kernels.curvature import ALL_LAYERS
from .kernels.losses import compile_curve
from .network import Inputs, Network, TrainingData
from .validation import nearest_name_hint

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

KINDS = ("hessian", "gauss_newton")
# Numbers that the Gram matrices of a block of rows may fill.
JACOBIAN_BLOCK = 2**18


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
    return network, data


def _check_layer(network: Network, layer) -> int:
    if layer is None:
        return ALL_LAYERS
    n_layers = len(network.coefs)
    if not isinstance(layer, Integral) or isinstance(layer, bool) or not 0 <= int(layer) < n_layers:
        raise ValueError(f"layer must be None or an int from 0 to {n_layers - 1}, got {layer!r}.")
    return int(layer)


def _check_count(name: str, value, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < least:
        raise ValueError(f"{name} must be an int of at least {least}, got {value!r}.")


def _check_kind(kind) -> bool:
    """Whether the Gauss-Newton part is meant."""
    if kind not in KINDS:
        raise ValueError(f"kind must be 'hessian' or 'gauss_newton', got {kind!r}.{nearest_name_hint(kind, KINDS)}")
    return kind == "gauss_newton"


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
    network, data = _check_data(estimator, X, y, sample_weight)
    alpha = estimator.alpha / data.weight_scale if penalty else 0.0
    return _operator(network, data, _check_layer(network, layer), _check_kind(kind), alpha)


def _operator(network: Network, data: TrainingData, layer: int, gauss_newton: bool, alpha: float) -> LinearOperator:
    inputs = Inputs.from_array(data.X, network.theta.dtype)
    return HessianProducts(network, inputs, data.targets, data.sample_weight).as_operator(layer, gauss_newton, alpha)


def _check_finite(values) -> None:
    if not np.isfinite(values).all():
        raise ValueError("The Hessian is not finite: the data or the weights may contain large values.")


def _norm(operator: LinearOperator, tol: float, max_iter: int | None, random_state) -> float:
    """Largest magnitude of an eigenvalue, with a warning where it did not converge."""
    norm, converged = spectral_norm(operator, tol, max_iter, check_random_state(random_state))
    _check_finite(norm)
    if not converged:
        warnings.warn(
            f"The norm did not converge to tol={tol} in max_iter={max_iter} iterations: this is a lower bound.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return norm


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
    operator = hessian_operator(estimator, X, y, sample_weight=sample_weight, layer=layer, kind=kind, penalty=penalty)
    return _norm(operator, tol, max_iter, random_state)


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
    network, data = _check_data(estimator, X, y, sample_weight)
    gauss_newton = _check_kind(kind)
    return np.array(
        [
            _norm(_operator(network, data, layer, gauss_newton, 0), tol, max_iter, random_state)
            for layer in range(len(network.coefs))
        ]
    )


def _row_jacobian_norms(coef: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """For each row of slopes the spectral norm of W diag(s): the root of the largest eigenvalue of its Gram matrix."""
    # Squares of large weights would overflow.
    scale = float(np.abs(coef).max()) or 1.0
    coef, slopes = coef / np.float64(scale), slopes.astype(np.float64)
    n_rows, fan_in, fan_out = len(slopes), *coef.shape
    if (slopes == slopes[0]).all():
        return np.full(n_rows, scale * np.linalg.norm(coef * slopes[0], 2))
    gram = coef.T @ coef
    norms = np.empty(n_rows)
    step = max(1, JACOBIAN_BLOCK // min(fan_in, fan_out) ** 2)
    for start in range(0, n_rows, step):
        s = slopes[start : start + step]
        squares = gram * s[:, :, None] * s[:, None, :] if fan_out <= fan_in else (coef * s[:, None] ** 2) @ coef.T
        norms[start : start + step] = np.sqrt(np.maximum(np.linalg.eigvalsh(squares)[:, -1], 0))
    return scale * norms


def _layers(network: Network, X):
    """Input, preactivations and slopes of each layer, the output layer's slopes being 1."""
    last = len(network.coefs) - 1
    for k, (inputs, preactivations) in enumerate(network.propagate(X)):
        slopes = np.ones_like(preactivations) if k == last else evaluate(network.activation, preactivations)[1]
        yield inputs, preactivations, slopes


def _row_blocks(data: TrainingData):
    n_rows = data.targets.shape[0]
    return (data.take(np.arange(start, min(start + BLOCK, n_rows))) for start in range(0, n_rows, BLOCK))


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
    network, data = _check_data(estimator, X, y, sample_weight)
    total, weight_sum = np.zeros(len(network.coefs)), 0.0
    for block in _row_blocks(data):
        weights = block.row_weights()
        weight_sum += weights.sum()
        for k, (_, _, slopes) in enumerate(_layers(network, block.X)):
            total[k] += weights @ _row_jacobian_norms(network.coefs[k], slopes)
    return total / weight_sum


def _output_hessian_norms(loss: str, preactivations: np.ndarray) -> np.ndarray:
    """For each row the norm of the loss's Hessian with respect to the output layer's preactivations."""
    curve = compile_curve(loss, preactivations.dtype)
    n_rows, n_outputs = preactivations.shape
    columns = np.empty((n_outputs, n_rows, n_outputs), preactivations.dtype)
    for j, column in enumerate(columns):
        tangents = np.zeros_like(preactivations)
        tangents[:, j] = 1
        curve(preactivations, np.ones(n_rows, preactivations.dtype), tangents, column)
    return np.linalg.norm(columns.transpose(1, 0, 2).astype(np.float64), ord=2, axis=(1, 2))


def _row_hessian_bounds(loss: str, layers: list, jacobian_norms: list[np.ndarray]) -> np.ndarray:
    """The bound of each layer and row, of shape (n_layers, n), from what `_layers` gives and the Jacobians' norms."""
    bounds = np.empty((len(layers), len(jacobian_norms[0])))
    above = _output_hessian_norms(loss, layers[-1][1])
    for k in range(len(layers) - 1, -1, -1):
        inputs, _, slopes = layers[k]
        squares = inputs.multiply(inputs) if hasattr(inputs, "multiply") else np.square(inputs, dtype=np.float64)
        squared_inputs = np.asarray(squares.sum(axis=1)).ravel()
        largest_slopes = np.abs(slopes).max(axis=1).astype(np.float64)
        bounds[k] = above * squared_inputs * largest_slopes**2
        above = above * jacobian_norms[k] ** 2
    return bounds


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
    network, data = _check_data(estimator, X, y, sample_weight)
    total, weight_sum = np.zeros(len(network.coefs)), 0.0
    for block in _row_blocks(data):
        weights = block.row_weights()
        weight_sum += weights.sum()
        layers = list(_layers(network, block.X))
        jacobian_norms = [
            _row_jacobian_norms(coef, layer[2]) for coef, layer in zip(network.coefs, layers, strict=True)
        ]
        total += _row_hessian_bounds(network.loss, layers, jacobian_norms) @ weights
    return total / weight_sum


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
    _check_count("n_products", n_products, 3)
    operator = hessian_operator(estimator, X, y, sample_weight=sample_weight, layer=layer, kind=kind, penalty=penalty)
    random_state = check_random_state(random_state)
    size, dtype = operator.shape[0], operator.dtype
    third = min(n_products // 3, size)
    signs = random_state.choice([-1.0, 1.0], (size, third)).astype(dtype)
    basis, _ = np.linalg.qr(operator.matmat(signs) if third < size else np.eye(size, dtype=dtype))
    trace = np.sum(basis * operator.matmat(basis), dtype=np.float64)
    if third < size:
        rest = random_state.choice([-1.0, 1.0], (size, third)).astype(dtype)
        rest -= basis @ (basis.T @ rest)
        trace += np.sum(rest * operator.matmat(rest), dtype=np.float64) / third
    return float(trace)


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
    for name, value, least in (("n_vectors", n_vectors, 1), ("n_steps", n_steps, 1), ("n_points", n_points, 2)):
        _check_count(name, value, least)
    if not 0 < width < np.inf:
        raise ValueError(f"width must be positive and finite, got {width!r}.")
    operator = hessian_operator(estimator, X, y, sample_weight=sample_weight, layer=layer, kind=kind, penalty=penalty)
    random_state = check_random_state(random_state)
    nodes, weights = [], []
    for _ in range(n_vectors):
        vector = random_state.choice([-1.0, 1.0], operator.shape[0]).astype(operator.dtype)
        diagonal, off_diagonal = _lanczos(operator, vector, min(n_steps, operator.shape[0]))
        tridiagonal = np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
        values, vectors = np.linalg.eigh(tridiagonal)
        nodes.append(values)
        weights.append(vectors[0] ** 2 / n_vectors)
    values, masses = np.concatenate(nodes), np.concatenate(weights)
    spread = float(np.ptp(values)) or max(abs(float(values[0])), 1.0)
    deviation = width * spread
    # Five deviations on either side leave out less than a millionth of the mass.
    grid = np.linspace(values.min() - 5 * deviation, values.max() + 5 * deviation, n_points)
    density = np.zeros(n_points)
    for value, mass in zip(values, masses, strict=True):
        density += mass * np.exp(-(((grid - value) / deviation) ** 2) / 2)
    return grid, density / (deviation * np.sqrt(2 * np.pi))


def _lanczos(operator: LinearOperator, start: np.ndarray, n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Diagonal and off-diagonal of the tridiagonal matrix; all vectors are kept orthogonal to each other."""
    basis = np.zeros((n_steps, start.size))
    diagonal, off_diagonal = np.zeros(n_steps), np.zeros(n_steps)
    vector = start / np.linalg.norm(start)
    for step in range(n_steps):
        basis[step] = vector
        product = operator.matvec(vector.astype(operator.dtype)).astype(np.float64)
        _check_finite(product)
        diagonal[step] = vector @ product
        for _ in range(2):
            product -= basis[: step + 1].T @ (basis[: step + 1] @ product)
        off_diagonal[step] = np.linalg.norm(product)
        if off_diagonal[step] <= 1e-7 * np.abs(diagonal[: step + 1]).max():
            return diagonal[: step + 1], off_diagonal[:step]
        vector = product / off_diagonal[step]
    return diagonal, off_diagonal[:-1]


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
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), got {momentum!r}.")
    operator = hessian_operator(estimator, X, y, sample_weight=sample_weight, penalty=penalty)
    size = operator.shape[0]
    if size < 3:
        highest = float(np.linalg.eigvalsh(operator.matmat(np.eye(size, dtype=operator.dtype)))[-1])
    else:
        start = check_random_state(random_state).standard_normal(size).astype(operator.dtype)
        product = operator.matvec(start)
        _check_finite(product)
        highest = 0.0
        if product.any():
            highest = float(eigsh(operator, k=1, which="LA", v0=start, tol=tol, return_eigenvectors=False)[0])
    factor = 2 * (1 + momentum) / (1 + 2 * momentum if nesterov else 1)
    return factor / highest if highest > 0 else np.inf
