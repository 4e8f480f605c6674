"""Ctrl-C while long calls of compiled code run."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Windows does not interrupt a thread that waits without a timeout.
POLL_SECONDS = 0.1


def interruptible(
    function: Callable[Parameters, Result], *arguments: Parameters.args, **keywords: Parameters.kwargs
) -> Result:
    """Call a function that may stay in compiled code for more than a moment, so that Ctrl-C is answered at once.

    Python handles signals in the main thread, between two bytecodes. Called from the main thread, the function runs in
    another thread while the main thread waits. On Ctrl-C the wait ends with KeyboardInterrupt. The function runs on to
    its end, so nobody may use what it writes. Starting a thread takes about 50 microseconds.

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
    if threading.current_thread() is not threading.main_thread():
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
    while thread.is_alive():
        thread.join(POLL_SECONDS)
    return outcome.result()
