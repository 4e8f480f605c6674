"""The initializer LSUV: layer-sequential unit variance."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from .data_dependent import DataDependentInitializer
from .orthogonal import Orthogonal


class LSUV(DataDependentInitializer):
    r"""Orthogonal weights, scaled layer by layer until the preactivations of the data have variance 1; intercepts zero.

    From the first layer to the last, :math:`W_k \leftarrow W_k / \sqrt{\mathrm{Var}[a_k W_k]}`, with the layer's input
    :math:`a_k`. The variance is taken over the units and over the rows of a sample of the data. One division for each
    layer is exact, because preactivations are linear in their layer's weights.

    Parameters
    ----------
    sample_size : int, default=256
        Number of rows in the sample, at least 2. All rows are used if there are fewer.

    Raises
    ------
    ValueError
        When weights are drawn, if `sample_size` is invalid, or if the data are so large that weights are not finite.

    References
    ----------
    The scheme is from D. Mishkin and J. Matas, "All you need is a good init" (2016).

    Examples
    --------
    The preactivations of the six layers have a standard deviation near 1 on all rows, not only on the sample:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skinit import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier((50,) * 5, init="lsuv", random_state=0).initialize(X, y)
    >>> a, deviations = X, []
    >>> for W in network.coefs_:
    ...     u = a @ W
    ...     deviations.append(round(float(u.std()), 1))
    ...     a = np.maximum(u, 0)
    >>> deviations
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    _parameter_constraints: dict = {"sample_size": [Interval(Integral, 2, None, closed="left")]}

    def __init__(self, sample_size: int = 256) -> None:
        self.sample_size = sample_size

    def initialize_on(self, network, rng, sample):
        Orthogonal(gain=1.0).initialize(network, rng)
        for coef, (_, preactivations) in zip(network.coefs, network.propagate(sample.X), strict=True):
            # Squares of large numbers would overflow.
            largest = float(np.abs(preactivations).max()) or 1.0
            deviation = largest * (preactivations / largest).std(dtype=np.float64)
            # Constant preactivations (from constant features or dead units) vary only by rounding errors, which must
            # not be scaled up.
            precision = np.finfo(coef.dtype)
            rounding = 10 * np.sqrt(coef.shape[0]) * precision.eps * largest
            if np.isfinite(deviation) and deviation > max(rounding, precision.tiny):
                coef /= deviation
                preactivations /= deviation
