"""Dot products of the equivariant features of two atoms, which are never made.

With S_l[m, m'] = sum_q c_qlm c'_qlm' over the channels q (species and radial functions), the dot
product of features that are coupled products of two coefficients is itself a coupled product

    K[mu, mu'] = sum_(l1 <= l2) sum_(m1 m2 m1' m2') C^mu_(m1 m2) C^mu'_(m1' m2')
                 S_l1[m1, m1'] S_l2[m2, m2'],

the form in which A. Grisafi, D. M. Wilkins, G. Csanyi and M. Ceriotti introduced such kernels
(https://doi.org/10.1103/PhysRevLett.120.036002). Its cost grows with the number of channels, that
of the features with its square.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import fill, room_for
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.vector import REGISTER, broadcast, fma, get, load, splat, store

# Sparse points that go side by side: one register, so that nine sums stay where there are sixteen.
LANES = REGISTER // 8


@inner_kernel
def _overlaps(atom, points, n_channels, l_max, out):
    """Matrices S_l of one atom with LANES points, ``out[(start of l + m size + m') * LANES]``."""
    for ell in range(l_max + 1):
        at, size, first = _start(ell), 2 * ell + 1, ell * ell * n_channels
        for m in range(size):
            row = first + m * n_channels
            for k in range(0, size, 4):
                # A tile over the edge repeats the last column.
                k1, k2, k3 = min(k + 1, size - 1), min(k + 2, size - 1), min(k + 3, size - 1)
                sum0 = sum1 = sum2 = sum3 = splat(0.0, LANES)
                for q in range(n_channels):
                    x, of = broadcast(atom, row + q, LANES), first + q
                    sum0 = fma(x, load(points, (of + k * n_channels) * LANES, LANES), sum0)
                    sum1 = fma(x, load(points, (of + k1 * n_channels) * LANES, LANES), sum1)
                    sum2 = fma(x, load(points, (of + k2 * n_channels) * LANES, LANES), sum2)
                    sum3 = fma(x, load(points, (of + k3 * n_channels) * LANES, LANES), sum3)
                store(out, (at + m * size + k) * LANES, sum0)
                store(out, (at + m * size + k1) * LANES, sum1)
                store(out, (at + m * size + k2) * LANES, sum2)
                store(out, (at + m * size + k3) * LANES, sum3)


@inner_kernel
def _contract_first(block, mu, couplings, overlap, size1, size2, out):
    """Sum over m2: ``out[m1, m2'] = sum_m2 C^mu_(m1 m2) S_l2[m2, m2']``."""
    fill(out, size1 * size2 * LANES, 0.0)
    for entry in range(couplings.first_entry[block, mu], couplings.first_entry[block, mu + 1]):
        value = broadcast(couplings.values, entry, LANES)
        into, of = get(couplings.m1, entry) * size2, get(couplings.m2, entry) * size2
        for k in range(size2):
            at = (into + k) * LANES
            store(out, at, fma(value, load(overlap, (of + k) * LANES, LANES), load(out, at, LANES)))


@inner_kernel
def _contract_second(overlap, half, size1, size2, out):
    """Sum over m1: ``out[m1', m2'] = sum_m1 S_l1[m1, m1'] half[m1, m2']``.

    Three by three sums stay in registers: of 2 l + 1 numbers the fewest are left over that way.
    """
    for m in range(0, size1, 3):
        m1, m2 = min(m + 1, size1 - 1), min(m + 2, size1 - 1)
        for k in range(0, size2, 3):
            k1, k2 = min(k + 1, size2 - 1), min(k + 2, size2 - 1)
            sum00 = sum01 = sum02 = splat(0.0, LANES)
            sum10 = sum11 = sum12 = sum20 = sum21 = sum22 = sum00
            for j in range(size1):
                x0 = load(overlap, (j * size1 + m) * LANES, LANES)
                x1 = load(overlap, (j * size1 + m1) * LANES, LANES)
                x2 = load(overlap, (j * size1 + m2) * LANES, LANES)
                y0 = load(half, (j * size2 + k) * LANES, LANES)
                y1 = load(half, (j * size2 + k1) * LANES, LANES)
                y2 = load(half, (j * size2 + k2) * LANES, LANES)
                sum00 = fma(x0, y0, sum00)
                sum01 = fma(x0, y1, sum01)
                sum02 = fma(x0, y2, sum02)
                sum10 = fma(x1, y0, sum10)
                sum11 = fma(x1, y1, sum11)
                sum12 = fma(x1, y2, sum12)
                sum20 = fma(x2, y0, sum20)
                sum21 = fma(x2, y1, sum21)
                sum22 = fma(x2, y2, sum22)
            store(out, (m * size2 + k) * LANES, sum00)
            store(out, (m * size2 + k1) * LANES, sum01)
            store(out, (m * size2 + k2) * LANES, sum02)
            store(out, (m1 * size2 + k) * LANES, sum10)
            store(out, (m1 * size2 + k1) * LANES, sum11)
            store(out, (m1 * size2 + k2) * LANES, sum12)
            store(out, (m2 * size2 + k) * LANES, sum20)
            store(out, (m2 * size2 + k1) * LANES, sum21)
            store(out, (m2 * size2 + k2) * LANES, sum22)


@inner_kernel
def _contract_third(block, ell, couplings, whole, size2, out):
    """Sum over m1' and m2': add ``sum C^mu'_(m1' m2') whole[m1', m2']`` to ``out[mu']``."""
    for mu in range(2 * ell + 1):
        total = load(out, mu * LANES, LANES)
        for entry in range(couplings.first_entry[block, mu], couplings.first_entry[block, mu + 1]):
            at = get(couplings.m1, entry) * size2 + get(couplings.m2, entry)
            value = broadcast(couplings.values, entry, LANES)
            total = fma(value, load(whole, at * LANES, LANES), total)
        store(out, mu * LANES, total)


@inner_kernel
def _product(ell, mu, couplings, overlap, half, whole, out):
    """Dot products of the features of one lambda and mu with those of all mu'."""
    fill(out, (2 * ell + 1) * LANES, 0.0)
    for block in range(couplings.first_block[ell], couplings.first_block[ell + 1]):
        l1, l2 = couplings.l1[block], couplings.l2[block]
        size1, size2 = 2 * l1 + 1, 2 * l2 + 1
        of_l1, of_l2 = overlap[_start(l1) * LANES :], overlap[_start(l2) * LANES :]
        _contract_first(block, mu, couplings, of_l2, size1, size2, half)
        _contract_second(of_l1, half, size1, size2, whole)
        _contract_third(block, ell, couplings, whole, size2, out)


@inner_kernel
def _start(ell):
    """Numbers of all matrices of lower l, sum of (2 l + 1)^2."""
    return ell * (4 * ell * ell - 1) // 3


@kernel
def equivariant_products(
    first, last, atoms, kinds, points, lanes, point_kinds, n_points, couplings, starts, out
):
    """Dot products of the features of some atoms with those of all points of their species.

    Parameters
    ----------
    first, last : int
        Which atoms.
    atoms : (atoms, harmonics, channels) array
        Density coefficients.
    kinds : (atoms,) int array
        Species of every atom.
    points : (groups, harmonics, channels, LANES) array
        Density coefficients of the sparse points, LANES of one species side by side.
    lanes : (groups, LANES) int array
        Which point stands where; -1 for none.
    point_kinds : (groups,) int array
        Species of every group of points.
    n_points : int
    couplings : ase_dos.kernels.coupling.Couplings
    starts : (max_lambda + 1,) int array
        Where the products of each lambda begin in ``out``.
    out : flat array
        Filled where species agree, for each lambda (atoms, 2 lambda + 1, points, 2 lambda + 1).
    """
    n_channels, l_max = atoms.shape[2], couplings.l_max
    size = 2 * l_max + 1
    overlap = room_for(_start(l_max + 1) * LANES, np.float64)
    half = room_for(size * size * LANES, np.float64)
    whole = room_for(size * size * LANES, np.float64)
    product = room_for((2 * couplings.max_lambda + 1) * LANES, np.float64)
    for group in range(point_kinds.size):
        for i in range(first, last):
            if kinds[i] != point_kinds[group]:
                continue
            atom, of_group = atoms[i].reshape(-1), points[group].reshape(-1)
            _overlaps(atom, of_group, n_channels, l_max, overlap)
            for ell in range(couplings.max_lambda + 1):
                width = 2 * ell + 1
                for mu in range(width):
                    _product(ell, mu, couplings, overlap, half, whole, product)
                    into = starts[ell] + (i * width + mu) * n_points * width
                    for lane in range(LANES):
                        point = lanes[group, lane]
                        for k in range(width if point >= 0 else 0):
                            out[into + point * width + k] = product[k * LANES + lane]
