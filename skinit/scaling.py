"""A warning about data whose columns need scaling."""

import numpy as np

from .user_warnings import warn_user

# Roughly the largest number of values to examine, in rows spread over all of X.
NUMBERS = 50_000
# Warn if a column is this many times larger than another, both by the root mean square and by the largest magnitude.
# Standardized columns are equal by the first measure, and columns of zeros and ones by the second, however rare the
# ones are.
RATIO = 100.0

_has_warned = False


class DataNotScaledWarning(UserWarning):
    """Columns of X differ by orders of magnitude, so the network learns only from the largest.

    The warning is given once in each process.

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
    # Most data need only this one pass.
    if not largest.size or not largest.max() / RATIO > largest.min():
        return
    # Columns are divided by their largest magnitude first, because squares may overflow.
    sizes = largest * np.sqrt(np.mean((some[:, seen] / largest) ** 2, axis=0))
    if sizes.max() / RATIO > sizes.min():
        _has_warned = True
        columns = np.flatnonzero(seen)
        high, low = int(columns[sizes.argmax()]), int(columns[sizes.argmin()])
        warn_user(
            f"Columns of X differ by orders of magnitude (column {high} is of size {sizes.max():.3g}, column {low} of "
            f"size {sizes.min():.3g}), so the network learns only from the largest. Scale X, for example by "
            "make_pipeline(StandardScaler(), network).",
            DataNotScaledWarning,
        )
