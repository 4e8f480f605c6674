"""Random initializers with one scale for all layers."""

import math
from collections.abc import Callable
from functools import partial
from numbers import Real

import numpy as np
from scipy.special import ndtri
from sklearn.utils._param_validation import Interval

from .base import Initializer

# Standard deviation of a standard normal cut at +-2: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)), with the normal density phi
# and distribution function Phi.
TRUNCATED_STD = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


# One draw makes at most this many numbers. Larger layers are drawn in blocks of rows, so that Ctrl-C need not wait.
DRAW_SIZE = 2**22


def draw(sample: Callable[[tuple[int, int]], np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The weights from ``sample(shape)``, drawn in blocks of rows if there are many."""
    n_rows = max(1, DRAW_SIZE // shape[1])
    if n_rows >= shape[0]:
        return sample(shape)
    weights = np.empty(shape)
    for start in range(0, shape[0], n_rows):
        block = weights[start : start + n_rows]
        block[...] = sample(block.shape)
    return weights


def truncated_normal(shape, std: float, rng: np.random.RandomState) -> np.ndarray:
    """Normal numbers cut at plus and minus twice their scale, which is chosen so that their deviation is `std`."""
    lower = math.erfc(math.sqrt(2)) / 2
    return draw(lambda size: std / TRUNCATED_STD * ndtri(rng.uniform(lower, 1 - lower, size)), shape)


class RandomNormal(Initializer):
    r"""Normal weights of one scale: :math:`W_{ij} \sim N(0, \mathrm{std}^2)`, intercepts zero.

    A layer with `d` inputs keeps the variance of activations if :math:`\mathrm{std} = d^{-1/2}` and the activation is
    close to the identity around zero. With a smaller scale, signals vanish with depth. With a larger scale, they
    explode (relu) or saturate (tanh, logistic).

    Parameters
    ----------
    std : float, default=0.01
        Standard deviation. The default is from A. Krizhevsky et al., "ImageNet classification with deep convolutional
        neural networks" (2012).

    Examples
    --------
    >>> import numpy as np
    >>> from skinit.initializers import RandomNormal
    >>> RandomNormal(0.1).sample((1, 3), np.random.RandomState(0)).round(2)
    array([[0.18, 0.04, 0.1 ]])
    """

    _parameter_constraints: dict = {
        "std": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, std: float = 0.01) -> None:
        self.std = std

    def sample(self, shape, rng):
        return draw(partial(rng.normal, 0.0, self.std), shape)


class RandomUniform(Initializer):
    r"""Uniform weights of one scale: :math:`W_{ij} \sim U(-b, b)`, of variance :math:`b^2 / 3`, intercepts zero.

    Parameters
    ----------
    bound : float, default=0.05
        The bound `b`.

    Examples
    --------
    >>> import numpy as np
    >>> from skinit.initializers import RandomUniform
    >>> RandomUniform(0.1).sample((1, 3), np.random.RandomState(0)).round(2)
    array([[0.01, 0.04, 0.02]])
    """

    _parameter_constraints: dict = {
        "bound": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, bound: float = 0.05) -> None:
        self.bound = bound

    def sample(self, shape, rng):
        return draw(partial(rng.uniform, -self.bound, self.bound), shape)


class TruncatedNormal(Initializer):
    r"""Normal weights without tails: :math:`N(0, \sigma^2)` cut at :math:`\pm 2 \sigma`, intercepts zero.

    The cut reduces the variance, so :math:`\sigma` is larger than `std`, the deviation after the cut.

    Parameters
    ----------
    std : float, default=0.01
        Standard deviation of the weights, after the cut.

    Examples
    --------
    The largest of 90000 weights is at the cut, 2.27 standard deviations of the cut distribution:

    >>> import numpy as np
    >>> from skinit.initializers import TruncatedNormal
    >>> W = TruncatedNormal(0.1).sample((300, 300), np.random.RandomState(0))
    >>> round(float(W.std()), 3), round(float(abs(W).max()), 3)
    (0.1, 0.227)
    """

    _parameter_constraints: dict = {
        "std": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, std: float = 0.01) -> None:
        self.std = std

    def sample(self, shape, rng):
        return truncated_normal(shape, self.std, rng)
