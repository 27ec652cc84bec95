"""Broadening of a DOS and its bias of thermal quantities: the leading correction, and warnings."""

from __future__ import annotations

import numpy as np
from ase.units import kB
from numpy.typing import NDArray

from ase_dos.electrons.filling import Filling
from ase_dos.kernels.smearing import curvatures

__all__ = ["SmearingWarning", "check_corrected", "check_correction", "describe_tails", "kinks"]

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


def check_corrected(temperature: NDArray, gas_states: NDArray) -> None:
    """Refuse results of a correction that is larger than what it corrects.

    Parameters
    ----------
    temperature : (temperatures,) array
        T (K).
    gas_states : (structures, temperatures, 6) array
        Results of `ase_dos.kernels.thermo.gas_state`.

    Raises
    ------
    ValueError
        If there is no Fermi level, or an entropy or heat capacity is negative.
    """
    right = np.isfinite(gas_states).all(axis=2) & (gas_states[..., 2:4] >= 0).all(axis=2)
    if not right.all():
        t = np.flatnonzero(~right.all(axis=0))[0]
        raise ValueError(
            f"correct_smearing: at {temperature[t]:g} K the correction is larger than what it "
            "corrects (no Fermi level, or a negative entropy or heat capacity): raise the "
            "temperature, or use a smaller smearing"
        )


def describe_tails(
    filling: Filling, smearing: float, temperature: NDArray, fermi_level: NDArray, entropy: NDArray
) -> list[str]:
    """Say of which structures the thermal excitations live on tails of the smearing, and where.

    Parameters
    ----------
    filling : Filling
        The structures, with a DOS that is broadened.
    smearing : float
        Standard deviation (eV) of its broadening.
    temperature : (temperatures,) array
        T (K).
    fermi_level, entropy : (structures, temperatures) arrays
        mu (eV) and S (eV/K).

    Returns
    -------
    list of str
        A text for every structure, empty where sigma^2/2 g'' / g, averaged around mu, stays below
        `SMEARING_BIAS`.
    """
    texts = [""] * len(fermi_level)
    below = (temperature > 0) & (kB * temperature < smearing)
    if not below.any():
        return texts
    temperature, mu, entropy = temperature[below], fermi_level[:, below], entropy[:, below]
    # Narrower than sigma/4 no Gaussian-smeared curve has structure, only noise.
    width = np.maximum(kB * temperature, max(0.25 * smearing, filling.step))
    curvature = np.empty(mu.shape)
    curvatures(np.ascontiguousarray(mu), width, filling.start, filling.step, filling.dos, curvature)
    in_tail = entropy > NO_ENTROPY * kB
    in_tail &= 0.5 * smearing**2 * curvature > SMEARING_BIAS
    for structure in np.flatnonzero(in_tail.any(axis=1)):
        coldest = np.argmin(np.where(in_tail[structure], temperature, np.inf))
        t, m = temperature[coldest], mu[structure, coldest]
        exponent = 0.5 * (smearing / (kB * t)) ** 2
        texts[structure] = (
            f"at {t:g} K the Fermi level ({m:.4g} eV) lies where the DOS is the tail of its "
            f"Gaussian smearing of {smearing:g} eV: thermal excitations are overestimated by up "
            f"to exp(sigma^2/2(kT)^2) = exp({exponent:.3g}); "
            f"use a smearing below kT = {kB * t:.3g} eV, or the eigenvalues"
        )
    return texts
