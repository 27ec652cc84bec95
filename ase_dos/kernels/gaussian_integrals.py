"""Overlap and Coulomb integrals of two solid-harmonic Gaussians on two centres.

Hobson's theorem makes every Gaussian a derivative of a spherical one,

    r^l Y_lm(r) exp(-a r^2) = (2 a)^-l Y_lm(grad_A) exp(-a |r - A|^2),

with the solid harmonic of the gradient with respect to the centre A. So an integral over two of
them is a derivative of that over two spheres, F(R), where R = B - A, p = a + b, u = a b / p and
x = u R^2 (P. M. W. Gill et al., https://doi.org/10.1016/0009-2614(93)E1340-M; B. I. Dunlap,
https://doi.org/10.1103/PhysRevA.42.1127):

    (-1)^l1 (2 a)^-l1 (2 b)^-l2 Y_1(grad) Y_2(grad) F(R)
    Y_1(grad) Y_2(grad) = sum_(L M) g_LM laplacian^n Y_LM(grad),      n = (l1 + l2 - L) / 2

    overlap  F = (pi / p)^(3/2) exp(-x)
             laplacian^n Y_LM(grad) F = R^L Y_LM(R) (-2 u)^L (-4 u)^n n! Lag_n^(L + 1/2)(x) F
    Coulomb  F = 2 pi^(5/2) / (a b p^(1/2)) F_0(x)
             Y_LM(grad) F = R^L Y_LM(R) (-2 u)^L 2 pi^(5/2) / (a b p^(1/2)) F_L(x)

with the Laguerre polynomials Lag and the Boys functions F_L. Of the Coulomb integral the laplacian
is -4 pi times the overlap, which gives its terms of n > 0. No term cancels digits of another.
"""

from __future__ import annotations

import math

import numpy as np

from ase_dos.kernels.boys import boys
from ase_dos.kernels.harmonics import directions, real_harmonics
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.vector import LONG


@kernel
def two_centre_integrals(
    begin,
    end,
    coulomb,
    positions,
    shells,
    starts,
    first,
    exponents,
    weights,
    harmonic_factors,
    term_of_pair,
    term_places,
    term_values,
    nodes,
    limits,
    out,
):
    """Integrals of the functions on atoms ``begin`` to ``end`` with those on all atoms up to them.

    Parameters
    ----------
    begin, end : int
        Atoms.
    coulomb : bool
        Coulomb integrals; otherwise overlaps.
    positions : (n_atoms, 3) array
        Bohr.
    shells : (n_atoms, l_max + 2) array
        First shell of every atom and angular momentum, and the one after the last.
    starts : (n_shells,) array
        Place of the first function of every shell.
    first, exponents, weights : array
        First Gaussian of every shell, (n_shells + 1,); for all Gaussians a (1/Bohr^2), and the
        coefficient times (2 a)^-l.
    harmonic_factors : array
        See `ase_dos.kernels.harmonics.harmonic_coefficients`, for 2 l_max.
    term_of_pair, term_places, term_values : array
        See `ase_dos.kernels.gaunt.product_terms`.
    nodes, limits : array
        See `ase_dos.kernels.boys.boys_table`.
    out : (size, size) array
        Integrals, also those above the diagonal.
    """
    l_max = shells.shape[1] - 2
    stride = end + LONG
    x, y, z, distances = np.empty(stride), np.empty(stride), np.empty(stride), np.empty(stride)
    harmonics = np.empty((2 * l_max + 1) ** 2 * stride)
    angular = np.empty((l_max + 1, (2 * l_max + 1) ** 2))
    radial = np.empty(l_max + 1)
    for a in range(begin, end):
        directions(positions, 0, a + 1, positions, a, x, y, z, distances)
        real_harmonics(x, y, z, a + 1, 2 * l_max, harmonic_factors, stride, harmonics)
        for b in range(a + 1):
            for l1 in range(l_max + 1):
                for l2 in range(l_max + 1):
                    begin1, end1 = shells[a, l1], shells[a, l1 + 1]
                    begin2, end2 = shells[b, l2], shells[b, l2 + 1]
                    if begin1 == end1 or begin2 == end2:
                        continue
                    size, terms = (2 * l1 + 1) * (2 * l2 + 1), min(l1, l2) + 1
                    for n in range(terms):
                        for k in range(size):
                            angular[n, k] = 0.0
                    pair = l1 * (l_max + 1) + l2
                    for t in range(term_of_pair[pair], term_of_pair[pair + 1]):
                        value = term_values[t] * harmonics[term_places[t, 2] * stride + b]
                        angular[term_places[t, 1], term_places[t, 0]] += value
                    for i in range(begin1, end1):
                        for j in range(begin2, end2):
                            for n in range(terms):
                                radial[n] = 0.0
                            for g in range(first[i], first[i + 1]):
                                for h in range(first[j], first[j + 1]):
                                    _add_radial(
                                        coulomb,
                                        l1,
                                        l2,
                                        exponents[g],
                                        exponents[h],
                                        weights[g] * weights[h],
                                        distances[b],
                                        nodes,
                                        limits,
                                        radial,
                                    )
                            _put_block(radial, angular, terms, l1, l2, starts[i], starts[j], out)


@inner_kernel
def _add_radial(coulomb, l1, l2, a, b, weight, distance, nodes, limits, radial):
    """Add the factors of Y_LM(R), over n, of two Gaussians."""
    p = a + b
    u = a * b / p
    x = u * distance * distance
    if l1 % 2 == 1:
        weight = -weight
    overlap = weight * (math.pi / p) ** 1.5 * math.exp(-x)
    if coulomb:
        overlap *= -4.0 * math.pi  # one laplacian of the terms of n > 0
    for n in range(min(l1, l2) + 1):
        total = l1 + l2 - 2 * n
        if coulomb and n == 0:
            sphere = 2.0 * math.pi**2.5 / (a * b * math.sqrt(p))
            value = weight * sphere * boys(total, x, nodes, limits)
        else:
            value = overlap * _laplacians(n - 1 if coulomb else n, total, u, x)
        for _ in range(total):
            value *= -2.0 * u * distance
        radial[n] += value


@inner_kernel
def _laplacians(n, total, u, x):
    """Factor (-4 u)^n n! Lag_n^(L + 1/2)(x) of n laplacians, L being ``total``."""
    before, factor = 0.0, 1.0
    for k in range(n):
        after = (2 * k + 1.5 + total - x) * factor + 4.0 * u * k * (k + total + 0.5) * before
        before, factor = factor, -4.0 * u * after
    return factor


@inner_kernel
def _put_block(radial, angular, terms, l1, l2, row, column, out):
    """Write the integrals of two shells on both sides of the diagonal."""
    width = 2 * l2 + 1
    for k in range((2 * l1 + 1) * width):
        value = 0.0
        for n in range(terms):
            value += radial[n] * angular[n, k]
        i, j = row + k // width, column + k % width
        out[i, j] = value
        out[j, i] = value
