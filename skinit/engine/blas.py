"""Hold BLAS to one thread during small products of NumPy and SciPy.

Training, prediction and curvature have their own products and threads. Only NumPy and SciPy use BLAS. Their small
products are slower on two threads than on one, and afterwards the threads of BLAS spin for a while on cores that other
threads need. The number of BLAS threads belongs to the whole process. Several threads may therefore hold BLAS to one
thread at the same time, and the last of them restores the earlier number.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

# From this many multiply-adds on, a product of NumPy is faster with a second thread.
SINGLE_THREAD_BELOW = 4_000_000
# Below this many multiply-adds, OpenBLAS never uses a second thread (interface/gemv.c; gemm.c has a higher bound). BLAS
# is then not held to one thread, because that would take as long as the rest of a prediction for one row.
NEVER_THREADED_BELOW = 9_216

_lock = threading.Lock()
# The thread of each with block that holds BLAS to one thread.
_holders: list[int] = []
# The number of threads of each library before the first hold.
_threads_before: list[int] = []


@cache
def _libraries() -> list:
    """The BLAS libraries of the process. NumPy and SciPy each bring one."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_num_threads(library, n_threads: int) -> None:
    """Set the number of threads, from any thread.

    threadpoolctl obeys only the first thread that sets a number, and ignores the others. Here the lock and the list of
    holders keep threads from undoing each other's settings.
    """
    clear_controlling_thread = getattr(library, "clear_controlling_thread", lambda force: None)
    clear_controlling_thread(force=True)
    library.set_num_threads(n_threads)
    clear_controlling_thread(force=True)


def _give_back() -> None:
    """Restore the numbers of threads that the first holder found."""
    for library, n_threads in zip(_libraries(), _threads_before, strict=True):
        _set_num_threads(library, n_threads)


@contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Hold BLAS to one thread if `largest_product` (in multiply-adds) is too small for two."""
    with one_blas_thread(largest_product if largest_product < SINGLE_THREAD_BELOW else 0):
        yield


@contextmanager
def one_blas_thread(largest_product: int) -> Iterator[None]:
    """Hold BLAS to one thread, unless BLAS uses only one for `largest_product` (in multiply-adds) anyway."""
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
    """In a forked process, end the holds of threads that only the parent process has."""
    others = [holder for holder in _holders if holder != threading.get_ident()]
    for holder in others:
        _holders.remove(holder)
    if others and not _holders:
        _give_back()
    _lock.release()


# A fork waits until no thread is changing the numbers of threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget_other_threads)
