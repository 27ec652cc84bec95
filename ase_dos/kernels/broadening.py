"""Gaussian broadening of eigenvalues, and evaluation of Hermite splines on uniform nodes."""

from __future__ import annotations

import math

import numpy as np

from ase_dos.kernels.jit import kernel

# Beyond this many standard deviations a Gaussian is below the rounding of its own peak.
REACH = 8.5


@kernel
def broaden(eigenvalues, weights, sigma, start, step, values, derivatives):
    """Add broadened levels to ``values`` and ``derivatives`` on uniform nodes.

    Shapes: eigenvalues (spins, kpoints, bands) and sigma in eV, weights (kpoints,) in electrons
    per level, values (nodes,) in states/eV, derivatives (nodes,) in states/eV^2.
    """
    n_nodes = values.size
    norm = 1.0 / (sigma * math.sqrt(2.0 * math.pi))
    for spin in range(eigenvalues.shape[0]):
        for k in range(eigenvalues.shape[1]):
            weight = weights[k] * norm
            for band in range(eigenvalues.shape[2]):
                level = eigenvalues[spin, k, band]
                first = max(0, math.ceil((level - REACH * sigma - start) / step))
                last = min(n_nodes - 1, math.floor((level + REACH * sigma - start) / step))
                middle = min(max(int((level - start) / step), first), last)
                # Outwards from the level, where rounding errors have no room to grow.
                _half_peak(middle, last + 1, 1, level, weight, sigma, start, step, values,
                           derivatives)  # fmt: skip
                _half_peak(middle - 1, first - 1, -1, level, weight, sigma, start, step, values,
                           derivatives)  # fmt: skip


@kernel
def _half_peak(first, end, way, level, weight, sigma, start, step, values, derivatives):
    """Add a Gaussian to nodes on one side of its level.

    From node to node it changes by a factor that itself changes by a constant one.
    """
    h = way * step / sigma
    x = (start + first * step - level) / sigma
    peak = weight * math.exp(-0.5 * x * x)
    ratio, decay = math.exp(-h * (x + 0.5 * h)), math.exp(-h * h)
    for node in range(first, end, way):
        values[node] += peak
        derivatives[node] -= peak * x / sigma
        x += h
        peak *= ratio
        ratio *= decay


@kernel
def hermite(start, step, values, derivatives, energies, shift, out, out_derivative):
    """Evaluate a cubic Hermite spline and its derivative at ``energies + shift``.

    Left of the first node both are zero; right of the last node they keep the last node's value
    with zero slope (callers mask that side, where nothing is known).
    """
    last = values.size - 1
    for j in range(energies.size):
        position = (energies[j] + shift - start) / step
        if position < 0.0:
            out[j] = 0.0
            out_derivative[j] = 0.0
        elif position >= last:
            out[j] = values[last]
            out_derivative[j] = 0.0
        else:
            node = int(position)
            t = position - node
            left, right = values[node], values[node + 1]
            slope_left, slope_right = derivatives[node] * step, derivatives[node + 1] * step
            rise = right - left
            c2 = 3.0 * rise - 2.0 * slope_left - slope_right
            c3 = slope_left + slope_right - 2.0 * rise
            out[j] = left + t * (slope_left + t * (c2 + t * c3))
            out_derivative[j] = (slope_left + t * (2.0 * c2 + 3.0 * t * c3)) / step


@kernel
def hermite_many(starts, steps, ends, values, derivatives, energies, shifts, out, out_derivative):
    """`hermite` of many splines, each with its own shift, into rows of ``out``.

    The nodes of spline i are ``values[ends[i]]`` to ``values[ends[i + 1]]``.
    """
    for i in range(starts.size):
        begin, end = ends[i], ends[i + 1]
        hermite(
            starts[i], steps[i], values[begin:end], derivatives[begin:end], energies, shifts[i],
            out[i], out_derivative[i],
        )  # fmt: skip


@kernel
def mean_square_errors(
    start, step, values, derivatives, valid_to, energies, prediction, shifts, out
):
    """Mean-square deviation of a prediction from a shifted spline, where that is known.

    One number for each of ``shifts`` in ``out``; infinite where nothing is known.
    """
    spline, slope = np.empty(energies.size), np.empty(energies.size)
    for k in range(shifts.size):
        hermite(start, step, values, derivatives, energies, shifts[k], spline, slope)
        known, total = 0, 0.0
        for j in range(energies.size):
            if energies[j] + shifts[k] <= valid_to:
                known += 1
                total += (spline[j] - prediction[j]) ** 2
        out[k] = total / known if known > 0 else np.inf
