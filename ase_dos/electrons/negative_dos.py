"""Negative values of a DOS: how much they matter to the electrons, and warnings."""

from __future__ import annotations

import numpy as np
from ase.units import kB
from numpy.typing import NDArray

from ase_dos.electrons.filling import Filling

__all__ = ["NegativeDOSWarning", "describe_negative", "repaired_electrons"]

NOTICEABLE = 1e-3  # of the electrons: a change of their count that is worth a warning


class NegativeDOSWarning(UserWarning):
    """Negative values of a DOS that matter to its electrons."""


def repaired_electrons(
    filling: Filling, which: NDArray, temperature: NDArray, fermi_level: NDArray
) -> tuple[NDArray, NDArray]:
    """Change of the count of states where electrons are excited, and at which energy.

    Parameters
    ----------
    filling : Filling
        Structures with a DOS.
    which : (m,) int array
        Those that are asked about.
    temperature : (temperatures,) array
        T (K).
    fermi_level : (m, temperatures) array
        Their Fermi levels (eV).

    Returns
    -------
    electrons, energies : (m, temperatures) arrays
        The largest ``4 f(1 - f) |M - N|``, with the counts of `ase_dos.electrons.rising_count`,
        and its energy (eV). Thermal widths below the spacing of the grid count as the spacing.
    """
    change = np.abs(filling.change_of_count(which))
    changed = np.flatnonzero(change.any(axis=0))
    if changed.size == 0:
        return np.zeros(fermi_level.shape), np.array(fermi_level)
    # A count is that after a point: up to halfway to the next.
    energies = filling.start + filling.step * (changed + 0.5)
    width = np.maximum(kB * temperature, filling.step)
    electrons, places = np.empty((2, *fermi_level.shape))
    for t in range(width.size):
        away = (energies - fermi_level[:, t, None]) / (2 * width[t])
        felt = change[:, changed] / np.cosh(np.clip(away, -300, 300)) ** 2
        most = felt.argmax(axis=1)
        electrons[:, t], places[:, t] = felt[np.arange(len(which)), most], energies[most]
    return electrons, places


def describe_negative(filling: Filling, temperature: NDArray, fermi_level: NDArray) -> list[str]:
    """Say of which structures negative values of the DOS matter, and where.

    Parameters
    ----------
    filling : Filling
        Structures with a DOS.
    temperature : (temperatures,) array
        T (K).
    fermi_level : (structures, temperatures) array
        mu (eV).

    Returns
    -------
    list of str
        A text for every structure, empty where `repaired_electrons` stay below `NOTICEABLE` of
        all electrons.
    """
    texts = [""] * len(fermi_level)
    limit = NOTICEABLE * filling.electrons
    (which,) = (filling.negative_electrons > limit).nonzero()  # no count changes by more
    if which.size == 0:
        return texts
    electrons, places = repaired_electrons(filling, which, temperature, fermi_level[which])
    for i, structure in enumerate(which):
        t = int(electrons[i].argmax())
        if electrons[i, t] > limit[structure]:
            texts[structure] = (
                f"at {temperature[t]:g} K the DOS has negative values where electrons are "
                f"excited: around {places[i, t]:.4g} eV (the Fermi level is "
                f"{fermi_level[structure, t]:.4g} eV) its count of states falls by "
                f"{electrons[i, t]:.2g} of {filling.electrons[structure]:g} electrons. Electrons "
                "fill the closest states whose count never falls. If a model predicted this, train "
                "it with structures like this one"
            )
    return texts
