"""Coordination numbers, and the first minimum of the radial distribution function."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from ase_dos.descriptors.neighbors import NeighborSearch, Pairs
from ase_dos.utils.checks import as_positive

__all__ = ["coordination", "first_minimum"]

BOND = 1.3  # bond lengths up to this many sums of covalent radii count
SEARCHED = (1.3, 1.5)  # of that sum: the nearest peak; of the peak: the minimum behind it
BIN = 0.02  # Angstrom
SMOOTHING = 0.06  # Angstrom
BLOCK = 20_000  # atoms whose pairs are in memory at a time


def coordination(atoms: Atoms, cutoff: float | None = None) -> NDArray:
    """Count the neighbours of every atom.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    cutoff : float, optional
        Largest bond length (Angstrom), for every pair of species. By default `BOND` sums of the
        covalent radii of the two atoms (2.89 Angstrom for silicon). That distance is the same
        in all states of a material, so that a count that changes, under pressure for example,
        tells of the structure; the first minimum of the radial distribution function
        (`first_minimum`) moves with the state, and is shallow in liquids.

    Returns
    -------
    (atoms,) array of int
    """
    radii = BOND * covalent_radii[atoms.numbers]
    reach = 2 * radii.max(initial=0.0) if cutoff is None else as_positive(cutoff, "cutoff")
    counts = np.empty(len(atoms), dtype=np.int64)
    for start, stop, pairs in _blocks(atoms, reach):
        bonded = np.ones(len(pairs), dtype=bool)
        if cutoff is None:
            bonded = pairs.distances < radii[pairs.first] + radii[pairs.neighbors]
        counts[start:stop] = np.bincount(pairs.first[bonded] - start, minlength=stop - start)
    return counts


def first_minimum(atoms: Atoms) -> float:
    """Distance (Angstrom) of the first minimum of the radial distribution function.

    The middle of the minimum where it is flat, as in a crystal. Counts all species alike.

    Raises
    ------
    ValueError
        If no atom has a neighbour at a bond's length.
    """
    bond = 2 * float(covalent_radii[atoms.numbers].max())
    reach = SEARCHED[0] * SEARCHED[1] * bond
    edges = np.arange(0.0, reach + BIN, BIN)
    counts = np.zeros(edges.size - 1)
    for _, _, pairs in _blocks(atoms, reach):
        counts += np.histogram(pairs.distances, edges)[0]
    from scipy.ndimage import gaussian_filter1d

    r = (edges[1:] + edges[:-1]) / 2
    density = gaussian_filter1d(counts, SMOOTHING / BIN) / r**2
    near = r < SEARCHED[0] * bond
    if not density[near].any():
        raise ValueError(f"first_minimum: no two atoms within {SEARCHED[0] * bond:.2f} Angstrom")
    peak = int(density[near].argmax())
    behind = (r > r[peak]) & (r < SEARCHED[1] * r[peak])
    lowest = density[behind].min()
    return float(r[behind][density[behind] <= lowest + 1e-6 * density[peak]].mean())


def _blocks(atoms: Atoms, reach: float) -> Iterator[tuple[int, int, Pairs]]:
    search = NeighborSearch(atoms, reach)
    for start in range(0, len(atoms), BLOCK):
        stop = min(start + BLOCK, len(atoms))
        yield start, stop, search.pairs(start, stop)
