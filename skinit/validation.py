"""scikit-learn's parameter checks with the nearest valid name in the message, and checks of users' functions."""

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from numbers import Integral
from typing import ParamSpec, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


# Names in other libraries, with skinit's names for the same functions.
SYNONYMS = {
    "linear": "identity",
    "mae": "absolute_error",
    "mse": "squared_error",
    "pinball": "quantile",
    "sigmoid": "logistic",
    "swish": "silu",
}


class NumberInterval(Interval):
    """scikit-learn's `Interval`, but True, False and numbers too large for a float are outside."""

    def is_satisfied_by(self, value) -> bool:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, self.type):
            return False
        try:
            return (value if self.type is Integral else float(value)) in self
        except OverflowError:
            return False


class SortedNames(StrOptions):
    """scikit-learn's `StrOptions` with the names in alphabetical order in messages."""

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


def nearest_name_hint(name: object, valid_names: Iterable[str]) -> str:
    """The beginning of a message: "Did you mean 'relu'? " for a name like 'rellu', or nothing."""
    if not isinstance(name, str):
        return ""
    # Case is a frequent slip, and 'ReLU' is close to 'relu' only if case is ignored.
    by_folded_name = {valid.casefold(): valid for valid in valid_names}
    folded_name = name.casefold()
    matches = [SYNONYMS[folded_name]] if SYNONYMS.get(folded_name) in by_folded_name else []
    matches = matches or get_close_matches(folded_name, by_folded_name, n=3, cutoff=0.5)
    if not matches:
        return ""
    return f"Did you mean {' or '.join(repr(by_folded_name[m]) for m in matches)}? "


def wrong_name(what: str, name: object, valid_names: Iterable, besides: str = "") -> str:
    """The message about an invalid name: the nearest valid names, all valid names in order, and the invalid name.

    Parameters
    ----------
    what : str
        The subject of the sentence, for example "The initializer".
    name : object
        The invalid name.
    valid_names : iterable
        Strings, or other values that can be sorted.
    besides : str, default=""
        Words about other values that are accepted, besides the names.

    Returns
    -------
    message : str
    """
    valid_names = sorted(valid_names)
    hint = nearest_name_hint(name, [valid for valid in valid_names if isinstance(valid, str)])
    return f"{hint}{what} must be one of {', '.join(map(repr, valid_names))}{besides}, got {name!r}."


def check_parameters(constraints: dict, parameters: dict, caller_name: str) -> None:
    """Check parameters as scikit-learn does, and suggest the nearest valid name.

    Parameters
    ----------
    constraints : dict of str to list
        scikit-learn's constraints by the name of a parameter. Other parameters are not checked.
    parameters : dict of str to object
    caller_name : str
        The function or class that takes the parameters, for the message.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        Both a ValueError and a TypeError. It names the parameter, its value and the accepted values.
    """
    for name, value in parameters.items():
        allowed = [
            SortedNames(each.options) if isinstance(each, StrOptions) else each for each in constraints.get(name, [])
        ]
        try:
            validate_parameter_constraints({name: allowed} if allowed else {}, {name: value}, caller_name=caller_name)
        except InvalidParameterError as error:
            names = [name for each in allowed if isinstance(each, SortedNames) for name in each.options]
            raise InvalidParameterError(f"{nearest_name_hint(value, names)}{error}") from None
        except TypeError as error:
            # scikit-learn compares numbers with NaN, which raises a TypeError for some types, such as fractions.
            raise InvalidParameterError(
                f"The {name!r} parameter of {caller_name} must be an int or a float, got {value!r}."
            ) from error
        if isinstance(value, int) and abs(value) >= 2**1023:
            raise InvalidParameterError(
                f"The {name!r} parameter of {caller_name} must be a number that a float can hold, got an integer of "
                f"{value.bit_length()} bits."
            )


def checks_parameters(constraints: dict) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorate a function so that `check_parameters` checks its keyword arguments."""

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(function)
        def checked(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
            check_parameters(constraints, keywords, function.__qualname__)
            return function(*arguments, **keywords)

        return checked

    return decorate


class ValidatedEstimator(BaseEstimator):
    """Checks parameters against ``_parameter_constraints`` like scikit-learn. Suggests the nearest valid name."""

    _parameter_constraints: dict = {}

    def _validate_params(self) -> None:
        check_parameters(self._parameter_constraints, self.get_params(deep=False), type(self).__name__)

    # scikit-learn's docstring is inherited.
    def set_params(self, **params):
        names = self._get_param_names()
        for key in params:
            name, delimiter, nested = key.partition("__")
            if name not in names:
                advice = f" Call set_{name}()." if hasattr(self, f"set_{name}") else ""
                raise ValueError(
                    f"{nearest_name_hint(name, names)}Invalid parameter {name!r} for estimator {self}.{advice} Valid "
                    f"parameters are: {sorted(names)}."
                )
            value = params.get(name, getattr(self, name))
            if delimiter and not hasattr(value, "set_params"):
                raise ValueError(self._explain_nested(name, value, nested))
        return super().set_params(**params)

    def _explain_nested(self, name: str, value: object, nested: str) -> str:
        """The message about a nested parameter of a value without parameters, with the value to pass instead."""
        objects = self._objects_for(name, value, nested)
        valid_names = objects[0]._get_param_names() if objects else self._get_param_names()
        passed, hint, advice = " or ".join(f"{name}={each!r}" for each in objects), "", ""
        if objects and nested in valid_names:
            advice = f" Pass {passed} to set it."
        else:
            hint = nearest_name_hint(nested, valid_names)
            if valid_names and objects:
                advice = f" Pass {passed} to set one of its parameters, {valid_names}."
        kind = "the name " if isinstance(value, str) else ""
        return (
            f"{hint}{name}__{nested} cannot be set, because {name} is {kind}{value!r}, which has no parameters.{advice}"
        )

    def _objects_for(self, name: str, value: object, nested: str) -> list[BaseEstimator]:
        """Objects to pass instead of `value`, so that the parameter `nested` can be set."""
        return []


def check_takes(function: Callable, arguments: tuple, name: str, expected: str) -> None:
    """Check that a user's function can be called with these positional arguments; ignore keyword-only parameters.

    Raises
    ------
    TypeError
        If its signature does not accept the arguments.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Some compiled functions hide their signature.
        return
    optional = {name: None for name, each in signature.parameters.items() if each.kind is each.KEYWORD_ONLY}
    try:
        signature.bind(*arguments, **optional)
    except TypeError:
        raise TypeError(f"{name} must take the arguments {expected}, got a function of {signature}.") from None
