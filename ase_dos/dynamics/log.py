"""Log of a two-temperature run: a table of its temperatures and energies."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import IO, Protocol

from ase.parallel import MPI, world
from ase.utils import IOContext

__all__ = ["ElectronLog"]


class LoggedRun(Protocol):
    """A run that gives a row of numbers for its log."""

    def log_row(self) -> Mapping[str, float]:
        """Return the numbers of this moment by the names of their columns."""


class ElectronLog(IOContext):
    """Table of a run, one line a call; ``numpy.loadtxt`` reads it.

    Parameters
    ----------
    run : TwoTemperature
        The run; only a weak reference is kept.
    logfile : str or file
        File to append to; "-" for standard output.
    comm : communicator, optional
        Of a parallel run.
    """

    def __init__(self, run: LoggedRun, logfile: str | IO[str], comm: MPI = world) -> None:
        self.run = weakref.proxy(run)
        self.logfile = self.openfile(file=logfile, mode="a", comm=comm)
        names = [f"{name:>18s}" for name in run.log_row()]
        self.logfile.write("#" + " ".join(names)[1:] + "\n")

    def __del__(self) -> None:
        self.close()

    def remark(self, text: str) -> None:
        """Write a line that `numpy.loadtxt` passes over."""
        self.logfile.write(f"# {text}\n")
        self.logfile.flush()

    def __call__(self) -> None:
        """Write one line."""
        row = self.run.log_row().values()
        self.logfile.write(" ".join(f"{value:18.12g}" for value in row) + "\n")
        self.logfile.flush()
