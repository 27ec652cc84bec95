"""Values and electrostatic potentials of solid-harmonic Gaussians on points.

By Hobson's theorem (see `ase_dos.kernels.gaussian_integrals`) the potential of the function
r^l Y_lm(r) exp(-a r^2) is r^l Y_lm(r) (2 pi / a) F_l(a r^2), with the Boys function F_l.
"""

from __future__ import annotations

import math

import numpy as np

from ase_dos.kernels.boys import boys
from ase_dos.kernels.harmonics import directions, real_harmonics
from ase_dos.kernels.jit import kernel
from ase_dos.kernels.vector import LONG

# Points at a time: what is kept of them stays in the first-level cache.
BLOCK = 64


@kernel
def gaussian_fields(
    begin,
    end,
    potential,
    points,
    positions,
    charges,
    shells,
    starts,
    first,
    exponents,
    weights,
    reach,
    harmonic_factors,
    nodes,
    limits,
    coefficients,
    out,
):
    """Sum functions on the points ``begin`` to ``end``, for several sets of coefficients.

    Parameters
    ----------
    begin, end : int
        Points.
    potential : bool
        Potentials of the functions and of point charges; otherwise values of the functions.
    points : (n_points, 3) array
        Bohr.
    positions, charges : (n_atoms, 3), (n_atoms,) array
        Of the nuclei (Bohr, e); the charges are zero where values are asked for.
    shells : (n_atoms, l_max + 2) array
        First shell of every atom and angular momentum, and the one after the last.
    starts : (n_shells,) array
        Place of the first function of every shell.
    first, exponents, weights : array
        First Gaussian of every shell, (n_shells + 1,); for all Gaussians a (1/Bohr^2) and the
        coefficient, for potentials times 2 pi / a.
    reach : (n_shells,) array
        Distance (Bohr) from which on a shell counts as zero.
    harmonic_factors : array
        See `ase_dos.kernels.harmonics.harmonic_coefficients`, for l_max.
    nodes, limits : array
        See `ase_dos.kernels.boys.boys_table`.
    coefficients : (sets, size) array
        Coefficients of the functions.
    out : (sets, n_points) array
        The sums.
    """
    l_max = shells.shape[1] - 2
    stride = BLOCK + LONG
    x, y, z, distances = np.empty(stride), np.empty(stride), np.empty(stride), np.empty(stride)
    harmonics = np.empty((l_max + 1) ** 2 * stride)
    powers, radial = np.empty(BLOCK), np.empty(BLOCK)
    for block in range(begin, end, BLOCK):
        count = min(BLOCK, end - block)
        for one in range(coefficients.shape[0]):
            for k in range(count):
                out[one, block + k] = 0.0
        for atom in range(positions.shape[0]):
            nearest = directions(points, block, count, positions, atom, x, y, z, distances)
            if charges[atom] != 0.0:
                for one in range(coefficients.shape[0]):
                    for k in range(count):
                        out[one, block + k] += charges[atom] / distances[k]
            farthest = 0.0
            for shell in range(shells[atom, 0], shells[atom, l_max + 1]):
                farthest = max(farthest, reach[shell])
            if nearest >= farthest:
                continue
            real_harmonics(x, y, z, count, l_max, harmonic_factors, stride, harmonics)
            for k in range(count):
                powers[k] = 1.0
            for ell in range(l_max + 1):
                for shell in range(shells[atom, ell], shells[atom, ell + 1]):
                    if nearest >= reach[shell]:
                        continue
                    for k in range(count):
                        value = 0.0
                        if distances[k] < reach[shell]:
                            square = distances[k] * distances[k]
                            for g in range(first[shell], first[shell + 1]):
                                if potential:
                                    shape = boys(ell, exponents[g] * square, nodes, limits)
                                else:
                                    shape = math.exp(-exponents[g] * square)
                                value += weights[g] * shape
                        radial[k] = value * powers[k]
                    for one in range(coefficients.shape[0]):
                        for m in range(2 * ell + 1):
                            weight = coefficients[one, starts[shell] + m]
                            row = (ell * ell + m) * stride
                            for k in range(count):
                                out[one, block + k] += weight * radial[k] * harmonics[row + k]
                for k in range(count):
                    powers[k] *= distances[k]
