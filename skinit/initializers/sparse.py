"""Sparse weights."""

import math
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .base import Initializer
from .random import DRAW_SIZE, draw


class Sparse(Initializer):
    r"""Each unit sees `k` inputs only: `k` normal weights a unit, the others zero; intercepts zero.

    .. math:: W_{ij} \sim N(0, \mathrm{scale} / k) \text{ for } k \text{ random inputs } i \text{ of unit } j.

    A preactivation's variance is `scale` times the mean square of its inputs, however wide the layer is, and units
    differ more from each other than with as many small weights.

    Parameters
    ----------
    n_inputs : int, default=15
        Non-zero weights of a unit, `k`; all inputs where a layer has fewer.
    scale : float, default=1.0
        Variance of a weight times `k`; 2 for relu, as in He's scheme.

    References
    ----------
    J. Martens, "Deep learning via Hessian-free optimization" (2010), section 5, where 15 weights of variance 1 are used
    (``scale=15``).

    Examples
    --------
    >>> import numpy as np
    >>> from skinit.initializers import Sparse
    >>> W = Sparse(n_inputs=3).sample((50, 4), np.random.RandomState(0))
    >>> (W != 0).sum(axis=0)
    array([3, 3, 3, 3])
    """

    _parameter_constraints: dict = {
        "n_inputs": [Interval(Integral, 1, None, closed="left")],
        "scale": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, n_inputs: int = 15, scale: float = 1.0) -> None:
        self.n_inputs = n_inputs
        self.scale = scale

    def sample(self, shape, rng):
        self._validate_params()
        fan_in, fan_out = shape
        k = min(self.n_inputs, fan_in)
        keys = draw(partial(rng.uniform, 0.0, 1.0), shape)
        values = draw(partial(rng.normal, 0.0, math.sqrt(self.scale / k)), (k, fan_out))
        weights = np.zeros(shape)
        n_units = max(1, DRAW_SIZE // fan_in)
        for start in range(0, fan_out, n_units):
            units = slice(start, start + n_units)
            # The k smallest of random keys: a random subset for each unit.
            chosen = np.argpartition(keys[:, units], k - 1, axis=0)[:k]
            np.put_along_axis(weights[:, units], chosen, values[:, units], axis=0)
        return weights
