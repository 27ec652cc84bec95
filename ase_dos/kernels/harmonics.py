"""Real spherical harmonics of many unit vectors."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.vector import (
    LONG,
    broadcast,
    interleave,
    lanes_of,
    load,
    splat,
    store,
    zero_register,
)


def harmonic_coefficients(l_max):
    """Coefficients (3 (l_max + 1)^2) of the recursion in `real_harmonics`.

    For each l and 0 <= m <= l, at ``3 * (l * (l_max + 1) + m)``: the diagonal value N_mm and
    the two recursion factors a_lm, -b_lm of the normalised associated Legendre functions
    (https://dlmf.nist.gov/14.10.E3 with the normalisation drawn in). Written so, the numbers
    stay near one and the recursion is stable for any l.
    """
    coefficients = np.zeros((l_max + 1, l_max + 1, 3))
    diagonal = 1.0 / np.sqrt(4.0 * np.pi)
    for m in range(l_max + 1):
        if m:
            diagonal *= np.sqrt((2 * m + 1) / (2 * m))
        # The real functions of m > 0 carry sqrt(2) for their cosine or sine.
        coefficients[m, m, 0] = diagonal * (np.sqrt(2.0) if m else 1.0)
        for ell in range(m + 1, l_max + 1):
            coefficients[ell, m, 1] = np.sqrt((4 * ell**2 - 1) / (ell**2 - m**2))
            coefficients[ell, m, 2] = -np.sqrt(
                (2 * ell + 1) * ((ell - 1) ** 2 - m**2) / ((2 * ell - 3) * (ell**2 - m**2))
            )
    return coefficients.ravel()


def harmonics_of(vectors, l_max):
    """Real spherical harmonics (n, (l_max + 1)^2) of unit vectors (n, 3)."""
    stride = len(vectors) + LONG
    columns = np.pad(vectors, ((0, LONG), (0, 0))).T.copy()
    out = np.empty((l_max + 1) ** 2 * stride)
    _fill_harmonics(*columns, len(vectors), l_max, harmonic_coefficients(l_max), stride, out)
    return out.reshape(-1, stride)[:, : len(vectors)].T


@cache
def gradient_terms(l_max):
    """Gradients of the solid harmonics r^l Y_lm, which are solid harmonics of l - 1.

    d/dx_k r^l Y_i = sum_j D^k_ij r^(l-1) Y_j with i, j = l^2 + l + m: in complex form (with
    (x + i y)^m and no sign)

        d/dz S_l^m = [(2l+1)(l-m)(l+m) / (2l-1)]^(1/2) S_(l-1)^m
        (d/dx + i d/dy) S_l^m = -[(2l+1)(l-m)(l-m-1) / (2l-1)]^(1/2) S_(l-1)^(m+1),     m >= 0
        (d/dx - i d/dy) S_l^m =  [(2l+1)(l+m)(l+m-1) / (2l-1)]^(1/2) S_(l-1)^(m-1),     m > 0

    Returns the entries of D that are not zero: their k, i and j (entries, 3), and values.
    """
    places, values = [], []
    for ell in range(1, l_max + 1):
        raising = np.zeros((2 * ell + 1, 2 * ell - 1))
        along_z = np.zeros_like(raising)
        for m in range(-ell, ell + 1):
            row, size = ell + m, abs(m)
            scale = (2 * ell + 1) / (2 * ell - 1)
            if size < ell:
                along_z[row, ell - 1 + m] = np.sqrt(scale * (ell**2 - m**2))
            if m >= 0 and m + 1 < ell:
                raising[row, ell + m] = -np.sqrt(scale * (ell - m) * (ell - m - 1))
            elif m < 0:  # the complex conjugate of (d/dx - i d/dy) for -m
                raising[row, ell + m] = np.sqrt(scale * (ell + size) * (ell + size - 1))
        lowering = raising[::-1, ::-1]  # complex conjugation turns m into -m
        upper, lower = _to_real(ell), _to_real(ell - 1).conj().T
        matrices = ((raising + lowering) / 2, (raising - lowering) / 2j, along_z)
        for k, matrix in enumerate(matrices):
            real = (upper @ matrix @ lower).real
            for i, j in np.argwhere(np.abs(real) > 1e-12):
                places.append((k, ell * ell + i, (ell - 1) * (ell - 1) + j))
                values.append(real[i, j])
    return np.array(places, dtype=np.int64).reshape(-1, 3), np.array(values)


def _to_real(ell):
    """Matrix that makes real harmonics of l from complex ones, both by rising m."""
    matrix = np.zeros((2 * ell + 1, 2 * ell + 1), dtype=complex)
    matrix[ell, ell] = 1.0
    for m in range(1, ell + 1):
        matrix[ell + m, [ell + m, ell - m]] = np.sqrt(0.5)
        matrix[ell - m, [ell + m, ell - m]] = -1j * np.sqrt(0.5), 1j * np.sqrt(0.5)
    return matrix


@inner_kernel
def directions(points, begin, count, origins, origin, x, y, z, distances):
    """Find unit vectors and distances from an origin to points; returns the least distance.

    A point on the origin has the direction of z, so that solid harmonics r^l Y_lm are right there.
    """
    nearest = math.inf
    for k in range(count):
        dx = points[begin + k, 0] - origins[origin, 0]
        dy = points[begin + k, 1] - origins[origin, 1]
        dz = points[begin + k, 2] - origins[origin, 2]
        distance = math.sqrt(dx * dx + dy * dy + dz * dz)
        distances[k] = distance
        nearest = min(nearest, distance)
        if distance == 0.0:
            x[k], y[k], z[k] = 0.0, 0.0, 1.0
        else:
            x[k], y[k], z[k] = dx / distance, dy / distance, dz / distance
    return nearest


@inner_kernel
def real_harmonics(x, y, z, count, l_max, coefficients, stride, out):
    """Real spherical harmonics of ``count`` unit vectors, ``out[(l^2 + l + m) * stride + j]``.

    The azimuth enters as the real and imaginary part of (x + i y)^m, so that no angle and no
    division by sin(theta) appears. Vectors fill two registers: ``x``, ``y``, ``z`` and every row of
    ``out`` have room for as many numbers more, which are without meaning.
    """
    zero = interleave(zero_register(x), zero_register(x))
    one = splat(x.dtype.type(1), zero)
    for j in range(0, count, lanes_of(zero)):
        along_x, along_y, along_z = load(x, j, zero), load(y, j, zero), load(z, j, zero)
        cosine, sine = one, zero
        for m in range(l_max + 1):
            if m > 0:
                turned = along_x * cosine - along_y * sine
                sine = along_x * sine + along_y * cosine
                cosine = turned
            at, row = 3 * (m * (l_max + 1) + m), (m * m + m) * stride + j
            below, legendre = zero, broadcast(coefficients, at, zero)
            # For m = 0 both have the same place, where the second one stays.
            store(out, row - m * stride, legendre * sine)
            store(out, row + m * stride, legendre * cosine)
            for ell in range(m + 1, l_max + 1):
                at, row = at + 3 * (l_max + 1), row + 2 * ell * stride
                a = broadcast(coefficients, at + 1, zero)
                b = broadcast(coefficients, at + 2, zero)
                below, legendre = legendre, a * along_z * legendre + b * below
                store(out, row - m * stride, legendre * sine)
                store(out, row + m * stride, legendre * cosine)


@kernel
def _fill_harmonics(x, y, z, count, l_max, coefficients, stride, out):
    """`real_harmonics` for Python."""
    real_harmonics(x, y, z, count, l_max, coefficients, stride, out)
