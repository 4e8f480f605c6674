"""How many times as fast skinit is as scikit-learn, PyTorch and JAX, and how close it comes to the processor's peak.

All libraries do the same work: the same data, initial weights (``init="sklearn"``), batches, order of rows, epochs,
solver and dtype. Equal final losses show it. They are means over the training rows, computed from the weights of each
library by the same code. The first fit, which compiles, is not counted. Each library is written as its users would
write it. The fastest of several ways counts, and the fastest number of threads. The time of a fit includes drawing
the order of rows.

There is one process for each library and number of threads. They are asked in turn, A B C D, A B C D, so a machine
that slows down slows all of them. A figure is a ratio of medians. skinit compiles again for each run of the
benchmark, so no stale code is measured.

The report is written to the folder of ``--out``: ``speed.json`` with every measurement and the machine,
``summary.txt``, ``speed.png``, and the table of the README.
"""

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from .speed_report import write_report
from .speed_results import Measurement
from .speed_starting import measure_starts
from .speed_worker import Absent, Worker, busy_processes
from .speed_workloads import GROWTH, WORKLOADS, Workload

STARTS = "first fit of a process"
# OpenBLAS's threads keep spinning for a while after a call.
PAUSE_SECONDS = 0.1


def thread_counts() -> list[int]:
    """Return the numbers of threads to measure. If processes cannot be confined to cores, only the number of cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [os.cpu_count() or 1]
    return [n_threads for n_threads in (1, 2) if n_threads <= len(os.sched_getaffinity(0))]


class Crew:
    """The processes of a run, each started when it is first needed."""

    def __init__(self) -> None:
        self._workers: dict[tuple[str, int], Worker] = {}

    def get(self, library: str, n_threads: int) -> Worker:
        key = library, n_threads
        if key not in self._workers:
            self._workers[key] = Worker(library, n_threads)
        return self._workers[key]

    def versions(self) -> dict[str, str]:
        """Return the version of each library that was measured, or why it is absent."""
        found = {library: worker.ask("get_version") for (library, _), worker in self._workers.items()}
        return {
            library: f"absent ({version.reason})" if isinstance(version, Absent) else version
            for library, version in found.items()
            if library != "peak"
        }

    def stop(self) -> None:
        for worker in self._workers.values():
            worker.stop()


def measure(workload: Workload, crew: Crew, threads: list[int], repeat: int) -> list[Measurement]:
    """Measure all ways to do a workload, in turn."""
    X, y = workload.load()
    libraries = ["skinit", *workload.peers, *(["peak"] if workload.has_peak else [])]
    workers = [crew.get(library, n_threads) for n_threads in threads for library in libraries]
    measurements = []
    for worker in workers:
        prepared = worker.ask("prepare", workload, X, y)
        if isinstance(prepared, Absent):
            prepared = {"": prepared}
        for variant, absent in prepared.items():
            reason = "" if absent is None else absent.reason
            measurements.append(Measurement(workload.name, worker.name, variant, worker.n_threads, reason))
    del X, y
    present = [measurement for measurement in measurements if not measurement.absent]

    def ask(measurement: Measurement, question: str):
        answer = crew.get(measurement.library, measurement.threads).ask(question, measurement.variant)
        if isinstance(answer, Absent):
            measurement.absent = answer.reason
        return None if measurement.absent else answer

    with busy_processes(workload.busy_processes):
        for _ in range(repeat):
            for measurement in present:
                time.sleep(PAUSE_SECONDS)
                measurement.seconds.append(ask(measurement, "measure"))
    for measurement in present:
        measurement.check = ask(measurement, "check")
        # Python cannot see the memory of PyTorch and JAX.
        if workload.task in ("predict", "growth") and measurement.library in ("skinit", "scikit-learn"):
            measurement.memory = ask(measurement, "measure_memory")
    for worker in workers:
        worker.ask("forget")
    return measurements


def add_arguments(parser) -> None:
    """Add the options of this benchmark to its parser."""
    parser.add_argument(
        "--repeat", type=int, default=5, metavar="N", help="number of timed runs of each workload (default: 5)"
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="only workloads whose names contain TEXT")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("speed-results"),
        metavar="FOLDER",
        help="folder for the report (default: speed-results)",
    )
    parser.set_defaults(run=run)


def run(arguments) -> None:
    """Measure the workloads, then write and print the report."""
    if arguments.repeat < 1:
        raise SystemExit(f"--repeat must be 1 or more, got {arguments.repeat}.")
    workloads = [workload for workload in WORKLOADS if arguments.only in workload.name]
    grows, starts = arguments.only in GROWTH.name, arguments.only in STARTS
    total = len(workloads) + grows + starts
    if total == 0:
        names = "\n  ".join([*(workload.name for workload in WORKLOADS), GROWTH.name, STARTS])
        raise SystemExit(f"--only matches no workload: no name contains {arguments.only!r}. The names are:\n  {names}")
    threads = thread_counts()
    load_before = os.getloadavg()[0]
    began, n_done = time.perf_counter(), 0
    measurements: list[Measurement] = []
    first_fits: dict[str, list[float]] = {}

    def tell(name: str) -> None:
        nonlocal n_done
        n_done += 1
        minutes = (time.perf_counter() - began) / 60
        print(f"{n_done} of {total} done after {minutes:.1f} minutes: {name}", flush=True)

    try:
        with ExitStack() as stack:
            # The run has a cache of its own, so skinit compiles.
            os.environ["NUMBA_CACHE_DIR"] = stack.enter_context(tempfile.TemporaryDirectory())
            crew = Crew()
            stack.callback(crew.stop)
            for workload in workloads:
                measurements += measure(workload, crew, threads, arguments.repeat)
                tell(workload.name)
            if grows:
                measurements += measure(GROWTH, crew, threads[:1], arguments.repeat)
                tell(GROWTH.name)
            if starts:
                first_fits = measure_starts(arguments.repeat)
                tell(STARTS)
            versions = crew.versions()
    except KeyboardInterrupt:
        raise SystemExit("Interrupted.") from None
    write_report(measurements, first_fits, versions, arguments.repeat, load_before, arguments.out)
