"""Initializers that draw no random numbers: zeros, a constant, the identity."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .base import Initializer


class Constant(Initializer):
    r"""The same value for every weight: :math:`W_{ij} = c`, intercepts zero.

    All units of a hidden layer compute the same value and get the same gradient, so they stay equal during training.
    The network can do no more than a network with a single unit in each hidden layer (the symmetry problem).

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

    If f(0) = 0 (tanh, relu, ...), all activations are zero and stay zero, so only the intercepts of the output layer
    learn. With the logistic function, the output layer learns first and the other layers follow, but all units of a
    hidden layer stay equal.

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

    In a deep linear network of constant width, the activations of layer `k` are proportional to :math:`c^k`. They
    explode with depth for :math:`c = 1.5`, and vanish for :math:`c = 0.5`.

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
