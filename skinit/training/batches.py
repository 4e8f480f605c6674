"""Mini-batches: how many rows they have."""

import warnings


def check_batch_size(estimator, n_samples: int) -> int:
    """The size of mini-batches, which is the number of rows at most."""
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    return min(int(estimator.batch_size), n_samples)
