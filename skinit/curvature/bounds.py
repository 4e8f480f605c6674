"""Norms of Jacobians, and what they bound: the Gauss-Newton matrices of layers."""

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
    """Input, preactivations and slopes of each layer, the output layer's slopes being 1."""
    last = len(network.coefs) - 1
    for k, (inputs, preactivations) in enumerate(network.propagate(X)):
        slopes = np.ones_like(preactivations) if k == last else evaluate(network.activations[k], preactivations)[1]
        yield inputs, preactivations, slopes


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
    """Euclidean norms of the rows of a dense or sparse matrix in float64; squares neither overflow nor vanish."""
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
    """The bound of each layer and row, of shape (n_layers, n), from the rows' layers, targets and norms of Jacobians.

    It is not a number where something is not finite.
    """
    roots = np.empty((len(layers), len(jacobian_norms[0])))
    above = np.sqrt(loss.curve_norms(layers[-1][1], targets))
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
    network, data = check_counting_data(estimator, X, y, sample_weight)
    total, weight_sum = np.zeros(len(network.coefs)), data.row_weights().sum()
    with np.errstate(all="ignore"):
        for block in row_blocks(network, data):
            layers = list(layers_of_rows(network, block.X))
            norms = [row_jacobian_norms(coef, layer[2]) for coef, layer in zip(network.coefs, layers, strict=True)]
            total += row_hessian_bounds(network.loss, layers, block.targets, norms) @ (block.row_weights() / weight_sum)
    check_finite(total, np.float64)
    return total
