"""Norms of layers' Jacobians, and the bounds on Gauss-Newton matrices that follow from these norms."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.extmath import row_norms

from ..engine.losses import LossFunction
from ..engine.network import Network
from ..kernels.activations import evaluate
from .jacobians import row_jacobian_norms
from .operators import check_counting_data, row_blocks
from .spectrum import check_finite


def layers_of_rows(network: Network, X):
    """Yield the input, the preactivations and the slopes of each layer. The output layer's slopes are 1."""
    last = len(network.coefs) - 1
    for k, (inputs, preactivations) in enumerate(network.propagate(X)):
        slopes = np.ones_like(preactivations) if k == last else evaluate(network.activations[k], preactivations)[1]
        yield inputs, preactivations, slopes


def layer_jacobian_norms(estimator, X, y, *, sample_weight=None) -> np.ndarray:
    r"""The norm of the Jacobian of each layer's activations with respect to its input, as a mean over rows.

    The Jacobian :math:`J^{(k)}` of a hidden layer is the transpose of :math:`W_k \mathrm{diag}(f'(u_k))`, with the
    preactivations :math:`u_k` of a row. In the output layer, it is the transpose of :math:`W_k`, because losses are
    functions of this layer's preactivations. A norm above 1 means that the layer stretches some direction of its input.
    The loss has no influence.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.

    Returns
    -------
    norms : ndarray of shape (n_layers,)
        The weighted means of the spectral norms :math:`\|J^{(k)}\|`, in float64.

    Raises
    ------
    TypeError
        If the estimator is not an estimator of skinit, for example if it is a pipeline.
    ValueError
        If the data do not fit the estimator, or if a preactivation or a norm is not finite.
    sklearn.exceptions.NotFittedError
        If the estimator has no weights.

    References
    ----------
    The norms are from M. Skorski, "Revisiting initialization of neural networks" (2020).

    Examples
    --------
    The scheme "hessian_jacobian" scales each layer until this norm is 1:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import layer_jacobian_norms
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), init="hessian_jacobian", random_state=0)
    >>> network = network.initialize(X, y)
    >>> layer_jacobian_norms(network, X, y).round(2)
    array([1., 1., 1.])
    """
    network, data = check_counting_data(estimator, X, y, sample_weight, "Jacobian")
    total, weight_sum = np.zeros(len(network.coefs)), data.row_weights().sum()
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            shares = block.row_weights() / weight_sum
            for k, (_, _, slopes) in enumerate(layers_of_rows(network, block.X)):
                total[k] += shares @ row_jacobian_norms(network.coefs[k], slopes)
    check_finite(total, np.float64, "Jacobian")
    return total


def _row_lengths(rows) -> np.ndarray:
    """Euclidean norms of the rows of a dense or sparse matrix in float64, without overflow or underflow of squares."""
    if issparse(rows):
        rows = csr_array(rows, dtype=np.float64)
        largest = np.asarray(abs(rows).max(axis=1).todense()).ravel()
        data = rows.data / np.repeat(np.where(largest > 0, largest, 1), np.diff(rows.indptr))
        return largest * row_norms(csr_array((data, rows.indices, rows.indptr), shape=rows.shape))
    rows = rows.astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    return largest * row_norms(rows / np.where(largest > 0, largest, 1)[:, None])


def row_hessian_bounds(
    loss: LossFunction, layers: list, targets: np.ndarray, jacobian_norms: list[np.ndarray]
) -> np.ndarray:
    """The bound on each layer's norm for each row, of shape (n_layers, n).

    A bound is NaN if one of its factors is not finite.
    """
    roots = np.empty((len(layers), len(jacobian_norms[0])))
    above = np.sqrt(loss.curve_norms(layers[-1][1], targets))
    for k in range(len(layers) - 1, -1, -1):
        inputs, _, slopes = layers[k]
        roots[k] = above * _row_lengths(inputs) * np.abs(slopes).max(axis=1)
        above = above * jacobian_norms[k]
    return roots**2


def hessian_bound(estimator, X, y, *, sample_weight=None) -> np.ndarray:
    r"""An upper bound on the norm of each layer's Gauss-Newton matrix: M. Skorski's Theorem 2 with all its factors.

    For one row, the quadratic form of the matrix of layer `k` maps weights `g` to :math:`v^T H_z v` with
    :math:`v = B A g a` (Theorem 1). Here `a` is the layer's input, `A` is the diagonal matrix of the slopes of its
    units, `B` is the Jacobian of all layers above, and :math:`H_z` is the Hessian of the loss, summed over outputs,
    with respect to the output layer's preactivations. Because norms are submultiplicative,

    .. math:: \|H_{w^{(k)}}\| \le \frac{1}{\sum_i s_i} \sum_i s_i \|H_{z,i}\| \, \|a_{k,i}\|^2 \, \|A_{k,i}\|^2
              \prod_{j > k} \|J^{(j)}_i\|^2 ,

    with the row weights :math:`s_i` and the Jacobians :math:`J^{(j)}` of :func:`layer_jacobian_norms`. The paper's
    equation (6) leaves out the squares, :math:`\|H_z\|`, and the norm of the network's input. It also bounds
    :math:`\|a_k\|` by :math:`\|z^{(0)}\| \prod_{j < k} \|J^{(j)}\|`, which holds only for linear layers. Here
    :math:`\|a_k\|` is the exact norm.

    If the activations are piecewise linear (relu), the bound holds for :func:`layer_hessian_norms` too. Otherwise the
    norm of the Hessian may exceed it.

    Parameters
    ----------
    estimator, X, y, sample_weight
        As for :func:`hessian_operator`.

    Returns
    -------
    bounds : ndarray of shape (n_layers,)
        The right side above for the weights of each layer, in float64.

    Raises
    ------
    TypeError
        If the estimator is not an estimator of skinit, for example if it is a pipeline.
    ValueError
        If the data do not fit the estimator, or if a preactivation or a bound is not finite.
    sklearn.exceptions.NotFittedError
        If the estimator has no weights.

    References
    ----------
    The theorems are from M. Skorski, "Revisiting initialization of neural networks" (2020).

    Examples
    --------
    The bound of the first layer is far above its norm, and the bound of the output layer is close:

    >>> from sklearn.datasets import load_iris
    >>> from skinit import MLPClassifier
    >>> from skinit.curvature import hessian_bound, layer_hessian_norms
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20, 20), random_state=0).initialize(X, y)
    >>> hessian_bound(network, X, y).round(1)
    array([23.5,  5.6,  1.7])
    >>> layer_hessian_norms(network, X, y).round(1)
    array([1.7, 2.5, 1.3])
    """
    network, data = check_counting_data(estimator, X, y, sample_weight)
    total, weight_sum = np.zeros(len(network.coefs)), data.row_weights().sum()
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            layers = list(layers_of_rows(network, block.X))
            norms = [row_jacobian_norms(coef, layer[2]) for coef, layer in zip(network.coefs, layers, strict=True)]
            total += row_hessian_bounds(network.loss, layers, block.targets, norms) @ (block.row_weights() / weight_sum)
    check_finite(total, np.float64)
    return total
