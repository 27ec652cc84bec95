"""Search for pairs on a grid of bins, for any cell and any mixture of boundaries.

All arrays are one-dimensional: two-dimensional indexing keeps wrap-around checks in the
inner loop. Positions come sorted by bin, so that the atoms of one bin lie together.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ase_dos.kernels.jit import kernel

# Atoms handed to a thread at a time.
_CHUNK = 64


@kernel
def sort_into_bins(scaled, bins, bin_start, order, bin_of):
    """Sort scaled coordinates (3 n, in [0, 1)) by counting into ``bins`` (3) along the axes.

    Fills ``bin_start`` (bins + 1), ``order`` (sorted place -> atom) and ``bin_of`` (atom -> bin).
    """
    n_atoms = order.size
    bin_start[:] = 0
    for i in range(n_atoms):
        index = 0
        for axis in range(3):
            # Rounding may lift a wrapped coordinate to 1.0: it belongs to the last bin.
            place = min(max(int(scaled[3 * i + axis] * bins[axis]), 0), bins[axis] - 1)
            index = index * bins[axis] + place
        bin_of[i] = index
        bin_start[index + 1] += 1
    for b in range(bin_start.size - 1):
        bin_start[b + 1] += bin_start[b]
    filled = bin_start[:-1].copy()
    for i in range(n_atoms):
        order[filled[bin_of[i]]] = i
        filled[bin_of[i]] += 1


@kernel
def _visit(i, frame, fill, at, neighbors, vectors):
    """Count (or, if ``fill``, write from ``at`` on) the neighbours of atom ``i``.

    ``frame``: positions (3 n) wrapped into the cell, then cell (9), periodic, bins and reach
    (3), squared cutoff, and the atoms sorted by bin (`sort_into_bins`). One flat tuple: numba
    passes no nested ones to parallel loops.
    """
    (
        positions, cell, periodic, bins, reach, cutoff2,
        bin_of, bin_start, order, place_of, sorted_positions,
    ) = frame  # fmt: skip
    rest = bin_of[i]
    bz = rest % bins[2]
    rest //= bins[2]
    by = rest % bins[1]
    bx = rest // bins[1]
    xi = positions[3 * i]
    yi = positions[3 * i + 1]
    zi = positions[3 * i + 2]
    own = place_of[i]
    found = at
    for cx in range(bx - reach[0], bx + reach[0] + 1):
        if not periodic[0] and (cx < 0 or cx >= bins[0]):
            continue
        ix = cx // bins[0]
        for cy in range(by - reach[1], by + reach[1] + 1):
            if not periodic[1] and (cy < 0 or cy >= bins[1]):
                continue
            iy = cy // bins[1]
            row = ((cx - ix * bins[0]) * bins[1] + cy - iy * bins[1]) * bins[2]
            # Bins in a row along z, and in one image of the cell, lie together in memory.
            for iz in range((bz - reach[2]) // bins[2], (bz + reach[2]) // bins[2] + 1):
                if not periodic[2] and iz != 0:
                    continue
                low = row + max(bz - reach[2] - iz * bins[2], 0)
                high = row + min(bz + reach[2] - iz * bins[2], bins[2] - 1)
                # Where atom i stands as seen from this image of the cell.
                x = xi - (ix * cell[0] + iy * cell[3] + iz * cell[6])
                y = yi - (ix * cell[1] + iy * cell[4] + iz * cell[7])
                z = zi - (ix * cell[2] + iy * cell[5] + iz * cell[8])
                skip = own if ix == 0 and iy == 0 and iz == 0 else -1
                begin = bin_start[low]
                # Slices, because an index that counts from zero needs no wrap-around check.
                there = sorted_positions[3 * begin :]
                for p in range(bin_start[high + 1] - begin):
                    dx = there[3 * p] - x
                    dy = there[3 * p + 1] - y
                    dz = there[3 * p + 2] - z
                    if dx * dx + dy * dy + dz * dz < cutoff2 and begin + p != skip:
                        if fill:
                            neighbors[found] = order[begin + p]
                            vectors[3 * found] = dx
                            vectors[3 * found + 1] = dy
                            vectors[3 * found + 2] = dz
                        found += 1
    return found - at


@kernel(parallel=True)
def count_pairs(start, stop, frame, counts):
    """Write the number of neighbours of the atoms ``start`` to ``stop`` into ``counts``."""
    no_neighbors = np.empty(0, np.int64)
    no_vectors = np.empty(0, np.float64)
    for chunk in prange((stop - start + _CHUNK - 1) // _CHUNK):
        for k in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, stop - start)):
            counts[k] = _visit(start + k, frame, False, 0, no_neighbors, no_vectors)


@kernel(parallel=True)
def fill_pairs(start, stop, frame, offsets, neighbors, vectors):
    """Write the pairs counted by `count_pairs` into ``neighbors`` (p) and ``vectors`` (3 p)."""
    for chunk in prange((stop - start + _CHUNK - 1) // _CHUNK):
        for k in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, stop - start)):
            _visit(start + k, frame, True, offsets[k], neighbors, vectors)
