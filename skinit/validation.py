"""Parameter checks: scikit-learn's, with the nearest valid name in front; and checks of users' functions."""

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


class NumberInterval(Interval):
    """scikit-learn's `Interval` without True and False, and of real numbers only those that a float can hold."""

    def is_satisfied_by(self, value) -> bool:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, self.type):
            return False
        try:
            return (value if self.type is Integral else float(value)) in self
        except OverflowError:
            return False


class SortedNames(StrOptions):
    """scikit-learn's `StrOptions`, which lists its names in order."""

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


def nearest_name_hint(name: object, valid_names: Iterable[str]) -> str:
    """ "Did you mean 'relu'? " for a name like 'rellu', or nothing: what a message about the name begins with."""
    if not isinstance(name, str):
        return ""
    # Case is a frequent slip: 'ReLU' is near to 'relu' only without it.
    by_folded_name = {valid.casefold(): valid for valid in valid_names}
    matches = get_close_matches(name.casefold(), by_folded_name, n=3, cutoff=0.5)
    if not matches:
        return ""
    return f"Did you mean {' or '.join(repr(by_folded_name[m]) for m in matches)}? "


def wrong_name(what: str, name: object, valid_names: Iterable, besides: str = "") -> str:
    """The message about a name that is none of the valid ones: the hint first, then all of them in order.

    Parameters
    ----------
    what : str
        What the name is of, with which the sentence begins.
    name : object
        What was given.
    valid_names : iterable
        Strings, or what else can be sorted.
    besides : str, default=""
        What would do besides the names.

    Returns
    -------
    message : str
    """
    valid_names = sorted(valid_names)
    hint = nearest_name_hint(name, [valid for valid in valid_names if isinstance(valid, str)])
    return f"{hint}{what} must be one of {', '.join(map(repr, valid_names))}{besides}, got {name!r}."


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
        allowed = [
            SortedNames(each.options) if isinstance(each, StrOptions) else each for each in constraints.get(name, [])
        ]
        try:
            validate_parameter_constraints({name: allowed} if allowed else {}, {name: value}, caller_name=caller_name)
        except InvalidParameterError as error:
            names = [name for each in allowed if isinstance(each, SortedNames) for name in each.options]
            raise InvalidParameterError(f"{nearest_name_hint(value, names)}{error}") from None
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

    # The documentation is scikit-learn's.
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
        """Why a parameter of something that is no object cannot be set, and what to pass so that it can."""
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
        """Objects to pass in the place of a value, so that their parameter can be set, or the one that a name means."""
        return []


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
