"""Density coefficients c_nlm of atoms, straight from the sorted frame.

A team of atoms shares every pass over its neighbours: harmonics and radial integrals of all of
them lie side by side with the neighbour as the fast index, so that passes are long enough to
fill the vector units. The sums over the neighbours of each atom follow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import fill, room_for
from ase_dos.kernels.harmonics import real_harmonics
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.neighbors import collect, most_rows, rows_around
from ase_dos.kernels.radial import last_piece, neighbor_weight, radial_values
from ase_dos.kernels.vector import (
    REGISTER,
    WIDTH,
    broadcast,
    fma,
    get,
    load,
    put,
    splat,
    store,
)

# Atoms whose coefficients stand side by side: two registers of double-precision numbers. The sums
# of four outputs are then eight registers, which stay there where a processor has only sixteen.
LANES = 2 * REGISTER // 8
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
    vectors: np.ndarray
    which: np.ndarray
    who: np.ndarray
    starts: np.ndarray
    place: np.ndarray
    ids: np.ndarray
    geometry: np.ndarray
    harmonics: np.ndarray
    radial: np.ndarray
    sums: np.ndarray


@inner_kernel
def make_scratch(bins, hypers, candidates, team):
    """Scratch for ``team`` atoms with up to that many candidates for neighbours each."""
    room = candidates + WIDTH
    rows = most_rows(bins)
    kind = hypers.table.dtype
    n_functions = hypers.n_max * (hypers.l_max + 1)
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    stride = team * room + 32
    return Scratch(
        np.empty(2 * rows, np.int64),
        np.empty(3 * rows),
        np.empty(4 * room),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(team * hypers.n_species + 1, np.int64),
        np.empty(hypers.n_species, np.int64),
        np.empty(stride, np.int64),
        room_for(5 * stride, kind),
        room_for(n_harmonics * stride, kind),
        room_for(n_functions * stride + WIDTH, kind),
        room_for(n_harmonics * whole_vectors(hypers.n_max), kind),
    )


@inner_kernel
def most_candidates(places, bins):
    """Largest number of candidates for neighbours among some atoms."""
    rows = most_rows(bins)
    spans, origins = np.empty(2 * rows, np.int64), np.empty(3 * rows)
    most, bin_before = 0, -1
    for place in places:
        if bins.bin_of[place] != bin_before:  # the atoms of a bin have the same candidates
            bin_before = bins.bin_of[place]
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
    vectors, out = scratch.vectors, scratch.geometry
    room = who.size
    fill(place, place.size, 0)
    for j in range(found):
        place[kinds[who[j]]] += 1
    at = starts[segment]
    for s in range(hypers.n_species):
        at += place[s]
        starts[segment + s + 1] = at
        place[s] = at - place[s]
    for j in range(found):
        s = get(kinds, who[j])
        k = get(place, s)
        put(place, s, k + 1)
        put(scratch.ids, k, who[j])
        at = scratch.which[j]
        r = np.sqrt(get(vectors, 3 * room + at))
        put(out, k, r)
        put(out, stride + k, get(vectors, at) / r)
        put(out, 2 * stride + k, get(vectors, room + at) / r)
        put(out, 3 * stride + k, get(vectors, 2 * room + at) / r)
        weight = neighbor_weight(
            r, hypers.cutoff, hypers.smoothing, hypers.rate, hypers.scale, hypers.exponent
        )
        put(out, 4 * stride + k, weight)


@inner_kernel
def _radial(begin, end, stride, table, hypers, scratch):
    """Weighted radial integrals of neighbours, ``radial[(j * (l_max + 1) + l) * n_max + n]``."""
    n_functions = hypers.n_max * (hypers.l_max + 1)
    geometry, last = scratch.geometry, last_piece(table, n_functions)
    for j in range(begin, end):
        radial_values(
            get(geometry, j),
            get(geometry, 4 * stride + j),
            table,
            hypers.length,
            last,
            n_functions,
            scratch.radial,
            j * n_functions,
        )


@inner_kernel
def sum_neighbors(begin, end, stride, n_max, l_max, radial, harmonics, out):
    """Coefficients c_nlm of one atom and species, ``out[lm * whole_vectors(n_max) + n]``.

    Sums over neighbours of WIDTH radial functions, side by side, times four harmonics.
    """
    n_functions, row = n_max * (l_max + 1), whole_vectors(n_max)
    zero = splat(radial.dtype.type(0), WIDTH)
    for ell in range(l_max + 1):
        last = (ell + 1) * (ell + 1) - 1
        for n0 in range(0, n_max, WIDTH):
            for lm0 in range(ell * ell, last + 1, 4):
                # A tile over the edge repeats the last harmonic.
                lm1, lm2, lm3 = min(lm0 + 1, last), min(lm0 + 2, last), min(lm0 + 3, last)
                sum0 = sum1 = sum2 = sum3 = zero
                for j in range(begin, end):
                    # Functions past n_max are read along, and left out where the sums are used.
                    r = load(radial, j * n_functions + ell * n_max + n0, WIDTH)
                    sum0 = fma(r, broadcast(harmonics, lm0 * stride + j, WIDTH), sum0)
                    sum1 = fma(r, broadcast(harmonics, lm1 * stride + j, WIDTH), sum1)
                    sum2 = fma(r, broadcast(harmonics, lm2 * stride + j, WIDTH), sum2)
                    sum3 = fma(r, broadcast(harmonics, lm3 * stride + j, WIDTH), sum3)
                store(out, lm0 * row + n0, sum0)
                store(out, lm1 * row + n0, sum1)
                store(out, lm2 * row + n0, sum2)
                store(out, lm3 * row + n0, sum3)


@inner_kernel
def whole_vectors(n_max):
    """Radial functions in whole vectors."""
    return (n_max + WIDTH - 1) // WIDTH * WIDTH


@inner_kernel
def expand_one(begin, end, stride, species, lane, hypers, scratch, out):
    """Put the coefficients of one atom and species, from its neighbours, in a lane of ``out``."""
    n_max, l_max, sums = hypers.n_max, hypers.l_max, scratch.sums
    n_harmonics, row = (l_max + 1) * (l_max + 1), whole_vectors(n_max)
    sum_neighbors(begin, end, stride, n_max, l_max, scratch.radial, scratch.harmonics, sums)
    for n in range(n_max):
        at = (species * n_max + n) * n_harmonics * LANES + lane
        for lm in range(n_harmonics):
            put(out, at + lm * LANES, get(sums, lm * row + n))


@inner_kernel
def gather_team(first, last, places, bins, kinds, hypers, scratch):
    """Find the neighbours of some atoms, and their harmonics.

    Returns the stride of the rows of ``geometry``, and the place of an atom at whose position
    another one stands, or -1.
    """
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
            scratch.which,
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
        scratch.harmonics,
    )
    return stride, -1


@inner_kernel
def _expand_team(first, last, places, bins, kinds, hypers, scratch, lane, present, out):
    """`expand` for up to TEAM atoms, from ``lane`` on."""
    n_species, last_set = hypers.n_species, hypers.table.shape[0] - 1
    stride, shared = gather_team(first, last, places, bins, kinds, hypers, scratch)
    if shared >= 0:
        return shared
    for i in range(first, last):
        species = kinds[places[i]]
        for s in range(n_species):
            segment = (i - first) * n_species + s
            begin, end = scratch.starts[segment], scratch.starts[segment + 1]
            if end > begin or s == species:
                present[s] = True
            _radial(begin, end, stride, hypers.table[min(s, last_set)], hypers, scratch)
            expand_one(begin, end, stride, s, lane + i - first, hypers, scratch, out)
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
