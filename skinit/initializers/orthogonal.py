"""Orthogonal weights."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .base import Initializer
from .gain import gain as compute_gain


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
        longer, shorter = max(shape), min(shape)
        q, r = np.linalg.qr(rng.normal(size=(longer, shorter)))
        # The signs make the distribution uniform.
        q *= np.sign(np.diag(r))
        factor = 1.0 if self.gain == "auto" else self.gain
        return factor * (q if shape[0] >= shape[1] else q.T)

    def initialize(self, network, rng, data=None):
        super().initialize(network, rng, data)
        if self.gain == "auto":
            for coef in network.coefs[:-1]:
                coef *= compute_gain(network.activation)
