"""The command line: ``skinit``, or ``python -m skinit``."""

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress

from .errors import CommandError, check_optional_packages
from .text import one_line

__all__ = ["main"]

# The exit status after an error.
FAILED = 2
# The exit status after Ctrl-C: 128 plus the number of its signal, which is 2, as shells report it.
INTERRUPTED = 130
# The exit status after the output's reader has closed the pipe: 128 plus the number of its signal, which is 13.
UNREAD = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments. None takes the arguments of the process.

    Returns
    -------
    status : int
        0 after success, 2 after an error (one line on stderr), 130 after Ctrl-C, 141 if the reader of the output has
        closed.
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
        # A reader such as head has closed the pipe.
        return UNREAD
    except OSError as error:
        # Errors in the command's own files are CommandErrors.
        return _fail(f"The output cannot be written: {error.strerror or error}.", FAILED)
    return 0


def _prepare_streams() -> None:
    # In this order, so that each new stream gets the descriptor of the closed one.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    # A terminal without ± should show a question mark, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _run_command(argv: Sequence[str]) -> None:
    # Imported here because these imports take more than a second, and Ctrl-C should be answered before.
    try:
        from .arguments import parse_arguments

        arguments = parse_arguments(argv)
        # An image that only fits and predicts does not need these packages.
        if arguments.command in ("compare", "inspect"):
            check_optional_packages(["matplotlib", "pandas", "rich"])
        if arguments.command == "warmup":
            from .warmup import warmup

            warmup(arguments)
            return
        if arguments.command == "predict":
            check_optional_packages(["pandas"])
            from .predict import predict_file

            predict_file(arguments)
            return
        # With --json, standard output is only for the document, and all other text goes to standard error.
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
        # Flush here, because only Python itself could report an error at exit.
        sys.stdout.flush()


def _fail(message: str, status: int) -> int:
    # If standard error is closed, the status is enough.
    with suppress(OSError):
        print(f"skinit: {one_line(' '.join(message.split()))}", file=sys.stderr, flush=True)
    return status


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Ignore warnings, because their content is in the results.

    Filters alone are not enough. Worker threads set and restore the filters of the process, sometimes interleaved.
    Warnings that pass a filter meanwhile are recorded and not shown.
    """
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield
