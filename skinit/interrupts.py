"""Ctrl-C during long calls of compiled code, and in a fit that is one of many.

scikit-learn's networks answer Ctrl-C with a warning and keep the weights that they have. A search would then continue
with the next fit, and ending it would take one Ctrl-C for each fit.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextvars import copy_context
from types import FrameType
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# scikit-learn's message.
INTERRUPTED_MESSAGE = "Training interrupted by user."
# Searches, cross-validation and ensembles run their fits through this module, in this process or in a worker.
MANY_FITS_MODULE = "joblib.parallel"
# The file name of Python's import system in frames.
IMPORT_FILE = "<frozen importlib._bootstrap>"

# Windows does not interrupt a thread that waits without a timeout.
SIGNAL_POLL_SECONDS = 0.1


def interruptible(
    function: Callable[Parameters, Result], *arguments: Parameters.args, **keywords: Parameters.kwargs
) -> Result:
    """Call a function that may stay in compiled code for long, and answer Ctrl-C at once.

    Python handles signals only in the main thread, between two bytecodes. So a call from the main thread runs the
    function in another thread, while the main thread waits. Ctrl-C ends the wait with KeyboardInterrupt. The function
    still runs to its end, so its output must not be used. Starting a thread takes about 50 microseconds.

    During an import, the function runs in the calling thread, because another thread that imports the same module would
    wait for this import forever.

    Parameters
    ----------
    function : callable
        It must release the GIL while it works.
    *arguments, **keywords
        Arguments of the function.

    Returns
    -------
    result : object
        The return value of the function. Its exceptions are raised here.
    """
    if threading.current_thread() is not threading.main_thread() or _is_importing():
        return function(*arguments, **keywords)
    outcome: Future[Result] = Future()
    # Context variables hold, for example, NumPy's error handling.
    context = copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(function, *arguments, **keywords))
        except BaseException as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name=f"skinit-{getattr(function, '__name__', 'call')}")
    thread.start()
    # Not Thread.join, because in Python 3.11, Ctrl-C during a join marks the thread as finished, and Python would exit
    # while the thread runs.
    while not outcome.done():
        wait([outcome], SIGNAL_POLL_SECONDS)
    return outcome.result()


def _calls() -> Iterator[FrameType]:
    """The active calls in this thread, the most recent first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_importing() -> bool:
    """Whether this thread is importing a module."""
    return any(frame.f_code.co_filename == IMPORT_FILE for frame in _calls())


def is_one_fit_of_many() -> bool:
    """Whether a search, a cross-validation or an ensemble has called this fit.

    Ctrl-C is then meant for all of the fits, so this fit must raise KeyboardInterrupt.
    """
    return any(frame.f_globals.get("__name__") == MANY_FITS_MODULE for frame in _calls())
