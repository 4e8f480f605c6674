"""Advice for each finding, phrased for Python or for the command line."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

# Parameters that advice may mention.
ADVISED_PARAMETERS = ("init", "activation", "learning_rate_init")


class Vocabulary(NamedTuple):
    """The phrases of advice that differ between Python and the command line.

    Parameters
    ----------
    write : callable
        Takes the name of a parameter and possible values, and returns a phrase like ``init='hessian' or 'orthogonal'``.
    and_scale : str
        A phrase that adds scaling of features to other advice. Empty if features are scaled already.
    """

    write: Callable[[str, Sequence[str]], str]
    and_scale: str


PYTHON = Vocabulary(
    write=lambda name, values: f"{name}={' or '.join(map(repr, values))}",
    and_scale=", and scale X (StandardScaler)",
)


class _Parameter(NamedTuple):
    """A parameter that a template names together with values, as in ``{init:hessian|orthogonal}``."""

    name: str
    write: Callable[[str, Sequence[str]], str]

    def __format__(self, values: str) -> str:
        return self.write(self.name, values.split("|"))


def phrase(template: str, activations: Sequence, vocabulary: Vocabulary = PYTHON) -> str:
    """Fill in a template of advice.

    Parameters
    ----------
    template : str
        The advice. ``{better_init}`` in it is replaced by an initialization that suits the activations, and
        ``{and_scale}`` by the advice to scale features.
    activations : sequence
        The activations of the hidden layers.
    vocabulary : Vocabulary, default=PYTHON

    Returns
    -------
    advice : str
    """
    words = {name: _Parameter(name, vocabulary.write) for name in ADVISED_PARAMETERS}
    better_init = "{init:hessian} and {activation:tanh}" if "logistic" in activations else "{init:hessian|orthogonal}"
    return template.format(better_init=better_init.format(**words), and_scale=vocabulary.and_scale, **words)
