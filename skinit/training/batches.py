"""The number of rows in a mini-batch."""

from ..user_warnings import warn_user


def check_batch_size(estimator, n_samples: int) -> int:
    """The number of rows in a mini-batch, which is at most the number of all rows."""
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warn_user("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return min(int(estimator.batch_size), n_samples)
