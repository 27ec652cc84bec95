"""Structures that a list holds more than once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

__all__ = ["equal_structures"]

# Angstrom: more than what output files round, less than any step of a calculation that matters.
_SAME = 1e-3


def equal_structures(frames: Sequence[Atoms]) -> list[tuple[int, int]]:
    """Pairs of indices, in rising order, of structures that are equal to 0.001 Angstrom.

    Elements, positions, cell and periodic directions count, in the order of the atoms.
    """
    groups: dict[bytes, list[int]] = {}
    for index, atoms in enumerate(frames):
        if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
            continue  # what is wrong with it is said where it is used
        key = atoms.numbers.tobytes() + atoms.pbc.tobytes()
        groups.setdefault(key, []).append(index)
    found = []
    for rows in groups.values():
        points = [np.vstack([frames[i].cell.array, frames[i].positions]).ravel() for i in rows]
        pairs = cKDTree(np.array(points)).query_pairs(_SAME, p=np.inf)
        found += [(rows[min(pair)], rows[max(pair)]) for pair in pairs]
    return sorted(found)
