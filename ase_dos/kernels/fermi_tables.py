"""Fermi integrals of many DOS on one grid at one temperature, without exponentials.

The integral of a piecewise-linear DOS times a Fermi function is a sum over grid points times
weights, and a weight depends only on the distance of its grid point from mu. With mu at the
fraction r of a grid cell, the electrons above mu see grid point m of those above at
``y = (m - r) step/kT``, and the holes below see the same with ``1 - r``: one table serves both
sides and all structures. It holds every weight as a Chebyshev series in r, on as many equal
pieces of the cell as the poles of the Fermi function at y = +-i pi ask for.

Multiplying the DOS into the table first leaves the count of electrons as one short polynomial in
mu, on which Newton's steps are free.

What the table cannot give to full accuracy it leaves as NaN, for `ase_dos.kernels.thermo.solve`:
mu outside the grid, and deep gaps. No value of a DOS is negative.
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.root import MAX_ITERATIONS, new_search, next_mu
from ase_dos.kernels.thermo import (
    fermi_terms,
    filled,
    ground_level,
    imbalance,
    lack_of_charge,
    log_term,
)

_X, _W = np.polynomial.legendre.leggauss(8)
_PANEL = 1.0  # kT: the 8-point rule then errs by 3e-18
_REACH = 100.0  # kT: the table ends here
_TAIL = _REACH**2 * np.exp(-_REACH)  # of max(g) kT: bound of what lies beyond, (x - c)^2 included
_ROUNDING = 1e-14  # the largest relative error that may be left out
_PIECE = 2.0  # kT: a piece of a cell is not wider
_SERIES = 39.0  # -log of the last term of a series, 1e-17
_ABRUPT = 1e-3  # a sum this small against the DOS in the cell of mu is left out: weights cancel
_FEW = 1e-5  # and fewer thermal electrons than this, of all that the rounding of the count blurs
# Integrals of f, f(1 - f) times 1, u, u^2 (u = y - y_m), s and ln(1 + exp(-y)) with each hat.
_COUNT, _K0, _K1, _K2, _S, _LOG = range(6)
_NONE = np.empty(0)  # no discrete levels


@kernel
def table_shape(kt, step, size):
    """Shape of a table: pieces of a cell, integrals, terms of a series, grid points."""
    pieces = np.ceil(step / (_PIECE * kt))
    # The series converges like rho^-n, rho from the nearest pole in units of half a piece.
    pole = 2.0 * np.pi * kt * pieces / step
    terms = np.ceil(_SERIES / np.log(pole + np.sqrt(pole**2 + 1.0))) + 1.0
    points = min(np.ceil(_REACH * kt / step) + 2.0, float(size))
    return pieces, 6.0, terms, points


@inner_kernel
def _add_cell(cell, r, s, kt, full, upper):
    """Add a cell between two grid points, above mu at fraction r of cell 0, to both hats."""
    u = r if cell == 0 else 0.0
    panels = max(int(np.ceil((1.0 - u) * s / _PANEL)), 1)
    width = (1.0 - u) / panels
    for panel in range(panels):
        left = u + panel * width
        if (cell + left - r) * s > _REACH:
            break
        for q in range(_X.size):
            share = left + 0.5 * width * (1.0 + _X[q])
            y = (cell + share - r) * s
            f, k, exponential = fermi_terms(y, 0.0, 1.0)
            log = log_term(f, exponential)
            w = 0.5 * width * s * kt * _W[q]
            for near in (True, False):
                part = w * (1.0 - share if near else share)
                away = s * (share if near else share - 1.0)
                m = cell if near else cell + 1
                for i, value in (
                    (_COUNT, f),
                    (_K0, k),
                    (_K1, k * away),
                    (_K2, k * away**2),
                    (_S, log + y * f),
                    (_LOG, log),
                ):
                    if m < full.shape[1]:
                        full[i, m] += part * value
                    if near:
                        upper[i, m] += part * value


@kernel
def fill_table(kt, step, full, upper):
    """Fill a table with Chebyshev series of the weights.

    Parameters
    ----------
    kt, step : float
        Thermal energy and grid spacing (eV).
    full : (pieces, 6, terms, points) array
        Weights of whole hats (eV); the shape as given by `table_shape`.
    upper : (pieces, 6, terms, points) array
        The part of each hat above its grid point, which the last grid point has not.
    """
    pieces, integrals, terms, points = full.shape
    for piece in range(pieces):
        full[piece] = 0.0
        upper[piece] = 0.0
        for node in range(terms):
            angle = np.pi * (node + 0.5) / terms
            r = (piece + 0.5 * (1.0 + np.cos(angle))) / pieces
            hats = np.zeros((2, integrals, points))
            for cell in range(points):
                _add_cell(cell, r, step / kt, kt, hats[0], hats[1])
            for c in range(terms):
                factor = (1.0 if c == 0 else 2.0) / terms * np.cos(c * angle)
                full[piece, :, c] += factor * hats[0]
                upper[piece, :, c] += factor * hats[1]


@inner_kernel
def _polynomials(t, out):
    """Fill out (2, terms) with the Chebyshev polynomials at t and their derivatives."""
    out[0, 0], out[1, 0] = 1.0, 0.0
    if out.shape[1] > 1:
        out[0, 1], out[1, 1] = t, 1.0
    for c in range(2, out.shape[1]):
        out[0, c] = 2.0 * t * out[0, c - 1] - out[0, c - 2]
        out[1, c] = 2.0 * (out[0, c - 1] + t * out[1, c - 1]) - out[1, c - 2]


@inner_kernel
def _series(full, upper, h, out):
    """Chebyshev series of the states of one side: the DOS h, walking away from mu, in the table."""
    points = min(h.size, full.shape[1])
    for c in range(out.size):
        row = full[c]
        total = 0.0
        for m in range(points):
            total += h[m] * row[m]
        out[c] = total - (h[-1] * upper[c, points - 1] if points == h.size else 0.0)


@inner_kernel
def _weights(full, upper, polynomials, size, out):
    """Fill out (6, points) with the weights at one mu, for a side of ``size`` grid points."""
    points = min(size, full.shape[2])
    for i in range(_K0, out.shape[0]):
        row = out[i]
        row[:points] = 0.0
        for c in range(polynomials.size):
            p = polynomials[c]
            part = full[i, c]
            for m in range(points):
                row[m] += p * part[m]
            if points == size:
                row[points - 1] -= p * upper[i, c, points - 1]
    return points


@inner_kernel
def _side(h, w, points, r, s):
    """Integrals of one side: f(1 - f), y f(1 - f), s and the logarithm."""
    k0 = k1 = entropy = log_sum = 0.0
    for m in range(points):
        k0 += h[m] * w[_K0, m]
        k1 += h[m] * ((m - r) * s * w[_K0, m] + w[_K1, m])
        entropy += h[m] * w[_S, m]
        log_sum += h[m] * w[_LOG, m]
    return k0, k1, entropy, log_sum


@inner_kernel
def _spread(h, w, points, r, s, centre):
    """Integral of (y - centre)^2 f(1 - f) of one side."""
    k2 = 0.0
    for m in range(points):
        z = (m - r) * s - centre
        k2 += h[m] * (z * (z * w[_K0, m] + 2.0 * w[_K1, m]) + w[_K2, m])
    return k2


@inner_kernel
def _place(mu, start, step, size, pieces):
    """Cell that holds mu, the fraction of the cell below mu, and its piece; cell -1 for none."""
    place = (mu - start) / step
    if not 0.0 <= place < size - 1:
        return -1, 0.0, 0
    cell = int(place)
    r = min(max((mu - (start + step * cell)) / step, 0.0), 1.0)
    return cell, r, min(int(r * pieces), pieces - 1)


@inner_kernel
def _sum_series(series, t, p):
    """Electrons above and holes below mu and their derivatives by t and -t."""
    _polynomials(t, p)
    n_e = d_e = n_h = d_h = 0.0
    sign = 1.0
    for c in range(series.shape[1]):
        n_e += p[0, c] * series[0, c]
        d_e += p[1, c] * series[0, c]
        # The polynomials at -t.
        n_h += sign * p[0, c] * series[1, c]
        d_h -= sign * p[1, c] * series[1, c]
        sign = -sign
    return n_e, d_e, n_h, d_h


@inner_kernel
def _level(kt, start, step, g, down, counts, electrons, guess, full, upper):
    """Fermi level by the steps of `ase_dos.kernels.thermo.fermi_level`; NaN where inaccurate."""
    pieces, _, terms, _ = full.shape
    scale = 2.0 * pieces / step
    series, p = np.empty((2, terms)), np.empty((2, terms))
    g_max = 0.0
    for value in g:
        g_max = max(g_max, value)
    deep = g_max * kt * _TAIL / _ROUNDING
    last_cell = last_piece = -1
    mu, search = guess, new_search(kt)
    for iteration in range(MAX_ITERATIONS):
        cell, r, piece = _place(mu, start, step, g.size, pieces)
        if cell < 0:
            break
        if cell != last_cell or piece != last_piece:
            mirror = pieces - 1 - piece
            below = down[g.size - 2 - cell :]
            _series(full[piece, _COUNT], upper[piece, _COUNT], g[cell:], series[0])
            _series(full[mirror, _COUNT], upper[mirror, _COUNT], below, series[1])
            last_cell, last_piece = cell, piece
        n_e, d_e, n_h, d_h = _sum_series(series, 2.0 * (r * pieces - piece) - 1.0, p)
        here = g[cell] + (g[cell + 1] - g[cell]) * r
        count = counts[cell] + 0.5 * (r * step) * (g[cell] + here)
        lack = lack_of_charge(electrons, count, here)
        value, slope = imbalance(0.0, n_e, scale * d_e, 0.0, n_h, scale * d_h, lack, here)
        mu, found, search = next_mu(mu, value, slope, kt, iteration, search)
        if found:
            both = min(n_e + max(-lack, 0.0), n_h + max(lack, 0.0))
            abrupt = _ABRUPT * min(step, kt) * max(g[cell], g[cell + 1])
            few = 0.0 if lack == 0.0 else _FEW * electrons
            if both < max(deep, few) or min(n_e, n_h) < abrupt or not slope > 0.0:
                break
            return mu
    return np.nan


@inner_kernel
def _state(mu, kt, start, step, g, down, electrons, full, upper, w, out):
    """Fill out as `ase_dos.kernels.thermo.gas_state` does; leave it where mu is off the grid."""
    pieces, _, terms, _ = full.shape
    size = g.size
    cell, r, piece = _place(mu, start, step, size, pieces)
    if cell < 0:
        return
    s = step / kt
    p = np.empty((2, terms))
    t = 2.0 * (r * pieces - piece) - 1.0
    above, below = g[cell:], down[size - 2 - cell :]
    _polynomials(t, p)
    points_e = _weights(full[piece], upper[piece], p[0], above.size, w[0])
    _polynomials(-t, p)
    mirror = pieces - 1 - piece
    points_h = _weights(full[mirror], upper[mirror], p[0], below.size, w[1])
    k0_e, k1_e, s_e, l_e = _side(above, w[0], points_e, r, s)
    k0_h, k1_h, s_h, l_h = _side(below, w[1], points_h, 1.0 - r, s)
    k0 = k0_e + k0_h
    centre = (k1_e - k1_h) / k0
    k2 = _spread(above, w[0], points_e, r, s, centre)
    k2 += _spread(below, w[1], points_h, 1.0 - r, s, -centre)
    energy = filled(mu, start, step, g, _NONE, _NONE)[1]
    out[0], out[1] = mu, mu * electrons + energy - kt * (l_e + l_h)
    out[2], out[3], out[4], out[5] = s_e + s_h, k2, k0 / kt, -centre


@kernel
def prepare(start, step, g, electrons, grounds, counts):
    """Fill grounds (structures,) and counts (structures, n): mu at T = 0, states below a point."""
    for a in range(g.shape[0]):
        grounds[a] = ground_level(start, step, g[a], _NONE, _NONE, electrons[a])
        counts[a, 0] = 0.0
        for j in range(g.shape[1] - 1):
            counts[a, j + 1] = counts[a, j] + 0.5 * step * (g[a, j] + g[a, j + 1])


@kernel
def solve_with_table(kt, start, step, g, electrons, grounds, counts, full, upper, out):
    """Fill out (structures, 6) with the states of all structures at one temperature, or NaN.

    Parameters
    ----------
    kt, start, step : float
        Thermal energy and energy grid (eV).
    g : (structures, n) array
        Piecewise-linear DOS (states/eV) on the grid.
    electrons : (structures,) array
        Electron counts.
    grounds, counts : arrays
        As given by `prepare`.
    full, upper : arrays
        As given by `fill_table`.
    out : (structures, 6) array
        Result, as that of `ase_dos.kernels.thermo.gas_state`.
    """
    for a in range(g.shape[0]):
        out[a] = np.nan
        down = g[a, ::-1].copy()
        mu = _level(kt, start, step, g[a], down, counts[a], electrons[a], grounds[a], full, upper)
        if not np.isnan(mu):
            w = np.empty((2, full.shape[1], full.shape[3]))
            _state(mu, kt, start, step, g[a], down, electrons[a], full, upper, w, out[a])
