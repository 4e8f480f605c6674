"""Threads that share the work of compiled calls: how many there may be, and their coming and going."""

import ctypes
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from numbers import Integral
from weakref import WeakSet

import joblib
import numpy as np

from ..kernels import arguments
from ..kernels.atomics import HAS_POSIX
from ..kernels.team import HELPERS, STOP, WAITED, board_size

# A caller that waits for others during more than this part of some time would be faster alone.
MOST_WAITING, JUDGED_SECONDS = 0.25, 0.01
# Multiply-adds that the rows of a phase take on their way forwards from which another thread pays.
SHARED_MULTIPLY_ADDS = 100_000
# Seconds that work then goes on alone, at first and at most: they double each time.
ALONE_SECONDS, MOST_ALONE_SECONDS = 0.1, 3.0

# The number of the core that a thread runs on, where the system tells.
_current_core = getattr(ctypes.CDLL(None), "sched_getcpu", None) if HAS_POSIX else None

# The name of every helper.
NAME = "skinit helper"

_limit: int | None = None
# Teams in their with blocks. One whose end an exception has prevented is gone when nobody holds it any more.
_at_work: "WeakSet[Team]" = WeakSet()


def set_num_threads(n_threads: int | None) -> None:
    """Set the most threads that a fit, a prediction or a measurement of curvature may use in this process.

    By default they use as many as `joblib.cpu_count` gives, divided by the number of fits under way in the process, and
    at most ``OMP_NUM_THREADS`` if that is set. Results do not depend on the number of threads, down to the last bit.

    Parameters
    ----------
    n_threads : int or None
        At least 1. None: no limit of this kind.

    Raises
    ------
    ValueError
        If it is not a positive integer or None.

    Examples
    --------
    >>> import skinit
    >>> skinit.set_num_threads(1)
    >>> skinit.get_num_threads()
    1
    >>> skinit.set_num_threads(None)
    """
    global _limit
    is_number = isinstance(n_threads, Integral) and not isinstance(n_threads, bool)
    if n_threads is not None and not (is_number and n_threads >= 1):
        raise ValueError(f"n_threads must be an integer of at least 1, or None for no limit, got {n_threads!r}.")
    _limit = None if n_threads is None else int(n_threads)


def get_num_threads() -> int:
    """The most threads that a fit, a prediction or a measurement of curvature may use now, if it is alone.

    Returns
    -------
    n_threads : int
        The least of the cores that there are, of ``OMP_NUM_THREADS`` and of what `set_num_threads` was told; 1 in a
        worker of a pool of processes.

    Raises
    ------
    ValueError
        If ``OMP_NUM_THREADS`` is set, and is not a positive integer.

    Examples
    --------
    >>> import skinit
    >>> skinit.get_num_threads() >= 1
    True
    """
    omp_num_threads = _omp_num_threads()
    if not HAS_POSIX or multiprocessing.current_process().daemon:
        # Workers of a pool, as for joblib, which starts nothing in them.
        return 1
    limits = [joblib.cpu_count(), _limit, omp_num_threads]
    return max(1, min(limit for limit in limits if limit is not None))


def _omp_num_threads() -> int | None:
    value = os.environ.get("OMP_NUM_THREADS", "").strip()
    if not value:
        return None
    # OpenMP takes a number for each level of nesting.
    first = value.split(",")[0].strip()
    if not (first.isascii() and first.isdigit() and int(first) >= 1):
        raise ValueError(f"OMP_NUM_THREADS must be an integer of at least 1, got {value!r}.")
    return int(first)


def _forget_other_threads() -> None:
    for team in list(_at_work):
        if not team.is_of_this_thread():
            _at_work.discard(team)


# A forked process has only the thread that forked.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def _move_away(thread: threading.Thread) -> None:
    """Have a new thread begin on another core than this thread's.

    Linux may leave it waiting for this core for some milliseconds, which is as long as a small fit takes.
    """
    if not (_current_core and hasattr(os, "sched_setaffinity") and thread.native_id):
        return
    # It may have ended already, or the system may not allow it.
    with suppress(OSError):
        cores = os.sched_getaffinity(thread.native_id)
        others = cores - {_current_core()}
        if others:
            os.sched_setaffinity(thread.native_id, others)
            os.sched_setaffinity(thread.native_id, cores)


def _new_board(n_threads: int) -> np.ndarray:
    return np.zeros(board_size(n_threads), np.int64)


def shared_memory(n_threads: int, job_size: int, n_numbers: int) -> arguments.Team:
    """The memory that so many threads share, and so many numbers that the caller tells in each phase."""
    return arguments.Team(_new_board(n_threads), np.zeros(job_size, np.int64), np.zeros(n_numbers))


class Team:
    """Threads that help one thread, the caller, with its compiled calls, see `kernels.team`.

    In a with block helpers come as soon as there is work; after it they are gone.

    Parameters
    ----------
    n_items : int
        Items of a phase, of which a thread takes one at least.
    n_multiply_adds : int
        Work of the rows of a phase on their way forwards.
    job_size, n_numbers : int
        Numbers of integers and of floats that the caller tells its helpers in each phase.

    Attributes
    ----------
    most_threads : int
        Threads that there may be, the caller among them.
    shared : arguments.Team
        The memory that they share.

    Raises
    ------
    ValueError
        If ``OMP_NUM_THREADS`` is not a positive integer.
    """

    def __init__(self, n_items: int, n_multiply_adds: int, job_size: int, n_numbers: int) -> None:
        self._n_threads = get_num_threads()
        self.most_threads = min(n_items, self._n_threads) if n_multiply_adds >= SHARED_MULTIPLY_ADDS else 1
        self.shared = shared_memory(self.most_threads, job_size, n_numbers)
        # By their ranks, from 1 on.
        self._helpers: dict[int, threading.Thread] = {}
        self._caller: int | None = None
        self._seconds = self._waited = 0.0
        self._alone_until = 0.0
        self._alone_seconds = ALONE_SECONDS

    def __enter__(self) -> "Team":
        self._caller = threading.get_ident()
        _at_work.add(self)
        return self

    def __exit__(self, *exception) -> None:
        self._caller = None
        try:
            self.stop()
        finally:
            _at_work.discard(self)

    def is_open(self) -> bool:
        """Whether it is in its with block."""
        return self._caller is not None

    def is_of_this_thread(self) -> bool:
        """Whether this is the thread that is in the with block."""
        return self._caller == threading.get_ident()

    @contextmanager
    def working(self, help: Callable[[int], None]) -> Iterator[None]:
        """Around a compiled call: see to it that as many others help as are of use.

        Parameters
        ----------
        help : callable
            Called by each helper with its rank, from 1 on. Returns when helpers are sent home.
        """
        board, began = self.shared.board, time.perf_counter()
        n_helpers = 0
        if self.is_open() and began >= self._alone_until:
            n_helpers = min(self.most_threads, max(1, self._n_threads // len(_at_work))) - 1
        board[HELPERS], board[WAITED] = n_helpers, 0
        self._grow(n_helpers, help)
        yield
        if n_helpers > 0:
            self._judge(time.perf_counter() - began, board[WAITED] * 1e-9)

    def _judge(self, seconds: float, waited: float) -> None:
        """Go on alone for a while where helpers are waited for too long, because other processes need the cores."""
        self._seconds += seconds
        self._waited += waited
        if self._seconds < JUDGED_SECONDS:
            return
        if self._waited > MOST_WAITING * self._seconds:
            self._alone_until = time.perf_counter() + self._alone_seconds
            self._alone_seconds = min(2 * self._alone_seconds, MOST_ALONE_SECONDS)
        else:
            self._alone_seconds = ALONE_SECONDS
        self._seconds = self._waited = 0.0

    def _grow(self, n_helpers: int, help: Callable[[int], None]) -> None:
        for rank in range(1, n_helpers + 1):
            # Helpers that have had nothing to do for long have left.
            if rank in self._helpers and self._helpers[rank].is_alive():
                continue
            # A daemon, because it never ends if the interpreter ends with the caller halfway through its work.
            thread = threading.Thread(target=help, args=(rank,), name=NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system has no more threads, and the work can do without.
                return
            self._helpers[rank] = thread
            _move_away(thread)

    def stop(self) -> None:
        """Send all helpers home, and wait until they are gone."""
        # On a board of its own, so that nobody takes a helper back whose end an exception has left behind.
        self.shared.board[HELPERS] = STOP
        self.shared = self.shared._replace(board=_new_board(self.most_threads))
        while self._helpers:
            _, thread = self._helpers.popitem()
            thread.join()
