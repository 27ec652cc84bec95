"""Radial integrals of a Gaussian density with orthonormal Gaussian-type orbitals (GTO).

Made once per set of hyperparameters in numpy, then read from a table of quintic Hermite
pieces. The table ends at the cutoff, and the cutoff function is multiplied in afterwards,
so no piece crosses a kink.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gamma, ive

from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.vector import WIDTH, broadcast, fma, load, put, splat, store


def gto_basis(cutoff, n_max):
    """Widths (n_max) and coefficients (n_max, n_max) of the orthonormal GTO basis.

    R_n(r) = sum_k coefficients[n, k] r^k exp(-r^2 / (2 widths[k]^2)), symmetric (Loewdin)
    orthonormalisation on r^2 dr from 0 to infinity, widths cutoff * max(sqrt(k), 1) / n_max
    (https://doi.org/10.1063/5.0044689, appendix A).
    """
    k = np.arange(n_max)
    widths = cutoff * np.maximum(np.sqrt(k), 1.0) / n_max
    norms = np.sqrt(2.0 / (widths ** (2 * k + 3) * gamma(k + 1.5)))
    power = 0.5 * (k[:, None] + k[None, :] + 3)
    exponent = 0.5 / widths[:, None] ** 2 + 0.5 / widths[None, :] ** 2
    overlap = 0.5 * gamma(power) * exponent**-power * np.outer(norms, norms)
    values, vectors = np.linalg.eigh(overlap)
    return widths, (vectors / np.sqrt(values)) @ vectors.T * norms, values[0]


def radial_integrals(distances, cutoff, n_max, l_max, width):
    """Radial integrals (l_max + 1, n_max) at ``distances``, with two derivatives.

    I_nl(d) = 4 pi / (pi s^2)^(3/4) int_0^inf r^2 R_n(r) exp(-(r^2 + d^2) / (2 s^2))
    i_l(r d / s^2) dr, with s the ``width`` of the density, normalised in the L2 sense.
    Returns (3, distances, l_max + 1, n_max): value, first and second derivative.
    """
    widths, coefficients, _ = gto_basis(cutoff, n_max)
    r, weights = _quadrature(cutoff + 9.0 * width, min(width, cutoff / n_max))
    k = np.arange(n_max)[:, None]
    orbitals = coefficients @ (r**k * np.exp(-0.5 * (r / widths[:, None]) ** 2))
    prefactor = 4.0 * np.pi / (np.pi * width**2) ** 0.75
    measure = (prefactor * weights * r**2 * orbitals).T
    out = np.empty((3, len(distances), l_max + 1, n_max))
    for i, distance in enumerate(distances):
        # Nine widths away the Gaussian has fallen below 1e-17.
        near = slice(*np.searchsorted(r, [distance - 9.0 * width, distance + 9.0 * width]))
        out[:, i] = _projections(r[near], distance, 0.5 / width**2, l_max) @ measure[near]
    return out


def _quadrature(end, panel):
    """Gauss-Legendre points and weights on panels from 0 to ``end``."""
    points, weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(0.0, end, int(np.ceil(end / panel)) + 1)
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (middle + half * points).ravel(), (half * weights).ravel()


def _projections(r, distance, c, l_max):
    """Angular projections of a Gaussian at ``distance``: (3, l_max + 1, r), with derivatives.

    g_l = exp(-c (r^2 + d^2)) i_l(2 c r d), from the exponentially scaled Bessel function, so
    that nothing overflows; derivatives in d through (2 l + 1) i_l' = l i_(l-1) + (l+1) i_(l+1).
    """
    ell = np.arange(l_max + 3)[:, None]
    x = 2.0 * c * r * distance
    g = np.zeros((3, l_max + 3, r.size))
    if distance == 0:
        g[0, 0] = 1.0
    else:
        g[0] = ive(ell + 0.5, x) * np.sqrt(0.5 * np.pi / x)
    g[0] *= np.exp(-c * (r - distance) ** 2)
    slope = 2.0 * c * r / (2 * ell + 1)
    for order in (1, 2):
        below = np.roll(g[order - 1], 1, axis=0)  # row 0 meets l = 0, which silences it
        above = np.roll(g[order - 1], -1, axis=0)  # the last row is wrong, and never used
        g[order] = slope * (ell * below + (ell + 1) * above) - 2.0 * c * distance * g[order - 1]
    g[2] -= 2.0 * c * g[0]
    return g[:, : l_max + 1]


def radial_table(cutoff, n_max, l_max, width, tolerance=1e-10):
    """Table of quintic Hermite pieces from 0 to the cutoff, and their length.

    The table is flat, [node][value, h f', h^2 f''][l][n]: what one piece needs lies together.
    The error, relative to the largest value, is measured between the nodes.
    """
    hypers = (cutoff, n_max, l_max, width)
    pieces = max(8, int(np.ceil(10.0 * cutoff / width)))
    while True:
        length = cutoff / pieces
        nodes = radial_integrals(length * np.arange(pieces + 1), *hypers)
        table = nodes * length ** np.arange(3.0)[:, None, None, None]
        table = table.transpose(1, 0, 2, 3).reshape(pieces + 1, 3, -1)
        middles = radial_integrals(length * (np.arange(pieces) + 0.5), *hypers)[0]
        rows = np.concatenate([table[:-1], table[1:]], axis=1)
        guess = np.einsum("q,pqk->pk", hermite_weights(0.5), rows)
        error = np.abs(guess - middles.reshape(pieces, -1)).max() / np.abs(middles).max()
        if error <= tolerance:
            return table.ravel(), length
        # The error falls with the sixth power of the length.
        pieces = int(np.ceil(pieces * 1.05 * (error / tolerance) ** (1.0 / 6.0)))


def hermite_weights(t):
    """Weights (6) of value, h f', h^2 f'' at the left and right node, at ``t`` in [0, 1]."""
    return np.array(_hermite_weights(t))


@inner_kernel
def _hermite_weights(t):
    """Quintic Hermite basis at ``t``."""
    t3 = t * t * t
    return (
        1.0 + t3 * (-10.0 + t * (15.0 - 6.0 * t)),
        t + t3 * (-6.0 + t * (8.0 - 3.0 * t)),
        0.5 * (t * t + t3 * (-3.0 + t * (3.0 - t))),
        t3 * (10.0 + t * (-15.0 + 6.0 * t)),
        t3 * (-4.0 + t * (7.0 - 3.0 * t)),
        0.5 * t3 * (1.0 + t * (-2.0 + t)),
    )


@inner_kernel
def _hermite_slopes(t):
    """Differentiate the quintic Hermite basis at ``t``."""
    t2 = t * t
    return (
        t2 * (-30.0 + t * (60.0 - 30.0 * t)),
        1.0 + t2 * (-18.0 + t * (32.0 - 15.0 * t)),
        0.5 * (2.0 * t + t2 * (-9.0 + t * (12.0 - 5.0 * t))),
        t2 * (30.0 + t * (-60.0 + 30.0 * t)),
        t2 * (-12.0 + t * (28.0 - 15.0 * t)),
        0.5 * t2 * (3.0 + t * (-8.0 + 5.0 * t)),
    )


@inner_kernel
def radial_values(distance, weight, table, length, last, n_functions, out, at):
    """Radial integrals at ``distance`` times ``weight`` into ``out``, from ``at`` on (n_functions).

    (Slices would do for ``at``, but counting references to them costs more than the sums.) In
    whole vectors: the table ends in WIDTH numbers without meaning, and up to WIDTH - 1 numbers
    after the integrals are overwritten.
    """
    kind = table.dtype.type
    piece, offset = _piece(distance, length, last)
    left = 3 * piece * n_functions
    w0, w1, w2, w3, w4, w5 = _hermite_weights(offset)
    w0 = splat(kind(w0 * weight), WIDTH)
    w1 = splat(kind(w1 * weight), WIDTH)
    w2 = splat(kind(w2 * weight), WIDTH)
    w3 = splat(kind(w3 * weight), WIDTH)
    w4 = splat(kind(w4 * weight), WIDTH)
    w5 = splat(kind(w5 * weight), WIDTH)
    zero = splat(kind(0), WIDTH)
    for k in range(0, n_functions, WIDTH):
        total = fma(w0, load(table, left + k, WIDTH), zero)
        total = fma(w1, load(table, left + n_functions + k, WIDTH), total)
        total = fma(w2, load(table, left + 2 * n_functions + k, WIDTH), total)
        total = fma(w3, load(table, left + 3 * n_functions + k, WIDTH), total)
        total = fma(w4, load(table, left + 4 * n_functions + k, WIDTH), total)
        total = fma(w5, load(table, left + 5 * n_functions + k, WIDTH), total)
        store(out, at + k, total)


@inner_kernel
def last_piece(table, n_functions):
    """Give the number of the last piece of a table."""
    return (table.size - WIDTH) // (3 * n_functions) - 2


@inner_kernel
def _piece(distance, length, last):
    """Piece around a distance, and the offset in it, 0 to 1."""
    place = distance / length
    piece = min(int(place), last)
    return piece, place - piece


@inner_kernel
def neighbor_weight(distance, cutoff, smoothing, rate, scale, exponent):
    """Shifted-cosine cutoff times density scaling rate / (rate + (r / scale)^exponent).

    ``exponent`` 0 means no scaling (https://doi.org/10.1039/C8CP05921G).
    """
    weight = 1.0
    if distance >= cutoff:
        return 0.0
    if distance > cutoff - smoothing:
        weight = 0.5 * (1.0 + np.cos(np.pi * (distance - cutoff + smoothing) / smoothing))
    if exponent > 0:
        power = 1.0
        for _ in range(exponent):
            power *= distance / scale
        weight *= rate / (rate + power)
    return weight


@inner_kernel
def radial_slopes(
    distance, weight, slope, table, length, last, n_functions, basis, out, out_slopes, at
):
    """`radial_values` and their derivatives by distance, ``slope`` being that of the weight.

    ``basis`` holds twelve numbers.
    """
    piece, offset = _piece(distance, length, last)
    left = 3 * piece * n_functions
    values, slopes = _hermite_weights(offset), _hermite_slopes(offset)
    for q in range(6):
        put(basis, q, values[q] * weight)
        put(basis, 6 + q, slopes[q] * weight / length + values[q] * slope)
    zero = splat(table.dtype.type(0), WIDTH)
    for k in range(0, n_functions, WIDTH):
        value = derivative = zero
        for q in range(6):
            node = load(table, left + q * n_functions + k, WIDTH)
            value = fma(broadcast(basis, q, WIDTH), node, value)
            derivative = fma(broadcast(basis, 6 + q, WIDTH), node, derivative)
        store(out, at + k, value)
        store(out_slopes, at + k, derivative)


@inner_kernel
def neighbor_weight_slope(distance, cutoff, smoothing, rate, scale, exponent):
    """Give `neighbor_weight` and its derivative by distance."""
    weight, slope = 1.0, 0.0
    if distance >= cutoff:
        return 0.0, 0.0
    if distance > cutoff - smoothing:
        phase = np.pi * (distance - cutoff + smoothing) / smoothing
        weight = 0.5 * (1.0 + np.cos(phase))
        slope = -0.5 * np.pi / smoothing * np.sin(phase)
    if exponent > 0:
        power = 1.0
        for _ in range(exponent):
            power *= distance / scale
        fade = rate / (rate + power)
        slope = slope * fade - weight * fade * exponent * power / (distance * (rate + power))
        weight *= fade
    return weight, slope
