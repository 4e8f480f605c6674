"""The processes of the speed benchmark, one for each library and number of threads.

They run during the whole benchmark and wait for questions, so the libraries can be measured in turn although their
settings of threads differ. Each process is confined to as many cores as it may have threads, which limits the threads
of every library.
"""

import importlib
import multiprocessing
import os
import signal
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from .speed_workloads import Workload

# For each library, the module and name of its class, and the package that it needs.
LIBRARIES = {
    "skinit": ("speed_estimators", "Skinit", "skinit"),
    "peak": ("speed_peak", "Peak", "numba"),
    "scikit-learn": ("speed_estimators", "ScikitLearn", "scikit-learn"),
    "PyTorch": ("speed_torch", "PyTorch", "torch"),
    "JAX": ("speed_jax", "Jax", "jax"),
}


@dataclass(frozen=True)
class Run:
    """One way to do a workload."""

    # The call that is timed.
    call: Callable[[], Any]
    # Turns the result of the call into a number that is equal for equal work.
    check: Callable[[Any], float] | None = None


@dataclass(frozen=True)
class Absent:
    """Why something cannot be measured."""

    reason: str

    @classmethod
    def because_of(cls, error: BaseException) -> "Absent":
        lines = str(error).strip().splitlines() or [""]
        return cls(f"{type(error).__name__}: {lines[0][:200]}")


class _Library:
    """The library of a process, whose methods answer questions."""

    def __init__(self, name: str, n_threads: int) -> None:
        module, class_name, package = LIBRARIES[name]
        self.library = getattr(importlib.import_module(f".{module}", __package__), class_name)(n_threads)
        self.version = version(package)
        self.runs: dict[str, Run] = {}
        self.results: dict[str, Any] = {}

    def get_version(self) -> str:
        return self.version

    def prepare(self, workload: Workload, X, y) -> dict[str, Absent | None]:
        """Run each way once, so that nothing is compiled later. Return why ways cannot be run, or None."""
        self.runs, self.results = {}, {}
        absent: dict[str, Absent | None] = {}
        for variant, run in getattr(self.library, workload.task)(workload, X, y).items():
            try:
                self.results[variant] = run.call()
                self.runs[variant] = run
                absent[variant] = None
            except Exception as error:
                absent[variant] = Absent.because_of(error)
        return absent

    def measure(self, variant: str) -> float:
        """Return the seconds of a run."""
        call = self.runs[variant].call
        self.results.pop(variant)
        began = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - began
        self.results[variant] = result
        return seconds

    def check(self, variant: str) -> float | None:
        """Return the number that shows equal work, from the last run."""
        check = self.runs[variant].check
        return None if check is None else float(check(self.results[variant]))

    def measure_memory(self, variant: str) -> int:
        """Return the most bytes that NumPy and Python allocate in a run, which is slower than a timed one."""
        self.results.pop(variant)
        tracemalloc.start()
        self.results[variant] = self.runs[variant].call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    def forget(self) -> None:
        """Free the memory of a workload."""
        self.runs, self.results = {}, {}


def _serve(connection, name: str, n_threads: int) -> None:
    # The process that asks decides about Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Fits end after a fixed number of epochs on purpose, so ConvergenceWarning says nothing.
    warnings.simplefilter("ignore")
    try:
        library = _Library(name, n_threads)
    except Exception as error:
        connection.send(Absent.because_of(error))
        return
    connection.send(None)
    # The loop ends when the connection is closed.
    with suppress(EOFError, ConnectionError):
        while True:
            question, *arguments = connection.recv()
            try:
                answer = getattr(library, question)(*arguments)
            except Exception as error:
                answer = Absent.because_of(error)
            connection.send(answer)


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Run this many processes that compete for the cores."""
    processes = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


@contextmanager
def _confined_to(n_cores: int) -> Iterator[None]:
    """Confine the processes that are started here to this many cores."""
    if n_cores == os.cpu_count():
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:n_cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Worker:
    """A process with a library, as seen from the process that asks.

    Attributes
    ----------
    absent : Absent or None
        Why the library cannot be measured.
    """

    def __init__(self, name: str, n_threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, self.n_threads = name, n_threads
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, name, n_threads))
        with _confined_to(n_threads):
            self._process.start()
        theirs.close()
        self.absent: Absent | None = self._receive()

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            self.absent = Absent(f"its process ended with code {self._process.exitcode}")
            return self.absent

    def ask(self, question: str, *arguments) -> Any:
        """Return the answer of a method of `_Library`, or `Absent`."""
        if self.absent is not None:
            return self.absent
        # `_receive` notices a process that has ended.
        with suppress(ConnectionError):
            self._connection.send((question, *arguments))
        return self._receive()

    def stop(self) -> None:
        self._connection.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.terminate()
