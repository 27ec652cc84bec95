"""Gaussian broadening of eigenvalues, and evaluation of Hermite splines on uniform nodes."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.hermite_e import hermeval

from ase_dos.kernels.jit import kernel

# Beyond this many standard deviations a Gaussian is below the rounding of its own peak.
REACH = 8.5
# Terms of the expansion about a node at most sigma / 12 away: the next is 4e-15 of the peak.
_MOMENTS = 10


def broaden(eigenvalues, weights, sigma, start, step, size):
    """Sum of Gaussians on all levels, and its derivative, at uniform nodes.

    Each level is expanded about the node next to it (a fast Gauss transform): with He_n the Hermite
    polynomials and G the Gaussian,

        G(x - t) = sum_n t^n / n! He_n(x) G(x),

    so that levels add to a few moments of their node, and all moments together to the sum.

    Parameters
    ----------
    eigenvalues : (spins, kpoints, bands) array
        Energies (eV).
    weights : (kpoints,) array
        Electrons per level.
    sigma : float
        Standard deviation (eV).
    start, step : float
        First node and spacing (eV), at most sigma / 6.
    size : int
        Number of nodes.

    Returns
    -------
    values, derivatives : (size,) array
        In states/eV and states/eV^2.
    """
    reach = int(REACH * sigma / step) + 1
    moments = np.zeros((size + 2 * reach, _MOMENTS))
    _add_moments(eigenvalues, weights, sigma, start - reach * step, step, moments)
    x = step / sigma * np.arange(-reach, reach + 1)
    polynomials = hermeval(x, np.eye(_MOMENTS + 1))
    gauss = polynomials * np.exp(-0.5 * x * x) / (sigma * math.sqrt(2.0 * math.pi))
    values, derivatives = np.zeros((2, size + 4 * reach))
    _add_gaussians(moments, gauss, gauss / -sigma, values, derivatives)
    inside = slice(2 * reach, 2 * reach + size)
    return values[inside], derivatives[inside]


@kernel
def _add_moments(eigenvalues, weights, sigma, start, step, moments):
    """Add w t^n / n! of every level to its nearest node, t being the distance over sigma."""
    for spin in range(eigenvalues.shape[0]):
        for k in range(eigenvalues.shape[1]):
            for band in range(eigenvalues.shape[2]):
                position = (eigenvalues[spin, k, band] - start) / step
                node = math.floor(position + 0.5)
                if node < 0 or node >= moments.shape[0]:
                    continue
                t = (position - node) * step / sigma
                term = weights[k]
                for n in range(moments.shape[1]):
                    moments[node, n] += term
                    term *= t / (n + 1)


@kernel
def _add_gaussians(moments, gauss, slopes, values, derivatives):
    """Add the moments (nodes, n) of every node times Gaussians (n + 1, reach) that begin there.

    The derivative of each Gaussian is the next of the slopes.
    """
    for node in range(moments.shape[0]):
        for n in range(moments.shape[1]):
            moment = moments[node, n]
            if moment == 0.0:
                continue
            for i in range(gauss.shape[1]):
                values[node + i] += moment * gauss[n, i]
                derivatives[node + i] += moment * slopes[n + 1, i]


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
def hermite_many(
    starts,
    steps,
    firsts,
    sizes,
    values,
    derivatives,
    energies,
    shifts,
    known,
    out,
    out_derivative,
):
    """`hermite` of many splines, each with its own shift, into rows of ``out``.

    The nodes of spline i are the ``sizes[i]`` from ``firsts[i]`` on. Only at the first ``known[i]``
    energies it is evaluated, and zero at the others.
    """
    for i in range(starts.size):
        begin, end, stop = firsts[i], firsts[i] + sizes[i], known[i]
        hermite(
            starts[i],
            steps[i],
            values[begin:end],
            derivatives[begin:end],
            energies[:stop],
            shifts[i],
            out[i],
            out_derivative[i],
        )
        out[i, stop:] = 0.0
        out_derivative[i, stop:] = 0.0
