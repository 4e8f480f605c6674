"""Initialization schemes on the command line: a name, optional parameters, and the optional suffix "+auto"."""

from collections.abc import Iterable
from typing import NamedTuple

from ..initializers import get_initializer, get_initializer_names
from ..validation import nearest_name_hint, wrong_name

# The suffix of a scheme that trains with the automatic learning rate.
AUTOMATIC = "+auto"
# The syntax of a scheme, for messages.
SYNTAX = f"NAME[:PARAMETER=VALUE[,PARAMETER=VALUE]][{AUTOMATIC}]"


class Scheme(NamedTuple):
    """An initialization scheme.

    Parameters
    ----------
    text : str
        The scheme as typed.
    parameters : dict of str to object
        The parameters that it stands for: `init`, and `learning_rate_init` if the learning rate is automatic.
    """

    text: str
    parameters: dict[str, object]

    @property
    def is_automatic(self) -> bool:
        """Whether the scheme has the automatic learning rate."""
        return "learning_rate_init" in self.parameters


def parse_scheme(text: str) -> Scheme:
    """Parse a scheme, such as ``random:std=0.1`` or ``hessian+auto``.

    Parameters
    ----------
    text : str

    Returns
    -------
    scheme : Scheme

    Raises
    ------
    ValueError
        If the scheme or its parameter does not exist, or if the value is invalid.
    """
    name, colon, assignments = text.removesuffix(AUTOMATIC).partition(":")
    names = get_initializer_names()
    if name not in names:
        near = [each + AUTOMATIC for each in names] if "+" in name else names
        raise ValueError(
            f"{nearest_name_hint(name, near)}A scheme must be one of {', '.join(map(repr, names))}, got {name!r}."
        )
    init: object = name
    if colon:
        initializer = get_initializer(name)
        # "auto" stands for a scheme whose parameters depend on the activation.
        known = [] if name == "auto" else list(initializer.get_params(deep=False))
        initializer.set_params(**_parse_parameters(name, assignments, known))
        initializer._validate_params()
        init = initializer
    return Scheme(text, {"init": init} | ({"learning_rate_init": "auto"} if text.endswith(AUTOMATIC) else {}))


def _parse_parameters(name: str, assignments: str, known: list[str]) -> dict[str, object]:
    if not known:
        raise ValueError(f"{name!r} has no parameters, got {assignments!r}")
    parameters: dict[str, object] = {}
    for assignment in assignments.split(","):
        parameter, equals, value = assignment.partition("=")
        if not equals:
            raise ValueError(f"takes {SYNTAX}, got {assignment!r} among the parameters of {name!r}")
        if parameter not in known:
            raise ValueError(wrong_name(f"A parameter of {name!r}", parameter, known))
        if parameter in parameters:
            raise ValueError(f"{parameter!r} is given twice to {name!r}")
        parameters[parameter] = parse_value(value)
    return parameters


def parse_value(text: str) -> int | float | str:
    """Parse a whole number or a number, or return the text itself.

    Parameters
    ----------
    text : str

    Returns
    -------
    value : int, float or str
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def distinct_schemes(schemes: Iterable[Scheme]) -> list[Scheme]:
    """Remove schemes that have the same meaning as an earlier one.

    Parameters
    ----------
    schemes : iterable of Scheme

    Returns
    -------
    schemes : list of Scheme
    """
    by_meaning: dict[str, Scheme] = {}
    for scheme in schemes:
        by_meaning.setdefault(repr(scheme.parameters), scheme)
    return list(by_meaning.values())
