"""Structures that a training set holds more than once, with the same states or with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.spectra.target import DOSTarget
from ase_dos.utils.equal_structures import equal_structures

__all__ = ["RepeatedStructures", "same_states"]

# Of the DOS: more than what rounding of levels to four decimals makes, less than other functionals,
# spin-orbit coupling or k-points do.
_SAME_DOS = 0.01
_SAME_ELECTRONS = 0.01


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
