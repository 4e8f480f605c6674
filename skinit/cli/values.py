"""Parsers of option values. Their errors say what an option takes."""

import argparse
from collections.abc import Callable, Sequence

from sklearn.utils._param_validation import InvalidParameterError, Options, make_constraint

from ..base import BaseMultilayerPerceptron
from ..validation import check_parameters, nearest_name_hint, wrong_name
from .schemes import Scheme, parse_scheme, parse_value


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """A parser that accepts one of `names`."""

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(wrong_name("The value", text, names))
        return text

    return parse


def whole_number(low: int, high: float = float("inf")) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`."""
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


def n_jobs(text: str) -> int:
    """Parse a number of jobs for joblib."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number == 0:
        raise argparse.ArgumentTypeError(f"takes a whole number other than 0, got {text!r}")
    return number


def hidden_layer_sizes(text: str) -> tuple[int, ...]:
    """Parse sizes of layers, joined by commas."""
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"takes positive whole numbers joined by commas, one for each hidden layer (such as 100,50), got {text!r}"
        )
    return sizes


def scheme(text: str) -> Scheme:
    """Parse an initialization scheme."""
    try:
        return parse_scheme(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parameter(name: str) -> Callable[[str], object]:
    """A parser of values for a parameter of the estimators, checked by the estimators' constraints."""
    allowed = BaseMultilayerPerceptron._parameter_constraints[name]
    constraints = list(map(make_constraint, allowed))
    names = [option for each in constraints if isinstance(each, Options) for option in each.options]
    takes = " or ".join([*names, *(str(each) for each in constraints if not isinstance(each, Options))])

    def parse(text: str) -> object:
        value = parse_value(text)
        try:
            check_parameters({name: allowed}, {name: value}, "skinit")
        except InvalidParameterError:
            message = f"takes {takes}, got {text!r}. {nearest_name_hint(text, names)}".rstrip()
            raise argparse.ArgumentTypeError(message) from None
        return value

    return parse
