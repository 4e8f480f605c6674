"""Cleanups that run before Ctrl-C ends the process of the command line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_cleanups: list[Callable[[], object]] = []


@contextmanager
def cleaned_up(cleanup: Callable[[], object]) -> Iterator[None]:
    """Call `cleanup` if Ctrl-C ends the process during the block.

    Parameters
    ----------
    cleanup : callable
        Called without arguments, in another thread. No finally clause of the block runs after it.
    """
    _cleanups.append(cleanup)
    try:
        yield
    finally:
        _cleanups.remove(cleanup)


def clean_up() -> None:
    """Call the cleanups of all active blocks, the last first."""
    for cleanup in reversed(_cleanups):
        with suppress(Exception):
            cleanup()
