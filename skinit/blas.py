"""How many threads BLAS may use, which is a property of the whole process.

Small matrix products are slower on two threads than on one, large ones faster. `blas_threads` holds BLAS to one thread
while small networks train or predict, however many do at once, and gives back what it found when the last is done.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

# Multiply-adds of the largest product of a mini-batch from which a second thread pays.
SINGLE_THREAD_BELOW = 4_000_000

_lock = threading.Lock()
_n_holders = 0
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


@contextmanager
def blas_threads(largest_product: int) -> Iterator[None]:
    """Hold BLAS to one thread if `largest_product` (in multiply-adds) is small."""
    global _n_holders, _threads_before
    if largest_product >= SINGLE_THREAD_BELOW:
        yield
        return
    with _lock:
        if _n_holders == 0:
            _threads_before = [library.num_threads for library in _libraries()]
            for library in _libraries():
                _set_num_threads(library, 1)
        _n_holders += 1
    try:
        yield
    finally:
        with _lock:
            _n_holders -= 1
            if _n_holders == 0:
                for library, n_threads in zip(_libraries(), _threads_before, strict=True):
                    _set_num_threads(library, n_threads)
