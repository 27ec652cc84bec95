"""SOAP power spectrum of a run of atoms from their pairs.

Per atom: neighbours sorted by species, harmonics and radial integrals side by side with the
neighbour as the fast index, density coefficients as dot products over neighbours, and the
power spectrum from those. Scratch memory belongs to a chunk of atoms and is reused.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from ase_dos.kernels.harmonics import real_harmonics
from ase_dos.kernels.jit import kernel
from ase_dos.kernels.radial import neighbor_weight, radial_values

# Atoms that share one scratch area.
_CHUNK = 64


@kernel
def _geometry(vectors, neighbors, kinds, begin, end, stride, n_species, starts, place, out):
    """Distances and unit vectors of one atom's neighbours, grouped by species.

    ``out`` holds four rows of ``stride``: r, x/r, y/r, z/r; the neighbours of species s are at
    ``starts[s]`` to ``starts[s + 1]``.
    """
    starts[:] = 0
    for p in range(begin, end):
        starts[kinds[neighbors[p]] + 1] += 1
    for s in range(n_species):
        starts[s + 1] += starts[s]
        place[s] = starts[s]
    for p in range(begin, end):
        s = kinds[neighbors[p]]
        j = place[s]
        place[s] += 1
        x = vectors[3 * p]
        y = vectors[3 * p + 1]
        z = vectors[3 * p + 2]
        r = np.sqrt(x * x + y * y + z * z)
        out[j] = r
        out[stride + j] = x / r
        out[2 * stride + j] = y / r
        out[3 * stride + j] = z / r


@kernel
def _radial(r, begin, end, stride, weighting, table, length, n_functions, basis, row, out):
    """Weighted radial integrals of one species, ``out[(l * n_max + n) * stride + j]``."""
    cutoff, smoothing, rate, scale, exponent = weighting
    for j in range(begin, end):
        weight = neighbor_weight(r[j], cutoff, smoothing, rate, scale, exponent)
        radial_values(r[j], weight, table, length, n_functions, basis, row)
        for k in range(n_functions):
            out[k * stride + j] = row[k]


@kernel
def _coefficients(radial, harmonics, begin, end, stride, n_max, l_max, at, out):
    """Density coefficients of one species, ``out[at + n * (l_max + 1)^2 + l^2 + l + m]``.

    Dot products over neighbours in tiles of four radial functions by two harmonics, so that
    six numbers read serve eight products. A tile over the edge repeats the last row.
    """
    n_harmonics = (l_max + 1) * (l_max + 1)
    count = end - begin
    for ell in range(l_max + 1):
        last = (ell + 1) * (ell + 1) - 1
        for n0 in range(0, n_max, 4):
            n1 = min(n0 + 1, n_max - 1)
            n2 = min(n0 + 2, n_max - 1)
            n3 = min(n0 + 3, n_max - 1)
            # Slices, because an index known to count from zero needs no wrap-around check;
            # with the check these loops do not vectorise.
            r0 = radial[(ell * n_max + n0) * stride + begin :]
            r1 = radial[(ell * n_max + n1) * stride + begin :]
            r2 = radial[(ell * n_max + n2) * stride + begin :]
            r3 = radial[(ell * n_max + n3) * stride + begin :]
            for first in range(ell * ell, last + 1, 2):
                second = min(first + 1, last)
                y = harmonics[first * stride + begin :]
                z = harmonics[second * stride + begin :]
                y0 = y1 = y2 = y3 = 0.0
                z0 = z1 = z2 = z3 = 0.0
                for j in range(count):
                    y0 += r0[j] * y[j]
                    y1 += r1[j] * y[j]
                    y2 += r2[j] * y[j]
                    y3 += r3[j] * y[j]
                    z0 += r0[j] * z[j]
                    z1 += r1[j] * z[j]
                    z2 += r2[j] * z[j]
                    z3 += r3[j] * z[j]
                out[at + n0 * n_harmonics + first] = y0
                out[at + n1 * n_harmonics + first] = y1
                out[at + n2 * n_harmonics + first] = y2
                out[at + n3 * n_harmonics + first] = y3
                out[at + n0 * n_harmonics + second] = z0
                out[at + n1 * n_harmonics + second] = z1
                out[at + n2 * n_harmonics + second] = z2
                out[at + n3 * n_harmonics + second] = z3


@kernel
def _spectrum(coefficients, n_species, n_max, l_max, factors, at, out):
    """Power spectrum of one atom into ``out`` from ``at`` on; layout as `SOAP` describes it."""
    n_harmonics = (l_max + 1) * (l_max + 1)
    for a in range(n_species):
        for b in range(a, n_species):
            for n1 in range(n_max):
                first = coefficients[(a * n_max + n1) * n_harmonics :]
                for n2 in range(n1 if a == b else 0, n_max):
                    second = coefficients[(b * n_max + n2) * n_harmonics :]
                    # Features left out by symmetry count twice in any dot product.
                    fold = 1.0 if a == b and n1 == n2 else np.sqrt(2.0)
                    for ell in range(l_max + 1):
                        total = 0.0
                        for lm in range(ell * ell, (ell + 1) * (ell + 1)):
                            total += first[lm] * second[lm]
                        out[at] = total * factors[ell] * fold
                        at += 1


@kernel
def _features(
    begin_atom, end_atom, start, offsets, neighbors, vectors, kinds, weighting, table, length,
    center, harmonic_factors, factors, n_species, n_max, l_max, stride, out
):  # fmt: skip
    """Features of one chunk of atoms."""
    n_functions = n_max * (l_max + 1)
    n_harmonics = (l_max + 1) * (l_max + 1)
    n_features = out.size // (offsets.size - 1)
    last_set = table.shape[0] - 1  # one set of radial functions per species, or one for all
    geometry = np.empty(4 * stride)
    harmonics = np.empty(n_harmonics * stride)
    radial = np.empty(n_functions * stride)
    work = np.empty((l_max + 3) * stride)
    row = np.empty(n_functions)
    basis = np.empty(6)
    coefficients = np.empty(n_species * n_max * n_harmonics)
    starts = np.empty(n_species + 1, np.int64)
    place = np.empty(n_species, np.int64)
    for i in range(begin_atom, end_atom):
        begin = offsets[i]
        count = offsets[i + 1] - begin
        _geometry(
            vectors, neighbors, kinds, begin, begin + count, stride, n_species, starts, place,
            geometry,
        )  # fmt: skip
        real_harmonics(
            geometry[stride:], geometry[2 * stride :], geometry[3 * stride :], count, l_max,
            harmonic_factors, stride, work, harmonics,
        )  # fmt: skip
        for s in range(n_species):
            _radial(
                geometry, starts[s], starts[s + 1], stride, weighting, table[min(s, last_set)],
                length, n_functions, basis, row, radial,
            )  # fmt: skip
            at = s * n_max * n_harmonics
            _coefficients(
                radial, harmonics, starts[s], starts[s + 1], stride, n_max, l_max, at, coefficients
            )
        # The atom's own Gaussian stands at the origin: only l = 0 sees it.
        kind = kinds[start + i]
        own = kind * n_max * n_harmonics
        for n in range(n_max):
            coefficients[own + n * n_harmonics] += center[min(kind, last_set), n]
        _spectrum(coefficients, n_species, n_max, l_max, factors, i * n_features, out)


@kernel(parallel=True)
def power_spectrum(
    start, offsets, neighbors, vectors, kinds, weighting, table, length, center,
    harmonic_factors, factors, n_species, n_max, l_max, out
):  # fmt: skip
    """Power spectra of the atoms ``start`` onwards into ``out`` (atoms * features).

    Parameters
    ----------
    start : int
        First atom of the run in the frame.
    offsets, neighbors, vectors
        Pairs in CSR form: (atoms + 1), (pairs), (3 pairs).
    kinds : (frame atoms,) int array
        Index of the species of every atom of the frame.
    weighting : tuple
        Cutoff, smoothing width, rate, scale and exponent of `neighbor_weight`.
    table : (sets, size) array
        Radial integrals, see `ase_dos.kernels.radial.radial_table`: one set of functions for
        every species, or one that all share.
    length : float
        Length of the pieces of the table.
    center : (sets, n_max) array
        What the atom's own density adds to its l = 0 coefficients.
    harmonic_factors
        See `ase_dos.kernels.harmonics.harmonic_coefficients`.
    factors : (l_max + 1,) array
        Factor of every l in the power spectrum.
    """
    n_atoms = offsets.size - 1
    most = 0
    for i in range(n_atoms):
        most = max(most, offsets[i + 1] - offsets[i])
    # Rows start eight numbers past a multiple of sixteen: power-of-two strides collide in cache.
    stride = (most + 15) // 16 * 16 + 8
    for chunk in prange((n_atoms + _CHUNK - 1) // _CHUNK):
        _features(
            chunk * _CHUNK, min((chunk + 1) * _CHUNK, n_atoms), start, offsets, neighbors, vectors,
            kinds, weighting, table, length, center, harmonic_factors, factors, n_species, n_max,
            l_max, stride, out,
        )  # fmt: skip
