"""Densities of states with dips below zero, as predictions of unknown structures have them."""

import numpy as np
from toy_model import ToyModel

from ase_dos.spectra.dos import EnergyGrid

STEP = 0.05


def gaussian(energies, center, width, electrons=1.0):
    peak = np.exp(-0.5 * ((energies - center) / width) ** 2)
    return electrons * peak / (width * np.sqrt(2 * np.pi))


def gapped(dip=0.0, center=1.0):
    """Two levels 10 eV apart, and a wide dip (states/eV) between them; 4 electrons."""
    energies = np.arange(-10, 8, STEP)
    values = gaussian(energies, -5, 0.3, 4) + gaussian(energies, 5, 0.3, 4)
    return energies, values - dip * np.exp(-0.5 * (energies - center) ** 2), 4.0


def dipped_metals(count, seed=0, depth=3.0):
    """Rough metals with dips anywhere, below E_F, above it and across, and their electrons."""
    rng = np.random.default_rng(seed)
    energies = np.arange(-8, 12, STEP)
    values = np.empty((count, energies.size))
    for row in values:
        row[:] = np.interp(energies, np.linspace(-8, 12, 21), rng.uniform(0.3, 2.5, 21))
        for _ in range(rng.integers(1, 5)):
            center, width = rng.uniform(-7, 8), rng.uniform(0.1, 0.8)
            row -= rng.uniform(0.2, depth) * np.exp(-0.5 * ((energies - center) / width) ** 2)
        row[energies > 10] = 1.5
    return energies, values, 0.45 * STEP * values.sum(axis=1)


class DippedModel(ToyModel):
    """The metal of `ToyModel` with a dip below zero around E_F, and one far below."""

    def __init__(self, depth=1.0):
        super().__init__("dipped")
        self.grid = EnergyGrid(-8.0, 0.05, 900)
        self.depth = depth

    def _basis(self):
        band, tilt = super()._basis()
        e = self.grid.energies
        near, below = (gaussian(e, at, 0.3) - gaussian(e, at, 0.9) for at in (2.2, -2.0))
        return np.stack([band - self.depth * (near + below), tilt + near - below])
