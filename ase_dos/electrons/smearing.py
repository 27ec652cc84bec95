"""Broadening of a DOS and its bias of thermal quantities: the leading correction, and warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.units import kB
from numpy.typing import NDArray

from ase_dos.kernels.smearing import curvatures

__all__ = ["SmearingWarning", "check_correction", "kinks", "smearing_doubts"]

SMEARING_BIAS = 0.25  # relative bias of the thermal DOS that is worth a warning
NO_ENTROPY = 1e-8  # k: below this neither S nor its smearing error matters to anyone


class SmearingWarning(UserWarning):
    """Thermal excitations that the Gaussian tails of a broadened DOS exaggerate."""


def kinks(g: NDArray, step: float) -> NDArray:
    """Change of slope (states/eV^2) at every grid point, the DOS being flat outside the grid."""
    slopes = np.diff(g, axis=-1) / step
    zero = np.zeros_like(slopes[..., :1])
    return np.diff(np.concatenate([zero, slopes, zero], axis=-1), axis=-1)


def check_correction(smearing: float, temperature: NDArray) -> None:
    """Refuse the expansion in sigma/kT where it does not converge."""
    if (kB * temperature <= smearing).any():
        raise ValueError(
            f"correct_smearing: expected temperatures above sigma/k = {smearing / kB:.6g} K for "
            f"sigma = {smearing:g} eV, got {temperature.min():g} K: use a smaller smearing"
        )


def smearing_doubts(energies: NDArray, values: NDArray, smearing: float, gas: Any) -> list[str]:
    """Say of which structures the thermal excitations live on tails of the smearing, and where.

    Parameters
    ----------
    energies : (n,) array
        Energy grid (eV).
    values : (structures, n) array
        Density of states after `ase_dos.electrons.gap.repair_valence`.
    smearing : float
        Standard deviation (eV) of its broadening.
    gas : ase_dos.electrons.gas.ElectronGas
        Electrons of these structures.

    Returns
    -------
    list of str
        Empty where sigma^2/2 g'' / g, averaged around mu, stays below `SMEARING_BIAS`.
    """
    said = [""] * len(values)
    temperature, mu, entropy = (
        np.reshape(x, (len(values), -1)) for x in (gas.temperature, gas.fermi_level, gas.entropy)
    )
    below = kB * temperature[0] < smearing
    if not below.any():
        return said
    temperature, mu, entropy = temperature[:, below], mu[:, below], entropy[:, below]
    step = energies[1] - energies[0]
    # Narrower than sigma/4 no Gaussian-smeared curve has structure, only noise.
    width = np.maximum(kB * temperature[0], max(0.25 * smearing, step))
    curvature = np.empty(mu.shape)
    curvatures(np.ascontiguousarray(mu), width, energies[0], step, values, curvature)
    doubtful = (temperature > 0) & (entropy > NO_ENTROPY * kB)
    doubtful &= 0.5 * smearing**2 * curvature > SMEARING_BIAS
    for structure in np.flatnonzero(doubtful.any(axis=1)):
        coldest = np.argmin(np.where(doubtful, temperature, np.inf)[structure])
        temp, m = temperature[structure, coldest], mu[structure, coldest]
        exponent = 0.5 * (smearing / (kB * temp)) ** 2
        said[structure] = (
            f"at {temp:g} K the Fermi level ({m:.4g} eV) lies where the DOS is the tail of its "
            f"Gaussian smearing of {smearing:g} eV: thermal excitations are overestimated by up "
            f"to exp(sigma^2/2(kT)^2) = exp({exponent:.3g}); "
            f"use a smearing below kT = {kB * temp:.3g} eV, or the eigenvalues"
        )
    return said
