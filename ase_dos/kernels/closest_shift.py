"""Rigid shifts that bring splines closest to given curves: a scan, then Brent's method."""

from __future__ import annotations

import math

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel

_PIECE = 32  # energies between two looks at whether a shift can still be the best
_GOLDEN = 0.5 * (3.0 - math.sqrt(5.0))
_ROUNDING = 1.5e-8  # root of that of a number: a minimum is not found to more
_CLOSE = 1e-6  # eV
_STEPS = 500


@inner_kernel
def _mean_square(start, step, values, derivatives, valid_to, energies, curve, shift, limit):
    """Mean-square deviation of a curve from a shifted spline, where that is known.

    Infinite where nothing is known, or as soon as it is certain to be above the limit.
    """
    known = energies.size
    while known > 0 and energies[known - 1] + shift > valid_to:
        known -= 1
    if known == 0:
        return np.inf
    last = values.size - 1
    highest = limit * known
    total, j = 0.0, 0
    while j < known:
        end = min(j + _PIECE, known)
        for k in range(j, end):
            position = (energies[k] + shift - start) / step
            node = min(max(int(position), 0), last - 1)
            t = min(position - node, 1.0)
            left, right = values[node], values[node + 1]
            slope_left, slope_right = derivatives[node] * step, derivatives[node + 1] * step
            rise = right - left
            c2 = 3.0 * rise - 2.0 * slope_left - slope_right
            c3 = slope_left + slope_right - 2.0 * rise
            spline = left + t * (slope_left + t * (c2 + t * c3))
            spline = spline if position >= 0.0 else 0.0
            total += (spline - curve[k]) ** 2
        if total > highest:
            return np.inf
        j = end
    return total / known


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

    The shifts ``middles[i] - reach`` to ``middles[i] + reach`` are scanned in steps of
    ``spacings[i]``, and the best is refined between its neighbours: by Brent's method (R. P. Brent,
    Algorithms for minimization without derivatives, 1973, chapter 5).

    The nodes of spline i are the ``sizes[i]`` from ``firsts[i]`` on.
    """
    for i in range(starts.size):
        start, step, valid = starts[i], steps[i], valid_to[i]
        nodes = values[firsts[i] : firsts[i] + sizes[i]]
        slopes = derivatives[firsts[i] : firsts[i] + sizes[i]]
        curve, spacing = curves[i], spacings[i]
        # From the middle outwards: most of the others are then soon known to be worse.
        count = math.ceil((2.0 * reach + spacing / 2.0) / spacing)
        middle, best, lowest = count // 2, 0, np.inf
        for turn in range(2 * count + 2):
            k = middle + (turn // 2 if turn % 2 == 0 else -(turn // 2) - 1)
            if k < 0 or k >= count:
                continue
            at = middles[i] + (k * spacing - reach)
            cost = _mean_square(start, step, nodes, slopes, valid, energies, curve, at, lowest)
            if cost < lowest or (cost == lowest and k < best):
                best, lowest = k, cost
        at = middles[i] + (best * spacing - reach)
        shifts[i], costs[i] = at, lowest
        low, high = at - spacing, at + spacing
        # Best, second best and third best points, and their costs.
        x = low + _GOLDEN * (high - low)
        w, v = x, x
        fx = _mean_square(start, step, nodes, slopes, valid, energies, curve, x, np.inf)
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
            fu = _mean_square(start, step, nodes, slopes, valid, energies, curve, u, np.inf)
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
