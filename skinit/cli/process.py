"""The process of the command line: how it begins, and how Ctrl-C ends it."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

from . import INTERRUPTED, main
from .cleanup import clean_up

# How long the table of what is finished may take.
MOST_SECONDS = 5
# Whether Ctrl-C is ending the process.
_is_ending = threading.Event()


def run() -> NoReturn:
    """Run the command that the arguments of the process name: the console script, and ``python -m skinit``."""
    _end_on_interrupt()
    # Pictures go to files. The backend that a user has chosen may need a screen, or not exist.
    os.environ["MPLBACKEND"] = "agg"
    # Worker processes, and the one in which joblib counts what they share, have nothing to say to the user.
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        status = main()
    finally:
        if _is_ending.is_set():
            # An error from now on only says that workers or files are gone. The other thread ends the process.
            threading.Event().wait()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python would try once more at exit, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)


def _end_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, whatever it is at.

    A KeyboardInterrupt would come late while compiled code runs, and not at all where it meets code that takes every
    exception: callbacks of compilers, imports of extension modules, a `fit` that ends with a warning. Here all threads
    and all child processes, which inherit it, block the signal; one thread waits for it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        # Whoever started this process, nohup for example, ignores Ctrl-C.
        return
    if not hasattr(signal, "sigwait"):
        # Windows has nothing to wait with.
        signal.signal(signal.SIGINT, lambda *_: _end())
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def wait() -> None:
        signal.sigwait([signal.SIGINT])
        threading.Thread(target=end_at_once, daemon=True).start()
        _end()

    def end_at_once() -> None:
        # Whoever presses it twice does not want to wait for last words.
        signal.sigwait([signal.SIGINT])
        os._exit(INTERRUPTED)

    threading.Thread(target=wait, daemon=True).start()


def _end() -> NoReturn:
    _is_ending.set()
    try:
        # Another thread may hold what it needs, for good.
        cleaning = threading.Thread(target=clean_up, daemon=True)
        cleaning.start()
        cleaning.join(MOST_SECONDS)
        os.write(2, b"skinit: Interrupted.\n")
        _end_workers()
    finally:
        os._exit(INTERRUPTED)


def _end_workers() -> None:
    """Kill the workers, those too that another thread is about to start, or starts again because the first are gone."""
    # joblib has imported it if there are any.
    processes = sys.modules.get("multiprocessing")
    if processes is None:
        return
    for attempt in range(3):
        if attempt:
            time.sleep(0.1)
        for worker in processes.active_children():
            with suppress(Exception):
                worker.kill()
