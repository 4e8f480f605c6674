"""The loss of given preactivations, row by row."""

import numpy as np

from ..kernels.losses import compile_loss


def loss_and_deltas(
    name: str, preactivations: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """The weighted sum of the rows' losses, and its slopes by preactivations, in the dtype of these.

    Parameters
    ----------
    name : str
        Of a loss.
    preactivations : ndarray of shape (n, n_outputs)
    targets : ndarray of shape (n, n_outputs)
        For the log loss of shape (n, 1).
    weights : ndarray of shape (n,)

    Returns
    -------
    loss : float
    deltas : ndarray of shape (n, n_outputs)
    """
    dtype = preactivations.dtype
    arrays = [np.ascontiguousarray(array, dtype) for array in (preactivations, targets, weights)]
    deltas = np.empty_like(arrays[0])
    return compile_loss(name, dtype)(*arrays, deltas, np.inf), deltas
