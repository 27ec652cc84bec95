"""Rigid shifts that bring splines closest to given curves: a scan, then Brent's method."""

from __future__ import annotations

import math

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel

_GOLDEN = 0.5 * (3.0 - math.sqrt(5.0))
_ROUNDING = 1.5e-8  # root of that of a number: a minimum is not found to more
_CLOSE = 1e-6  # eV
_STEPS = 500


@inner_kernel
def _spline(position, step, values, derivatives):
    """Hermite spline at a position in units of its nodes; beyond the last it is constant."""
    node = min(max(int(position), 0), values.size - 2)
    t = min(position - node, 1.0)
    left, right = values[node], values[node + 1]
    slope_left, slope_right = derivatives[node] * step, derivatives[node + 1] * step
    rise = right - left
    c2 = 3.0 * rise - 2.0 * slope_left - slope_right
    c3 = slope_left + slope_right - 2.0 * rise
    spline = left + t * (slope_left + t * (c2 + t * c3))
    return spline if position >= 0.0 else 0.0


@inner_kernel
def _known(energies, shift, valid_to, most):
    """How many of the rising energies a shifted spline is known at, of the first ``most``."""
    while most > 0 and energies[most - 1] + shift > valid_to:
        most -= 1
    return most


@inner_kernel
def _mean_square(start, step, values, derivatives, valid_to, energies, curve, shift):
    """Mean-square deviation of a curve from a shifted spline, infinite where nothing is known."""
    known = _known(energies, shift, valid_to, energies.size)
    total = 0.0
    for k in range(known):
        spline = _spline((energies[k] + shift - start) / step, step, values, derivatives)
        total += (spline - curve[k]) ** 2
    return total / known if known > 0 else np.inf


@inner_kernel
def _scan(start, step, values, derivatives, valid_to, energies, curve, middle, reach, spacing):
    """Shift that is best of those around the middle, and their spacing, at most that given.

    They are multiples of the spacing of the energies, or parts of it, so that all share the same
    points of the spline.
    """
    between = (energies[energies.size - 1] - energies[0]) / (energies.size - 1)
    parts = math.ceil(between / spacing * (1.0 - _ROUNDING))
    stride = max(int(spacing * parts / between * (1.0 + _ROUNDING)), 1)
    spacing = between / parts * stride
    half = int(reach / spacing * (1.0 + _ROUNDING))
    # Points that lie one spacing of the energies apart stand together.
    rows = energies.size + 2 * half * stride // parts + 1
    samples = np.empty((parts, rows))
    lowest = energies[0] + middle - half * spacing - start
    for part in range(parts):
        for row in range(rows):
            position = (lowest + (row + part / parts) * between) / step
            samples[part, row] = _spline(position, step, values, derivatives)
    best, least, known = 0, np.inf, energies.size
    for k in range(2 * half + 1):
        known = _known(energies, middle + (k - half) * spacing, valid_to, known)
        moved = samples[k * stride % parts, k * stride // parts :]
        total = 0.0
        for j in range(known):
            total += (moved[j] - curve[j]) ** 2
        if total < least * known:
            best, least = k, total / known
    return middle + (best - half) * spacing, spacing


@kernel
def closest_shifts(
    starts,
    steps,
    firsts,
    sizes,
    values,
    derivatives,
    valid_to,
    energies,
    curves,
    middles,
    reach,
    spacings,
    shifts,
    costs,
):
    """Shift of each spline that brings it closest to its curve, and their mean-square deviation.

    Shifts from ``middles[i] - reach`` to ``middles[i] + reach`` are scanned in steps of
    ``spacings[i]`` or less, and the best is refined between its neighbours: by Brent's method (R.
    P. Brent, Algorithms for minimization without derivatives, 1973, chapter 5). The energies are
    uniform.

    The nodes of spline i are the ``sizes[i]`` from ``firsts[i]`` on.
    """
    for i in range(starts.size):
        start, step, valid = starts[i], steps[i], valid_to[i]
        nodes = values[firsts[i] : firsts[i] + sizes[i]]
        slopes = derivatives[firsts[i] : firsts[i] + sizes[i]]
        curve = curves[i]
        at, spacing = _scan(
            start, step, nodes, slopes, valid, energies, curve, middles[i], reach, spacings[i]
        )
        shifts[i] = at
        costs[i] = _mean_square(start, step, nodes, slopes, valid, energies, curve, at)
        low, high = at - spacing, at + spacing
        # Best, second best and third best points, and their costs.
        x = low + _GOLDEN * (high - low)
        w, v = x, x
        fx = _mean_square(start, step, nodes, slopes, valid, energies, curve, x)
        fw, fv = fx, fx
        last, before = 0.0, 0.0  # moves
        for _ in range(_STEPS):
            centre = 0.5 * (low + high)
            smallest = _ROUNDING * abs(x) + _CLOSE / 3.0
            if abs(x - centre) <= 2.0 * smallest - 0.5 * (high - low):
                break
            parabolic = False
            if abs(before) > smallest:
                r = (x - w) * (fx - fv)
                q = (x - v) * (fx - fw)
                p = (x - v) * q - (x - w) * r
                q = 2.0 * (q - r)
                p = -p if q > 0.0 else p
                q = abs(q)
                # A step to the minimum of the parabola, if it is inside and they keep halving.
                if abs(p) < abs(0.5 * q * before) and q * (low - x) < p < q * (high - x):
                    before, last = last, p / q
                    there = x + last
                    if there - low < 2.0 * smallest or high - there < 2.0 * smallest:
                        last = smallest if centre >= x else -smallest
                    parabolic = True
            if not parabolic:
                before = low - x if x >= centre else high - x
                last = _GOLDEN * before
            move = last if abs(last) >= smallest else (smallest if last >= 0.0 else -smallest)
            u = x + move
            fu = _mean_square(start, step, nodes, slopes, valid, energies, curve, u)
            if fu <= fx:
                if u >= x:
                    low = x
                else:
                    high = x
                v, fv, w, fw, x, fx = w, fw, x, fx, u, fu
            else:
                if u < x:
                    low = u
                else:
                    high = u
                if fu <= fw or w == x:
                    v, fv, w, fw = w, fw, u, fu
                elif fu <= fv or v in (x, w):
                    v, fv = u, fu
        if fx < costs[i]:
            shifts[i], costs[i] = x, fx
