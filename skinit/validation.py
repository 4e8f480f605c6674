"""Parameter checks: scikit-learn's, with the nearest valid name added."""

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
