"""Errors that a user of the command line can do something about."""

from collections.abc import Sequence
from importlib.util import find_spec


class CommandError(Exception):
    """What is wrong and what to do, in one line; the command ends with status 2."""


def check_optional_packages(names: Sequence[str]) -> None:
    """Check that packages of the extra `cli` are installed, without importing them.

    Parameters
    ----------
    names : sequence of str

    Raises
    ------
    CommandError
        If one is missing.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise CommandError(f"The command line needs {' and '.join(missing)}: pip install 'skinit[cli]'")
