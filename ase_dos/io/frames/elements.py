"""Elements of atoms whose file names them in its own way, or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

__all__ = ["Topology", "read_topology", "symbols_to_numbers", "types_to_numbers"]

Topology: TypeAlias = "Atoms | str | os.PathLike"


class _Numbers(dict):
    """Atomic numbers by symbol, of any case, each looked up once."""

    def __missing__(self, symbol: str) -> int:
        number = atomic_numbers.get(symbol.capitalize())
        if not number:
            raise ValueError(f"expected the symbol of an element, got {symbol!r}")
        self[symbol] = number
        return number


def symbols_to_numbers(symbols: Sequence[str]) -> NDArray:
    """Return the atomic number of each symbol, of any case."""
    return np.array(list(map(_Numbers().__getitem__, symbols)), dtype=int)


def types_to_numbers(types: NDArray, elements: Sequence[str] | None) -> NDArray:
    """Return the atomic number of each type: 1 is the first of ``elements``.

    Raises
    ------
    ValueError
        If there is a type that ``elements`` does not name.
    """
    types = np.asarray(types)
    if not types.size:
        return np.zeros(0, int)
    low, high = int(types.min()), int(types.max())
    if not elements:
        raise ValueError(
            f"atoms have types {low} to {high} and no elements; give the element of each "
            "type: types=('Si', ...), on the command line --types Si ..."
        )
    if low < 1 or high > len(elements):
        raise ValueError(
            f"atoms have types {low} to {high}, but types has {len(elements)} elements: "
            f"{' '.join(elements)}"
        )
    return symbols_to_numbers(elements)[types - 1]


def read_topology(topology: Topology) -> Atoms:
    """Return the structure that names the elements, and the cell, of a trajectory.

    Parameters
    ----------
    topology : Atoms, str or path
        A structure, a file that ASE reads (its last structure), or one that MDAnalysis reads
        and that has elements.

    Raises
    ------
    ValueError
        If nothing reads the file, or it has no elements.
    ImportError
        If ASE does not read the file and MDAnalysis is not installed.
    """
    if isinstance(topology, Atoms):
        return topology
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError

    path = os.fspath(topology)
    if not os.path.exists(path):
        raise ValueError(f"{path}: no such file (topology)")
    try:
        atoms = read(path)
    except UnknownFileTypeError:
        atoms = _universe_atoms(path)
    assert isinstance(atoms, Atoms)  # what the default index gives
    return atoms


def _universe_atoms(path: str) -> Atoms:
    try:
        from MDAnalysis import Universe
    except ImportError:
        raise ImportError(
            f"{path}: ASE does not read this topology, MDAnalysis may: "
            "pip install 'ase_dos[formats]'"
        ) from None
    atoms = Universe(path).atoms
    if not hasattr(atoms, "elements"):
        raise ValueError(f"{path}: this topology names no elements")
    return Atoms(numbers=symbols_to_numbers(atoms.elements))
