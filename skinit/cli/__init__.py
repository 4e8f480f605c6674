"""The command line: ``skinit``, or ``python -m skinit``."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress

from .errors import CommandError, check_optional_packages
from .text import one_line

__all__ = ["main"]

# Exit statuses. After a signal shells report 128 and its number: 2 for Ctrl-C, 13 for output that nobody reads.
FAILED, INTERRUPTED, UNREAD = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None: those of the process.

    Returns
    -------
    status : int
        0 if all went well, 2 after an error (one line on stderr), 130 after Ctrl-C, 141 if nobody reads the output.
    """
    _prepare_streams()
    try:
        with _no_warnings():
            _run_command(sys.argv[1:] if argv is None else argv)
    except CommandError as error:
        return _fail(str(error), FAILED)
    except MemoryError as error:
        return _fail(f"Not enough memory. {error}", FAILED)
    except KeyboardInterrupt:
        return _fail("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # A reader such as head has seen enough.
        return UNREAD
    except OSError as error:
        # Of files that the command reads and writes there are errors of its own.
        return _fail(f"The output cannot be written: {error.strerror or error}.", FAILED)
    return 0


def _prepare_streams() -> None:
    # In this order, so that each takes the place that the closed one has left.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    # A terminal without ± should show a question mark, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _run_command(argv: Sequence[str]) -> None:
    # Imported here: what follows takes more than a second, and Ctrl-C should be answered before.
    try:
        from .arguments import parse_arguments

        arguments = parse_arguments(argv)
        # An image that is only to fit and predict may do without these packages.
        if arguments.command in ("compare", "inspect"):
            check_optional_packages(["matplotlib", "pandas", "rich"])
        if arguments.command == "warmup":
            from .warmup import warmup

            warmup(arguments)
            return
        if arguments.command == "predict":
            check_optional_packages(["pandas", "skops"])
            from .predict import predict_file

            predict_file(arguments)
            return
        # Where standard output is for the document alone, the rest goes to standard error.
        with redirect_stdout(sys.stderr) if arguments.json else nullcontext():
            if arguments.command == "inspect":
                from .inspect import inspect

                document = inspect(arguments)
            else:
                from .compare import compare

                document = compare(arguments)
        if arguments.json:
            from .documents import to_json

            print(to_json(document))
    finally:
        # Of errors that come at exit only Python itself could tell.
        sys.stdout.flush()


def _fail(message: str, status: int) -> int:
    # If nobody listens, the status tells.
    with suppress(OSError):
        print(f"skinit: {one_line(' '.join(message.split()))}", file=sys.stderr, flush=True)
    return status


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Ignore warnings: what they say is in the results.

    Filters alone would not do. Each worker thread sets and restores those of the process, at times in between those of
    another; what a filter lets through then is recorded, not shown.
    """
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield
