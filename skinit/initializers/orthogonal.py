"""Orthogonal weights."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .base import Initializer
from .gain import gain as compute_gain
from .random import draw

# Columns that one QR decomposition takes, so that Ctrl-C need not wait for all of a wide layer.
PANEL = 256


def orthonormalize(matrix: np.ndarray) -> np.ndarray:
    """The factor `Q` of the QR decomposition with a positive diagonal of `R`, in place.

    That diagonal makes `Q` unique, and uniformly distributed if the matrix is normal. Wide matrices are decomposed by
    panels of columns. Each panel loses its projection on the columns before it, twice because the first time leaves
    rounding errors (L. Giraud, J. Langou and M. Rozloznik, "The loss of orthogonality in the Gram-Schmidt
    orthogonalization process", 2005).
    """
    for start in range(0, matrix.shape[1], PANEL):
        before, panel = matrix[:, :start], matrix[:, start : start + PANEL]
        for _ in range(2 if start else 0):
            panel -= before @ (before.T @ panel)
        q, r = np.linalg.qr(panel)
        panel[...] = q * np.sign(np.diag(r))
    return matrix


class Orthogonal(Initializer):
    r"""A random matrix with orthonormal rows or columns, times a gain; intercepts zero.

    :math:`W^T W = g^2 I` or, where a layer has more units than inputs, :math:`W W^T = g^2 I`: all singular values are
    `g`, so that a deep linear network with :math:`g = 1` neither stretches nor shrinks any direction, and each layer
    keeps the mean square of a signal times :math:`g^2` (without an activation, and as long as layers do not get
    narrower).

    Parameters
    ----------
    gain : float or "auto", default="auto"
        The factor `g`. "auto": in hidden layers what the activation takes from a standard normal signal
        (:func:`~skinit.initializers.gain`), in the output layer 1.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks" (2014). Uniform over all such matrices: F. Mezzadri, "How to generate random matrices from the
    classical compact groups" (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from skinit.initializers import Orthogonal
    >>> W = Orthogonal(gain=2.0).sample((5, 3), np.random.RandomState(0))
    >>> np.abs(W.T @ W).round(12)
    array([[4., 0., 0.],
           [0., 4., 0.],
           [0., 0., 4.]])
    """

    _parameter_constraints: dict = {
        "gain": [StrOptions({"auto"}), Interval(Real, None, None, closed="neither")],
    }

    def __init__(self, gain: float | str = "auto") -> None:
        self.gain = gain

    def sample(self, shape, rng):
        self._validate_params()
        q = orthonormalize(draw(partial(rng.normal, 0.0, 1.0), (max(shape), min(shape))))
        factor = 1.0 if self.gain == "auto" else self.gain
        return factor * (q if shape[0] >= shape[1] else q.T)

    def initialize(self, network, rng, data=None):
        super().initialize(network, rng, data)
        if self.gain == "auto":
            for coef, activation in zip(network.coefs, network.activations, strict=False):
                coef *= compute_gain(activation)
