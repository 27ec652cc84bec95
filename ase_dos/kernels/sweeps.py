"""Order in which messages run over a grid: row by row, and backwards.

A node needs its neighbours before it, and no other. So blocks of nodes on a diagonal of the grid
need nothing of each other, and threads do number by number what one would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ase_dos.kernels.threads import on_threads

__all__ = ["sweep_blocks"]

T = TypeVar("T")

# Rows and columns of a block.
_SIDE = 16


def sweep_blocks(
    rows: int, columns: int, forth: bool, work: Callable[[int, int, int, int], T]
) -> list[T]:
    """Call ``work(first_row, end_row, first_column, end_column)`` for blocks that cover a grid.

    The results come in an order that does not depend on the number of threads.
    """
    down, across = -(-rows // _SIDE), -(-columns // _SIDE)
    results = []
    for number in range(down + across - 1):
        diagonal = number if forth else down + across - 2 - number
        first = max(0, diagonal - across + 1)
        count = min(diagonal, down - 1) + 1 - first

        def some(begin, end, diagonal=diagonal, first=first):
            return [
                work(
                    i * _SIDE,
                    min((i + 1) * _SIDE, rows),
                    (diagonal - i) * _SIDE,
                    min((diagonal - i + 1) * _SIDE, columns),
                )
                for i in range(first + begin, first + end)
            ]

        for part in on_threads(count, some):
            results += part
    return results
