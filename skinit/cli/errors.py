"""Errors that a user of the command line can fix."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


class CommandError(Exception):
    """An error with a one-line message that says what is wrong and what to do. The command ends with status 2."""


def check_optional_packages(names: Sequence[str]) -> None:
    """Check that packages of the extra `cli` are installed, without importing them.

    Parameters
    ----------
    names : sequence of str

    Raises
    ------
    CommandError
        If a package is missing.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise CommandError(f"The command line needs {' and '.join(missing)}: pip install 'skinit[cli]'")


@contextmanager
def errors_of_file(option: str, path: Path) -> Iterator[None]:
    """Turn errors of the file system into errors about an option of the command line.

    Parameters
    ----------
    option : str
        The option with the file or folder to which the block writes.
    path : Path
        The value of the option.

    Raises
    ------
    CommandError
        For each OSError, except a BrokenPipeError.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"{option} '{path}' cannot be written to: {error.strerror or error}.") from None
