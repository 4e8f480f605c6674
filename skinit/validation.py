"""Parameter checks: scikit-learn's, with the nearest valid name added; and checks of users' functions."""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from numbers import Integral
from typing import ParamSpec, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    validate_parameter_constraints,
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class NumberInterval(Interval):
    """scikit-learn's `Interval` without True and False, and of real numbers only those that a float can hold."""

    def is_satisfied_by(self, value) -> bool:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, self.type):
            return False
        try:
            return (value if self.type is Integral else float(value)) in self
        except OverflowError:
            return False


def nearest_name_hint(name: object, valid_names) -> str:
    """ " Did you mean 'relu'?" for a name like 'rellu', or nothing."""
    if not isinstance(name, str):
        return ""
    # Case is a frequent slip: 'ReLU' is near to 'relu' only without it.
    by_folded_name = {valid.casefold(): valid for valid in valid_names}
    matches = get_close_matches(name.casefold(), by_folded_name, n=3, cutoff=0.5)
    if not matches:
        return ""
    return f" Did you mean {' or '.join(repr(by_folded_name[m]) for m in matches)}?"


def check_parameters(constraints: dict, parameters: dict, caller_name: str) -> None:
    """Check parameters as scikit-learn does, and say which name was meant.

    Parameters
    ----------
    constraints : dict of str to list
        scikit-learn's, by the name of a parameter. Parameters that are not in it are not checked.
    parameters : dict of str to object
    caller_name : str
        The function or class that takes the parameters.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        A ValueError and TypeError that names the parameter, what it got and what it takes.
    """
    for name, value in parameters.items():
        allowed = constraints.get(name, [])
        try:
            validate_parameter_constraints({name: allowed} if allowed else {}, {name: value}, caller_name=caller_name)
        except InvalidParameterError as error:
            names = [
                option
                for constraint in allowed
                if isinstance(constraint, Options)
                for option in constraint.options
                if isinstance(option, str)
            ]
            raise InvalidParameterError(f"{error}{nearest_name_hint(value, names)}") from None
        except TypeError as error:
            # scikit-learn compares fractions with NaN.
            raise InvalidParameterError(
                f"The {name!r} parameter of {caller_name} must be an int or a float, got {value!r}."
            ) from error
        if isinstance(value, int) and abs(value) >= 2**1023:
            raise InvalidParameterError(
                f"The {name!r} parameter of {caller_name} must be a number that a float can hold, got an integer of "
                f"{value.bit_length()} bits."
            )


def checks_parameters(constraints: dict) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorator: `check_parameters` of what a function is given by keyword."""

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(function)
        def checked(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            check_parameters(constraints, keywords, function.__qualname__)
            return function(*arguments, **keywords)

        return checked

    return decorate


class ValidatedEstimator(BaseEstimator):
    """Checks parameters against ``_parameter_constraints`` as scikit-learn does, and says which name was meant."""

    _parameter_constraints: dict = {}

    def _validate_params(self) -> None:
        check_parameters(self._parameter_constraints, self.get_params(deep=False), type(self).__name__)


def check_takes(function: Callable, arguments: tuple, name: str, expected: str) -> None:
    """Check that a user's function can be called with these positional arguments; keyword-only ones do not count.

    Raises
    ------
    TypeError
        If its signature says that it cannot.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Some compiled functions do not tell their signature.
        return
    optional = {name: None for name, each in signature.parameters.items() if each.kind is each.KEYWORD_ONLY}
    try:
        signature.bind(*arguments, **optional)
    except TypeError:
        raise TypeError(f"{name} must take the arguments {expected}, got a function of {signature}.") from None
