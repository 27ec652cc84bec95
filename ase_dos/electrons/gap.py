"""Gap of a gridded DOS, and the count of electrons below it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.checks import as_array, as_positive, uniform_grid

__all__ = ["repair_gradient", "repair_valence"]

GAP_TOLERANCE = 1e-6  # of the largest DOS: what counts as zero inside a gap


def repair_valence(
    energies: ArrayLike, values: ArrayLike, n_electrons: ArrayLike, *, tolerance: float = 1e-3
) -> tuple[NDArray, NDArray]:
    """Make the states below a gap hold exactly N electrons.

    A gap is an interval of two or more grid points where the DOS is below 1e-6 of its maximum,
    with states on both sides. A relative error of 1e-4 in the valence count would otherwise act
    as doping and move mu(300 K) to a band edge. Values inside the gap are set to zero.

    Parameters
    ----------
    energies : (n,) array_like
        Uniform grid (eV).
    values : (..., n) array_like
        Density of states (states/eV).
    n_electrons : array_like
        Electrons, broadcast against the leading axes.
    tolerance : float
        Largest relative error of the count that is mended; 0 changes nothing.

    Returns
    -------
    values : (..., n) array
        The DOS with its states below the gap multiplied by the factor; a copy.
    factor : (...) array
        N over the count found below the gap; 1 where there is no gap at N electrons.
    """
    energies, step = uniform_grid(energies)
    values = as_array(values, "values")
    tolerance = as_positive(tolerance, "valence_tolerance", zero=True)
    electrons = np.broadcast_to(as_array(n_electrons, "n_electrons"), values.shape[:-1])
    repaired = np.array(values)
    factor = np.ones(values.shape[:-1])
    if tolerance > 0:
        for index in map(tuple, np.argwhere(_may_have_gap(repaired))):
            gap = _find_gap(repaired[index], step, float(electrons[index]), tolerance)
            if gap is not None:
                first, last, factor[index] = gap
                repaired[(*index, slice(first, last + 1))] = 0.0
                repaired[(*index, slice(0, first))] *= factor[index]
    return repaired, factor


def repair_gradient(
    energies: ArrayLike,
    values: ArrayLike,
    n_electrons: float,
    weights: ArrayLike,
    *,
    tolerance: float = 1e-3,
) -> NDArray:
    """Carry a derivative by the repaired DOS back to the DOS before `repair_valence`.

    With the factor ``a = N/N_v``, ``N_v = q @ g`` the count below the gap, it is
    ``a (w - q (w @ g)_below / N_v)`` below the gap, zero in it and ``w`` above.

    Parameters
    ----------
    energies, values : (n,) array_like
        Uniform grid (eV) and the DOS of one structure (states/eV) before the repair.
    n_electrons : float
        Electrons.
    weights : (..., n) array_like
        Derivatives of any quantities by the repaired values.
    tolerance : float
        That of `repair_valence`.

    Returns
    -------
    (..., n) array
        Derivatives by ``values``; the weights unchanged where nothing was repaired.
    """
    energies, step = uniform_grid(energies)
    values = as_array(values, "values", energies.shape)
    back = np.array(weights, dtype=float)
    gap = _find_gap(values, step, n_electrons, tolerance) if tolerance > 0 else None
    if gap is not None:
        first, last, factor = gap
        below = back[..., :first]
        share = np.full(first, step * factor / n_electrons)
        share[0] *= 0.5
        back[..., :first] = factor * (below - (below @ values[:first])[..., None] * share)
        back[..., first : last + 1] = 0.0
    return back


def _is_low(g: NDArray) -> NDArray:
    """Where a DOS (..., n) counts as zero."""
    size = np.abs(g)
    return size <= GAP_TOLERANCE * size.max(axis=-1, keepdims=True)


def _may_have_gap(g: NDArray) -> NDArray:
    """Which of many DOS (..., n) are low at two neighbouring points between points that are not.

    Metals are told apart here, all at once.
    """
    low = _is_low(g)
    first = np.argmin(low, axis=-1)[..., None]
    last = g.shape[-1] - 1 - np.argmin(low[..., ::-1], axis=-1)[..., None]
    pairs = low[..., :-1] & low[..., 1:]
    here = np.arange(pairs.shape[-1])
    return (pairs & (here > first) & (here < last)).any(axis=-1)


def _find_gap(g: NDArray, step: float, electrons: float, tolerance: float):
    """First and last grid point of the gap above N electrons, and N over the count; or None."""
    low = _is_low(g)
    edges = np.flatnonzero(np.diff(low, prepend=False, append=False))
    first, last = edges[::2], edges[1::2] - 1
    wide = (last > first) & (first > 0) & (last < g.size - 1)
    first, last = first[wide], last[wide]
    if first.size == 0:
        return None
    # The trapezoid below a gap whose points are zero.
    count = step * (np.cumsum(g)[first - 1] - 0.5 * g[0])
    error = np.abs(count / electrons - 1.0)
    best = int(np.argmin(error))
    if error[best] > tolerance:
        return None
    return int(first[best]), int(last[best]), electrons / count[best]
