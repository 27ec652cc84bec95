"""Window of energies in which states are known, and the electrons that others would hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.utils.checks import as_positive

__all__ = ["Window", "last_known"]

MISSED_ELECTRONS = 1e-6  # share of N that may lie above the known states
TOP_WIDTH = 1.0  # eV below the top over which the DOS that continues above it is taken


@dataclass(frozen=True, eq=False)
class Window:
    """Top of the known states of some structures, and the DOS that is assumed above it.

    Parameters
    ----------
    top : (structures,) array
        Energy (eV) up to which states are known.
    density : (structures,) array
        DOS (states/eV) above the top.
    share : float
        Share of the electrons that may be missed above the top.
    """

    top: NDArray
    density: NDArray
    share: float

    @classmethod
    def of_dos(
        cls,
        energies: NDArray,
        dos: NDArray,
        given: NDArray,
        electrons: NDArray,
        top: NDArray,
        last: NDArray,
        share: float,
    ) -> Window:
        """Window of a DOS (structures, n) that is complete up to ``top`` (structures,).

        ``given`` is the DOS with its negative values, and ``last`` the `last_known` grid point.
        """
        step = energies[1] - energies[0]
        known = np.arange(energies.size) <= last[:, None]
        near = known & (energies >= np.minimum(top - TOP_WIDTH, energies[last])[:, None])
        # A DOS that is negative there is not known to be zero.
        size = np.maximum(dos, -given)
        density = np.where(near, size, 0.0).sum(axis=1) / near.sum(axis=1)
        # Trapezoid up to the last known grid point.
        ends = 0.5 * (dos[:, 0] + dos[np.arange(len(dos)), last])
        capacity = step * (np.where(known, dos, 0.0).sum(axis=1) - ends)
        _check_capacity(electrons, capacity, top)
        return cls(top, density, as_positive(share, "missed_electrons"))

    @classmethod
    def of_levels(
        cls, levels: NDArray, capacities: NDArray, electrons: NDArray, top: float, share: float
    ) -> Window:
        """Window of levels (eV) with room for ``capacities``; infinite ``top`` for no limit."""
        tops = np.array([top])
        known = levels <= top
        _check_capacity(electrons, capacities[known].sum()[None], tops)
        share = as_positive(share, "missed_electrons")
        if top == np.inf:
            return cls(tops, np.zeros(1), share)
        density = capacities[known & (levels >= top - TOP_WIDTH)].sum() / TOP_WIDTH
        return cls(tops, density[None], share)

    def take(self, which: NDArray) -> Window:
        """Return the windows of some structures."""
        return replace(self, top=self.top[which], density=self.density[which])

    def missed(self, mu: NDArray, kt: NDArray) -> NDArray:
        """Electrons (structures, temperatures) that states above the top would hold.

        That is ``density * int_top f dE``, with mu and kT in eV.
        """
        above = mu - self.top[:, None]
        thermal = np.where(kt > 0, kt, 1.0)
        spread = thermal * np.logaddexp(0.0, above / thermal)
        return self.density[:, None] * np.where(kt > 0, spread, np.maximum(above, 0.0))


def last_known(energies: NDArray, top: NDArray) -> NDArray:
    """Index (structures,) of the last grid point that is not above ``top`` (structures,).

    Raises
    ------
    ValueError
        If there is none.
    """
    step = energies[1] - energies[0]
    last = np.searchsorted(energies, top + 1e-9 * step, side="right") - 1
    if (last < 0).any():
        raise ValueError(
            f"valid_to: expected an energy on the grid of {energies[0]:g} to "
            f"{energies[-1]:g} eV, got {top.min():g}"
        )
    return last


def _check_capacity(electrons: NDArray, capacity: NDArray, top: NDArray) -> None:
    """Refuse more electrons than the known states hold, or no empty state above them."""
    short = capacity <= electrons * (1.0 + 1e-9)
    if short.any():
        i = int(np.argmax(short))
        raise ValueError(
            f"n_electrons = {electrons[i]:g}, but the states known up to {top[i]:g} eV hold "
            f"{capacity[i]:.10g}: expected room for all electrons and empty states above them"
        )
