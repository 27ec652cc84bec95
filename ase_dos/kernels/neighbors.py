"""Search for neighbours on a grid of bins, for any cell and any mixture of boundaries.

Atoms are sorted by bin, so that the atoms of one bin, and of the bins behind one another along
the third axis, lie together in memory. `rows_around` finds these runs of atoms for one atom, and
`collect` picks its neighbours from them: no list of pairs is needed.

All arrays are one-dimensional: two-dimensional indexing keeps wrap-around checks in the
inner loop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import copy, fill
from ase_dos.kernels.jit import inner_kernel, kernel

# Squared distance (Angstrom^2) below which two atoms have no direction from one to the other.
_COINCIDENT = 1e-12


class Bins(NamedTuple):
    """Atoms of one frame in the order of their bins.

    Attributes
    ----------
    positions : (3 atoms,) array
        Sorted by bin, in the periodic image that lies in the cell (Angstrom).
    bin_of : (atoms,) int array
        Bin of each sorted atom.
    start : (bins + 1,) int array
        First sorted atom of each bin.
    cell : (9,) array
        Vectors of the cell (Angstrom).
    periodic : (3,) bool array
    counts : (3,) int array
        Bins along the cell vectors.
    reach : (3,) int array
        Bins to either side in which neighbours may be.
    cutoff : float
        Angstrom.
    """

    positions: np.ndarray
    bin_of: np.ndarray
    start: np.ndarray
    cell: np.ndarray
    periodic: np.ndarray
    counts: np.ndarray
    reach: np.ndarray
    cutoff: float


@kernel
def sort_into_bins(scaled, bins, bin_start, order, bin_of):
    """Sort scaled coordinates (3 n, in [0, 1)) by counting into ``bins`` (3) along the axes.

    Fills ``bin_start`` (bins + 1), ``order`` (sorted place -> atom) and ``bin_of`` (sorted place
    -> bin).
    """
    n_atoms = order.size
    unsorted = np.empty(n_atoms, np.int64)
    fill(bin_start, bin_start.size, 0)
    for i in range(n_atoms):
        index = 0
        for axis in range(3):
            # Rounding may lift a wrapped coordinate to 1.0: it belongs to the last bin.
            place = min(max(int(scaled[3 * i + axis] * bins[axis]), 0), bins[axis] - 1)
            index = index * bins[axis] + place
        unsorted[i] = index
        bin_start[index + 1] += 1
    for b in range(bin_start.size - 1):
        bin_start[b + 1] += bin_start[b]
    filled = np.empty(bin_start.size - 1, np.int64)
    copy(bin_start, filled.size, filled)
    for i in range(n_atoms):
        place = filled[unsorted[i]]
        order[place] = i
        bin_of[place] = unsorted[i]
        filled[unsorted[i]] += 1


@inner_kernel
def most_rows(bins):
    """Upper bound of the number of runs that `rows_around` finds."""
    rows = 2 * bins.reach[2] // bins.counts[2] + 2
    return rows * (2 * bins.reach[0] + 1) * (2 * bins.reach[1] + 1)


@inner_kernel
def rows_around(place, bins, spans, origins):
    """Find the runs of sorted atoms among which the neighbours of one atom are.

    ``spans`` holds the first and the last + 1 atom of each run, ``origins`` where the atom
    ``place`` stands as seen from the run's image of the cell. Returns the number of runs and of
    the atoms in them.
    """
    rest = bins.bin_of[place]
    bz = rest % bins.counts[2]
    rest //= bins.counts[2]
    by = rest % bins.counts[1]
    bx = rest // bins.counts[1]
    cell = bins.cell
    n_x = bins.counts[0]
    n_y = bins.counts[1]
    n_z = bins.counts[2]
    rows = 0
    candidates = 0
    for cx in range(bx - bins.reach[0], bx + bins.reach[0] + 1):
        if not bins.periodic[0] and (cx < 0 or cx >= n_x):
            continue
        ix = cx // n_x
        for cy in range(by - bins.reach[1], by + bins.reach[1] + 1):
            if not bins.periodic[1] and (cy < 0 or cy >= n_y):
                continue
            iy = cy // n_y
            row = ((cx - ix * n_x) * n_y + cy - iy * n_y) * n_z
            # Bins in a row along z, and in one image of the cell, lie together in memory.
            for iz in range((bz - bins.reach[2]) // n_z, (bz + bins.reach[2]) // n_z + 1):
                if not bins.periodic[2] and iz != 0:
                    continue
                low = row + max(bz - bins.reach[2] - iz * n_z, 0)
                high = row + min(bz + bins.reach[2] - iz * n_z, n_z - 1)
                spans[2 * rows] = bins.start[low]
                spans[2 * rows + 1] = bins.start[high + 1]
                candidates += spans[2 * rows + 1] - spans[2 * rows]
                for k in range(3):
                    origins[3 * rows + k] = bins.positions[3 * place + k] - (
                        ix * cell[k] + iy * cell[3 + k] + iz * cell[6 + k]
                    )
                rows += 1
    return rows, candidates


@inner_kernel
def collect(bins, rows, spans, origins, x, y, z, who):
    """Neighbours of one atom: vectors to them, and their sorted places, one after the other.

    The arrays need room for all candidates of `rows_around`. Returns the number of neighbours,
    or -1 where another atom stands at the same place.
    """
    cutoff2 = bins.cutoff * bins.cutoff
    found = 0
    same = 0
    for row in range(rows):
        begin = spans[2 * row]
        ox = origins[3 * row]
        oy = origins[3 * row + 1]
        oz = origins[3 * row + 2]
        # Slices, because an index known to count from zero needs no wrap-around check.
        there = bins.positions[3 * begin :]
        for p in range(spans[2 * row + 1] - begin):
            dx = there[3 * p] - ox
            dy = there[3 * p + 1] - oy
            dz = there[3 * p + 2] - oz
            d2 = dx * dx + dy * dy + dz * dz
            # Written always and counted if near: a branch here would be mispredicted often.
            x[found] = dx
            y[found] = dy
            z[found] = dz
            who[found] = begin + p
            near = d2 < cutoff2
            itself = d2 < _COINCIDENT
            found += int(near) - int(itself)
            same += int(itself)
    return found if same <= 1 else -1


@inner_kernel
def _visit(place, bins, work, spans, origins, who):
    """`rows_around` and `collect` with scratch arrays that grow; returns them and the count."""
    rows, candidates = rows_around(place, bins, spans, origins)
    if candidates >= who.size:
        who = np.empty(2 * candidates + 1, np.int64)
        work = np.empty(3 * who.size)
    n = who.size
    return work, who, collect(bins, rows, spans, origins, work, work[n : 2 * n], work[2 * n :], who)


@kernel
def count_pairs(places, bins, counts):
    """Write the number of neighbours of the sorted atoms ``places`` into ``counts``."""
    room = most_rows(bins)
    spans, origins = np.empty(2 * room, np.int64), np.empty(3 * room)
    work, who = np.empty(0), np.empty(0, np.int64)
    for k in range(places.size):
        work, who, counts[k] = _visit(places[k], bins, work, spans, origins, who)


@kernel
def fill_pairs(places, bins, offsets, neighbors, vectors):
    """Write the pairs counted by `count_pairs` into ``neighbors`` (p) and ``vectors`` (3 p)."""
    room = most_rows(bins)
    spans, origins = np.empty(2 * room, np.int64), np.empty(3 * room)
    work, who = np.empty(0), np.empty(0, np.int64)
    for k in range(places.size):
        work, who, found = _visit(places[k], bins, work, spans, origins, who)
        for j in range(found):
            p = offsets[k] + j
            neighbors[p] = who[j]
            for axis in range(3):
                vectors[3 * p + axis] = work[axis * who.size + j]
