"""Initializers that control the curvature of the loss."""

import math

import numpy as np
from sklearn.utils._param_validation import StrOptions

from ..kernels.activations import evaluate
from .base import Initializer


def slopes_at_zero(activation: str) -> tuple[float, float]:
    """The slopes of an activation just below and just above zero."""
    _, slopes, _ = evaluate(activation, np.array([-1e-12, 1e-12]))
    return float(slopes[0]), float(slopes[1])


class Hessian(Initializer):
    r"""Normal weights that make the Jacobian of each layer, and so bound the Hessian, about 1; intercepts zero.

    The Hessian of the loss with respect to a layer's weights is bounded by a product of the norms of the other layers'
    Jacobians (M. Skorski, Theorem 2), so that these norms are to be 1 (Corollary 1). With units' slopes
    :math:`s_j = f'(u_j)`, the Jacobian of a layer is its weight matrix with column `j` scaled by :math:`s_j`, and the
    expected norm of such a Gaussian matrix is about

    .. math:: \sigma \left( s_\mathrm{max} \sqrt{d_\mathrm{in}} + s_\mathrm{rms} \sqrt{d_\mathrm{out}} \right),

    the largest slope counting where one unit's weights are summed over, the root mean square where units are
    (A. S. Bandeira and R. van Handel, Theorem 1.1; an upper estimate that is sharp where the slopes other than zero are
    equal). `method="closed_form"` chooses :math:`\sigma` so that this is 1. As weights are small, units are near
    zero, half of them on either side: the slopes are :math:`f'(0^-)` and :math:`f'(0^+)`.

    - Slope 1 at zero (tanh, identity, elu, softsign), and the output layer:
      :math:`1 / (\sqrt{d_\mathrm{in}} + \sqrt{d_\mathrm{out}})`, the paper's Corollary 2.
    - relu: half of the units are off, and the norm is that of a matrix of half as many:
      :math:`1 / (\sqrt{d_\mathrm{in}} + \sqrt{d_\mathrm{out} / 2})`.
    - logistic: slope 1/4, and four times the paper's value (which assumes f(0) = 0).

    The rule bounds the direction that a layer stretches most, not the typical one: for a square relu layer it gives
    a variance of :math:`0.34 / d`, where He's scheme has :math:`2 / d`, and signals shrink with depth.

    Parameters
    ----------
    method : {"closed_form"}, default="closed_form"
        How scales are found.

    References
    ----------
    M. Skorski, "Revisiting initialization of neural networks" (2020). A. S. Bandeira and R. van Handel, "Sharp
    nonasymptotic bounds on the norm of random matrices with independent entries" (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skinit import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier((400,), "tanh", init="hessian_closed_form", random_state=0)
    >>> round(float(np.linalg.norm(network.initialize(X, y).coefs_[0], 2)), 1)
    1.0
    """

    _parameter_constraints: dict = {"method": [StrOptions({"closed_form"})]}

    def __init__(self, method: str = "closed_form") -> None:
        self.method = method

    def initialize(self, network, rng):
        """Set all parameters of `network`."""
        self._validate_params()
        last = len(network.coefs) - 1
        for k, coef in enumerate(network.coefs):
            fan_in, fan_out = coef.shape
            slopes = (1.0, 1.0) if k == last else slopes_at_zero(network.activation)
            largest = max(map(abs, slopes))
            root_mean_square = math.sqrt((slopes[0] ** 2 + slopes[1] ** 2) / 2)
            norm = largest * math.sqrt(fan_in) + root_mean_square * math.sqrt(fan_out)
            coef[...] = rng.normal(scale=1 / norm, size=coef.shape)
            network.intercepts[k][...] = 0
