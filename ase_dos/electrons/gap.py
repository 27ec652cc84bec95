"""Gap of a gridded DOS, and the count of electrons below it.

A gap is an interval of two or more grid points where the DOS is below 1e-6 of its maximum, with
states on both sides. A relative error of 1e-4 in the count of states below it would act as doping
and move mu(300 K) to a band edge. So these states are multiplied to hold exactly N electrons, where
the error is below a tolerance, and the values inside the gap are set to zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ValenceRepair"]


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

    @classmethod
    def of_gap(cls, gap: NDArray, factor: float, point: float) -> ValenceRepair:
        """Repair of a gap, given as its first point and the one after its last.

        ``point`` is the spacing of the grid over N (eV).
        """
        first, end = gap.tolist()
        return cls(first, end - 1, factor, point * factor)

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
