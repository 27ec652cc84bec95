"""Functions on the workers of a dask cluster, sent to each worker once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast

from distributed import Client, Worker, WorkerPlugin, get_worker

__all__ = ["FunctionPlugin", "compute", "connected"]


class FunctionPlugin(WorkerPlugin):
    """Function for every worker, also for those that join or come back later.

    Parameters
    ----------
    function : callable
        Takes a chunk and the number of threads it may use.
    """

    def __init__(self, function: Callable[[Any, int], Any]) -> None:
        self.function = function

    def setup(self, worker: Worker) -> None:
        """Have one chunk computed at a time: it uses all threads of the worker."""
        self.lock = Lock()


def compute(name: str, chunk: Any) -> Any:
    """Apply the function of the plugin of this name, on a worker."""
    worker = get_worker()
    plugin = cast(FunctionPlugin, worker.plugins[name])
    with plugin.lock:
        return plugin.function(chunk, worker.state.nthreads)


@contextmanager
def connected(backend: str | Client) -> Iterator[Client]:
    """Client for the address of a scheduler, closed in the end; a client is given back as it is.

    Raises
    ------
    ValueError
        If no scheduler answers.
    """
    if not isinstance(backend, str):
        yield backend
        return
    try:
        client = Client(backend)
    except (OSError, ValueError) as error:
        raise ValueError(f"{backend}: no dask scheduler answers there ({error})") from error
    with client:
        yield client
