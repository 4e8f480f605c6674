"""Threads that share the work of compiled calls: their number, their start and their end."""

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
from ..kernels.team import HELPERS, SEND_HOME, WAITED, board_size

# A caller that waits for helpers during more than this fraction of its time would be faster alone.
MOST_WAITING = 0.25
# Seconds of work after which the waiting is judged.
JUDGED_SECONDS = 0.01
# A second thread saves time from this many multiply-adds on, in the forward passes of a phase.
SHARED_MULTIPLY_ADDS = 100_000
# Seconds that a caller works alone after it has waited too long. They double if its next try ends in the same way.
ALONE_SECONDS = 0.1
# The longest time that a caller works alone before it tries helpers again.
MOST_ALONE_SECONDS = 3.0

# The function that returns the number of the current core, if the system has it.
_current_core = getattr(ctypes.CDLL(None), "sched_getcpu", None) if HAS_POSIX else None

# The name of every helper thread.
HELPER_NAME = "skinit helper"

_limit: int | None = None
# Teams in their with blocks. The references are weak, so a team that an exception kept from ending disappears.
_at_work: "WeakSet[Team]" = WeakSet()


def set_num_threads(n_threads: int | None) -> None:
    """Set the largest number of threads that a fit, a prediction or a measurement of curvature may use in this process.

    By default the number is `joblib.cpu_count`, divided by the number of fits that run in the process at the same time,
    and at most ``OMP_NUM_THREADS`` if that is set. On Windows it is 1. Results are the same, to the last bit, for every
    number of threads.

    Parameters
    ----------
    n_threads : int or None
        The largest number, at least 1. None removes this limit.

    Raises
    ------
    ValueError
        If `n_threads` is neither a positive integer nor None.

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
    """The largest number of threads that a single fit, prediction or measurement of curvature may use now.

    Returns
    -------
    n_threads : int
        The smallest of the number of cores, ``OMP_NUM_THREADS`` and the limit from `set_num_threads`. On Windows,
        and in a worker of a pool of processes, it is 1.

    Raises
    ------
    ValueError
        If ``OMP_NUM_THREADS`` is set, and is not a positive integer.

    Examples
    --------
    >>> import skinit
    >>> skinit.set_num_threads(1)
    >>> skinit.get_num_threads()
    1
    >>> skinit.set_num_threads(None)
    """
    omp_num_threads = _omp_num_threads()
    if not HAS_POSIX or multiprocessing.current_process().daemon:
        # Workers of a pool use one thread, as in joblib.
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
    """Make a new thread start on a core other than the core of this thread.

    Otherwise Linux may let it wait for this core for a few milliseconds, which is as long as a small fit takes.
    """
    if not (_current_core and hasattr(os, "sched_setaffinity") and thread.native_id):
        return
    # The thread may have ended already, or the system may not allow the move.
    with suppress(OSError):
        cores = os.sched_getaffinity(thread.native_id)
        others = cores - {_current_core()}
        if others:
            os.sched_setaffinity(thread.native_id, others)
            os.sched_setaffinity(thread.native_id, cores)


def _new_board(n_threads: int) -> np.ndarray:
    return np.zeros(board_size(n_threads), np.int64)


def shared_memory(n_threads: int, job_size: int, n_numbers: int) -> arguments.Team:
    """The memory that `n_threads` threads share: a board, and room for `job_size` integers and `n_numbers` floats."""
    return arguments.Team(_new_board(n_threads), np.zeros(job_size, np.int64), np.zeros(n_numbers))


class Team:
    """Threads that help one thread, the caller, with its compiled calls (see `kernels.team`).

    In a with block, helpers start as soon as there is work. They end with the block.

    Parameters
    ----------
    n_items : int
        The number of items in a phase. The team has at most this many threads.
    n_multiply_adds : int
        The number of multiply-adds in the forward passes of a phase.
    job_size, n_numbers : int
        The numbers of integers and of floats that the caller gives its helpers in each phase.

    Attributes
    ----------
    most_threads : int
        The largest number of threads, including the caller.
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
        # Helpers by their ranks, which start at 1.
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
        """Whether the team is in its with block."""
        return self._caller is not None

    def is_of_this_thread(self) -> bool:
        """Whether the current thread is in the team's with block."""
        return self._caller == threading.get_ident()

    @contextmanager
    def working(self, help: Callable[[int], None]) -> Iterator[None]:
        """Let helpers join the compiled call in the block, unless the caller has waited too long for helpers.

        Parameters
        ----------
        help : callable
            Called by each helper with its rank, which starts at 1. It returns when helpers are sent home.
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
        """If the caller waits too long for helpers, other processes use the cores, so work alone for a while."""
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
            # Helpers that had nothing to do for a long time have left.
            if rank in self._helpers and self._helpers[rank].is_alive():
                continue
            # A daemon, because Python would wait for other threads if it exits in the middle of the caller's work.
            thread = threading.Thread(target=help, args=(rank,), name=HELPER_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system allows no more threads, and the work does not need them.
                return
            self._helpers[rank] = thread
            _move_away(thread)

    def stop(self) -> None:
        """Send all helpers home, and wait until they are gone."""
        # The next helpers get a new board, because a helper that an exception kept from ending still has the old one.
        self.shared.board[HELPERS] = SEND_HOME
        self.shared = self.shared._replace(board=_new_board(self.most_threads))
        while self._helpers:
            _, thread = self._helpers.popitem()
            thread.join()
