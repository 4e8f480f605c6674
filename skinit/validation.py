"""Parameter checks: scikit-learn's, with the nearest valid name added; and checks of users' functions."""

import inspect
from collections.abc import Callable
from difflib import get_close_matches

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    InvalidParameterError,
    Options,
    validate_parameter_constraints,
)


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


class ValidatedEstimator(BaseEstimator):
    """Checks parameters against ``_parameter_constraints`` as scikit-learn does, and says which name was meant."""

    _parameter_constraints: dict = {}

    def _validate_params(self) -> None:
        parameters = self.get_params(deep=False)
        for name, value in parameters.items():
            constraints = self._parameter_constraints.get(name, [])
            try:
                validate_parameter_constraints(
                    {name: constraints} if constraints else {},
                    {name: value},
                    caller_name=type(self).__name__,
                )
            except InvalidParameterError as error:
                names = [
                    option
                    for constraint in constraints
                    if isinstance(constraint, Options)
                    for option in constraint.options
                    if isinstance(option, str)
                ]
                hint = nearest_name_hint(value, names)
                raise InvalidParameterError(f"{error}{hint}") from None


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
