"""Initializers without chance: zeros, a constant, the identity."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .base import Initializer


class Constant(Initializer):
    r"""Every weight the same: :math:`W_{ij} = c`, intercepts zero.

    All units of a hidden layer compute the same and get the same gradient, so that they stay equal however long one
    trains: the network is as good as one unit a layer (the symmetry problem).

    Parameters
    ----------
    value : float, default=1.0
        The weight `c`.

    Examples
    --------
    >>> from skinit.initializers import Constant
    >>> Constant(0.5).sample((2, 3), rng=None)
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]])
    """

    _parameter_constraints: dict = {
        "value": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(self, value: float = 1.0) -> None:
        self.value = value

    def sample(self, shape, rng):
        return np.full(shape, self.value, dtype=np.float64)


class Zeros(Initializer):
    r"""Every weight zero: :math:`W = 0`, intercepts zero.

    With f(0) = 0 (tanh, relu, ...) all activations and all gradients but those of the last intercepts are zero, and
    stay so. With the logistic function the last layer learns, then the others, all units of a layer alike.

    Examples
    --------
    >>> from skinit.initializers import Zeros
    >>> Zeros().sample((2, 2), rng=None)
    array([[0., 0.],
           [0., 0.]])
    """

    def sample(self, shape, rng):
        return np.zeros(shape)


class Identity(Initializer):
    r"""A multiple of the identity: :math:`W = c I`, with zeros where a layer is not square.

    In a deep linear network activations go as :math:`c^k` in layer `k`: 1.5 explodes, 0.5 vanishes.

    Parameters
    ----------
    scale : float, default=1.0
        The factor `c`.

    References
    ----------
    Q. V. Le, N. Jaitly and G. E. Hinton, "A simple way to initialize recurrent networks of rectified linear units"
    (2015).

    Examples
    --------
    >>> from skinit.initializers import Identity
    >>> Identity(1.5).sample((2, 3), rng=None)
    array([[1.5, 0. , 0. ],
           [0. , 1.5, 0. ]])
    """

    _parameter_constraints: dict = {
        "scale": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def sample(self, shape, rng):
        return self.scale * np.eye(*shape)
