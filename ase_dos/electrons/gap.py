"""Gap of a gridded DOS, and the count of electrons below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.utils.checks import as_positive

__all__ = ["ValenceRepair", "repair_gaps"]

GAP_TOLERANCE = 1e-6  # of the largest DOS: what counts as zero inside a gap


@dataclass(frozen=True)
class ValenceRepair:
    """Change of a DOS that makes the states below its gap hold exactly N electrons.

    Parameters
    ----------
    first, last : int
        First and last grid point of the gap.
    factor : float
        N over the count found below the gap.
    weight : float
        Derivative of ``ln(count)`` by the DOS at an inner grid point below the gap (eV/states).
    """

    first: int
    last: int
    factor: float
    weight: float

    def ratio(self, size: int) -> NDArray:
        """Repaired over given DOS at the ``size`` points of the grid."""
        ratio = np.ones(size)
        ratio[: self.first] = self.factor
        ratio[self.first : self.last + 1] = 0.0
        return ratio

    def derivative(self, values: NDArray, weights: NDArray) -> NDArray:
        """Carry derivatives by the repaired DOS back to the DOS as it was given.

        With the factor ``a = N/N_v``, ``N_v = q @ g`` the count below the gap, they are
        ``a (w - q (w @ g)_below / N_v)`` below the gap, zero in it and ``w`` above.

        Parameters
        ----------
        values : (n,) array
            DOS (states/eV) before the repair.
        weights : (..., n) array
            Derivatives of any quantities by the repaired values.
        """
        back = np.array(weights, dtype=float)
        below = back[..., : self.first]
        share = np.full(self.first, self.weight)
        share[0] *= 0.5
        change = (below @ values[: self.first])[..., None] * share
        back[..., : self.first] = self.factor * (below - change)
        back[..., self.first : self.last + 1] = 0.0
        return back


def repair_gaps(
    values: NDArray, step: float, electrons: NDArray, tolerance: float
) -> tuple[NDArray, dict[int, ValenceRepair]]:
    """Make the states below a gap hold exactly N electrons.

    A gap is an interval of two or more grid points where the DOS is below 1e-6 of its maximum,
    with states on both sides. A relative error of 1e-4 in the valence count would otherwise act
    as doping and move mu(300 K) to a band edge. Values inside the gap are set to zero.

    Parameters
    ----------
    values : (structures, n) array
        Densities of states (states/eV), zero or above.
    step : float
        Spacing of their grid (eV).
    electrons : (structures,) array
        Electrons of every structure.
    tolerance : float
        Largest relative error of the count that is repaired; 0 changes nothing.

    Returns
    -------
    values : (structures, n) array
        A copy, repaired.
    repairs : dict
        What was changed, by the number of the structure.
    """
    tolerance = as_positive(tolerance, "valence_tolerance", zero=True)
    repaired, repairs = np.array(values, order="C"), {}
    for i in _candidates(values, step, electrons, tolerance) if tolerance > 0 else ():
        repair = _find_repair(values[i], step, float(electrons[i]), tolerance)
        if repair is not None:
            repairs[i] = repair
            repaired[i] *= repair.ratio(values.shape[1])
    return repaired, repairs


def _is_low(g: NDArray) -> NDArray:
    """Where a DOS (..., n) counts as zero."""
    return g <= GAP_TOLERANCE * g.max(axis=-1, keepdims=True)


def _candidates(g: NDArray, step: float, electrons: NDArray, tolerance: float) -> list[int]:
    """Which of many DOS (structures, n) are low at two neighbouring points near N electrons.

    Metals are told apart here, all at once.
    """
    low = _is_low(g)
    low = low[:, :-1] & low[:, 1:]
    some = np.flatnonzero(low.any(axis=1))
    if some.size == 0:
        return []
    low, g, electrons = low[some], g[some], electrons[some, None]
    # What is low counts as well, and may be some millionths of the DOS at every point.
    most = g.max(axis=1, keepdims=True)
    room = tolerance * electrons + GAP_TOLERANCE * g.shape[1] * step * most
    count = step * (np.cumsum(g, axis=1) - 0.5 * g[:, :1])
    near = np.abs(count - electrons) <= room
    return some[(low & near[:, :-1]).any(axis=1)].tolist()


def _find_repair(
    g: NDArray, step: float, electrons: float, tolerance: float
) -> ValenceRepair | None:
    """Repair of a DOS (n,) with a gap above N electrons; None for any other."""
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
    factor = float(electrons / count[best])
    return ValenceRepair(int(first[best]), int(last[best]), factor, step * factor / electrons)
