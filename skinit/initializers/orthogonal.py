"""The initializer that draws orthogonal weights."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .base import Initializer
from .gain import gain as compute_gain
from .random import draw

# One QR decomposition takes at most this many columns, so that Ctrl-C need not wait for a whole wide layer.
PANEL = 256


def orthonormalize(matrix: np.ndarray) -> np.ndarray:
    """Replace a matrix, in place, by the factor `Q` of its QR decomposition with a positive diagonal of `R`.

    The positive diagonal makes `Q` unique, and uniformly distributed if the entries of the matrix are independent
    standard normals. Wide matrices are decomposed in panels of columns. The projection of a panel on the earlier
    columns is subtracted twice, because the first subtraction leaves rounding errors (L. Giraud, J. Langou and
    M. Rozloznik, "The loss of orthogonality in the Gram-Schmidt orthogonalization process", 2005).
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

    :math:`W^T W = g^2 I`, or :math:`W W^T = g^2 I` if a layer has more units than inputs. All singular values are `g`,
    so a deep linear network of constant width with :math:`g = 1` neither stretches nor shrinks any direction. A layer
    with at most as many units as inputs multiplies the mean square of a random signal by :math:`g^2` on average. A
    layer with more units than inputs multiplies the sum of squares by :math:`g^2`, and therefore the mean square by
    :math:`g^2 d_\mathrm{in} / d_\mathrm{out}`. These factors hold before the activation.

    Parameters
    ----------
    gain : float or "auto", default="auto"
        The factor `g`. "auto" is the :func:`~skinit.initializers.gain` of the activation in hidden layers, and 1 in the
        output layer.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks" (2014). F. Mezzadri, "How to generate random matrices from the classical compact groups" (2007),
    describes how to make the distribution uniform.

    Examples
    --------
    >>> import numpy as np
    >>> from skinit.initializers import Orthogonal
    >>> W = Orthogonal(gain=2.0).sample((5, 3), np.random.RandomState(0))
    >>> np.abs(W.T @ W).round(12)
    array([[4., 0., 0.],
           [0., 4., 0.],
           [0., 0., 4.]])

    A layer from 10 to 200 units keeps 10 / 200 of the mean square, because it keeps the sum of squares:

    >>> X = np.random.RandomState(1).normal(size=(1000, 10))
    >>> W = Orthogonal(gain=1.0).sample((10, 200), np.random.RandomState(0))
    >>> round(float(np.mean((X @ W) ** 2) / np.mean(X**2)), 4)
    0.05
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
