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
from ase_dos.kernels.vector import WIDTH, count, fma, get, load, pack, put, rising, splat

# Squared distance (Angstrom^2) below which two atoms have no direction from one to the other.
_COINCIDENT = 1e-12


class Bins(NamedTuple):
    """Atoms of one frame in the order of their bins.

    Attributes
    ----------
    positions : (3 stride,) array
        All x, all y, all z, each with room for a vector more (Angstrom): sorted by bin, in the
        periodic image that lies in the cell.
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
def sort_into_bins(positions, origin, inverse, bins, order, place_of):
    """Sort atoms by counting them in bins.

    Parameters
    ----------
    positions : (3 atoms,) array
        x, y and z of one atom after the other (Angstrom).
    origin : (3,) array
        Corner of the cell (Angstrom).
    inverse : (9,) array
        Inverse of the matrix of its vectors (1/Angstrom).
    bins : Bins
        Its ``positions``, zero before, ``bin_of`` and ``start`` are filled.
    order, place_of : (atoms,) int arrays
        Filled: the atom at each sorted place, and the place of each atom.
    """
    n_atoms, stride = order.size, bins.positions.size // 3
    home, unsorted = np.empty(positions.size), np.empty(n_atoms, np.int64)
    copy(positions, positions.size, home)
    fill(bins.start, bins.start.size, 0)
    for i in range(n_atoms):
        index = 0
        for axis in range(3):
            scaled = 0.0
            for k in range(3):
                scaled += (positions[3 * i + k] - origin[k]) * inverse[3 * k + axis]
            # Only along periodic axes: the cell encloses the atoms along the others.
            turns = np.floor(scaled) if bins.periodic[axis] else 0.0
            for k in range(3):
                home[3 * i + k] -= turns * bins.cell[3 * axis + k]
            # Rounding may lift a wrapped coordinate to 1.0: it belongs to the last bin.
            place = min(max(int((scaled - turns) * bins.counts[axis]), 0), bins.counts[axis] - 1)
            index = index * bins.counts[axis] + place
        unsorted[i] = index
        bins.start[index + 1] += 1
    for b in range(bins.start.size - 1):
        bins.start[b + 1] += bins.start[b]
    filled = np.empty(bins.start.size - 1, np.int64)
    copy(bins.start, filled.size, filled)
    for i in range(n_atoms):
        place = filled[unsorted[i]]
        filled[unsorted[i]] += 1
        order[place] = i
        place_of[i] = place
        bins.bin_of[place] = unsorted[i]
        for k in range(3):
            bins.positions[k * stride + place] = home[3 * i + k]


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
    n_x, n_y, n_z = bins.counts[0], bins.counts[1], bins.counts[2]
    around_x, around_y, around_z = bins.periodic[0], bins.periodic[1], bins.periodic[2]
    cell, stride = bins.cell, bins.positions.size // 3
    row = bins.bin_of[place] // n_z
    lowest_z = bins.bin_of[place] - row * n_z - bins.reach[2]
    highest_z = lowest_z + 2 * bins.reach[2]
    first_z, last_z = lowest_z // n_z, highest_z // n_z
    lowest_x = row // n_y - bins.reach[0]
    lowest_y = row % n_y - bins.reach[1]
    # Divisions are slow: bins (bin_x, bin_y) of images (ix, iy) are counted on from the first.
    first_x, first_y = lowest_x // n_x, lowest_y // n_y
    rows = candidates = 0
    ix, bin_x = first_x, lowest_x - first_x * n_x
    for _ in range(2 * bins.reach[0] + 1):
        iy, bin_y = first_y, lowest_y - first_y * n_y
        for _ in range(2 * bins.reach[1] + 1):
            inside = (around_x or ix == 0) and (around_y or iy == 0)
            start = (bin_x * n_y + bin_y) * n_z
            # Bins in a row along z, and in one image of the cell, lie together in memory.
            for iz in range(first_z, last_z + 1):
                if inside and (around_z or iz == 0):
                    first = get(bins.start, start + max(lowest_z - iz * n_z, 0))
                    last = get(bins.start, start + min(highest_z - iz * n_z, n_z - 1) + 1)
                    candidates += last - first
                    put(spans, 2 * rows, first)
                    put(spans, 2 * rows + 1, last)
                    for k in range(3):
                        shift = ix * cell[k] + iy * cell[3 + k] + iz * cell[6 + k]
                        put(origins, 3 * rows + k, get(bins.positions, k * stride + place) - shift)
                    rows += 1
            bin_y += 1
            if bin_y == n_y:
                iy, bin_y = iy + 1, 0
        bin_x += 1
        if bin_x == n_x:
            ix, bin_x = ix + 1, 0
    return rows, candidates


@inner_kernel
def collect(bins, rows, spans, origins, found):
    """Neighbours of one atom, among the candidates that `rows_around` found.

    Parameters
    ----------
    bins : Bins
    rows, spans, origins
        From `rows_around`.
    found : (4 room,) array
        Filled for every neighbour: x, y and z of the vector to it, and the sorted place, in double
        precision as well; ``room`` exceeds the number of candidates by WIDTH.

    Returns
    -------
    int
        Number of neighbours, or -1 where another atom stands at the same place.
    """
    room, stride = found.size // 4, bins.positions.size // 3
    one, zero = splat(1.0, WIDTH), splat(0.0, WIDTH)
    at = same = 0
    for row in range(rows):
        begin, end = get(spans, 2 * row), get(spans, 2 * row + 1)
        from_x = splat(-get(origins, 3 * row), WIDTH)
        from_y = splat(-get(origins, 3 * row + 1), WIDTH)
        from_z = splat(-get(origins, 3 * row + 2), WIDTH)
        for p in range(begin, end, WIDTH):
            x = fma(one, load(bins.positions, p, WIDTH), from_x)
            y = fma(one, load(bins.positions, stride + p, WIDTH), from_y)
            z = fma(one, load(bins.positions, 2 * stride + p, WIDTH), from_z)
            square = fma(x, x, fma(y, y, fma(z, z, zero)))
            places = rising(float(p), WIDTH)
            near = (square < bins.cutoff * bins.cutoff) & (places < float(end))
            others = near & (square > _COINCIDENT)
            pack(found, at, x, others)
            pack(found, room + at, y, others)
            pack(found, 2 * room + at, z, others)
            pack(found, 3 * room + at, places, others)
            same += count(near) - count(others)
            at += count(others)
    return at if same <= 1 else -1


@inner_kernel
def _visit(place, bins, spans, origins, found):
    """`rows_around` and `collect` with room that grows; returns it and the number of neighbours."""
    rows, candidates = rows_around(place, bins, spans, origins)
    if 4 * (candidates + WIDTH) > found.size:
        found = np.empty(4 * (2 * candidates + WIDTH))
    return found, collect(bins, rows, spans, origins, found)


@kernel
def count_pairs(places, bins, counts):
    """Write the number of neighbours of the sorted atoms ``places`` into ``counts``."""
    room = most_rows(bins)
    spans, origins, found = np.empty(2 * room, np.int64), np.empty(3 * room), np.empty(0)
    for k in range(places.size):
        found, counts[k] = _visit(places[k], bins, spans, origins, found)


@kernel
def fill_pairs(places, bins, offsets, neighbors, vectors):
    """Write the pairs counted by `count_pairs` into ``neighbors`` (p) and ``vectors`` (3 p)."""
    rows = most_rows(bins)
    spans, origins, found = np.empty(2 * rows, np.int64), np.empty(3 * rows), np.empty(0)
    for k in range(places.size):
        found, n_found = _visit(places[k], bins, spans, origins, found)
        room = found.size // 4
        for j in range(n_found):
            p = offsets[k] + j
            neighbors[p] = int(found[3 * room + j])
            for axis in range(3):
                vectors[3 * p + axis] = found[axis * room + j]
