"""A model, eigenvalues and structures of our own making, shared by the tests."""

import numpy as np
from ase import Atoms
from ase.build import bulk

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.states import ElectronicStates


class ToyModel:
    """A metal: every atom brings a band of 4 states/eV whose tilt follows its surroundings."""

    def __init__(self, name="toy"):
        self.grid = EnergyGrid(-8.0, 0.05, 321)
        self.smearing = 0.1
        self.species = (14,)
        self.info = {"hash": name, "smearing": self.smearing}
        self.calls = 0

    def predict(self, atoms):
        self.calls += 1
        if set(atoms.numbers) - set(self.species):
            raise ValueError("atoms: unknown species")
        if not np.isfinite(atoms.positions).all():
            raise ValueError("positions: NaN")
        energies = self.grid.energies
        band = 0.5 * np.clip((energies + 6) / 0.5, 0, 1)
        tilt = band * np.tanh(energies / 4)
        surroundings = np.sin(atoms.positions).sum(axis=1) / 6
        coefficients = np.stack([np.ones(len(atoms)), surroundings], axis=1)
        basis = np.stack([band, 0.5 * tilt])
        return LocalDOS(coefficients, basis, energies, np.full(len(atoms), 4.0), self.smearing)


def toy_states(atoms, n_kpoints=4, seed=0):
    """Eigenvalues of a nearest-neighbour s-p like model whose levels follow the bond lengths.

    Not physics, but a smooth function of the structure with the right bookkeeping: seven bands
    per atom, four electrons per atom, an arbitrary energy zero for every structure.
    """
    rng = np.random.default_rng(seed)
    distances = atoms.get_all_distances(mic=atoms.pbc.any())
    strength = np.exp(-((distances - 2.35) / 1.0)) * (distances > 0.1) * (distances < 4.5)
    field = strength.sum(axis=1)
    zero = rng.normal(0, 2)
    levels = []
    for k in range(n_kpoints):
        phase = np.cos(np.pi * (k + 0.5) / n_kpoints)
        per_atom = [
            np.array([-9 + phase, -4 + 0.5 * phase, 2.5 - phase, 6 + phase, 9.0, 13 - phase, 18.0])
            + s * np.array([-0.6, -0.3, 0.3, 0.4, 0.2, 0.1, 0.0])
            for s in field
        ]
        levels.append(np.sort(np.concatenate(per_atom)) + zero)
    weights = np.arange(1, n_kpoints + 1) / np.arange(1, n_kpoints + 1).sum()
    return ElectronicStates(np.array(levels), weights, 4.0 * len(atoms), 2)


def toy_frames(count, seed=1, symbol="Si"):
    """Rattled and strained eight-atom diamond cells."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("Si", cubic=True, a=5.43 * rng.uniform(0.96, 1.04))
        atoms.positions += rng.normal(0, 0.15, atoms.positions.shape)
        frames.append(Atoms(f"{symbol}8", atoms.positions, cell=atoms.cell, pbc=True))
    return frames
