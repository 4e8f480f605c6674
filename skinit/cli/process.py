"""Starts the process of the command line, and ends it after Ctrl-C."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from glob import glob
from typing import NoReturn

from . import INTERRUPTED, main
from .cleanup import clean_up

# Windows has no SIGKILL, but SIGTERM ends a process at once there.
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
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
    the signal, and one thread waits for it. Child processes inherit the mask, so they block it too.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        # The parent process, for example nohup, has set this process to ignore Ctrl-C.
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
        with suppress(Exception):
            _end_workers()
    finally:
        os._exit(INTERRUPTED)


def _end_workers() -> None:
    """Kill all workers, silently, and leave no way to start others in their place."""
    # If there are workers, joblib has imported multiprocessing.
    processes = sys.modules.get("multiprocessing.process")
    if processes is None:
        return
    # Other threads still run, and might say that workers are lost.
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    # A thread that starts a worker from here on waits until the process ends.
    processes.BaseProcess.start = lambda process: threading.Event().wait()
    killed: set[int | None] = {None, *_trackers()}
    while True:
        # A worker that is just starting becomes a child process in a moment.
        time.sleep(0.2)
        workers = ({worker.pid for worker in list(processes._children)} | _child_processes()) - killed
        if not workers:
            return
        for pid in workers:
            with suppress(OSError):
                os.kill(pid, KILL)
        killed |= workers


def _child_processes() -> set[int]:
    """All child processes where the system lists them, because a worker that is just starting is not registered yet."""
    children: set[int] = set()
    for path in glob("/proc/self/task/*/children"):
        with suppress(OSError, ValueError), open(path) as file:
            children.update(map(int, file.read().split()))
    return children


def _trackers() -> set[int | None]:
    """Processes that clean up after the workers, and end by themselves."""
    names = ("multiprocessing.resource_tracker", "joblib.externals.loky.backend.resource_tracker")
    modules = [sys.modules[name] for name in names if name in sys.modules]
    return {getattr(getattr(module, "_resource_tracker", None), "_pid", None) for module in modules}
