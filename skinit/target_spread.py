"""A robust measure of the spread of regression targets."""

import numpy as np

from .engine.data import TrainingData

# The standard deviation of a normal distribution, divided by its median absolute deviation.
OF_MEDIAN_DEVIATION = 1.4826
# The standard deviation of a normal distribution, divided by its mean absolute deviation.
OF_MEAN_DEVIATION = 1.2533
# A spread below this is not used, because its inverse may overflow in float32.
SMALLEST_SPREAD = 1e-30
# A spread above this is not used, because its inverse may underflow in float32.
LARGEST_SPREAD = 1e30


def target_spread(data: TrainingData) -> float:
    r"""The median absolute deviation from the median, times 1.4826: for normal targets, their standard deviation.

    If more than half of the targets are equal, the spread is the mean absolute deviation times 1.2533, and if all are
    equal, it is 1. For several columns of targets, it is the mean over columns. A negative weight counts as zero.

    Returns
    -------
    spread : float
        Positive.

    References
    ----------
    P. J. Huber, "Robust Statistics" (1981), section 5.1.
    """
    weights = np.maximum(data.row_weights(), 0)
    spreads = []
    for column in data.targets.T.astype(np.float64):
        with np.errstate(over="ignore"):
            distances = np.abs(column - _median(column, weights))
        candidates = (
            OF_MEDIAN_DEVIATION * _median(distances, weights),
            OF_MEAN_DEVIATION * (distances @ weights / weights.sum()),
        )
        spreads.append(next((spread for spread in candidates if SMALLEST_SPREAD < spread < LARGEST_SPREAD), 1.0))
    return float(np.mean(spreads))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median. If it lies between two values, it is their mean."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    middle = sums[-1] / 2
    lower, upper = values[order[np.searchsorted(sums, middle)]], values[order[np.searchsorted(sums, middle, "right")]]
    return float(lower / 2 + upper / 2)
