"""Values of arguments: how they are read, and what is said of wrong ones."""

import argparse
from collections.abc import Callable, Sequence

from ..validation import nearest_name_hint


def parse_name(names: Sequence[str]) -> Callable[[str], str]:
    """Make a reader of names.

    Parameters
    ----------
    names : sequence of str
        The names that it takes.

    Returns
    -------
    parse : callable
        It raises an ArgumentTypeError with the nearest name for others.
    """

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(
                f"unknown name {text!r}.{nearest_name_hint(text, names)} It takes {', '.join(sorted(names))}"
            )
        return text

    return parse


def parse_whole_number(low: int, high: float = float("inf")) -> Callable[[str], int]:
    """Make a reader of whole numbers.

    Parameters
    ----------
    low, high : float
        The least and the greatest number that it takes.

    Returns
    -------
    parse : callable
        It raises an ArgumentTypeError for anything else.
    """
    takes = f"a whole number from {low}" + ("" if high == float("inf") else f" to {high}")

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"takes {takes}, got {text!r}")
        return number

    return parse


def parse_n_jobs(text: str) -> int:
    """Read a number of workers.

    Parameters
    ----------
    text : str

    Returns
    -------
    n_jobs : int
        As joblib takes it.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is 0 or not a whole number.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number == 0:
        raise argparse.ArgumentTypeError(f"takes a whole number other than 0, got {text!r}")
    return number


def parse_hidden_layer_sizes(text: str) -> tuple[int, ...]:
    """Read hidden layers: '100,50'.

    Parameters
    ----------
    text : str

    Returns
    -------
    sizes : tuple of int

    Raises
    ------
    argparse.ArgumentTypeError
        If a size is not a positive whole number.
    """
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"takes positive whole numbers joined by commas, one for each hidden layer (100,50 say), got {text!r}"
        )
    return sizes
