"""Ranks of an MPI program that compute together: sums, gathered rows, and errors of one for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mpi4py import MPI

__all__ = ["Ranks"]

T = TypeVar("T")


class Ranks:
    """Ranks of a communicator; all of them call the same methods in the same order.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm, optional
        Without it there is one rank, and MPI is not needed.
    """

    def __init__(self, communicator: MPI.Comm | None = None) -> None:
        self._communicator = communicator

    def __len__(self) -> int:
        return 1 if self._communicator is None else self._communicator.size

    def sum(self, values: NDArray) -> NDArray:
        """Sum of the arrays of all ranks, the same on each."""
        if self._communicator is None:
            return values
        total = np.empty(values.shape)
        self._communicator.Allreduce(np.ascontiguousarray(values, dtype=float), total)
        return total

    def gather(self, rows: NDArray) -> tuple[NDArray, NDArray]:
        """Rows (n, k) of all ranks, one rank after the other, and the indices of one's own."""
        if self._communicator is None:
            return rows, np.arange(len(rows))
        counts = np.empty(len(self), dtype=np.int64)
        self._communicator.Allgather(np.array([len(rows)], dtype=np.int64), counts)
        all_rows = np.empty((counts.sum(), rows.shape[1]))
        received = (all_rows, counts * rows.shape[1])
        self._communicator.Allgatherv(np.ascontiguousarray(rows, dtype=float), received)
        first = counts[: self._communicator.rank].sum()
        return all_rows, np.arange(first, first + len(rows))

    def together(self, function: Callable[..., T], *args: object) -> T:
        """Call a function on every rank; if it fails on one, raise an error on all of them.

        Raises
        ------
        Exception
            That of the function.
        RuntimeError
            If the function failed on another rank.
        """
        failure: Exception | None = None
        try:
            result = function(*args)
        except Exception as error:
            failure = error
        failures = self.sum(np.array([float(failure is not None)]))[0]
        if failure is not None:
            raise failure
        if failures:
            raise RuntimeError("another MPI rank failed; the reason is in its message")
        return result
