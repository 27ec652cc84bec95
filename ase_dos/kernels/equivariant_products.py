"""Dot products of the equivariant features of two atoms, which are never made.

With S_l[m, m'] = sum_q c_qlm c'_qlm' over the channels q (species and radial functions), the dot
product of features that are coupled products of two coefficients is itself a coupled product

    K[mu, mu'] = sum_(l1 <= l2) sum_(m1 m2 m1' m2') C^mu_(m1 m2) C^mu'_(m1' m2')
                 S_l1[m1, m1'] S_l2[m2, m2'],

the form in which A. Grisafi, D. M. Wilkins, G. Csanyi and M. Ceriotti introduced such kernels
(https://doi.org/10.1103/PhysRevLett.120.036002). Its cost grows with the number of channels, that
of the features with its square. WIDTH sparse points go side by side.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.arrays import fill, room_for
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.vector import WIDTH, broadcast, fma, load, splat, store


@inner_kernel
def _overlaps(atom, points, n_channels, l_max, out):
    """Matrices S_l of one atom with WIDTH points, ``out[(start of l + m size + m') * WIDTH]``."""
    at = 0
    for ell in range(l_max + 1):
        size, first = 2 * ell + 1, ell * ell * n_channels
        for m in range(size):
            row = first + m * n_channels
            for k in range(0, size, 4):
                # A tile over the edge repeats the last column.
                k1, k2, k3 = min(k + 1, size - 1), min(k + 2, size - 1), min(k + 3, size - 1)
                sum0 = sum1 = sum2 = sum3 = splat(0.0, WIDTH)
                for q in range(n_channels):
                    x, of = broadcast(atom, row + q, WIDTH), first + q
                    sum0 = fma(x, load(points, (of + k * n_channels) * WIDTH, WIDTH), sum0)
                    sum1 = fma(x, load(points, (of + k1 * n_channels) * WIDTH, WIDTH), sum1)
                    sum2 = fma(x, load(points, (of + k2 * n_channels) * WIDTH, WIDTH), sum2)
                    sum3 = fma(x, load(points, (of + k3 * n_channels) * WIDTH, WIDTH), sum3)
                store(out, (at + m * size + k) * WIDTH, sum0)
                store(out, (at + m * size + k1) * WIDTH, sum1)
                store(out, (at + m * size + k2) * WIDTH, sum2)
                store(out, (at + m * size + k3) * WIDTH, sum3)
        at += size * size


@inner_kernel
def _contract_first(block, mu, couplings, overlap, size1, size2, out):
    """Sum over m2: ``out[m1, m2'] = sum_m2 C^mu_(m1 m2) S_l2[m2, m2']``."""
    fill(out, size1 * size2 * WIDTH, 0.0)
    for entry in range(couplings.first_entry[block, mu], couplings.first_entry[block, mu + 1]):
        value = splat(couplings.values[entry], WIDTH)
        into, of = couplings.m1[entry] * size2, couplings.m2[entry] * size2
        for k in range(size2):
            at = (into + k) * WIDTH
            store(out, at, fma(value, load(overlap, (of + k) * WIDTH, WIDTH), load(out, at, WIDTH)))


@inner_kernel
def _contract_second(overlap, half, size1, size2, out):
    """Sum over m1: ``out[m1', m2'] = sum_m1 S_l1[m1, m1'] half[m1, m2']``."""
    for m in range(size1):
        for k in range(0, size2, 4):
            k1, k2, k3 = min(k + 1, size2 - 1), min(k + 2, size2 - 1), min(k + 3, size2 - 1)
            sum0 = sum1 = sum2 = sum3 = splat(0.0, WIDTH)
            for j in range(size1):
                x, of = load(overlap, (j * size1 + m) * WIDTH, WIDTH), j * size2
                sum0 = fma(x, load(half, (of + k) * WIDTH, WIDTH), sum0)
                sum1 = fma(x, load(half, (of + k1) * WIDTH, WIDTH), sum1)
                sum2 = fma(x, load(half, (of + k2) * WIDTH, WIDTH), sum2)
                sum3 = fma(x, load(half, (of + k3) * WIDTH, WIDTH), sum3)
            store(out, (m * size2 + k) * WIDTH, sum0)
            store(out, (m * size2 + k1) * WIDTH, sum1)
            store(out, (m * size2 + k2) * WIDTH, sum2)
            store(out, (m * size2 + k3) * WIDTH, sum3)


@inner_kernel
def _contract_third(block, ell, couplings, whole, size2, out):
    """Sum over m1' and m2': add ``sum C^mu'_(m1' m2') whole[m1', m2']`` to ``out[mu']``."""
    for mu in range(2 * ell + 1):
        total = load(out, mu * WIDTH, WIDTH)
        for entry in range(couplings.first_entry[block, mu], couplings.first_entry[block, mu + 1]):
            at = couplings.m1[entry] * size2 + couplings.m2[entry]
            value = splat(couplings.values[entry], WIDTH)
            total = fma(value, load(whole, at * WIDTH, WIDTH), total)
        store(out, mu * WIDTH, total)


@inner_kernel
def _start(ell):
    """Numbers of all matrices of lower l, sum of (2 l + 1)^2."""
    return ell * (4 * ell * ell - 1) // 3


@kernel
def equivariant_products(
    first, last, atoms, kinds, points, lanes, point_kinds, n_points, shape, couplings, starts, out
):
    """Dot products of the features of some atoms with those of all points of their species.

    Parameters
    ----------
    first, last : int
        Which atoms.
    atoms : (atoms * harmonics * channels) array
        Density coefficients.
    kinds : (atoms,) int array
        Species of every atom.
    points : (groups * harmonics * channels * WIDTH) array
        Density coefficients of the sparse points, WIDTH of one species side by side.
    lanes : (groups * WIDTH) int array
        Which point stands where; -1 for none.
    point_kinds : (groups,) int array
        Species of every group of points.
    n_points : int
    shape : (2,) int array
        Largest l, and the number of channels.
    couplings : ase_dos.kernels.coupling.Couplings
    starts : (max_lambda + 1,) int array
        Where the products of each lambda begin in ``out``.
    out : flat array
        Filled where species agree, for each lambda (atoms, 2 lambda + 1, points, 2 lambda + 1).
    """
    l_max, n_channels = shape[0], shape[1]
    size = (l_max + 1) * (l_max + 1) * n_channels
    overlap = room_for(_start(l_max + 1) * WIDTH, np.float64)
    room = (2 * l_max + 1) * (2 * l_max + 1) * WIDTH
    half, whole = room_for(room, np.float64), room_for(room, np.float64)
    product = room_for((2 * couplings.max_lambda + 1) * WIDTH, np.float64)
    for group in range(point_kinds.size):
        of_group = points[group * size * WIDTH :]
        for i in range(first, last):
            if kinds[i] != point_kinds[group]:
                continue
            _overlaps(atoms[i * size :], of_group, n_channels, l_max, overlap)
            for ell in range(couplings.max_lambda + 1):
                width = 2 * ell + 1
                for mu in range(width):
                    fill(product, width * WIDTH, 0.0)
                    for block in range(couplings.first_block[ell], couplings.first_block[ell + 1]):
                        l1, l2 = couplings.l1[block], couplings.l2[block]
                        size1, size2 = 2 * l1 + 1, 2 * l2 + 1
                        of_l1, of_l2 = overlap[_start(l1) * WIDTH :], overlap[_start(l2) * WIDTH :]
                        _contract_first(block, mu, couplings, of_l2, size1, size2, half)
                        _contract_second(of_l1, half, size1, size2, whole)
                        _contract_third(block, ell, couplings, whole, size2, product)
                    into = starts[ell] + (i * width + mu) * n_points * width
                    for lane in range(WIDTH):
                        point = lanes[group * WIDTH + lane]
                        for k in range(width if point >= 0 else 0):
                            out[into + point * width + k] = product[k * WIDTH + lane]
