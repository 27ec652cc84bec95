"""Trajectories of coordinates only, whose elements come from another file."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.io.frames.base import IndexedFrames
from ase_dos.utils.checks import as_array

__all__ = ["CoordinateFrames", "Coordinates", "cell_of"]

Handle = TypeVar("Handle")


@dataclass
class Coordinates:
    """What such a file says of a frame.

    Attributes
    ----------
    positions : (n, 3) array
        Angstrom.
    cell : (3, 3) array, optional
        Vectors (Angstrom) in rows; None, or all zero, if there is none.
    time : float, optional
        In fs, where the file says the time and its unit.
    step : int, optional
        Where the file says it.
    """

    positions: NDArray
    cell: NDArray | None = None
    time: float | None = None
    step: int | None = None


class CoordinateFrames(IndexedFrames[Handle]):
    """Frames of a file without elements.

    Parameters
    ----------
    path : str
        The trajectory.
    topology : Atoms
        Structure with the elements. Its cell is taken where the trajectory has none.
    """

    def __init__(self, path: str, topology: Atoms | None = None) -> None:
        super().__init__(path)
        if topology is None:
            raise ValueError(
                f"{path}: this format has no elements; give a file that has them: topology=..., "
                "on the command line --topology FILE"
            )
        self._topology = topology

    @abstractmethod
    def _coordinates(self, handle: Handle, index: int) -> Coordinates:
        """Read one frame of the open file."""

    def _require_count(self, count: int) -> None:
        """Refuse another number of atoms, before arrays of that size are made."""
        if count != len(self._topology):
            raise ValueError(f"the frame has {count} atoms, the topology {len(self._topology)}")

    def _read(self, handle: Handle, index: int) -> Atoms:
        given, known = self._coordinates(handle, index), self._topology
        self._require_count(len(given.positions))
        positions = as_array(given.positions, "positions", (None, 3))
        atoms = Atoms(numbers=known.numbers, positions=positions)
        if given.cell is not None and np.any(given.cell):
            atoms.cell, atoms.pbc = as_array(given.cell, "cell", (3, 3)), True
        else:
            atoms.cell, atoms.pbc = known.cell, known.pbc
        if given.step is not None:
            atoms.info["step"] = given.step
        if given.time is not None:
            atoms.info["time"] = float(as_array(given.time, "time", ()))
        return atoms


def cell_of(lengths: ArrayLike, angles: ArrayLike) -> NDArray:
    """Return the vectors of a cell of lengths (Angstrom) and angles (degree)."""
    from ase.cell import Cell

    values = as_array([*np.ravel(lengths), *np.ravel(angles)], "cell", (6,))
    if values.min() <= 0 or values[3:].max() >= 180:
        raise ValueError(f"expected lengths and angles of a cell, got {values.tolist()}")
    try:
        return Cell.new(values).array
    except AssertionError:
        raise ValueError(f"no cell has the angles {values[3:].tolist()}") from None
