"""Map of a function over chunks: here, in processes of this machine, or on a dask cluster.

Results come in the order of the chunks. Chunks are taken from their iterator when they are needed:
memory is that of two chunks for each worker. A function is sent to each worker once, and computes
one chunk at a time there with all threads of the worker.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import uuid4

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Backend", "parallel_map"]

# Where chunks are computed; see `parallel_map`.
Backend: TypeAlias = "int | str | Client | None"

_AHEAD = 2  # chunks per worker that are computed or wait
_function: Callable[[Any], Any] | None = None  # of a worker process


def parallel_map(function: Callable, chunks: Iterable, backend: Backend = None) -> Iterator:
    """Yield ``function(chunk)`` for every chunk, in their order.

    Parameters
    ----------
    function : callable
        Takes one chunk. Elsewhere than in this process, both are pickled.
    chunks : iterable
        Taken as they are needed.
    backend : None, int, str or distributed.Client
        None computes in this process, a number in this many processes, which share the threads
        of numba; the address of a dask scheduler, or a client, on the workers of a cluster. dask
        repeats the chunks of a worker that is lost.

    Raises
    ------
    ValueError
        If the backend is something else.
    ImportError
        If dask is wanted and not installed.
    ChildProcessError
        If a process of this machine was ended from outside.
    """
    if backend is None:
        return map(function, chunks)
    if isinstance(backend, int) and not isinstance(backend, bool):
        if backend < 1:
            raise ValueError(f"processes: expected 1 or more, got {backend}")
        return _in_processes(function, chunks, backend)
    if isinstance(backend, str) or hasattr(backend, "submit"):
        return _on_cluster(function, chunks, cast("str | Client", backend))
    raise ValueError(
        f"backend: expected None, a number of processes, the address of a dask scheduler or a "
        f"dask client, got {backend!r}"
    )


def _in_order(
    submit: Callable[[Any], Any], chunks: Iterable, workers: Callable[[], int]
) -> Iterator:
    """Results of futures, first come first served."""
    waiting: deque[Any] = deque()
    try:
        for chunk in chunks:
            waiting.append(submit(chunk))
            while len(waiting) >= _AHEAD * workers():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _in_processes(function: Callable, chunks: Iterable, count: int) -> Iterator:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    threads = max(1, _cores() // count)
    # A forked process would inherit threads of numba that do not run in it.
    with ProcessPoolExecutor(count, get_context("spawn"), _begin, (function, threads)) as pool:
        try:
            yield from _in_order(lambda chunk: pool.submit(_compute, chunk), chunks, lambda: count)
        except BrokenExecutor as error:
            raise ChildProcessError(
                "a worker process ended before its work was done: memory may be short (take fewer "
                "processes), or a script lacks `if __name__ == '__main__':`. Finished frames are "
                "stored; the same call continues from there"
            ) from error


def _begin(function: Callable, threads: int) -> None:
    global _function
    _function = partial(_with_threads, function, threads=threads)


def _compute(chunk: Any) -> Any:
    assert _function is not None
    return _function(chunk)


def _on_cluster(function: Callable, chunks: Iterable, backend: str | Client) -> Iterator:
    try:
        from ase_dos.utils.dask_workers import FunctionPlugin, compute, connected
    except ImportError as error:
        raise ImportError(f"a cluster needs dask: pip install 'ase_dos[dask]' ({error})") from error
    name = f"ase_dos-{uuid4().hex}"
    with connected(backend) as client:
        client.register_plugin(FunctionPlugin(partial(_with_threads, function)), name=name)
        try:
            submit = partial(client.submit, compute, name, pure=False)
            yield from _in_order(submit, chunks, lambda: max(1, len(client.nthreads())))
        finally:
            client.unregister_worker_plugin(name)


def _with_threads(function: Callable, chunk: Any, threads: int) -> Any:
    from numba import config, set_num_threads

    set_num_threads(min(threads, config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    return function(chunk)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
