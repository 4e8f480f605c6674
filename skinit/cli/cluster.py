"""The dask cluster for a search: ``--backend dask --scheduler ADDRESS``."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from joblib import parallel_config

from .errors import CommandError

CONNECT_SECONDS = 10
PLUGIN = "skinit-warmup"


@contextmanager
def dask_cluster(scheduler: str | None, warm_up: Callable[[], object]) -> Iterator[None]:
    """Make joblib run its tasks on a dask cluster within the block.

    Parameters
    ----------
    scheduler : str
        The address of the cluster's scheduler, or the path of the scheduler's file with the address.
    warm_up : callable
        Called on each worker before it takes tasks, also on workers that join later.

    Raises
    ------
    CommandError
        If there is no such cluster, or if it fails.
    """
    if scheduler is None:
        raise CommandError("--backend dask needs --scheduler, the address of the cluster's scheduler.")
    if find_spec("distributed") is None:
        raise CommandError("--backend dask needs distributed: pip install 'skinit[cluster]'")
    import distributed

    # dask logs the loss of workers, but the search reports it already.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

    class Warmup(distributed.WorkerPlugin):
        def setup(self, worker: object) -> None:
            warm_up()

    address = _read_address(scheduler)
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        reason = "no scheduler answers" if isinstance(error, OSError) else str(error)
        raise CommandError(f"--scheduler '{scheduler}': {reason}.") from error
    try:
        if not client.ncores():
            raise CommandError(f"--scheduler '{scheduler}': the cluster has no workers.")
        client.register_plugin(Warmup(), name=PLUGIN)
        with parallel_config(backend="dask", client=client):
            yield
    except CommandError:
        raise
    except Exception as error:
        # An error with a number comes from the operating system, and is about the command's own output.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CommandError(f"The search failed on the cluster: {type(error).__name__}: {error}") from error
    finally:
        with suppress(Exception):
            client.unregister_worker_plugin(PLUGIN)
        with suppress(Exception):
            client.close()


def _read_address(scheduler: str) -> str:
    """The address itself, or the address in the scheduler's file."""
    path = Path(scheduler)
    if not path.is_file():
        return scheduler
    try:
        return json.loads(path.read_bytes())["address"]
    except OSError as error:
        raise CommandError(f"--scheduler '{scheduler}' cannot be read: {error.strerror}.") from None
    except (ValueError, LookupError, TypeError):
        raise CommandError(
            f"--scheduler '{scheduler}' is not a scheduler file. Write one with dask scheduler --scheduler-file."
        ) from None
