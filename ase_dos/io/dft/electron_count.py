"""Electrons that the levels hold, counted again by what a program printed of its filling.

A wrong degeneracy or the k-points of another calculation are wrong numbers without a word; the
count tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

# Far above what printed digits explain, far below what a wrong degeneracy makes of it.
_ELECTRONS, _FRACTION, _LEVEL = 0.2, 1e-3, 0.01


class Smearing(NamedTuple):
    """Occupation function of a program, and its width (eV)."""

    kind: str
    width: float

    def occupations(self, below: NDArray) -> NDArray:
        """Return the occupation of levels that lie so far (eV) below the Fermi level.

        Methfessel-Paxton is the first order, Phys. Rev. B 40, 3616 (1989); Marzari-Vanderbilt is
        cold smearing, Phys. Rev. Lett. 82, 3296 (1999).
        """
        x = below / max(self.width, 1e-6)
        if self.kind == "fermi-dirac":
            return expit(x)
        if self.kind == "marzari-vanderbilt":
            x = x - np.sqrt(0.5)
            return (1 + erf(x)) / 2 + np.exp(-(x**2)) / np.sqrt(2 * np.pi)
        if self.kind == "methfessel-paxton":
            return (1 + erf(x)) / 2 + x * np.exp(-(x**2)) / np.sqrt(4 * np.pi)
        return (1 + erf(x)) / 2


def check_smeared(
    eigenvalues: NDArray,
    weights: NDArray,
    degeneracy: int,
    n_electrons: float,
    fermi_levels: Sequence[float],
    smearing: Smearing,
) -> None:
    """Refuse levels that hold another number of electrons than the program said.

    Parameters
    ----------
    eigenvalues : (spins, kpoints, bands) array
        Levels (eV).
    weights : (kpoints,) array
        k-point weights with any sum.
    degeneracy : int
        Electrons that one level holds.
    n_electrons : float
        What the program said.
    fermi_levels : sequence of 1 or 2 floats
        Fermi level (eV), or that of each spin channel.
    smearing : Smearing
        How the program filled the levels.

    Raises
    ------
    ValueError
        As `check_count`.
    """
    capacity = degeneracy * eigenvalues.shape[0] * eigenvalues.shape[2]
    if n_electrons > capacity:
        return  # which ElectronicStates refuses
    filled = smearing.occupations(np.reshape(fermi_levels, (-1, 1, 1)) - eigenvalues)
    check_count(degeneracy * np.einsum("k,skn->", weights / weights.sum(), filled), n_electrons)


def check_count(count: float, n_electrons: float) -> None:
    """Refuse a count of electrons that is 0.2 and 0.1 % off what the program said."""
    if abs(count - n_electrons) > _ELECTRONS + _FRACTION * n_electrons:
        raise ValueError(
            f"filled as in the file, its levels hold {count:.2f} electrons, but it says "
            f"{n_electrons:.2f}; it is damaged, or of a kind that is not known here"
        )


def check_filled(
    eigenvalues: NDArray, weights: NDArray, filled: Sequence[float], highest: float
) -> None:
    """Refuse levels of which the highest occupied is another one than the program said.

    Parameters
    ----------
    eigenvalues : (spins, kpoints, bands) array
        Levels (eV), rising with the band.
    weights : (kpoints,) array
        k-point weights.
    filled : (spins,) sequence
        How many bands of each spin channel hold electrons.
    highest : float
        Highest occupied level (eV) as printed.

    Raises
    ------
    ValueError
        If the two are 0.01 eV or more apart.
    """
    counts = [round(n) for n in filled]
    if max(counts) > eigenvalues.shape[2] or max(counts) == 0 or not np.allclose(counts, filled):
        return  # too many for ElectronicStates, or no band is filled as a whole
    levels = [
        channel[:, count - 1]
        for channel, count in zip(eigenvalues, counts, strict=True)
        if count > 0
    ]
    # Some releases look at k-points of weight zero as well, and some do not.
    found = [max(e[chosen].max() for e in levels) for chosen in (weights > 0, slice(None))]
    if min(abs(level - highest) for level in found) > _LEVEL:
        raise ValueError(
            f"by the number of electrons the highest occupied level is {found[0]:.4f} eV, but the "
            f"file says {highest:.4f} eV; it is damaged, or of a kind that is not known here"
        )
