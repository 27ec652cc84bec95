"""Density coefficients c_nlm of atoms, straight from the sorted frame.

Sums over the neighbours of each atom, which `ase_dos.kernels.team` finds for some atoms at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import fill
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.radial import interpolate
from ase_dos.kernels.team import gather_team, whole_vectors
from ase_dos.kernels.vector import (
    REGISTER,
    WIDTH,
    broadcast,
    fma,
    get,
    load,
    put,
    registers,
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

    The floating-point type of ``table`` is that of harmonics, radial integrals and all that is made
    of them; distances and weights are in double precision.

    Attributes
    ----------
    n_species, n_max, l_max : int
    cutoff, smoothing, rate, scale, exponent
        Of `ase_dos.kernels.radial.neighbor_weights`. (Numba hands no nested tuple to threads.)
    table : (sets, size) array
        Radial integrals, see `ase_dos.kernels.radial.radial_table`: one set of functions for each
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


@inner_kernel
def table_of(species, hypers):
    """Radial integrals of neighbours of one species."""
    return hypers.table[min(species, hypers.table.shape[0] - 1)]


@inner_kernel
def integrate_neighbors(begin, end, origin, stride, row, table, n_functions, scratch, out):
    """Weighted radial integrals of neighbours, ``out[(j - origin) * n_functions + l * n_max + n]``.

    ``row`` is the first one of ``scratch.basis`` to use.
    """
    for j in range(begin, end):
        piece = int(get(scratch.pieces, j))
        at = row * stride + j
        to = (j - origin) * n_functions
        interpolate(piece, scratch.basis, at, stride, table, n_functions, out, to)


@inner_kernel
def sum_neighbors(begin, end, stride, n_max, l_max, radial, harmonics, out):
    """Coefficients c_nlm of one atom and species, ``out[lm * whole_vectors(n_max) + n]``.

    Sums over neighbours of WIDTH radial functions, side by side, times four harmonics; over even
    and odd neighbours apart where a vector is one register: each sum waits for the one before it.
    """
    n_functions, row = n_max * (l_max + 1), whole_vectors(n_max)
    zero, one = splat(radial.dtype.type(0), WIDTH), splat(radial.dtype.type(1), WIDTH)
    paired = begin
    if registers(radial) == 1:
        paired += (end - begin) // 2 * 2
    for ell in range(l_max + 1):
        last = (ell + 1) * (ell + 1) - 1
        for n0 in range(0, n_max, WIDTH):
            for lm0 in range(ell * ell, last + 1, 4):
                # A tile over the edge repeats the last harmonic.
                lm1, lm2, lm3 = min(lm0 + 1, last), min(lm0 + 2, last), min(lm0 + 3, last)
                # Functions past n_max are read along, and left out where the sums are used.
                sum0 = sum1 = sum2 = sum3 = zero
                odd0 = odd1 = odd2 = odd3 = zero
                for j in range(begin, paired, 2):
                    r = load(radial, j * n_functions + ell * n_max + n0, WIDTH)
                    sum0 = fma(r, broadcast(harmonics, lm0 * stride + j, WIDTH), sum0)
                    sum1 = fma(r, broadcast(harmonics, lm1 * stride + j, WIDTH), sum1)
                    sum2 = fma(r, broadcast(harmonics, lm2 * stride + j, WIDTH), sum2)
                    sum3 = fma(r, broadcast(harmonics, lm3 * stride + j, WIDTH), sum3)
                    r = load(radial, (j + 1) * n_functions + ell * n_max + n0, WIDTH)
                    odd0 = fma(r, broadcast(harmonics, lm0 * stride + j + 1, WIDTH), odd0)
                    odd1 = fma(r, broadcast(harmonics, lm1 * stride + j + 1, WIDTH), odd1)
                    odd2 = fma(r, broadcast(harmonics, lm2 * stride + j + 1, WIDTH), odd2)
                    odd3 = fma(r, broadcast(harmonics, lm3 * stride + j + 1, WIDTH), odd3)
                sum0, sum1 = fma(one, odd0, sum0), fma(one, odd1, sum1)
                sum2, sum3 = fma(one, odd2, sum2), fma(one, odd3, sum3)
                for j in range(paired, end):
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
def expand_one(begin, end, stride, species, lane, hypers, scratch, out):
    """Put the coefficients of one atom and species, from its neighbours, in a lane of ``out``."""
    n_max, l_max, radial, sums = hypers.n_max, hypers.l_max, scratch.radial, scratch.sums
    n_harmonics, row = (l_max + 1) * (l_max + 1), whole_vectors(n_max)
    table, n_functions = table_of(species, hypers), n_max * (l_max + 1)
    integrate_neighbors(begin, end, 0, stride, 0, table, n_functions, scratch, radial)
    sum_neighbors(begin, end, stride, n_max, l_max, radial, scratch.harmonics, sums)
    for n in range(n_max):
        at = (species * n_max + n) * n_harmonics * LANES + lane
        for lm in range(n_harmonics):
            put(out, at + lm * LANES, get(sums, lm * row + n))


@inner_kernel
def _expand_team(first, last, places, bins, kinds, hypers, scratch, lane, present, out):
    """`expand` for up to TEAM atoms, from ``lane`` on."""
    n_species = hypers.n_species
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
