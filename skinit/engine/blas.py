"""How many threads BLAS may use, which is a property of the whole process.

Training, prediction and curvature have products and threads of their own. What is left to BLAS are products of NumPy's
and SciPy's, of which small ones are slower on two threads than on one, and whose threads spin for a while when there is
nothing to do, on cores that others need. `blas_threads` holds BLAS to one thread while they multiply small matrices, in
however many threads at once, and gives back what it found when the last is done.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

# Multiply-adds of a product of NumPy's from which a second thread pays.
SINGLE_THREAD_BELOW = 4_000_000
# Multiply-adds below which OpenBLAS never takes a second thread (interface/gemv.c; gemm.c has a higher bound), so that
# there is nothing to hold; holding takes as long as the rest of a prediction of one row.
NEVER_THREADED_BELOW = 9_216

_lock = threading.Lock()
# The thread of each block that holds BLAS to one thread.
_holders: list[int] = []
_threads_before: list[int] = []


@cache
def _libraries() -> list:
    """The BLAS libraries of the process; numpy and scipy bring one each."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_num_threads(library, n_threads: int) -> None:
    """Set the number of threads from whichever thread this is.

    threadpoolctl lets only the first thread that asks do so, and ignores the others. Here the lock and the count of
    holders see to it that threads do not undo each other's settings.
    """
    clear_controlling_thread = getattr(library, "clear_controlling_thread", lambda force: None)
    clear_controlling_thread(force=True)
    library.set_num_threads(n_threads)
    clear_controlling_thread(force=True)


def _give_back() -> None:
    """Set the numbers of threads that the first holder found."""
    for library, n_threads in zip(_libraries(), _threads_before, strict=True):
        _set_num_threads(library, n_threads)


@contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Hold BLAS to one thread if `largest_product` (in multiply-adds) is too small for two."""
    with one_blas_thread(largest_product if largest_product < SINGLE_THREAD_BELOW else 0):
        yield


@contextmanager
def one_blas_thread(largest_product: int) -> Iterator[None]:
    """Hold BLAS to one thread, unless `largest_product` (in multiply-adds) is too small for BLAS to take another."""
    if largest_product < NEVER_THREADED_BELOW:
        yield
        return
    holder = threading.get_ident()
    with _lock:
        if not _holders:
            _threads_before[:] = [library.num_threads for library in _libraries()]
            for library in _libraries():
                _set_num_threads(library, 1)
        _holders.append(holder)
    try:
        yield
    finally:
        with _lock:
            _holders.remove(holder)
            if not _holders:
                _give_back()


def _forget_other_threads() -> None:
    """Give back in a forked process what only threads of its parent held."""
    others = [holder for holder in _holders if holder != threading.get_ident()]
    for holder in others:
        _holders.remove(holder)
    if others and not _holders:
        _give_back()
    _lock.release()


# A fork waits until no thread is halfway through a change.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget_other_threads)
