"""How far the targets of a regression scatter, measured so that a few far ones do not matter."""

import numpy as np

from .engine.data import TrainingData

# The standard deviation of a normal distribution by its median and its mean absolute deviation.
OF_MEDIAN_DEVIATION, OF_MEAN_DEVIATION = 1.4826, 1.2533
# A spread outside of these bounds is taken for none: in float32 its inverse may overflow.
SMALLEST, LARGEST = 1e-30, 1e30


def target_spread(data: TrainingData) -> float:
    r"""The median absolute deviation from the median, times 1.4826: the standard deviation of normal targets.

    Where more than half of the targets are equal, it is the mean absolute deviation times 1.2533, and where all are, 1.
    Of several columns of targets it is the mean. A negative weight counts as zero.

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
        spreads.append(next((spread for spread in candidates if SMALLEST < spread < LARGEST), 1.0))
    return float(np.mean(spreads))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median; where it is between two values, their mean."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    middle = sums[-1] / 2
    lower, upper = values[order[np.searchsorted(sums, middle)]], values[order[np.searchsorted(sums, middle, "right")]]
    return float(lower / 2 + upper / 2)
