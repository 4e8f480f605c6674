"""Fits on a dask cluster."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from inspect import unwrap
from time import monotonic, sleep
from typing import Any

from sklearn import config_context, get_config

# An argument of several fits is sent only once if it has at least this many bytes.
SHARED_SIZE = 1000
# Seconds between looks whether there are workers.
POLL_SECONDS = 1
# After this many seconds without a worker, the search fails.
MOST_SECONDS_WITHOUT = 60


class _Call:
    """A call that gets its shared arguments from the worker. It is a class because dask would search a tuple."""

    def __init__(self, function: Callable, args: Sequence, kwargs: dict[str, Any], shared: set[int]) -> None:
        self._function = unwrap(function)
        names = [*range(len(args)), *kwargs]
        values = [*args, *kwargs.values()]
        # Workers do not have the scikit-learn settings of this process.
        self._config = get_config()
        self._own = {name: value for name, value in zip(names, values, strict=True) if id(value) not in shared}
        self._shared_names = [name for name in names if name not in self._own]
        self.shared_ids = [id(value) for value in values if id(value) in shared]

    def __call__(self, *shared: object) -> object:
        values = {**self._own, **dict(zip(self._shared_names, shared, strict=True))}
        args = [values.pop(place) for place in sorted(name for name in values if isinstance(name, int))]
        with config_context(**self._config):
            return self._function(*args, **values)


class _Constant:
    """A call that returns a value."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __call__(self) -> object:
        return self._value


def run_on_dask(client, tasks: Sequence) -> Iterator[tuple[int, object]]:
    """Run each fit on a free worker.

    dask runs the fits of a lost worker on another worker, until four workers are lost during the same fit. It blames
    all fits that were assigned to a lost worker, so a fit is assigned only when a thread is free for it. Arguments that
    several fits share are sent to the scheduler once, and from there to the workers. If they were scattered to the
    workers, they and the fits would be lost with the workers.

    Parameters
    ----------
    client : distributed.Client
    tasks : sequence of (number, (function, args, kwargs))

    Yields
    ------
    number, result
        In the order in which fits finish.

    Raises
    ------
    RuntimeError
        At the end if dask gave up a fit, or earlier if there is no worker for a minute.
    """
    import dask
    from dask.sizeof import sizeof
    from distributed import KilledWorker, wait

    uses: dict[int, tuple[object, int]] = {}
    for _, (_, args, kwargs) in tasks:
        for value in (*args, *kwargs.values()):
            uses[id(value)] = value, uses.get(id(value), (value, 0))[1] + 1
    shared = {key: value for key, (value, n_uses) in uses.items() if n_uses > 1 and sizeof(value) >= SHARED_SIZE}
    # dask would warn that large arguments should be scattered.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
        sent = {key: client.submit(_Constant(value), pure=False) for key, value in shared.items()}
    waiting, given_up, last_seen = deque(tasks), None, monotonic()
    running: dict[Any, int] = {}
    try:
        while waiting or running:
            n_threads = sum(client.ncores().values())
            while waiting and len(running) < n_threads:
                number, (function, args, kwargs) = waiting.popleft()
                call = _Call(function, args, kwargs, set(shared))
                running[client.submit(call, *map(sent.get, call.shared_ids), pure=False)] = number
            if n_threads:
                last_seen = monotonic()
            elif monotonic() - last_seen > MOST_SECONDS_WITHOUT:
                raise RuntimeError(f"The dask cluster has had no worker for {MOST_SECONDS_WITHOUT} seconds.")
            for future in _finished(running, wait):
                number = running.pop(future)
                if isinstance(future.status == "error" and future.exception(), KilledWorker):
                    given_up = future
                else:
                    yield number, future.result()
        if given_up is not None:
            raise RuntimeError(f"A fit was given up: {given_up.exception()}") from given_up.exception()
    finally:
        # Cancel the unfinished fits.
        for future in running:
            future.release()


def _finished(futures: Collection, wait: Callable) -> Collection:
    """The futures that are finished, after a wait of at most one second."""
    if not futures:
        sleep(POLL_SECONDS)
        return []
    try:
        return wait(list(futures), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED").done
    except TimeoutError:
        return []
