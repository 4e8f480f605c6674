"""The initializer that draws sparse weights."""

import math
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .base import Initializer
from .random import DRAW_SIZE, draw


class Sparse(Initializer):
    r"""Normal weights for only `k` random inputs of each unit; all other weights and intercepts zero.

    .. math:: W_{ij} \sim N(0, \mathrm{scale} / k) \text{ for } k \text{ random inputs } i \text{ of unit } j.

    The variance of a preactivation is `scale` times the mean square of its inputs, whatever the width of the layer.
    Units differ more from each other than units with many small weights.

    Parameters
    ----------
    n_inputs : int, default=15
        The number `k` of non-zero weights of a unit. A layer with fewer inputs uses all of them.
    scale : float, default=1.0
        The variance of a non-zero weight, multiplied by `k`. Use 2 for relu, as in He's scheme.

    References
    ----------
    J. Martens, "Deep learning via Hessian-free optimization" (2010), section 5, uses 15 weights of variance 1
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
            # For each unit, the inputs with the k smallest random keys are a random subset.
            chosen = np.argpartition(keys[:, units], k - 1, axis=0)[:k]
            np.put_along_axis(weights[:, units], chosen, values[:, units], axis=0)
        return weights
