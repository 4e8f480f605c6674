"""The initializer behind the schemes of Xavier, He and LeCun."""

import math
from functools import partial
from numbers import Real

from sklearn.utils._param_validation import Interval, StrOptions

from .base import Initializer
from .random import draw, truncated_normal


class VarianceScaling(Initializer):
    r"""Random weights whose variance depends on the size of the layer; mean zero, intercepts zero.

    .. math:: \mathrm{Var}[W_{ij}] = \frac{\mathrm{scale}}{n}, \qquad n =
              d_\mathrm{in},\ d_\mathrm{out} \text{ or } (d_\mathrm{in} + d_\mathrm{out}) / 2.

    If weights are independent of the layer's inputs `a`, the variance of a preactivation is
    :math:`d_\mathrm{in} \mathrm{Var}[W] E[a^2]`. With ``mode="fan_in"``, the mean square of activations is therefore
    the same in all layers if :math:`E[f(u)^2] = E[u^2] / \mathrm{scale}`. This holds exactly for relu with scale 2 (He)
    and for the identity with scale 1 (LeCun). It holds approximately for tanh with scale 1 if `u` is near zero.
    ``mode="fan_out"`` keeps the variance of backpropagated deltas instead, and ``mode="fan_avg"`` is a compromise
    (Xavier Glorot).

    Parameters
    ----------
    scale : float, default=1.0
        Numerator of the variance.
    mode : {"fan_in", "fan_out", "fan_avg"}, default="fan_in"
        Denominator of the variance.
    distribution : {"normal", "truncated_normal", "uniform"}, default="normal"
        Shape of the distribution. Each distribution has the variance above, so "uniform" is uniform between
        :math:`\pm\sqrt{3\,\mathrm{Var}[W_{ij}]}`.

    Notes
    -----
    ============================================  ========================================
    name                                          initializer
    ============================================  ========================================
    ``xavier``, ``xavier_uniform``                ``VarianceScaling(1, "fan_avg", "uniform")``
    ``xavier_normal``                             ``VarianceScaling(1, "fan_avg", "normal")``
    ``he``, ``he_normal``                         ``VarianceScaling(2, "fan_in", "normal")``
    ``he_uniform``                                ``VarianceScaling(2, "fan_in", "uniform")``
    ``lecun_normal``                              ``VarianceScaling(1, "fan_in", "normal")``
    ``lecun_uniform``                             ``VarianceScaling(1, "fan_in", "uniform")``
    ============================================  ========================================

    ``glorot_*`` and ``kaiming_*`` are other names for ``xavier_*`` and ``he_*``. Some lecture notes give the name
    Xavier initialization to :math:`N(0, 1 / d_\mathrm{in})`, which is ``lecun_normal``.

    References
    ----------
    Y. LeCun et al., "Efficient BackProp" (1998). X. Glorot and Y. Bengio, "Understanding the difficulty of training
    deep feedforward neural networks" (2010). K. He et al., "Delving deep into rectifiers" (2015).

    Examples
    --------
    He's scheme draws weights of variance 2 / 200 for a layer with 200 inputs:

    >>> import numpy as np
    >>> from skinit.initializers import VarianceScaling
    >>> he = VarianceScaling(2, "fan_in", "normal")
    >>> round(float(he.sample((200, 500), np.random.RandomState(0)).var()), 3)
    0.01
    """

    _parameter_constraints: dict = {
        "scale": [Interval(Real, 0, None, closed="left")],
        "mode": [StrOptions({"fan_in", "fan_out", "fan_avg"})],
        "distribution": [StrOptions({"normal", "truncated_normal", "uniform"})],
    }

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "normal",
    ) -> None:
        self.scale = scale
        self.mode = mode
        self.distribution = distribution

    def sample(self, shape, rng):
        self._validate_params()
        fan_in, fan_out = shape
        denominator = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
        }[self.mode]
        std = math.sqrt(self.scale / denominator)
        if self.distribution == "normal":
            return draw(partial(rng.normal, 0.0, std), shape)
        if self.distribution == "truncated_normal":
            return truncated_normal(shape, std, rng)
        bound = math.sqrt(3) * std
        return draw(partial(rng.uniform, -bound, bound), shape)
