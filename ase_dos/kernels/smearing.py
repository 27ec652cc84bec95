"""Curvature of a smeared DOS around mu: a sign that it is the tail of a Gaussian there."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel

_FAR = 60.0  # widths from mu: exp(-60) of what lies there counts


@inner_kernel
def _bend_over_mean(mu, width, start, step, g):
    """Ratio of int g'' to int g (1/eV^2), both weighed with f(1 - f) of a thermal width (eV)."""
    size = g.size
    first = int(max(np.ceil((mu - _FAR * width - start) / step), 0.0))
    last = int(min(np.floor((mu + _FAR * width - start) / step), size - 1.0))
    mean = bend = 0.0
    for j in range(first, last + 1):
        t = np.exp(-abs(start + step * j - mu) / width)
        around = t / (1.0 + t) ** 2
        # The DOS is flat outside the grid.
        rise = g[j + 1] - g[j] if j + 1 < size else 0.0
        before = g[j] - g[j - 1] if j > 0 else 0.0
        mean += around * step * g[j]
        bend += around * (rise - before) / step
    return bend / mean if mean > 0.0 else 0.0


@kernel
def curvatures(mu, widths, start, step, g, out):
    """Fill out (structures, temperatures) with int g'' / int g around mu.

    Parameters
    ----------
    mu : (structures, temperatures) array
        Fermi levels (eV).
    widths : (temperatures,) array
        Thermal widths (eV) of the average.
    start, step : float
        Energy grid (eV).
    g : (structures, n) array
        DOS (states/eV) on the grid.
    out : (structures, temperatures) array
        Result (1/eV^2).
    """
    for a in range(g.shape[0]):
        for t in range(widths.size):
            out[a, t] = _bend_over_mean(mu[a, t], widths[t], start, step, g[a])
