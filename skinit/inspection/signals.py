r"""How signals and gradients pass through a network, layer by layer.

Layer `k` has the weights ``coefs_[k]`` and the outputs :math:`a_{k+1}`. The first layer is 0, as in
:mod:`skinit.curvature`. The outputs of the output layer are its preactivations, from which losses are computed.
"""

from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils.sparsefuncs import mean_variance_axis

from ..curvature.bounds import layers_of_rows, row_hessian_bounds
from ..curvature.jacobians import row_jacobian_norms
from ..curvature.measures import warn_of_bound
from ..curvature.operators import check_data, counting_rows, row_blocks
from ..curvature.spectrum import NotFiniteError, frobenius_norm, spectral_norm
from ..engine.blas import blas_threads
from ..engine.data import TrainingData
from ..engine.hessian import BLOCK, HessianProducts
from ..engine.network import Network
from ..kernels.activations import evaluate
from ..validation import checks_parameters
from .findings import DataSummary, Finding, find
from .moments import Moments
from .tables import format_findings_html, format_tables_html, format_text

# The slope of a saturated output is below this fraction of the activation's largest slope (for tanh, beyond 0.995), so
# it weakens the gradient at least a hundredfold. A leaky relu never saturates.
SATURATED_SLOPE = 0.01
# The slope of a dead unit is below this fraction on every row, so it learns a thousand times more slowly than others.
DEAD_SLOPE = 1e-3
# Outputs and deltas are equal if they differ by less than this many rounding errors. A sum over a hundred inputs has
# about ten.
EQUAL_ROUNDINGS = 100
# The number of random sums over rows that tell units apart. Different units do not agree in all of them by chance.
N_SUMS = 4
# Relative tolerance of a Hessian's norm, as in skinit.curvature.
NORM_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class SignalPropagation:
    r"""The measurements of :func:`signal_propagation`, with an array of shape (n_layers,) for each quantity.

    `print` shows tables and findings. Means, variances and fractions are taken over the rows, with their weights, and
    over the units of a layer. Arrays are in float64, and counts in an integer dtype.

    Parameters
    ----------
    n_units : ndarray of int
        Number of units in each layer.
    activation_mean, activation_variance : ndarray
        Mean and variance of the outputs of each layer. The outputs of the output layer are its preactivations.
    row_variance : ndarray
        The part of `activation_variance` that is due to the rows: the variance over rows of a unit's outputs, averaged
        over units. The rest comes from differences between the units' means, which carry no information about the
        input.
    saturated : ndarray
        The fraction of pairs (row, unit) for which the magnitude of the activation's slope is less than a hundredth of
        its largest magnitude. A relu is saturated where it is off, which is usual for half of the pairs. NaN for the
        output layer.
    dead : ndarray
        The fraction of units for which, on every row, the magnitude of the slope is less than a thousandth of its
        largest magnitude. Such units learn almost nothing. NaN for the output layer.
    distinct_units : ndarray of int
        The number of units that differ from each other in their outputs or deltas on some row. Units that do not differ
        get the same updates, so they stay equal.
    delta_variance : ndarray
        Variance of the deltas :math:`\partial \ell_i / \partial u_k`, the derivatives of each row's loss with respect
        to preactivations. For several outputs, the loss is the sum over outputs.
    gradient_norm, weight_norm : ndarray
        The Frobenius norm :math:`\|\partial L / \partial W_k\|` of the gradient of the mean loss (without the L2
        penalty) with respect to a layer's weights, and the Frobenius norm :math:`\|W_k\|` of the weights.
    gradient_to_weight : ndarray
        The ratio of these two norms. Infinite if only the weights are zero, NaN if both are zero.
    jacobian_norm : ndarray
        The mean over rows of :math:`\|J^{(k)}\|`; see :func:`skinit.curvature.layer_jacobian_norms`.
    hessian_norm : ndarray
        :math:`\|H_{w^{(k)}}\|`, or NaN if the Hessian is not finite; see :func:`skinit.curvature.layer_hessian_norms`.
    hessian_bound : ndarray
        Upper bound on the norm of the Gauss-Newton part of this Hessian; see :func:`skinit.curvature.hessian_bound`.
    activations : tuple of str or Activation
        The activation of each hidden layer.
    n_rows : int
        Number of rows measured, without rows of weight zero.
    findings : tuple of Finding
        The faults found. Causes come before their effects.
    """

    n_units: np.ndarray
    activation_mean: np.ndarray
    activation_variance: np.ndarray
    row_variance: np.ndarray
    saturated: np.ndarray
    dead: np.ndarray
    distinct_units: np.ndarray
    delta_variance: np.ndarray
    gradient_norm: np.ndarray
    weight_norm: np.ndarray
    gradient_to_weight: np.ndarray
    jacobian_norm: np.ndarray
    hessian_norm: np.ndarray
    hessian_bound: np.ndarray
    activations: tuple
    n_rows: int
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return format_text(self)

    def _repr_html_(self) -> str:
        return format_findings_html(self) + format_tables_html(self)

    def to_frame(self):
        """The measurements as a table.

        Returns
        -------
        frame : pandas.DataFrame
            A row for each layer, and a column for each array.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skinit import MLPClassifier
        >>> from skinit.inspection import signal_propagation
        >>> X, y = load_iris(return_X_y=True)
        >>> network = MLPClassifier((20, 20), random_state=0).initialize(X, y)
        >>> frame = signal_propagation(network, X, y).to_frame()
        >>> frame[["n_units", "dead", "hessian_norm"]].round(1)
               n_units  dead  hessian_norm
        layer
        0           20   0.3           1.7
        1           20   0.3           2.5
        2            3   NaN           1.3
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame() needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.arrays()).rename_axis("layer")

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, in the order of the parameters.

        Returns
        -------
        arrays : dict of str to ndarray of shape (n_layers,)
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


class _LayerSums:
    """Sums over rows for one layer."""

    def __init__(self, coef: np.ndarray) -> None:
        n_units = coef.shape[1]
        self.outputs = Moments(n_units)
        self.deltas = Moments(n_units)
        # Sums over rows of outputs and of deltas, each row multiplied by a random factor.
        self.output_sums = np.zeros((n_units, N_SUMS))
        self.delta_sums = np.zeros((n_units, N_SUMS))
        self.gradient = np.zeros(coef.shape)
        self.is_dead = np.ones(n_units, dtype=bool)
        self.saturated = 0.0
        self.jacobian_norm = 0.0
        self.hessian_bound = 0.0


@checks_parameters({"random_state": ["random_state"]})
def signal_propagation(estimator, X, y, *, sample_weight=None, random_state=0) -> SignalPropagation:
    r"""Measure how signals and gradients pass through a network, layer by layer, and find faults.

    It makes one forward and one backward pass over blocks of rows, in the precision of the weights, and about 20
    Hessian products for each layer. The norms of Jacobians take an eigenvalue decomposition for each row and layer, so
    pass a few hundred random rows of a large table. The estimator is not changed.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Fitted or initialized.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The input of the network, for example after a scaler.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets of the rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of rows in the loss and in all means and variances. Rows of weight zero are ignored.
    random_state : int, RandomState instance or None, default=0
        Determines the first vectors of the Lanczos iterations.

    Returns
    -------
    signals : SignalPropagation
        It prints as tables, converts to a DataFrame (`to_frame`), and has `findings`.

    Raises
    ------
    ValueError
        If the data do not fit the estimator.
    TypeError
        If the estimator is not an estimator of skinit, for example if it is a pipeline.
    sklearn.exceptions.NotFittedError
        If the estimator has no weights.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the norm of a Hessian did not converge and is only a lower bound.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), for
    activations and gradients. M. Skorski, "Revisiting initialization of neural networks" (2020), for Jacobians and
    Hessians.

    Examples
    --------
    Weights with a standard deviation of 0.01 are too small for eight layers, and ``init="hessian"`` has no finding:

    >>> from sklearn.datasets import load_digits
    >>> from skinit import MLPClassifier
    >>> from skinit.inspection import signal_propagation
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier((30,) * 8, "tanh", init="random", random_state=0)
    >>> network = network.initialize(X / 16, y)
    >>> signals = signal_propagation(network, X[:200] / 16, y[:200])
    >>> print(signals.findings[0])
    The outputs of layers 2 to 7 vary from row to row up to 1e10 times less than the input: vanishing activations; try
    init='hessian' or 'orthogonal'.
    >>> [finding.name for finding in signals.findings]
    ['vanishing_activations', 'tiny_gradients', 'uneven_curvature']
    >>> network = MLPClassifier((30,) * 8, "tanh", init="hessian", random_state=0)
    >>> network = network.initialize(X / 16, y)
    >>> signal_propagation(network, X[:200] / 16, y[:200]).findings
    ()
    """
    network, data = check_data(estimator, X, y, sample_weight, allow_nonfinite=True)
    data = counting_rows(data)
    # Overflow becomes a finding, not a warning.
    with np.errstate(all="ignore"), blas_threads(network.largest_product(BLOCK)):
        sums, loss = _sum_layers(network, data)
        summary = _summarize(network, data, sums, loss)
        signals = SignalPropagation(
            **_measure(network, sums, summary),
            hessian_norm=_hessian_norms(network, data, random_state),
            activations=network.activations,
            n_rows=data.targets.shape[0],
        )
        return replace(signals, findings=find(signals, summary))


def _sum_layers(network: Network, data: TrainingData) -> tuple[list[_LayerSums], float]:
    """Pass forward and backward over blocks of rows; return the sums for each layer and the loss."""
    last = len(network.coefs) - 1
    largest_slopes = _largest_slopes(network)
    # Units differ in these sums for almost any random factors, so the factors need not depend on `random_state`.
    rng = np.random.RandomState(0)
    sums, loss = [_LayerSums(coef) for coef in network.coefs], 0.0
    for block in row_blocks(network, data):
        weights = block.row_weights()
        factors = rng.standard_normal((len(weights), N_SUMS)) * np.sqrt(weights)[:, None]
        layers = list(layers_of_rows(network, block.X))
        jacobian_norms = [row_jacobian_norms(coef, layer[2]) for coef, layer in zip(network.coefs, layers, strict=True)]
        bounds = row_hessian_bounds(network.loss, layers, block.targets, jacobian_norms)
        block_loss, _ = network.loss.loss_and_deltas(layers[-1][1], block.targets, weights)
        loss += block_loss
        _, deltas = network.loss.loss_and_deltas(layers[-1][1], block.targets, np.ones_like(weights))
        for k in range(last, -1, -1):
            inputs, preactivations, slopes = layers[k]
            outputs = preactivations if k == last else layers[k + 1][0]
            layer = sums[k]
            layer.outputs.add(outputs, weights)
            layer.deltas.add(deltas, weights)
            layer.output_sums += outputs.T @ factors
            layer.delta_sums += deltas.T @ factors
            layer.gradient += inputs.T @ (deltas * weights[:, None])
            steepness = np.abs(slopes) / largest_slopes[k]
            layer.is_dead &= (steepness < DEAD_SLOPE).all(axis=0)
            layer.saturated += weights @ (steepness < SATURATED_SLOPE).mean(axis=1)
            layer.jacobian_norm += weights @ jacobian_norms[k]
            layer.hessian_bound += weights @ bounds[k]
            if k > 0:
                deltas = (deltas @ network.coefs[k].T) * layers[k - 1][2]
    return sums, loss


def _largest_slopes(network: Network) -> list[float]:
    """The largest slope of each layer's activation, which is the identity for the output layer."""
    return [*map(_largest_slope, network.activations), 1.0]


@cache
def _largest_slope(activation) -> float:
    return float(np.abs(evaluate(activation, np.linspace(-10, 10, 2001))[1]).max())


def _summarize(network: Network, data: TrainingData, sums: list[_LayerSums], loss: float) -> DataSummary:
    weights = data.row_weights()
    if issparse(data.X):
        # Squares may overflow in float32.
        mean, variance = mean_variance_axis(data.X.astype(np.float64), axis=0, weights=weights)
    else:
        features = Moments(data.X.shape[1])
        for block in row_blocks(network, data):
            features.add(block.X, block.row_weights())
        mean, variance = features.mean, features.variance
    target_root_mean_square = np.nan
    if not network.loss.entry.is_of_classes:
        squares = np.square(data.targets, dtype=np.float64)
        target_root_mean_square = float(np.sqrt(np.average(squares, axis=0, weights=weights).max()))
    mean_output = sums[-1].outputs.mean.astype(network.theta.dtype)
    mean_outputs = np.tile(mean_output, (len(data.targets), 1))
    loss_of_mean, _ = network.loss.loss_and_deltas(mean_outputs, data.targets, weights)
    return DataSummary(
        feature_variance=variance,
        feature_root_mean_square=np.sqrt(variance + mean**2),
        target_root_mean_square=target_root_mean_square,
        explained=1 - loss / loss_of_mean if loss_of_mean > 0 else np.nan,
    )


def _measure(network: Network, sums: list[_LayerSums], summary: DataSummary) -> dict[str, Any]:
    """All arrays except the norms of Hessians."""
    weight_sum = sums[0].outputs.weight_sum
    is_hidden = np.arange(len(sums)) < len(sums) - 1
    gradient_norm = np.array([frobenius_norm(layer.gradient) / weight_sum for layer in sums])
    weight_norm = np.array([frobenius_norm(coef) for coef in network.coefs])
    return {
        "n_units": network.layer_sizes[1:].copy(),
        "activation_mean": np.array([layer.outputs.mean.mean() for layer in sums]),
        "activation_variance": np.array([layer.outputs.pooled_variance for layer in sums]),
        "row_variance": np.array([layer.outputs.variance.mean() for layer in sums]),
        "saturated": np.where(is_hidden, [layer.saturated / weight_sum for layer in sums], np.nan),
        "dead": np.where(is_hidden, [layer.is_dead.mean() for layer in sums], np.nan),
        "distinct_units": _count_distinct_units(network, sums, summary),
        "delta_variance": np.array([layer.deltas.pooled_variance for layer in sums]),
        "gradient_norm": gradient_norm,
        "weight_norm": weight_norm,
        "gradient_to_weight": gradient_norm / weight_norm,
        "jacobian_norm": np.array([layer.jacobian_norm / weight_sum for layer in sums]),
        "hessian_bound": np.array([layer.hessian_bound / weight_sum for layer in sums]),
    }


def _count_distinct_units(network: Network, sums: list[_LayerSums], summary: DataSummary) -> np.ndarray:
    """The number of units in each layer that differ by more than rounding errors.

    Rounding errors are relative to the terms of a unit's sum, because the terms may cancel. For example, the deltas of
    a softmax sum to zero.
    """
    last = len(sums) - 1
    rounding = EQUAL_ROUNDINGS * float(np.finfo(network.theta.dtype).eps)
    largest_slopes = _largest_slopes(network)
    weights = [np.abs(coef).astype(np.float64) for coef in network.coefs]
    counts = []
    inputs = summary.feature_root_mean_square
    for k, layer in enumerate(sums):
        outputs, deltas = layer.outputs.root_mean_square, layer.deltas.root_mean_square
        output_terms = largest_slopes[k] * (inputs @ weights[k] + np.abs(network.intercepts[k])) + outputs
        delta_terms = (
            deltas if k == last else largest_slopes[k] * (weights[k + 1] @ sums[k + 1].deltas.root_mean_square)
        )
        scales = [terms.max() or 1.0 for terms in (output_terms, delta_terms)]
        points = np.hstack([layer.output_sums / scales[0], layer.delta_sums / scales[1]])
        counts.append(_count_distinct(points / np.sqrt(layer.outputs.weight_sum), rounding))
        inputs = outputs
    return np.array(counts)


def _count_distinct(points: np.ndarray, tolerance: float) -> int:
    """The number of points that differ by more than `tolerance` in some coordinate. Each non-finite point counts."""
    is_finite = np.isfinite(points).all(axis=1)
    count = int((~is_finite).sum())
    points = points[is_finite]
    while len(points):
        count += 1
        points = points[np.abs(points - points[0]).max(axis=1) > tolerance]
    return count


def _hessian_norms(network: Network, data: TrainingData, random_state) -> np.ndarray:
    """The norm of each layer's Hessian, or NaN if the Hessian is not finite."""
    norms = np.full(len(network.coefs), np.nan)
    with HessianProducts(network, data) as products:
        for k in range(len(norms)):
            operator = products.as_operator(k)
            with suppress(NotFiniteError):
                norms[k], is_converged = spectral_norm(operator, NORM_TOLERANCE, None, check_random_state(random_state))
                if not is_converged:
                    warn_of_bound(f"The norm of the Hessian of layer {k}", NORM_TOLERANCE)
    return norms
