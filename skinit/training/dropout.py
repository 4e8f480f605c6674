"""The parameter `dropout`: one probability, or one for each hidden layer."""

from numbers import Real

import numpy as np

from ..validation import NumberInterval


def check_dropout(dropout, n_hidden: int) -> list[float]:
    """For each hidden layer, the probability that a step leaves out a unit.

    Raises
    ------
    ValueError
        If `dropout` is not one number in [0, 1), or a list of one for each hidden layer.
    """
    rates = list(dropout) if np.iterable(dropout) else [dropout] * n_hidden
    takes = f"dropout must be a number in [0, 1), or a list of {n_hidden}, one for each hidden layer, got {dropout!r}."
    if len(rates) != n_hidden:
        raise ValueError(takes)
    if not all(map(NumberInterval(Real, 0, 1, closed="left").is_satisfied_by, rates)):
        raise ValueError(takes)
    return [float(rate) for rate in rates]
