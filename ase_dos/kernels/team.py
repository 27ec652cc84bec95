"""Neighbours of a team of atoms: directions, harmonics and weights, one after the other.

A team of atoms shares every pass over its neighbours, with the neighbour as the fast index: passes
are then long enough to fill the vector units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import room_for
from ase_dos.kernels.harmonics import real_harmonics
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.neighbors import collect, most_rows, rows_around
from ase_dos.kernels.radial import hermite_rows, last_piece, neighbor_weights
from ase_dos.kernels.vector import (
    LONG,
    WIDTH,
    cast,
    count,
    fma,
    get,
    load,
    pack,
    put,
    splat,
    sqrt,
    store,
)

# Neighbours of one atom and species that share vectors of radial functions.
SIDE = LONG // WIDTH


# Atoms that share a pass over their neighbours; more would not fit into the second-level cache.
TEAM = 4


class Scratch(NamedTuple):
    """Arrays that hold one team's neighbours and what is made of them, reused for every team.

    ``spans`` to ``species`` are of one atom's search. The neighbours of the team stand one after
    the other, grouped by atom and species: those of atom i and species s at ``starts[k]`` to
    ``starts[k + 1]``, k = i n_species + s, their places in the sorted frame in ``ids``. Where their
    number is no multiple of SIDE, neighbours at the cutoff, of weight zero, make it one. There are
    rows of ``stride`` numbers: in ``vectors_to`` x, y and z (Angstrom), in ``directions`` the
    same for a unit vector, in ``basis`` those of `ase_dos.kernels.radial.hermite_rows`.
    """

    spans: np.ndarray
    origins: np.ndarray
    found: np.ndarray
    species: np.ndarray
    starts: np.ndarray
    ids: np.ndarray
    vectors_to: np.ndarray
    distances: np.ndarray
    weights: np.ndarray
    pieces: np.ndarray
    directions: np.ndarray
    basis: np.ndarray
    harmonics: np.ndarray
    radial: np.ndarray
    sums: np.ndarray


@inner_kernel
def make_scratch(places, bins, hypers, team, basis_rows):
    """Scratch for ``team`` of some atoms at a time."""
    rows = most_rows(bins)
    spans, origins = np.empty(2 * rows, np.int64), np.empty(3 * rows)
    room = most_candidates(places, bins, spans, origins) + WIDTH
    kind = hypers.table.dtype
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    stride = team * (room + (SIDE - 1) * hypers.n_species) + 64
    return Scratch(
        spans,
        origins,
        np.empty(4 * room),
        np.empty(room),
        np.empty(team * hypers.n_species + 1, np.int64),
        np.empty(stride),
        room_for(3 * stride, np.float64),
        room_for(stride, np.float64),
        room_for(stride, kind),
        room_for(stride, np.float64),
        room_for(3 * stride, kind),
        room_for(basis_rows * stride, kind),
        room_for(n_harmonics * stride, kind),
        room_for(hypers.row * room + LONG, kind),
        room_for(TEAM * n_harmonics * whole_vectors(hypers.n_max), kind),
    )


@inner_kernel
def most_candidates(places, bins, spans, origins):
    """Largest number of candidates for neighbours among some atoms."""
    most, bin_before = 0, -1
    for place in places:
        if bins.bin_of[place] != bin_before:  # the atoms of a bin have the same candidates
            bin_before = bins.bin_of[place]
            _, candidates = rows_around(place, bins, spans, origins)
            most = max(most, candidates)
    return most


@inner_kernel
def _add_neighbors(center, n_found, kinds, hypers, segment, stride, scratch):
    """Append one atom's neighbours to the team's, grouped by species."""
    found, species = scratch.found, scratch.species
    room, at = found.size // 4, scratch.starts[segment]
    for j in range(n_found):
        put(species, j, float(get(kinds, int(get(found, 3 * room + j)))))
    store(species, n_found, splat(-1.0, WIDTH))
    for s in range(hypers.n_species):
        for j in range(0, n_found, WIDTH):
            chosen = load(species, j, WIDTH) == float(s)
            pack(scratch.vectors_to, at, load(found, j, WIDTH), chosen)
            pack(scratch.vectors_to, stride + at, load(found, room + j, WIDTH), chosen)
            pack(scratch.vectors_to, 2 * stride + at, load(found, 2 * room + j, WIDTH), chosen)
            pack(scratch.ids, at, load(found, 3 * room + j, WIDTH), chosen)
            at += count(chosen)
        while at % SIDE:
            _fill_place(at, center, hypers, stride, scratch)
            at += 1
        scratch.starts[segment + s + 1] = at


@inner_kernel
def _fill_place(at, center, hypers, stride, scratch):
    """Put a neighbour at the cutoff, where its weight is zero."""
    put(scratch.ids, at, float(center))
    put(scratch.vectors_to, at, 0.0)
    put(scratch.vectors_to, stride + at, 0.0)
    put(scratch.vectors_to, 2 * stride + at, hypers.cutoff)


@inner_kernel
def _set_directions(count, stride, scratch):
    """Distances and unit vectors of a team's neighbours."""
    vectors, out = scratch.vectors_to, scratch.directions
    for j in range(0, count, WIDTH):
        x, y = load(vectors, j, WIDTH), load(vectors, stride + j, WIDTH)
        z = load(vectors, 2 * stride + j, WIDTH)
        distance = sqrt(fma(x, x, fma(y, y, z * z)))
        inverse = 1.0 / distance
        store(scratch.distances, j, distance)
        store(out, j, cast(x * inverse, out))
        store(out, stride + j, cast(y * inverse, out))
        store(out, 2 * stride + j, cast(z * inverse, out))


@inner_kernel
def _set_weights(count, stride, hypers, scratch):
    """Weights of a team's neighbours, and what their radial integrals are interpolated with."""
    neighbor_weights(
        count,
        scratch.distances,
        hypers.cutoff,
        hypers.smoothing,
        hypers.rate,
        hypers.scale,
        hypers.exponent,
        scratch.weights,
    )
    last = last_piece(hypers.table[0], hypers.row)
    hermite_rows(
        count,
        scratch.distances,
        scratch.weights,
        hypers.length,
        float(last),
        stride,
        scratch.pieces,
        scratch.basis,
    )


@inner_kernel
def gather_team(first, last, places, bins, kinds, hypers, scratch):
    """Find the neighbours of some atoms, and their harmonics and weights.

    Returns the stride of all rows of ``scratch``, and the place of an atom at whose position
    another one stands, or -1.
    """
    # Rows start at a cache line, but not at powers of two of them, which collide in cache.
    stride = scratch.distances.size // 32 * 32 - 16
    scratch.starts[0] = 0
    for i in range(first, last):
        rows, _ = rows_around(places[i], bins, scratch.spans, scratch.origins)
        found = collect(bins, rows, scratch.spans, scratch.origins, scratch.found)
        if found < 0:
            return stride, places[i]
        segment = (i - first) * hypers.n_species
        _add_neighbors(places[i], found, kinds, hypers, segment, stride, scratch)
    n_neighbors = scratch.starts[(last - first) * hypers.n_species]
    # The last vectors of harmonics are filled up: what memory held before may be slow to multiply.
    whole = (n_neighbors + 2 * LONG - 1) // (2 * LONG) * (2 * LONG)
    for j in range(n_neighbors, whole):
        _fill_place(j, places[first], hypers, stride, scratch)
    _set_directions(whole, stride, scratch)
    _set_weights(n_neighbors, stride, hypers, scratch)
    real_harmonics(
        scratch.directions,
        scratch.directions[stride:],
        scratch.directions[2 * stride :],
        n_neighbors,
        hypers.l_max,
        hypers.harmonic_factors,
        stride,
        scratch.harmonics,
    )
    return stride, -1


@inner_kernel
def whole_vectors(n_max):
    """Radial functions in whole vectors."""
    return (n_max + WIDTH - 1) // WIDTH * WIDTH
