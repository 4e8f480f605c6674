"""The command line: ``skinit``, or ``python -m skinit``."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .arguments import parse_arguments
from .errors import CommandError, check_optional_packages

__all__ = ["main"]


class Interrupted(BaseException):
    """Ctrl-C. Not a KeyboardInterrupt, which an estimator takes as the wish to end its own training only."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None: those of the process.

    Returns
    -------
    status : int
        0 if all went well, 2 after an error (one line on stderr), 130 after Ctrl-C.
    """
    # A terminal without ± should show a question mark, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with _interrupts_raised():
            arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
            # An image that is only to fit and predict may do without these packages.
            if arguments.command != "warmup":
                check_optional_packages(["matplotlib", "pandas", "rich"])
            # Here, as these packages take longer to import than --help may take.
            if arguments.command == "inspect":
                from .inspect import inspect

                inspect(arguments)
            elif arguments.command == "warmup":
                from .warmup import warmup

                warmup(arguments)
            else:
                from .compare import compare

                compare(arguments)
    except CommandError as error:
        return _fail(str(error), 2)
    except MemoryError as error:
        return _fail(f"Not enough memory. {error}", 2)
    except (Interrupted, KeyboardInterrupt):
        return _fail("Interrupted.", 130)
    return 0


def _fail(message: str, status: int) -> int:
    print(f"skinit: {' '.join(message.split())}", file=sys.stderr)
    return status


@contextmanager
def _interrupts_raised() -> Iterator[None]:
    """Raise Interrupted on Ctrl-C, where Python lets one choose: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signal_number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
