"""Window of energies in which states are known, and the electrons that others would hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.utils.checks import as_positive

__all__ = ["Window", "last_known"]

MISSED_ELECTRONS = 1e-6  # share of N that may lie above the known states
_COLD = 1e-200  # eV: a kT that cannot be told from zero, to divide by
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
        cls, top: NDArray, density: NDArray, capacity: NDArray, electrons: NDArray, share: float
    ) -> Window:
        """Window of a DOS whose known states hold ``capacity`` electrons (structures,).

        The density is the mean DOS over the last eV; one that is negative there is not known to be
        zero.
        """
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
        thermal = np.maximum(kt, _COLD)
        return self.density[:, None] * thermal * np.logaddexp(0.0, above / thermal)


def last_known(energies: NDArray, top: NDArray) -> NDArray:
    """Index (structures,) of the last grid point that is not above ``top`` (structures,).

    Raises
    ------
    ValueError
        If there is none.
    """
    step = energies[1] - energies[0]
    last = energies.searchsorted(top + 1e-9 * step, side="right") - 1
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
