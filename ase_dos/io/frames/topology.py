"""Structure that has what a trajectory lacks: elements, or a cell."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from ase import Atoms

from ase_dos.io.frames.base import Frames
from ase_dos.io.frames.elements import symbols_to_numbers
from ase_dos.io.frames.errors import library_errors
from ase_dos.io.frames.formats import UnknownFormatError

__all__ = ["Topology", "read_topology"]

Topology: TypeAlias = "Atoms | str | os.PathLike"


def read_topology(topology: Topology, open_file: Callable[[str], Frames]) -> Atoms:
    """Return the structure that names the elements, and the cell, of a trajectory.

    Parameters
    ----------
    topology : Atoms, str or path
        A structure, a file that `ase_dos.open_frames` reads (its last structure), or one that
        MDAnalysis reads and that has elements.
    open_file : callable
        That function.

    Raises
    ------
    ValueError
        If nothing reads the file, or it has no elements.
    ImportError
        If `ase_dos.open_frames` does not read the file and MDAnalysis is not installed.
    """
    if isinstance(topology, Atoms):
        return topology
    path = os.fspath(topology)
    if not os.path.exists(path):
        raise ValueError(f"{path}: no such file (topology)")
    try:
        return open_file(path)[-1]
    except UnknownFormatError:
        return _universe_atoms(path)
    except IndexError:
        raise ValueError(f"{path} (topology): it has no structure") from None
    except ValueError as error:
        raise ValueError(f"{path} (topology): {error}") from error


def _universe_atoms(path: str) -> Atoms:
    try:
        from MDAnalysis import Universe
    except ImportError:
        raise ImportError(
            f"{path}: nothing here reads this topology, MDAnalysis may: "
            "pip install 'ase_dos[formats]'"
        ) from None
    try:
        with library_errors("MDAnalysis"):
            atoms = Universe(path).atoms
    except ValueError as error:
        raise ValueError(f"{path} (topology): {error}") from error
    if not hasattr(atoms, "elements"):
        raise ValueError(f"{path}: this topology names no elements")
    return Atoms(numbers=symbols_to_numbers(atoms.elements))
