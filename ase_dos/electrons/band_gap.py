"""Band gap: exact from levels, and the width of a low interval of a gridded DOS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["gap_of_dos", "gap_of_levels"]


def gap_of_levels(levels: NDArray, fermi_level: float, bands: float) -> float:
    """Gap between filled and empty levels (eV); 0 for a metal.

    Every spin channel of an insulator has as many filled bands at one k-point as at any other. Of
    a metal it has not, though on a finite mesh there is always some distance between the highest
    filled level and the next.

    Parameters
    ----------
    levels : (spins, kpoints, bands) array
        Energies (eV), of the k-points that have weight.
    fermi_level : float
        Fermi level at T = 0 (eV).
    bands : float
        Bands of all spin channels that the electrons fill.
    """
    filled = levels < fermi_level
    counts = filled.sum(axis=2)
    if (counts != counts[:, :1]).any() or abs(counts[:, 0].sum() - bands) > 1e-6:
        return 0.0
    return float(levels[~filled].min() - levels[filled].max())


def gap_of_dos(energies: NDArray, values: NDArray, fermi_level: float, threshold: float) -> float:
    """Width (eV) of the interval around the Fermi level in which a DOS is below a threshold.

    Parameters
    ----------
    energies, values : (n,) arrays
        Grid (eV) and DOS (states/eV), linear between its points, as far as it is known.
    fermi_level : float
        Fermi level (eV).
    threshold : float
        DOS (states/eV) below which there are no states.

    Returns
    -------
    float
        0 where the DOS is not below the threshold at the Fermi level.

    Raises
    ------
    ValueError
        If the DOS does not reach the threshold on both sides.
    """
    if np.interp(fermi_level, energies, values) >= threshold:
        return 0.0
    high = values >= threshold
    below = np.flatnonzero(high & (energies <= fermi_level))
    above = np.flatnonzero(high & (energies >= fermi_level))
    if not below.size or not above.size:
        raise ValueError(
            f"band gap: the DOS is below {threshold:g} states/eV everywhere from the Fermi level "
            f"({fermi_level:.2f} eV) to {energies[0] if not below.size else energies[-1]:.2f} eV, "
            "where the known states end; choose a lower threshold"
        )

    def crossing(inside: int, outside: int) -> float:
        """Energy between two points of the grid at which the DOS is the threshold."""
        share = (threshold - values[inside]) / (values[outside] - values[inside])
        return float(energies[inside] + share * (energies[outside] - energies[inside]))

    return crossing(above[0] - 1, above[0]) - crossing(below[-1] + 1, below[-1])
