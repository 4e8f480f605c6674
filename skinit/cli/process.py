"""Start of the command line's process, and its end by Ctrl-C."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

from . import INTERRUPTED, main
from .cleanup import clean_up

# Longest time for cleanups, such as the table of finished candidates, in seconds.
MOST_SECONDS = 5
# Whether Ctrl-C is ending the process.
_is_ending = threading.Event()


def run() -> NoReturn:
    """Run the command in the arguments of the process, for the console script and ``python -m skinit``."""
    _end_on_interrupt()
    # Pictures go to files, and the user's backend may need a screen or not exist.
    os.environ["MPLBACKEND"] = "agg"
    # Worker processes and joblib's resource tracker should not show warnings to the user.
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        status = main()
    finally:
        if _is_ending.is_set():
            # Errors from here on only say that workers or files are gone. The other thread ends the process.
            threading.Event().wait()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python would try again at exit and print an error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)


def _end_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, whatever it is doing.

    A KeyboardInterrupt would be late while compiled code runs. Code that catches every exception would swallow it:
    callbacks of compilers, imports of extension modules, a `fit` that ends with a warning. Therefore all threads block
    the signal, as do all child processes, which inherit the mask, and one thread waits for it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        # The parent process, for example nohup, has told this process to ignore Ctrl-C.
        return
    if not hasattr(signal, "sigwait"):
        # Windows has no sigwait.
        signal.signal(signal.SIGINT, lambda *_: _end())
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def wait() -> None:
        signal.sigwait([signal.SIGINT])
        threading.Thread(target=end_at_once, daemon=True).start()
        _end()

    def end_at_once() -> None:
        # A second Ctrl-C skips the cleanups.
        signal.sigwait([signal.SIGINT])
        os._exit(INTERRUPTED)

    threading.Thread(target=wait, daemon=True).start()


def _end() -> NoReturn:
    _is_ending.set()
    try:
        # Cleanups may wait forever for a lock that another thread holds.
        cleaning = threading.Thread(target=clean_up, daemon=True)
        cleaning.start()
        cleaning.join(MOST_SECONDS)
        os.write(2, b"skinit: Interrupted.\n")
        _end_workers()
    finally:
        os._exit(INTERRUPTED)


def _end_workers() -> None:
    """Kill all workers, including workers that another thread is just starting or starts again."""
    # If there are workers, joblib has imported multiprocessing.
    processes = sys.modules.get("multiprocessing")
    if processes is None:
        return
    for attempt in range(3):
        if attempt:
            time.sleep(0.1)
        for worker in processes.active_children():
            with suppress(Exception):
                worker.kill()
