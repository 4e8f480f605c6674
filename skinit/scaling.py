"""A hint at data whose columns need scaling."""

import numpy as np

from .user_warnings import warn_user

# Numbers that are looked at, in rows spread over all of them.
NUMBERS = 50_000
# How many times as large as another a column must be, by the root of the mean square and by the largest magnitude.
# Standardized columns are equal by the first, columns of zeros and ones by the second, however rare the ones are.
RATIO = 100.0
_has_warned = False


class DataNotScaledWarning(UserWarning):
    """Columns of X differ by orders of magnitude, so that the largest decide alone what the network learns.

    It is given once in a process.

    Examples
    --------
    >>> import warnings
    >>> from skinit import DataNotScaledWarning
    >>> warnings.simplefilter("ignore", DataNotScaledWarning)
    """


def warn_of_unscaled(X: np.ndarray) -> None:
    """Warn, once in a process, if columns of a dense X differ by orders of magnitude."""
    global _has_warned
    if _has_warned or len(X) < 2:
        return
    some = X[:: -(-X.size // NUMBERS)]
    magnitudes = np.abs(some).max(axis=0).astype(np.float64)
    seen = magnitudes > 0
    largest = magnitudes[seen]
    # Most data end here, after one pass.
    if not largest.size or not largest.max() > RATIO * largest.min():
        return
    # Divided by the largest first, because squares may overflow.
    sizes = largest * np.sqrt(np.mean((some[:, seen] / largest) ** 2, axis=0))
    if sizes.max() > RATIO * sizes.min():
        _has_warned = True
        columns = np.flatnonzero(seen)
        high, low = int(columns[sizes.argmax()]), int(columns[sizes.argmin()])
        warn_user(
            f"Columns of X differ by orders of magnitude (column {high} is of size {sizes.max():.3g}, column {low} of "
            f"size {sizes.min():.3g}), so that the network learns from the largest only. Scale X, for example by "
            "make_pipeline(StandardScaler(), network).",
            DataNotScaledWarning,
        )
