"""The parameter `dropout`: one probability, or one for each hidden layer."""

from numbers import Real

import numpy as np


def check_dropout(dropout, n_hidden: int) -> list[float]:
    """The probability with which a step leaves out a unit of each hidden layer.

    Raises
    ------
    ValueError
        If it is not one number in [0, 1), or one for each hidden layer.
    """
    rates = list(dropout) if np.iterable(dropout) else [dropout] * n_hidden
    takes = f"dropout must be a number in [0, 1), or a list of {n_hidden}, one for each hidden layer, got {dropout!r}."
    if len(rates) != n_hidden:
        raise ValueError(takes)
    for rate in rates:
        # NaN is not in range either.
        if isinstance(rate, (bool, np.bool)) or not isinstance(rate, Real) or not 0 <= float(rate) < 1:
            raise ValueError(takes)
    return [float(rate) for rate in rates]
