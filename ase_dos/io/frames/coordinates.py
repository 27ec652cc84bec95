"""Trajectories of coordinates only: DCD, XTC, TRR, TNG and AMBER NetCDF, read by chemfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from ase_dos.io.frames.base import IndexedFrames
from ase_dos.io.frames.elements import Topology, read_topology
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from chemfiles import Trajectory

__all__ = ["CoordinateFrames"]


class CoordinateFrames(IndexedFrames["Trajectory"]):
    """Frames of a file without elements, which come from a topology.

    Parameters
    ----------
    path : str
        The trajectory.
    topology : Atoms, str or path
        As for `read_topology`. Its cell is taken where the trajectory has none.
    """

    def __init__(self, path: str, topology: Topology | None = None) -> None:
        super().__init__(path)
        if topology is None:
            raise ValueError(
                f"{path}: this format has no elements; give a file that has them: topology=..., "
                "on the command line --topology FILE"
            )
        self._topology = read_topology(topology)

    def _open(self) -> tuple[Trajectory, int]:
        try:
            from chemfiles import Trajectory
        except ImportError:
            raise ImportError(
                f"{self.name}: reading it needs chemfiles: pip install 'ase_dos[formats]'"
            ) from None
        trajectory = Trajectory(self.name)
        return trajectory, trajectory.nsteps

    def _read(self, handle: Trajectory, index: int) -> Atoms:
        frame = handle.read_step(index)
        known = self._topology
        if len(frame.atoms) != len(known):
            raise ValueError(f"the frame has {len(frame.atoms)} atoms, the topology {len(known)}")
        cell = np.array(frame.cell.matrix).T
        atoms = Atoms(numbers=known.numbers, positions=as_array(frame.positions, "positions"))
        atoms.cell, atoms.pbc = (cell, True) if cell.any() else (known.cell, known.pbc)
        atoms.info["step"] = frame.step
        if "time" in frame.list_properties():
            atoms.info["time"] = 1000.0 * frame["time"]  # ps
        return atoms
