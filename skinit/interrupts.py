"""Ctrl-C: how long calls of compiled code are left, and when a fit ends alone.

scikit-learn's estimators answer Ctrl-C with a warning, and return with what they have learned. A search would go on
with the next fit then, so that it takes as many Ctrl-C as there are fits to end it.
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

# scikit-learn's words.
INTERRUPTED = "Training interrupted by user."
# Searches, cross-validation and ensembles run their fits through this module, in this process or in a worker.
MANY_FITS_MODULE = "joblib.parallel"
# Python's own code that imports modules, as a traceback names it.
IMPORT_FILE = "<frozen importlib._bootstrap>"

# Windows does not interrupt a thread that waits without a timeout.
POLL_SECONDS = 0.1


def interruptible(
    function: Callable[Parameters, Result], *arguments: Parameters.args, **keywords: Parameters.kwargs
) -> Result:
    """Call a function that may stay in compiled code for more than a moment, so that Ctrl-C is answered at once.

    Python handles signals in the main thread, between two bytecodes. Called from the main thread, the function runs in
    another thread while the main thread waits. On Ctrl-C the wait ends with KeyboardInterrupt. The function runs on to
    its end, so nobody may use what it writes. Starting a thread takes about 50 microseconds.

    A module that calls while it is imported gets its answer from its own thread, because another one that imported the
    module too would wait for this one.

    Parameters
    ----------
    function : callable
        It must release the GIL while it works.
    *arguments, **keywords
        Its arguments.

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
    # Python 3.11 takes a thread for finished if Ctrl-C ends a join, and would exit while it runs.
    while not outcome.done():
        wait([outcome], POLL_SECONDS)
    return outcome.result()


def _calls() -> Iterator[FrameType]:
    """The calls that are under way in this thread, from the last one on."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_importing() -> bool:
    """Whether this thread imports a module."""
    return any(frame.f_code.co_filename == IMPORT_FILE for frame in _calls())


def is_one_fit_of_many() -> bool:
    """Whether a search, a cross-validation or an ensemble has called this fit.

    A Ctrl-C is then meant for all of its fits, so the fit has to raise KeyboardInterrupt.
    """
    return any(frame.f_globals.get("__name__") == MANY_FITS_MODULE for frame in _calls())
