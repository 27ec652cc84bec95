"""A model, eigenvalues and structures of our own making, shared by the tests."""

import numpy as np
from ase import Atoms
from ase.build import bulk

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.states import ElectronicStates


class ToyModel:
    """A metal: every atom brings a band of 4 electrons whose tilt follows its position."""

    def __init__(self, name="toy"):
        self.grid = EnergyGrid(-8.0, 0.05, 321)
        self.smearing = 0.1
        self.species = (14,)
        self.cutoff = 1.0  # an atom does not see the others
        self.info = {"hash": name, "smearing": self.smearing}
        self.calls = 0

    def predict(self, atoms, which=None):
        self.calls += 1
        if set(atoms.numbers) - set(self.species):
            raise ValueError("atoms: unknown species")
        if not np.isfinite(atoms.positions).all():
            raise ValueError("positions: NaN")
        positions = atoms.positions if which is None else atoms.positions[which]
        place = np.sin(positions).sum(axis=1) / 6
        coefficients = np.stack([np.ones(len(place)), place], axis=1)
        valence = np.full(len(place), 4.0)
        return LocalDOS(coefficients, self._basis(), self.grid.energies, valence, self.smearing)

    def predict_ensemble(self, atoms, n_members=64, seed=0):
        dos = self.predict(atoms).total()
        factors = 1.0 + 0.0625 * np.arange(1, n_members + 1)[:, None]
        return DOSEnsemble(dos, factors * dos.values, 0.1, np.full(len(atoms), 0.1))

    def differentiate(self, atoms, weights, groups=None):
        groups = np.zeros(len(atoms), int) if groups is None else groups
        slopes = (np.atleast_2d(weights) @ self._basis()[1])[groups]
        gradient = slopes[:, None] * np.cos(atoms.positions) / 6
        virial = atoms.positions.T @ gradient
        return gradient, (virial + virial.T) / 2

    def _basis(self):
        energies = self.grid.energies
        band = 0.5 * np.clip((energies + 6) / 0.5, 0, 1)
        return np.stack([band, 0.5 * band * np.tanh(energies / 4)])


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
