"""Initializers that control the curvature of the loss."""

import math
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..engine.data import TrainingData
from ..engine.hessian import HessianProducts
from ..engine.network import Network
from ..kernels.activations import evaluate
from .base import Initializer, draw_parameters
from .data_dependent import DataDependentInitializer
from .orthogonal import Orthogonal
from .random import draw
from .variance_scaling import VarianceScaling

# The search for scales uses this many rows. More rows change the norms by less than the tolerance, and cost more time.
SEARCH_ROWS = 128
# Power iterations for the first norms, which start from random directions.
FIRST_POWER_ITERATIONS = 4
# Power iterations after a change of scales. Fewer are enough, because they start from the previous directions.
POWER_ITERATIONS = 2
# Power iterations for the first norm of a Jacobian. There are more than for a Hessian, because each takes only two
# products with a layer's weights.
FIRST_JACOBIAN_ITERATIONS = 30
# Power iterations for the norm of a Jacobian after a change of its scale. They start from the previous vectors.
JACOBIAN_ITERATIONS = 6
# The largest magnitude of the logarithm of a layer's scale. Without this bound, a layer that cannot reach its target
# would lose its signal or its slopes and come no nearer.
LOG_SCALE_BOUND = 2.5

# The names that `base` takes. Orthogonal weights have gain 1, because the search finds the scale.
BASES = {
    "lecun_normal": VarianceScaling(1.0, "fan_in", "normal"),
    "xavier_normal": VarianceScaling(1.0, "fan_avg", "normal"),
    "he_normal": VarianceScaling(2.0, "fan_in", "normal"),
    "orthogonal": Orthogonal(gain=1.0),
}


def slopes_at_zero(activation) -> tuple[float, float]:
    """The slopes of an activation just below and just above zero."""
    _, slopes, _ = evaluate(activation, np.array([-1e-12, 1e-12]))
    return float(slopes[0]), float(slopes[1])


def closed_form_deviation(fan_in: int, fan_out: int, slopes: tuple[float, float]) -> float:
    """Standard deviation of normal weights at which a layer's Jacobian has a norm of about 1."""
    largest = max(map(abs, slopes))
    root_mean_square = math.sqrt((slopes[0] ** 2 + slopes[1] ** 2) / 2)
    return 1 / (largest * math.sqrt(fan_in) + root_mean_square * math.sqrt(fan_out))


class Hessian(DataDependentInitializer):
    r"""Weights with which the Hessian of the loss has a norm of about 1 in each layer; intercepts zero.

    On the quadratic model of the loss, gradient descent with the learning rate :math:`\gamma = 1 / \|H\|` always lowers
    the loss. Training at a constant rate therefore needs a Hessian of moderate norm from the start:
    :math:`\|H_{W_k}\| \approx 1` for every layer `k` (M. Skorski). Here :math:`H_{W_k}` is the Hessian of the mean loss
    with respect to the layer's weights, without the L2 penalty. For several outputs, it is the Hessian of the sum over
    outputs, which training minimizes.

    ``method="measured"`` measures these norms on a sample of the data, by power iterations with exact Hessian products,
    and scales the layers of `base` until each norm is near `target`. If the network is positively homogeneous (relu)
    and the loss is quadratic, multiplying the weights of one layer by :math:`e^{t}` multiplies the norms of the *other*
    layers by :math:`e^{2t}`. With :math:`g_k = \log(\|H_{W_k}\| / \mathrm{target})` and `L` layers, a Newton step in
    the logarithms of the scales is therefore

    .. math:: \Delta = -\tfrac{1}{2} (1 1^T - I)^{-1} g, \qquad
              \Delta_k = -\tfrac{1}{2} \left( \frac{\sum_j g_j}{L - 1} - g_k \right).

    Other activations do not follow this law exactly. Steps are therefore limited to a trust region, undone if
    :math:`\|g\|` grows, and corrected by Broyden's rule. Some targets cannot be reached. For example, the output layer
    of a logistic network gets activations near 1/2, whatever the weights. The search then ends at the closest point
    found. Scales stay within a factor of 12 of the base.

    The losses "absolute_error" and "quantile" have no curvature, so the search uses the curvature that
    :mod:`skinit.curvature` defines in its place.

    ``method="jacobian"`` applies the paper's Corollary 1 to the data. From the first layer to the last, it scales each
    layer until the mean over rows of the norm of its Jacobian, :math:`\|W_k \mathrm{diag}(f'(u_k))\|`, is `target`.

    ``method="closed_form"`` uses no data. If the entries of a matrix are normal with standard deviation :math:`\sigma`,
    and column `j` is scaled by the slope :math:`s_j` of unit `j`, the norm of the matrix is about

    .. math:: \sigma \left( s_\mathrm{max} \sqrt{d_\mathrm{in}} + s_\mathrm{rms} \sqrt{d_\mathrm{out}} \right),

    with the largest slope and the root mean square of the slopes (A. S. Bandeira and R. van Handel, Theorem 1.1). This
    upper estimate is sharp if all non-zero slopes are equal. The method chooses the :math:`\sigma` for which the
    estimate is 1, with the slopes :math:`f'(0^-)` and :math:`f'(0^+)`, because the weights are small and half of the
    units are on either side of zero.

    - For slope 1 at zero (tanh, identity, elu, softsign), and for the output layer, :math:`\sigma` is
      :math:`1 / (\sqrt{d_\mathrm{in}} + \sqrt{d_\mathrm{out}})`, the paper's Corollary 2.
    - For relu, half of the units are off, so the matrix has half as many columns:
      :math:`1 / (\sqrt{d_\mathrm{in}} + \sqrt{d_\mathrm{out} / 2})`.
    - For the logistic function, the slope is 1/4, and :math:`\sigma` is four times the paper's value, which assumes
      f(0) = 0.

    The last two methods bound the direction that a layer stretches most, not a typical direction. For a relu layer with
    `d` inputs and `d` units, the closed form gives weights of variance :math:`0.34 / d`, and He's scheme gives
    :math:`2 / d`. With the closed form, signals therefore shrink with depth.

    Parameters
    ----------
    method : {"measured", "jacobian", "closed_form"}, default="measured"
        The rule for the scales, as described above.

    target : float, default=1.0
        The target norm of Hessians ("measured") or of Jacobians (the other methods).

    base : {"orthogonal", "lecun_normal", "xavier_normal", "he_normal"} or Initializer, default="orthogonal"
        The weights that "measured" and "jacobian" scale. "orthogonal" has gain 1.

    sample_size : int, default=256
        Number of rows in the sample of the data. "measured" uses at most 128 of them.

    tol : float, default=0.2
        The search of "measured" ends when :math:`|\log(\mathrm{norm} / \mathrm{target})|` is at most this in every
        layer.

    max_iter : int, default=5
        Maximum number of changes of scale that "measured" tries.

    Attributes
    ----------
    norms_ : ndarray of shape (n_layers,)
        The norms that "measured" (Hessians) or "jacobian" (Jacobians) reached. "closed_form" sets no attributes.

    scales_ : ndarray of shape (n_layers,)
        The factor by which each layer of the base was multiplied.

    converged_ : bool
        Whether :math:`|\log(\mathrm{norm} / \mathrm{target})|` is at most `tol` in every layer.

    report_ : str
        The range of the norms as a sentence. It is printed if the estimator is ``verbose``.

    Raises
    ------
    ValueError
        When weights are drawn, if a parameter is invalid, or if the data are so large that weights are not finite.

    References
    ----------
    M. Skorski, "Revisiting initialization of neural networks" (2020). C. G. Broyden, "A class of methods for solving
    nonlinear simultaneous equations" (1965). A. S. Bandeira and R. van Handel, "Sharp nonasymptotic bounds on the
    norm of random matrices with independent entries" (2016).

    Examples
    --------
    The norms of six layers are within the tolerance of the target 1:

    >>> from sklearn.datasets import load_digits
    >>> from skinit import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier((50,) * 5, init="hessian", random_state=0)
    >>> network = network.initialize(X / 16, y)
    >>> network.initializer_.norms_.round(1)
    array([1.1, 1.1, 1. , 1. , 1. , 1.1])
    """

    _parameter_constraints: dict = {
        "method": [StrOptions({"measured", "jacobian", "closed_form"})],
        "target": [Interval(Real, 0, None, closed="neither")],
        "base": [StrOptions(set(BASES)), Initializer],
        "sample_size": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        method: str = "measured",
        target: float = 1.0,
        base: str | Initializer = "orthogonal",
        sample_size: int = 256,
        tol: float = 0.2,
        max_iter: int = 5,
    ) -> None:
        self.method = method
        self.target = target
        self.base = base
        self.sample_size = sample_size
        self.tol = tol
        self.max_iter = max_iter

    def initialize(self, network, rng, data=None):
        self._validate_params()
        if self.method != "closed_form":
            super().initialize(network, rng, data)
            return
        last = len(network.coefs) - 1
        for k, coef in enumerate(network.coefs):
            slopes = (1.0, 1.0) if k == last else slopes_at_zero(network.activations[k])
            deviation = self.target * closed_form_deviation(*coef.shape, slopes)
            coef[...] = draw(partial(rng.normal, 0.0, deviation), coef.shape)
            network.intercepts[k][...] = 0

    def _objects_for(self, name, value, nested):
        return [BASES[value]] if name == "base" and value in BASES else []

    def initialize_on(self, network, rng, sample):
        base = BASES[self.base] if isinstance(self.base, str) else self.base
        draw_parameters(base, network, rng, sample)
        if self.method == "jacobian":
            self.scales_, self.norms_ = scale_jacobians(network, sample, self.target)
            what = "mean Jacobian norms"
        else:
            search = sample.take(np.arange(min(SEARCH_ROWS, sample.targets.shape[0])))
            with HessianProducts(network, search) as products:
                self.scales_, self.norms_ = scale_hessians(products, rng, self.target, self.tol, self.max_iter)
            what = "Hessian norms"
        with np.errstate(divide="ignore"):
            self.converged_ = bool(np.abs(np.log(self.norms_ / self.target)).max() <= self.tol)
        self.report_ = (
            f"Hessian initializer: {what} of the layers from {self.norms_.min():.3g} to {self.norms_.max():.3g}, "
            f"target {self.target:g} {'reached' if self.converged_ else 'not reached, closest point found'}."
        )


def scale_hessians(
    products: HessianProducts, rng: np.random.RandomState, target: float, tol: float, max_iter: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scale the layers of a network, in place, to bring the norm of each layer's Hessian close to `target`.

    Returns
    -------
    scales, norms : ndarray of shape (n_layers,)
    """
    network = products.network
    dtype = network.theta.dtype
    base = [coef.copy() for coef in network.coefs]
    n_layers = len(base)
    directions = np.zeros((n_layers, network.largest_coef), dtype)
    for direction, coef in zip(directions, base, strict=True):
        direction[: coef.size] = rng.normal(size=coef.size)
        direction /= np.linalg.norm(direction)

    def measure(log_scales, directions, n_iterations):
        for coef, values, log_scale in zip(network.coefs, base, log_scales, strict=True):
            coef[...] = values * np.exp(log_scale)
        norms = np.zeros(n_layers)
        for _ in range(n_iterations):
            directions = products.multiply(directions, range(n_layers))
            norms = np.linalg.norm(directions, axis=1).astype(np.float64)
            directions = directions / np.maximum(norms, np.finfo(dtype).tiny)[:, None].astype(dtype)
        logs = np.log(np.maximum(norms, np.finfo(np.float32).tiny) / target)
        return np.where(np.isfinite(logs), logs, np.inf), directions, norms

    log_scales = np.zeros(n_layers)
    logs, directions, norms = measure(log_scales, directions, FIRST_POWER_ITERATIONS)
    inverse_jacobian = (np.ones((n_layers, n_layers)) / max(n_layers - 1, 1) - np.eye(n_layers)) / 2
    radius = 1.0
    for _ in range(max_iter):
        if np.abs(logs).max() <= tol or not np.isfinite(logs).all():
            break
        step = -inverse_jacobian @ logs
        step *= min(1.0, radius / max(np.abs(step).max(), np.finfo(float).tiny))
        step = np.clip(log_scales + step, -LOG_SCALE_BOUND, LOG_SCALE_BOUND) - log_scales
        if not step.any():
            break
        new_logs, new_directions, new_norms = measure(log_scales + step, directions, POWER_ITERATIONS)
        if np.isfinite(new_logs).all():
            change = inverse_jacobian @ (new_logs - logs)
            curvature = step @ change
            if abs(curvature) > 1e-3 * (step @ step):
                inverse_jacobian += np.outer(step - change, step @ inverse_jacobian) / curvature
        if new_logs @ new_logs < logs @ logs:
            log_scales, logs, directions, norms = log_scales + step, new_logs, new_directions, new_norms
            radius = min(2 * radius, 2.0)
        else:
            radius = 0.3 * np.abs(step).max()
    for coef, values, log_scale in zip(network.coefs, base, log_scales, strict=True):
        coef[...] = values * np.exp(log_scale)
    return np.exp(log_scales), norms


def mean_jacobian_norm(
    coef: np.ndarray, slopes: np.ndarray, vectors: np.ndarray, n_iterations: int
) -> tuple[float, np.ndarray]:
    """Mean over rows of the spectral norm of W diag(s), by power iterations on all rows at once.

    Also returns the last vectors, of shape (n, fan_in). If slopes change little, later iterations can start from them.
    """
    norms = np.zeros(slopes.shape[0])
    for _ in range(n_iterations):
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(coef.dtype).tiny)
        images = (vectors @ coef) * slopes
        norms = np.linalg.norm(images, axis=1)
        vectors = (images * slopes) @ coef.T
    return float(norms.mean()), vectors


def scale_jacobians(network: Network, sample: TrainingData, target: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale the layers of `network`, in place and in turn, until each mean Jacobian norm is `target`.

    Returns
    -------
    scales, norms : ndarray of shape (n_layers,)
    """
    last = len(network.coefs) - 1
    scales, norms = np.ones(last + 1), np.zeros(last + 1)
    for k, (_, preactivations) in enumerate(network.propagate(sample.X)):
        coef = network.coefs[k]
        base = coef.copy()
        # For random weights, these vectors are orthogonal to the leading direction with probability zero.
        vectors = np.ones((preactivations.shape[0], coef.shape[0]), coef.dtype)
        vectors += np.linspace(0, 1, coef.shape[0], dtype=coef.dtype)
        n_iterations = FIRST_JACOBIAN_ITERATIONS
        # The norm grows with the scale, but more slowly if the activation saturates.
        for _ in range(10):
            slopes = (
                np.ones_like(preactivations)
                if k == last
                else evaluate(network.activations[k], preactivations * preactivations.dtype.type(scales[k]))[1]
            )
            norm, vectors = mean_jacobian_norm(base, slopes, vectors, n_iterations)
            norms[k] = scales[k] * norm
            n_iterations = JACOBIAN_ITERATIONS
            if not norms[k] > 0 or not np.isfinite(norms[k]) or abs(norms[k] / target - 1) < 1e-3:
                break
            scales[k] = np.clip(scales[k] * target / norms[k], 1e-3, 1e3)
        coef *= coef.dtype.type(scales[k])
        preactivations *= coef.dtype.type(scales[k])
    return scales, norms
