"""What to try, in the words of Python or of the command line."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

# Parameters that advice may name.
PARAMETERS = ("init", "activation", "learning_rate_init")


class Vocabulary(NamedTuple):
    """Words for what a user does.

    Parameters
    ----------
    write : callable
        Of the name of a parameter and of values to choose from, ``init='hessian' or 'orthogonal'``.
    and_scale : str
        How features are scaled, besides something else; nothing if they are.
    """

    write: Callable[[str, Sequence[str]], str]
    and_scale: str


PYTHON = Vocabulary(
    write=lambda name, values: f"{name}={' or '.join(map(repr, values))}",
    and_scale=", and scale X (StandardScaler)",
)


class _Parameter(NamedTuple):
    """In a template, ``{init:hessian|orthogonal}`` is a parameter with values to choose from."""

    name: str
    write: Callable[[str, Sequence[str]], str]

    def __format__(self, values: str) -> str:
        return self.write(self.name, values.split("|"))


def phrase(template: str, activations: Sequence, vocabulary: Vocabulary = PYTHON) -> str:
    """Advice in words.

    Parameters
    ----------
    template : str
        ``{better_init}`` stands for what suits the activations, ``{and_scale}`` for scaling.
    activations : sequence
        Of hidden layers.
    vocabulary : Vocabulary, default=PYTHON

    Returns
    -------
    advice : str
    """
    words = {name: _Parameter(name, vocabulary.write) for name in PARAMETERS}
    better_init = "{init:hessian} and {activation:tanh}" if "logistic" in activations else "{init:hessian|orthogonal}"
    return template.format(better_init=better_init.format(**words), and_scale=vocabulary.and_scale, **words)
