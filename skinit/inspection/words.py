"""Layers, activations and numbers in words."""

from collections.abc import Sequence

import numpy as np


def describe_layers(layers: np.ndarray) -> str:
    """Layers in words: 'layer 3', 'layers 0 to 4 and 7'.

    Parameters
    ----------
    layers : ndarray of int
        In ascending order.

    Returns
    -------
    description : str
    """
    parts: list[str] = []
    for run in np.split(layers, np.flatnonzero(np.diff(layers) > 1) + 1):
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    *others, last = parts
    return f"layer{'s' if len(layers) > 1 else ''} {', '.join(others)}{' and ' if others else ''}{last}"


def describe_activations(activations: Sequence) -> str:
    """Activations of hidden layers in words: 'relu' if all are equal, otherwise 'relu, relu and tanh'.

    Parameters
    ----------
    activations : sequence
        The activation of each hidden layer, in order.

    Returns
    -------
    description : str
    """
    names = list(map(str, activations))
    if len(set(names)) <= 1:
        return names[0] if names else "no activation"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def describe_number(number: float) -> str:
    """A number with two digits, or with one digit and a power of ten if it is far from 1: '0.25', '12', '3e6'.

    Parameters
    ----------
    number : float

    Returns
    -------
    description : str
    """
    if 0.01 <= number < 1000:
        return f"{float(f'{number:.2g}'):g}"
    return f"{number:.0e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def up_to(layers: np.ndarray, number: float) -> str:
    """The maximum over layers in words, which begins with 'up to' if there are several layers."""
    return f"{'up to ' if len(layers) > 1 else ''}{describe_number(number)}"
