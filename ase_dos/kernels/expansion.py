"""Density coefficients c_nlm of atoms, straight from the sorted frame.

Sums over the neighbours of each atom, which `ase_dos.kernels.team` finds for some atoms at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import fill, room_for
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.radial import interpolate, node_weights
from ase_dos.kernels.team import SIDE, TEAM, gather_team, whole_vectors
from ase_dos.kernels.vector import (
    LONG,
    WIDTH,
    add_groups,
    fma,
    get,
    interleave,
    lanes_of,
    load,
    registers,
    repeat,
    splat,
    store,
    store_parts,
    zero_register,
)

# Atoms whose coefficients stand side by side.
LANES = LONG


class Expansion(NamedTuple):
    """Hyperparameters of the density expansion and the tables made from them.

    The floating-point type of ``table`` is that of harmonics, radial integrals and all that is made
    of them; distances are in double precision.

    Attributes
    ----------
    n_species, n_max, l_max : int
    cutoff, smoothing, rate, scale, exponent
        Of `ase_dos.kernels.radial.neighbor_weights`. (Numba hands no nested tuple to threads.)
    table : (sets, size) array
        Radial integrals, from `ase_dos.kernels.radial.flat_table`: one set of functions for each
        species of neighbours, or one for all.
    row : int
        Length of the rows of the table.
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
    row: int
    length: float
    center: np.ndarray
    harmonic_factors: np.ndarray
    factors: np.ndarray


@inner_kernel
def functions_of(species, hypers):
    """Set of radial functions of neighbours of one species; there may be one for all."""
    return min(species, hypers.table.shape[0] - 1)


@inner_kernel
def integrate_neighbors(begin, end, stride, table, hypers, scratch, out):
    """Weighted radial integrals, ``out[(j - begin) row + SIDE (l n_max + n)]``.

    Those of SIDE neighbours stand side by side: every number of one is followed by those of the
    others.
    """
    row, like = hypers.row, zero_register(table)
    for j in range(begin, end, SIDE):
        to = (j - begin) * row
        weights = node_weights(scratch.basis, j, stride, like)
        left = 3 * int(get(scratch.pieces, j)) * row
        if SIDE == 1:
            for k in range(0, row, lanes_of(like)):
                at = left + 3 * k
                store(out, to + k, interpolate(weights, table, at, at + 3 * row))
        else:
            others = node_weights(scratch.basis, j + 1, stride, like)
            right = 3 * int(get(scratch.pieces, j + 1)) * row
            for k in range(0, row, lanes_of(like)):
                at = left + 3 * k
                here = interpolate(weights, table, at, at + 3 * row)
                at = right + 3 * k
                there = interpolate(others, table, at, at + 3 * row)
                store(out, to + 2 * k, interleave(here, there))


@inner_kernel
def sum_neighbors(begin, end, stride, n_max, l_max, row, radial, harmonics, out):
    """Coefficients c_nlm of one atom and species, ``out[lm * whole_vectors(n_max) + n]``.

    Sums over neighbours of WIDTH radial functions times four harmonics, SIDE neighbours side by
    side; over even and odd vectors apart where one is a register: each sum waits for the one before
    it.
    """
    padded = whole_vectors(n_max)
    zero, one = splat(radial.dtype.type(0), LONG), splat(radial.dtype.type(1), LONG)
    paired = begin
    if registers(radial) == 1:
        paired += (end - begin) // (2 * SIDE) * (2 * SIDE)
    for ell in range(l_max + 1):
        last = (ell + 1) * (ell + 1) - 1
        for n0 in range(0, n_max, WIDTH):
            first = SIDE * (ell * n_max + n0) - begin * row
            for lm0 in range(ell * ell, last + 1, 4):
                # A tile over the edge repeats the last harmonic.
                lm1, lm2, lm3 = min(lm0 + 1, last), min(lm0 + 2, last), min(lm0 + 3, last)
                # Functions past n_max are read along, and left out where the sums are used.
                sum0 = sum1 = sum2 = sum3 = zero
                odd0 = odd1 = odd2 = odd3 = zero
                for j in range(begin, paired, 2 * SIDE):
                    r = load(radial, first + j * row, LONG)
                    sum0 = fma(r, repeat(harmonics, lm0 * stride + j, SIDE, LONG), sum0)
                    sum1 = fma(r, repeat(harmonics, lm1 * stride + j, SIDE, LONG), sum1)
                    sum2 = fma(r, repeat(harmonics, lm2 * stride + j, SIDE, LONG), sum2)
                    sum3 = fma(r, repeat(harmonics, lm3 * stride + j, SIDE, LONG), sum3)
                    odd = j + SIDE
                    r = load(radial, first + odd * row, LONG)
                    odd0 = fma(r, repeat(harmonics, lm0 * stride + odd, SIDE, LONG), odd0)
                    odd1 = fma(r, repeat(harmonics, lm1 * stride + odd, SIDE, LONG), odd1)
                    odd2 = fma(r, repeat(harmonics, lm2 * stride + odd, SIDE, LONG), odd2)
                    odd3 = fma(r, repeat(harmonics, lm3 * stride + odd, SIDE, LONG), odd3)
                sum0, sum1 = fma(one, odd0, sum0), fma(one, odd1, sum1)
                sum2, sum3 = fma(one, odd2, sum2), fma(one, odd3, sum3)
                for j in range(paired, end, SIDE):
                    r = load(radial, first + j * row, LONG)
                    sum0 = fma(r, repeat(harmonics, lm0 * stride + j, SIDE, LONG), sum0)
                    sum1 = fma(r, repeat(harmonics, lm1 * stride + j, SIDE, LONG), sum1)
                    sum2 = fma(r, repeat(harmonics, lm2 * stride + j, SIDE, LONG), sum2)
                    sum3 = fma(r, repeat(harmonics, lm3 * stride + j, SIDE, LONG), sum3)
                store(out, lm0 * padded + n0, add_groups(sum0, SIDE))
                store(out, lm1 * padded + n0, add_groups(sum1, SIDE))
                store(out, lm2 * padded + n0, add_groups(sum2, SIDE))
                store(out, lm3 * padded + n0, add_groups(sum3, SIDE))


@inner_kernel
def expand_team(first, count, lane, places, kinds, stride, hypers, scratch, present, out):
    """Put the coefficients of up to TEAM atoms, of known neighbours, in lanes of ``out``.

    These are the atoms ``first`` to ``first + count`` of ``scratch``, and of ``places``.
    """
    n_species = hypers.n_species
    size = (hypers.l_max + 1) * (hypers.l_max + 1) * whole_vectors(hypers.n_max)
    for s in range(n_species):
        table = hypers.table[functions_of(s, hypers)]
        for i in range(count):
            segment = (first + i) * n_species + s
            begin, end = scratch.starts[segment], scratch.starts[segment + 1]
            if end > begin or s == kinds[places[first + i]]:
                present[s] = True
            integrate_neighbors(begin, end, stride, table, hypers, scratch, scratch.radial)
            sum_neighbors(
                begin,
                end,
                stride,
                hypers.n_max,
                hypers.l_max,
                hypers.row,
                scratch.radial,
                scratch.harmonics,
                scratch.sums[i * size :],
            )
        _put_side_by_side(s, lane, size, hypers, scratch.sums, out)
    for i in range(count):
        add_center(kinds[places[first + i]], lane + i, hypers, out)


@inner_kernel
def _put_side_by_side(species, lane, size, hypers, sums, out):
    """Turn the sums of TEAM atoms, each of that ``size``, so that the atom is the fast index."""
    n_harmonics, row = (hypers.l_max + 1) * (hypers.l_max + 1), whole_vectors(hypers.n_max)
    for n in range(0, hypers.n_max, WIDTH):
        for lm in range(n_harmonics):
            at = lm * row + n
            even = interleave(load(sums, at, WIDTH), load(sums, 2 * size + at, WIDTH))
            odd = interleave(load(sums, size + at, WIDTH), load(sums, 3 * size + at, WIDTH))
            # Functions past n_max go where the next species, or nothing, will stand.
            to = ((species * hypers.n_max + n) * n_harmonics + lm) * LANES + lane
            store_parts(out, to, n_harmonics * LANES, interleave(even, odd), TEAM)


@inner_kernel
def add_center(species, lane, hypers, out):
    """Add the atom's own Gaussian: it stands at the origin, where only l = 0 sees it."""
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    at = species * hypers.n_max * n_harmonics * LANES + lane
    functions = functions_of(species, hypers)
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
        From `ase_dos.kernels.team.make_scratch`, with room for the candidates of these atoms.
    present : (n_species,) bool array
        Filled: which species any of the atoms sees.
    out : flat array
        Filled: ``out[((s * n_max + n) * (l_max + 1)^2 + l^2 + l + m) * LANES + lane]``; from
        `room_for_coefficients`.

    Returns
    -------
    int
        Place of an atom at whose position another one stands, or -1.
    """
    fill(present, present.size, False)
    for team in range(first, last, TEAM):
        end = min(team + TEAM, last)
        stride, shared = gather_team(team, end, places, bins, kinds, hypers, scratch)
        if shared >= 0:
            return shared
        lane = team - first
        expand_team(
            0, end - team, lane, places[team:], kinds, stride, hypers, scratch, present, out
        )
    return -1


@inner_kernel
def room_for_coefficients(hypers):
    """Room for the density coefficients of LANES atoms, as `expand` fills it, of zeros."""
    functions = (hypers.n_species - 1) * hypers.n_max + whole_vectors(hypers.n_max)
    n_harmonics = (hypers.l_max + 1) * (hypers.l_max + 1)
    # Where fewer atoms than lanes are left, the rest keeps what was there.
    room = room_for(functions * n_harmonics * LANES, hypers.table.dtype)
    fill(room, room.size, 0.0)
    return room
