"""Structures that a training set holds more than once, with the same states or with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ase_dos.spectra.target import DOSTarget

__all__ = ["RepeatedStructures", "equal_structures", "same_states"]

# Angstrom: more than what output files round, less than any step of a calculation that matters.
_SAME = 1e-3
# Of the DOS: more than what rounding of levels to four decimals makes, less than other functionals,
# spin-orbit coupling or k-points do.
_SAME_DOS = 0.01
_SAME_ELECTRONS = 0.01


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


def same_states(one: DOSTarget, other: DOSTarget) -> bool:
    """Whether two targets are of the same states but for rounding and the zero of energy.

    Compared is the DOS of an electron from the bands up to what both know, with the Fermi levels at
    the same energy.
    """
    if one.source and one.source == other.source:
        return True
    pair = (one, other)
    if one.smearing != other.smearing:
        return False
    start = min(target.start - target.fermi_level for target in pair)
    stop = min(target.valid_to - target.fermi_level for target in pair)
    energies = np.arange(start, stop, min(one.step, other.step))
    first, second = (
        target(energies, target.fermi_level)[0] / target.n_electrons for target in pair
    )
    return bool(np.sum((first - second) ** 2) <= _SAME_DOS**2 * np.sum(first**2))


@dataclass(frozen=True, eq=False)
class RepeatedStructures:
    """What is given once more.

    Parameters
    ----------
    first : (n,) array of int
        For each structure the first one that is the same, with the same states; itself if none is.
    contradictions : list of (int, int)
        Pairs of the same structure with other states.
    """

    first: NDArray
    contradictions: list[tuple[int, int]]

    @classmethod
    def of(cls, frames: Sequence[Atoms], targets: Sequence[DOSTarget]) -> RepeatedStructures:
        """Find them."""
        first = np.arange(len(frames))
        contradictions = []
        for i, j in equal_structures(frames):
            if first[i] != i or first[j] != j:
                continue  # the first of its kind is, or was, compared
            same = abs(targets[i].n_electrons - targets[j].n_electrons) <= _SAME_ELECTRONS
            if same and same_states(targets[i], targets[j]):
                first[j] = i
            else:
                contradictions.append((i, j))
        return cls(first, [pair for pair in contradictions if all(first[k] == k for k in pair)])

    @property
    def kept(self) -> NDArray:
        """Rising indices of structures that repeat none before them."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))

    @property
    def merged(self) -> NDArray:
        """Rising indices of the others."""
        return np.flatnonzero(self.first != np.arange(len(self.first)))

    @property
    def place(self) -> NDArray:
        """Index (n,) among those kept, of each structure or the first one like it."""
        return np.searchsorted(self.kept, self.first)
