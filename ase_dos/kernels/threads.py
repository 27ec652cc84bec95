"""Threads that share out the atoms of a frame, or many structures.

Kernels run without the lock of Python, so that plain threads can run them side by side. Numba's own
parallel loops do the same, but compile a kernel three times over: for the loop, for what calls it,
and for what comes around both.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from numba import config, get_num_threads

__all__ = ["on_threads"]

T = TypeVar("T")


def on_threads(
    count: int, work: Callable[[int, int], T], *, grain: int = 1, pieces: int = 4
) -> list[T]:
    """Call ``work(begin, end)`` on ranges that cover 0 to ``count``, some at a time.

    Parameters
    ----------
    count : int
        Number of items.
    work : callable
        Takes the first item and the one after the last; does not depend on how items are divided.
    grain : int
        Ranges are multiples of so many items, but for the last.
    pieces : int
        Ranges for every thread, at most: with several, a thread that is held up delays the others
        less.

    Returns
    -------
    list
        What the calls returned, in the order of the ranges.
    """
    grains = -(-count // grain)
    several = min(grains, config.NUMBA_NUM_THREADS) > 1  # type: ignore[attr-defined]
    threads = min(get_num_threads(), grains) if several else 1  # asking takes its time
    if threads == 1:
        return [work(0, count)]
    parts = min(pieces * threads, grains)
    ends = [min(grain * (i * grains // parts), count) for i in range(parts + 1)]
    waiting = deque(range(parts))
    results: dict[int, T] = {}

    def take_ranges() -> None:
        while True:
            try:
                i = waiting.popleft()
            except IndexError:
                return
            results[i] = work(ends[i], ends[i + 1])

    others = [_pool(os.getpid()).submit(take_ranges) for _ in range(threads - 1)]
    try:
        take_ranges()
    finally:
        waiting.clear()  # after an error here, the others stop as well
        for other in others:
            other.result()
    return [results[i] for i in range(parts)]


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads of a process: those of a parent do not run in its forked children."""
    return ThreadPoolExecutor(config.NUMBA_NUM_THREADS, "ase_dos")  # type: ignore[attr-defined]
