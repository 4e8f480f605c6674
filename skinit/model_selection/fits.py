"""Runs fits until all are finished, even if worker processes are lost."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from inspect import signature, unwrap
from typing import Any

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils import gen_batches
from sklearn.utils.parallel import Parallel, delayed

from ..user_warnings import warn_user
from .dask_futures import run_on_dask
from .fingerprints import environment, fingerprint
from .finished_fits import FinishedFits

# A function and its arguments, as scikit-learn's `delayed` makes it.
Task = tuple[Callable, tuple, dict[str, Any]]

# Errors of joblib, dask and ray when a worker is lost. They are names, so that dask and ray need not be installed.
LOST_WORKER = {"BrokenProcessPool", "FutureCancelledError", "CommClosedError", "RayActorError", "WorkerCrashedError"}
# The search fails after this many losses of workers in a row without a finished fit.
MOST_LOSSES = 3
# Fits for each worker in a group, if the backend returns results only in groups.
FITS_PER_GROUP = 4
# Arguments that do not affect the result of a fit, because they concern its reports and its caller.
REPORTING = {"verbose", "split_progress", "candidate_progress", "caller", "callback_ctx"}


class Fits:
    """Runs fits, and takes the results of earlier fits from memory.

    Parameters
    ----------
    memory : FinishedFits or None
        None keeps no fits.
    parallel : sklearn.utils.parallel.Parallel
        The object that runs the fits on the active backend.

    Attributes
    ----------
    n_reused : int
        Number of fits taken from memory so far.
    """

    def __init__(self, memory: FinishedFits | None, parallel: Parallel) -> None:
        self.n_reused = 0
        self._memory = memory
        self._parallel = parallel
        self._n_alike: Counter[str] = Counter()

    def run(self, tasks: Iterable[Task]) -> list:
        """Run fits.

        Parameters
        ----------
        tasks : iterable of (function, args, kwargs)
            A dictionary that a function returns is not kept if it has a `fit_error`.

        Returns
        -------
        results : list
            In the order of the tasks.

        Raises
        ------
        TypeError
            If there is a memory, and a fit cannot be identified.
        RuntimeError
            If workers are lost repeatedly.
        """
        tasks = list(tasks)
        if self._memory is None:
            results = dict(_run_until_finished(dict(enumerate(tasks)), self._parallel))
        else:
            results = self._run_and_keep(tasks, self._memory)
        return [results[number] for number in range(len(tasks))]

    def _run_and_keep(self, tasks: Sequence[Task], memory: FinishedFits) -> dict[int, object]:
        keys = self._keys(tasks)
        results = {number: result for number, key in enumerate(keys) if (result := memory.get(key)) is not None}
        self.n_reused += len(results)
        missing = {number: task for number, task in enumerate(tasks) if number not in results}
        for number, result in _run_until_finished(missing, self._parallel):
            results[number] = result
            # A failed fit is not kept, because it may have lacked memory or a file.
            if self._memory is not None and not (isinstance(result, dict) and result.get("fit_error")):
                try:
                    memory.keep(keys[number], result)
                except (OSError, TypeError) as error:
                    # The disk is full, or JSON cannot store a score. Finish the search without keeping more fits.
                    self._memory = None
                    reason = getattr(error, "strerror", None) or error
                    _warn(f"From now on finished fits are not kept: {reason}.")
        return results

    def _keys(self, tasks: Sequence[Task]) -> list[str]:
        # Most arguments are shared by all fits, or by all fits on a fold. They live until the last task, so ids are
        # unique.
        known: dict[int, str] = {}
        keys, surroundings = [], environment()
        for function, args, kwargs in tasks:
            arguments = signature(unwrap(function)).bind(*args, **kwargs).arguments
            parts = []
            for name, value in sorted(arguments.items()):
                if name not in REPORTING:
                    if id(value) not in known:
                        known[id(value)] = _fingerprint_of_argument(name, value)
                    parts.append((name, known[id(value)]))
            key = fingerprint((surroundings, unwrap(function), parts))
            # Fits without a seed may have the same key and different results.
            keys.append(f"{key}-{self._n_alike[key]}")
            self._n_alike[key] += 1
        return keys


def _fingerprint_of_argument(name: str, value: object) -> str:
    try:
        return fingerprint(value)
    except TypeError as error:
        raise TypeError(
            f"With memory, everything that a fit depends on must be picklable, but its {name} is not ({error}). "
            "Remove the part that cannot be pickled, or search with memory=None."
        ) from error


def _warn(message: str) -> None:
    warn_user(message, RuntimeWarning, within=("sklearn.model_selection",))


def _run_until_finished(tasks: dict[int, Task], parallel: Parallel) -> Iterator[tuple[int, object]]:
    """Numbers and results of tasks, in the order in which they finish."""
    missing, n_losses = dict(tasks), 0
    with ExitStack() as stack:
        while missing:
            try:
                for number, result in _run(list(missing.items()), parallel):
                    del missing[number]
                    n_losses = 0
                    yield number, result
            except Exception as error:
                if not any(kind.__name__ in LOST_WORKER for kind in type(error).__mro__):
                    raise
                n_losses += 1
                if n_losses == MOST_LOSSES:
                    raise RuntimeError(
                        f"A worker was lost {MOST_LOSSES} times in a row before it finished a fit. The last error was "
                        f"{type(error).__name__}: {error} Perhaps a fit takes more memory than a worker has."
                    ) from error
                _warn(f"A worker was lost ({type(error).__name__}). {len(missing)} fit(s) are run again.")
                # If a fit killed the worker, it is among the first. Run it last, because it may kill a worker again.
                missing = dict(reversed(missing.items()))
                # The previous Parallel may still return results of fits that it gave up.
                again = Parallel(n_jobs=parallel.n_jobs, pre_dispatch=parallel.pre_dispatch)
                parallel = stack.enter_context(again)


def _run(tasks: Sequence[tuple[int, Task]], parallel: Parallel) -> Iterator[tuple[int, object]]:
    backend, _ = get_active_backend()
    if hasattr(backend, "client"):
        # joblib's dask backend loses data together with a worker, and waits forever for a fit that kills its workers.
        with backend.retrieval_context():
            yield from run_on_dask(backend.client, tasks)
        return
    n_jobs = effective_n_jobs(parallel.n_jobs)
    if n_jobs > 1 and backend.supports_return_generator:
        settings = {"n_jobs": parallel.n_jobs, "pre_dispatch": parallel.pre_dispatch}
        yield from Parallel(**settings, return_as="generator_unordered")(map(_numbered, tasks))
        return
    for group in gen_batches(len(tasks), 1 if n_jobs == 1 else FITS_PER_GROUP * n_jobs):
        yield from parallel(map(_numbered, tasks[group]))


def _numbered(task: tuple[int, Task]) -> Task:
    number, (function, args, kwargs) = task
    return delayed(_call)(number, unwrap(function), *args, **kwargs)


def _call(number: int, function: Callable, *args, **kwargs) -> tuple[int, object]:
    return number, function(*args, **kwargs)
