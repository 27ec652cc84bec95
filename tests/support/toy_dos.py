"""Densities of states of metals and semiconductors, shared by the tests."""

import numpy as np

NAMES = (
    "fermi_level",
    "internal_energy",
    "entropy",
    "free_energy",
    "heat_capacity",
    "thermal_dos",
    "fermi_slope",
)


def free_electrons(step=0.05, bottom=-4.0, top=16.0):
    energies = bottom - 10 * step + step * np.arange(round((top - bottom) / step) + 10)
    return energies, np.sqrt(np.clip(energies - bottom, 0, None))


def rough_metal(step=0.1, seed=3):
    """A DOS with structure, zero at both ends."""
    energies = -8 + step * np.arange(round(20 / step) + 1)
    rng = np.random.default_rng(seed)
    values = np.interp(energies, np.linspace(-8, 12, 21), rng.uniform(0.5, 3, 21))
    values += 0.3 * rng.random(energies.size)
    values[:3] = 0
    values[energies > 10] = 0
    return energies, values


def semiconductor(gap=1.0, step=0.1, ratio=3.0):
    """Linear band edges at -gap/2 and gap/2 on grid points; conduction slope ``ratio`` times.

    Both bands are finite; returns the electrons of the lower one as well.
    """
    half = round(5 / step)
    edge = round(0.5 * gap / step)
    index = np.arange(-half, half + 1)
    values = np.maximum(np.abs(index) - edge, 0) * step
    values = np.where(index > 0, ratio, 1.0) * values
    values[[0, -1]] = 0
    values[index > half - 11] = 0
    energies = step * index
    return energies, values, float(step * values[index < 0].sum())
