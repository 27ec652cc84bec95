"""Frames of a Universe, or of a group of its atoms, of MDAnalysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames.base import IndexedFrames
from ase_dos.io.frames.elements import symbols_to_numbers, types_to_numbers
from ase_dos.io.frames.errors import library_errors
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from MDAnalysis import AtomGroup, Universe

__all__ = ["UniverseFrames", "atomic_numbers", "is_universe", "present_frame"]

# Formats with a time and its unit, in the file or given by the user. For others MDAnalysis makes
# a time of its own: in DCD by units that the file does not name, else by 1 ps a frame.
_TIMED = {"XTC", "TRR", "TNG", "TRC", "NC", "NCDF", "H5MD", "LAMMPS"}


def is_universe(source: object) -> TypeGuard[Universe | AtomGroup]:
    """Whether a source is one of MDAnalysis, which need not be installed."""
    return hasattr(source, "universe") and hasattr(source, "atoms")


class UniverseFrames(IndexedFrames["AtomGroup"]):
    """Frames of a Universe or AtomGroup.

    Parameters
    ----------
    source : MDAnalysis.Universe or MDAnalysis.AtomGroup
        With elements, or with types that are numbers.
    types : sequence of str, optional
        Element of each type, the first being that of type 1.
    """

    def __init__(self, source: Universe | AtomGroup, types: Sequence[str] | None = None) -> None:
        self._group = source.atoms
        super().__init__(str(self._group.universe.trajectory.filename))
        self._numbers = atomic_numbers(self._group, types)

    def _open(self) -> tuple[AtomGroup, int]:
        return self._group, len(self._group.universe.trajectory)

    def _read(self, handle: AtomGroup, index: int) -> Atoms:
        with library_errors("MDAnalysis"):
            handle.universe.trajectory[index]
        return present_frame(handle, self._numbers)


def present_frame(group: AtomGroup, numbers: NDArray) -> Atoms:
    """Structure of the frame that a universe shows at present.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        Its atoms.
    numbers : (atoms,) array
        Their atomic numbers.
    """
    trajectory = group.universe.trajectory
    step = trajectory.ts
    atoms = Atoms(numbers=numbers, positions=as_array(group.positions, "positions"))
    if step.dimensions is not None:
        atoms.cell, atoms.pbc = step.triclinic_dimensions, True
    formats = {str(name).upper() for name in np.ravel(trajectory.format)}
    if "time" in step.data and formats & _TIMED:
        atoms.info["time"] = 1000.0 * float(step.data["time"])  # ps
    if "step" in step.data and "DCD" not in formats:  # there it is the number of the frame
        atoms.info["step"] = int(step.data["step"])
    return atoms


def atomic_numbers(group: AtomGroup, types: Sequence[str] | None = None) -> NDArray:
    """Atomic numbers (atoms,) of a group with elements, or with types that are numbers.

    Raises
    ------
    ValueError
        If it has neither.
    """
    if hasattr(group, "elements"):
        return symbols_to_numbers(group.elements)
    try:
        numbers = np.array(group.types, dtype=int)
    except (AttributeError, ValueError):
        raise ValueError(
            "the Universe has no elements; give it some: "
            "universe.add_TopologyAttr('elements', [...])"
        ) from None
    return types_to_numbers(numbers, types)
