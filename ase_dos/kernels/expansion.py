"""Density coefficients c_nlm of atoms, straight from the sorted frame.

A team of atoms shares every pass over its neighbours: harmonics and radial integrals of all of
them lie side by side with the neighbour as the fast index, so that passes are long enough to
fill the vector units. The sums over the neighbours of each atom follow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import fill
from ase_dos.kernels.harmonics import real_harmonics
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.neighbors import collect, most_rows, rows_around
from ase_dos.kernels.radial import WIDTH, neighbor_weight, radial_values
from ase_dos.kernels.vector import fma, load, splat, store

# Atoms whose coefficients stand side by side: two vectors of eight double-precision numbers.
LANES = 16
# Atoms that share a pass over their neighbours; more would not fit into the second-level cache.
TEAM = 4


class Expansion(NamedTuple):
    """Hyperparameters of the density expansion and the tables made from them.

    The floating-point type of ``table`` is that of all arrays after the search for neighbours and
    of the sums in them.

    Attributes
    ----------
    n_species, n_max, l_max : int
    cutoff, smoothing, rate, scale, exponent
        Of `ase_dos.kernels.radial.neighbor_weight`. (Numba hands no nested tuple to threads.)
    table : (sets, size) array
        Radial integrals, see `ase_dos.kernels.radial.radial_values`: one set of functions for each
        species of neighbours, or one for all.
    length : float
        Length of the pieces of the table (Angstrom).
    center : (sets, n_max) array
        What the atom's own density adds to its l = 0 coefficients.
    harmonic_factors : flat array
        See `ase_dos.kernels.harmonics.harmonic_coefficients`.
    factors : (l_max + 1,) array
        Factor of every l in the power spectrum.
    """

    n_species: int
    n_max: int
    l_max: int
    cutoff: float
    smoothing: float
    rate: float
    scale: float
    exponent: int
    table: np.ndarray
    length: float
    center: np.ndarray
    harmonic_factors: np.ndarray
    factors: np.ndarray


class Scratch(NamedTuple):
    """Arrays that hold one team's neighbours and what is made of them, reused for every team."""

    spans: np.ndarray
    origins: np.ndarray
    who: np.ndarray
    vectors: np.ndarray
    starts: np.ndarray
    place: np.ndarray
    ids: np.ndarray
    geometry: np.ndarray
    harmonics: np.ndarray
    radial: np.ndarray
    work: np.ndarray
    tile: np.ndarray
    basis: np.ndarray


@inner_kernel
def make_scratch(bins, hypers, candidates, team):
    """Scratch for ``team`` atoms with up to that many candidates for neighbours each."""
    room = candidates
    rows = most_rows(bins)
    kind = hypers.table.dtype
    n_functions = hypers.n_max * (hypers.l_max + 1)
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    stride = team * room + 24
    return Scratch(
        np.empty(2 * rows, np.int64),
        np.empty(3 * rows),
        np.empty(room, np.int64),
        np.empty(3 * room),
        np.empty(team * hypers.n_species + 1, np.int64),
        np.empty(hypers.n_species, np.int64),
        np.empty(stride, np.int64),
        np.empty(5 * stride, kind),
        np.empty(n_harmonics * stride, kind),
        np.empty(n_functions * stride + WIDTH, kind),
        np.empty(5 * stride, kind),
        np.empty(4 * WIDTH, kind),
        np.empty(12, kind),
    )


@inner_kernel
def most_candidates(places, bins):
    """Largest number of candidates for neighbours among some atoms."""
    rows = most_rows(bins)
    spans, origins = np.empty(2 * rows, np.int64), np.empty(3 * rows)
    most = 0
    for place in places:
        _, candidates = rows_around(place, bins, spans, origins)
        most = max(most, candidates)
    return most


@inner_kernel
def _add_neighbors(found, kinds, hypers, segment, stride, scratch):
    """Append one atom's neighbours to the team's, grouped by species.

    ``ids`` holds their places in the sorted frame. ``geometry`` holds five rows of ``stride``: r,
    x/r, y/r, z/r and the weight, which is made in double precision: it is a small difference near
    the cutoff. The neighbours of species s are at ``starts[segment + s]`` to ``starts[segment + s
    + 1]``.
    """
    starts, place, who = scratch.starts, scratch.place, scratch.who
    out = scratch.geometry
    room = who.size
    x, y, z = scratch.vectors, scratch.vectors[room:], scratch.vectors[2 * room :]
    fill(place, place.size, 0)
    for j in range(found):
        place[kinds[who[j]]] += 1
    at = starts[segment]
    for s in range(hypers.n_species):
        at += place[s]
        starts[segment + s + 1] = at
        place[s] = at - place[s]
    for j in range(found):
        s = kinds[who[j]]
        k = place[s]
        place[s] += 1
        r = np.sqrt(x[j] * x[j] + y[j] * y[j] + z[j] * z[j])
        scratch.ids[k] = who[j]
        out[k] = r
        out[stride + k] = x[j] / r
        out[2 * stride + k] = y[j] / r
        out[3 * stride + k] = z[j] / r
        out[4 * stride + k] = neighbor_weight(
            r, hypers.cutoff, hypers.smoothing, hypers.rate, hypers.scale, hypers.exponent
        )


@inner_kernel
def _radial(begin, end, stride, table, hypers, scratch):
    """Weighted radial integrals of neighbours, ``radial[(j * (l_max + 1) + l) * n_max + n]``."""
    n_functions = hypers.n_max * (hypers.l_max + 1)
    geometry = scratch.geometry
    for j in range(begin, end):
        radial_values(
            geometry[j],
            geometry[4 * stride + j],
            table,
            hypers.length,
            n_functions,
            scratch.basis,
            scratch.radial,
            j * n_functions,
        )


@inner_kernel
def sum_neighbors(begin, end, stride, n_max, l_max, at, radial, harmonics, tile, out):
    """Coefficients c_nlm of one atom and species, ``out[at + (n * harmonics + lm) * LANES]``.

    Sums over neighbours of WIDTH radial functions, side by side, times four harmonics.
    """
    n_harmonics = (l_max + 1) * (l_max + 1)
    n_functions = n_max * (l_max + 1)
    zero = splat(radial.dtype.type(0), WIDTH)
    for ell in range(l_max + 1):
        last = (ell + 1) * (ell + 1) - 1
        for n0 in range(0, n_max, WIDTH):
            for first in range(ell * ell, last + 1, 4):
                # A tile over the edge repeats the last harmonic.
                y0 = first * stride
                y1 = min(first + 1, last) * stride
                y2 = min(first + 2, last) * stride
                y3 = min(first + 3, last) * stride
                sum0 = sum1 = sum2 = sum3 = zero
                for j in range(begin, end):
                    # Functions past n_max are read along, and left out below.
                    r = load(radial, j * n_functions + ell * n_max + n0, WIDTH)
                    sum0 = fma(r, splat(harmonics[y0 + j], WIDTH), sum0)
                    sum1 = fma(r, splat(harmonics[y1 + j], WIDTH), sum1)
                    sum2 = fma(r, splat(harmonics[y2 + j], WIDTH), sum2)
                    sum3 = fma(r, splat(harmonics[y3 + j], WIDTH), sum3)
                store(tile, 0, sum0)
                store(tile, WIDTH, sum1)
                store(tile, 2 * WIDTH, sum2)
                store(tile, 3 * WIDTH, sum3)
                for n in range(min(WIDTH, n_max - n0)):
                    row = at + (n0 + n) * n_harmonics * LANES
                    for m in range(min(4, last + 1 - first)):
                        out[row + (first + m) * LANES] = tile[m * WIDTH + n]


@inner_kernel
def gather_team(first, last, places, bins, kinds, hypers, scratch):
    """Find the neighbours of some atoms, and their harmonics.

    Returns the stride of the rows of ``geometry``, and the place of an atom at whose position
    another one stands, or -1.
    """
    room = scratch.who.size
    # Rows start eight numbers past a multiple of sixteen: power-of-two strides collide in cache.
    stride = scratch.geometry.size // 5 // 16 * 16 - 8
    scratch.starts[0] = 0
    for i in range(first, last):
        rows, _ = rows_around(places[i], bins, scratch.spans, scratch.origins)
        found = collect(
            bins,
            rows,
            scratch.spans,
            scratch.origins,
            scratch.vectors,
            scratch.vectors[room:],
            scratch.vectors[2 * room :],
            scratch.who,
        )
        if found < 0:
            return stride, places[i]
        _add_neighbors(found, kinds, hypers, (i - first) * hypers.n_species, stride, scratch)
    real_harmonics(
        scratch.geometry[stride:],
        scratch.geometry[2 * stride :],
        scratch.geometry[3 * stride :],
        scratch.starts[(last - first) * hypers.n_species],
        hypers.l_max,
        hypers.harmonic_factors,
        stride,
        scratch.work,
        scratch.harmonics,
    )
    return stride, -1


@inner_kernel
def _expand_team(first, last, places, bins, kinds, hypers, scratch, lane, present, out):
    """`expand` for up to TEAM atoms, from ``lane`` on."""
    n_species, n_max, l_max = hypers.n_species, hypers.n_max, hypers.l_max
    n_harmonics = (l_max + 1) * (l_max + 1)
    last_set = hypers.table.shape[0] - 1
    stride, shared = gather_team(first, last, places, bins, kinds, hypers, scratch)
    if shared >= 0:
        return shared
    for i in range(first, last):
        species = kinds[places[i]]
        for s in range(n_species):
            segment = (i - first) * n_species + s
            begin, end = scratch.starts[segment], scratch.starts[segment + 1]
            at = s * n_max * n_harmonics * LANES + lane + i - first
            if end > begin or s == species:
                present[s] = True
            _radial(begin, end, stride, hypers.table[min(s, last_set)], hypers, scratch)
            sum_neighbors(
                begin,
                end,
                stride,
                n_max,
                l_max,
                at,
                scratch.radial,
                scratch.harmonics,
                scratch.tile,
                out,
            )
        add_center(species, lane + i - first, hypers, out)
    return -1


@inner_kernel
def add_center(species, lane, hypers, out):
    """Add the atom's own Gaussian: it stands at the origin, where only l = 0 sees it."""
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    at = species * hypers.n_max * n_harmonics * LANES + lane
    functions = min(species, hypers.table.shape[0] - 1)  # one set for all, or one for each
    for n in range(hypers.n_max):
        out[at + n * n_harmonics * LANES] += hypers.center[functions, n]


@inner_kernel
def expand(first, last, places, bins, kinds, hypers, scratch, present, out):
    """Density coefficients of up to LANES atoms side by side.

    Parameters
    ----------
    first, last : int
        Which of ``places``.
    places : int array
        Places of atoms in the sorted frame.
    bins : Bins
        The sorted frame.
    kinds : (atoms,) int array
        Species of every sorted atom.
    hypers : Expansion
    scratch : Scratch
        From `make_scratch`, with room for the candidates of these atoms.
    present : (n_species,) bool array
        Filled: which species any of the atoms sees.
    out : flat array
        Filled: ``out[((s * n_max + n) * (l_max + 1)^2 + l^2 + l + m) * LANES + lane]``.

    Returns
    -------
    int
        Place of an atom at whose position another one stands, or -1.
    """
    fill(present, present.size, False)
    for team in range(first, last, TEAM):
        end = min(team + TEAM, last)
        shared = _expand_team(
            team, end, places, bins, kinds, hypers, scratch, team - first, present, out
        )
        if shared >= 0:
            return shared
    return -1
