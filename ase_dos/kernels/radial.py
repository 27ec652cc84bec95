"""Radial integrals of a Gaussian density with orthonormal Gaussian-type orbitals (GTO).

Made once per set of hyperparameters in numpy, then read from a table of quintic Hermite
pieces. The table ends at the cutoff, and the cutoff function is multiplied in afterwards,
so no piece crosses a kink.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gamma, ive

from ase_dos.kernels.arrays import room_for
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.vector import (
    REGISTER,
    WIDTH,
    broadcast,
    cast,
    floor,
    fma,
    lanes_of,
    load,
    minimum,
    splat,
    store,
)


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


def radial_table(cutoff, n_max, l_max, width, tolerance):
    """Table of quintic Hermite pieces from 0 to the cutoff, and their length.

    The table is (nodes, 3, functions): value, h f' and h^2 f'' for every l and n, n the faster. The
    error, relative to the largest value, is measured between the nodes.
    """
    hypers = (cutoff, n_max, l_max, width)
    # The error falls with the sixth power of the length.
    pieces = max(8, int(np.ceil(10.0 * cutoff / width * (1e-10 / tolerance) ** (1 / 6))))
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
            return table, length
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
def hermite_rows(count, distances, weights, length, last, stride, pieces, rows):
    """Piece of the table around each distance, and weights of its nodes times that of a neighbour.

    In whole vectors. ``rows[q * stride + j]`` holds the weights for q = 0 to 5.
    """
    for j in range(0, count, WIDTH):
        place = load(distances, j, WIDTH) * (1.0 / length)
        piece = minimum(floor(place), splat(last, WIDTH))
        weight = load(weights, j, WIDTH)
        w0, w1, w2, w3, w4, w5 = _hermite_weights(cast(place - piece, rows))
        store(pieces, j, piece)
        store(rows, j, w0 * weight)
        store(rows, stride + j, w1 * weight)
        store(rows, 2 * stride + j, w2 * weight)
        store(rows, 3 * stride + j, w3 * weight)
        store(rows, 4 * stride + j, w4 * weight)
        store(rows, 5 * stride + j, w5 * weight)


@inner_kernel
def hermite_slope_rows(count, distances, weights, slopes, length, stride, pieces, rows):
    """Differentiate `hermite_rows` by distance, ``slopes`` being those of ``weights``.

    ``pieces`` are given; the derivatives follow the weights, at ``rows[(6 + q) * stride + j]``.
    """
    for j in range(0, count, WIDTH):
        offset = cast(load(distances, j, WIDTH) * (1.0 / length) - load(pieces, j, WIDTH), rows)
        weight = load(weights, j, WIDTH) * (1.0 / length)
        slope = cast(load(slopes, j, WIDTH), rows)
        w0, w1, w2, w3, w4, w5 = _hermite_weights(offset)
        s0, s1, s2, s3, s4, s5 = _hermite_slopes(offset)
        store(rows, 6 * stride + j, s0 * weight + w0 * slope)
        store(rows, 7 * stride + j, s1 * weight + w1 * slope)
        store(rows, 8 * stride + j, s2 * weight + w2 * slope)
        store(rows, 9 * stride + j, s3 * weight + w3 * slope)
        store(rows, 10 * stride + j, s4 * weight + w4 * slope)
        store(rows, 11 * stride + j, s5 * weight + w5 * slope)


@inner_kernel
def node_weights(rows, at, stride, like):
    """Weights of one neighbour for the nodes of its piece, from ``rows[at + q * stride]``.

    Each is repeated in a vector as long as ``like``.
    """
    return (
        broadcast(rows, at, like),
        broadcast(rows, at + stride, like),
        broadcast(rows, at + 2 * stride, like),
        broadcast(rows, at + 3 * stride, like),
        broadcast(rows, at + 4 * stride, like),
        broadcast(rows, at + 5 * stride, like),
    )


def flat_table(table):
    """Tables (sets, nodes, 3, functions) as `interpolate` reads them, and the length of their rows.

    A row has room for all functions, in whole registers. Of every node there are three, register by
    register: that of values, that of h f' and that of h^2 f'' of the same functions.
    """
    sets, nodes, _, functions = table.shape
    lanes = REGISTER // table.itemsize
    row = -(-functions // lanes) * lanes
    parts = np.pad(table, ((0, 0), (0, 0), (0, 0), (0, row - functions)))
    parts = parts.reshape(sets, nodes, 3, -1, lanes).swapaxes(2, 3)
    flat = room_for(parts.size, table.dtype).reshape(sets, -1)
    flat[:] = parts.reshape(sets, -1)
    return flat, row


@inner_kernel
def interpolate(weights, table, left, right):
    """Radial integrals, a register of them: ``weights`` times what two nodes have.

    That of the nodes begins at ``left`` and ``right``; see `flat_table`. (Slices would do for these
    places, but counting references to them costs more than the sums.)
    """
    like = weights[0]
    lanes = lanes_of(like)
    total = like * load(table, left, like)
    total = fma(weights[1], load(table, left + lanes, like), total)
    total = fma(weights[2], load(table, left + 2 * lanes, like), total)
    total = fma(weights[3], load(table, right, like), total)
    total = fma(weights[4], load(table, right + lanes, like), total)
    return fma(weights[5], load(table, right + 2 * lanes, like), total)


@inner_kernel
def last_piece(table, row):
    """Give the number of the last piece of a table."""
    return table.size // (3 * row) - 2


# Of the sine of a quarter turn times u, by odd powers of u from the highest on: the next one would
# add 3e-16.
_SINE = tuple((-1) ** k * (np.pi / 2) ** (2 * k + 1) / gamma(2 * k + 2) for k in range(9, -1, -1))


@inner_kernel
def _sine_of_quarter_turn(u):
    """Sine of pi u / 2 for ``u`` between 0 and 1."""
    square = u * u
    total = square * _SINE[0] + _SINE[1]
    for factor in _SINE[2:]:
        total = total * square + factor
    return total * u


@inner_kernel
def _depth(distance, cutoff, smoothing):
    """Depth below the cutoff, in units of the shell in which neighbours fade out: 0 to 1."""
    above = minimum((distance - cutoff) * (1.0 / smoothing), splat(0.0, WIDTH))
    return minimum(0.0 - above, splat(1.0, WIDTH))


@inner_kernel
def neighbor_weights(count, distances, cutoff, smoothing, rate, scale, exponent, weights):
    """Shifted-cosine cutoff times density scaling rate / (rate + (r / scale)^exponent).

    The cutoff is (1 + cos(pi (1 - u))) / 2 = sin(pi u / 2)^2 at a depth u, `_depth`. ``exponent`` 0
    means no scaling (https://doi.org/10.1039/C8CP05921G). In whole vectors.
    """
    for j in range(0, count, WIDTH):
        r, power = load(distances, j, WIDTH), splat(weights.dtype.type(1), WIDTH)
        scaled = cast(r * (1.0 / scale), weights)
        for _ in range(exponent):
            power = power * scaled
        fade = rate / (rate + power) if exponent > 0 else power
        sine = _sine_of_quarter_turn(cast(_depth(r, cutoff, smoothing), weights))
        store(weights, j, fade * sine * sine)


@inner_kernel
def neighbor_weight_slopes(count, distances, cutoff, smoothing, rate, scale, exponent, out):
    """Differentiate `neighbor_weights` by distance."""
    for j in range(0, count, WIDTH):
        r, power = load(distances, j, WIDTH), splat(1.0, WIDTH)
        for _ in range(exponent):
            power = power * r * (1.0 / scale)
        fade = rate / (rate + power) if exponent > 0 else power
        slope = -exponent * fade * power / (r * (rate + power))
        depth = _depth(r, cutoff, smoothing)
        sine, cosine = _sine_of_quarter_turn(depth), _sine_of_quarter_turn(1.0 - depth)
        store(out, j, slope * sine * sine - fade * sine * cosine * (np.pi / smoothing))
