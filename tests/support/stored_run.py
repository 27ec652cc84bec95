"""Model and structures of the run that ``tests/data/formats/store_v3.zarr.tar.xz`` holds."""

from dataclasses import replace

import numpy as np
from ase import Atoms
from toy_model import ToyModel

from ase_dos.spectra.dos import EnergyGrid

TEMPERATURES = (300.0, 3000.0)
MEMBERS = 3


class StoredModel(ToyModel):
    """Toy model on a coarse grid, with a novelty of every atom."""

    def __init__(self):
        super().__init__("stored")
        self.grid = EnergyGrid(-8.0, 0.25, 65)

    def predict(self, atoms, which=None):
        local = super().predict(atoms, which)
        return replace(local, novelty=np.linspace(0.25, 0.75, len(local)))


def stored_frames():
    """Four frames of two to four atoms; the second has an element that the model does not know."""
    frames = []
    for i, symbols in enumerate(("Si2", "Ge2", "Si4", "Si2")):
        atoms = Atoms(symbols, cell=[5.5, 5.5, 5.5], pbc=True)
        atoms.positions[:, 0] = 1.25 * np.arange(len(atoms))
        atoms.positions[:, 1] = 0.125 * i
        atoms.info.update(time=2.0 * i, step=4 * i)
        frames.append(atoms)
    return frames
