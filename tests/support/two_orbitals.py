"""Structures of eight atoms with exact levels of a tight-binding model of two orbitals."""

import numpy as np
from ase.build import bulk
from ase.neighborlist import neighbor_list

from ase_dos.spectra.states import ElectronicStates

CUTOFF = 5.0
LEVELS = np.array([-4.0, 5.0])
HOPPING = np.array([[-1.2, 0.5], [0.5, 0.9]])
KPOINTS = np.stack(np.meshgrid(*[[0.25, 0.75]] * 3), axis=-1).reshape(-1, 3)[:4]


def structure(rng):
    """One of two lattices, strained and displaced."""
    name, constant, repeats = (("sc", 2.6, (2, 2, 2)), ("fcc", 4.05, (2, 1, 1)))[rng.integers(2)]
    atoms = bulk("Al", name, a=constant * rng.uniform(0.92, 1.1), cubic=True).repeat(repeats)
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.06, 0.06, (3, 3))), scale_atoms=True)
    return moved(atoms, rng.uniform(0.15, 0.35), rng)


def moved(atoms, size, rng):
    """Copy with random displacements (Angstrom, standard deviation)."""
    copy = atoms.copy()
    copy.positions += rng.normal(0, size, atoms.positions.shape)
    return copy


def states(atoms):
    """Levels at four k-points, one electron per atom."""
    first, second, distance, cells = neighbor_list("ijdS", atoms, CUTOFF)
    reach = np.exp(-1.5 * (distance / 2.6 - 1.0)) * (1.0 - distance / CUTOFF) ** 2 / 0.23
    n, levels = len(atoms), []
    for k in KPOINTS:
        hops = np.zeros((n, n), complex)
        np.add.at(hops, (first, second), reach * np.exp(2j * np.pi * cells @ k))
        levels.append(np.linalg.eigvalsh(np.kron(hops, HOPPING) + np.diag(np.tile(LEVELS, n))))
    return ElectronicStates(np.array(levels), np.full(len(levels), 1 / len(levels)), 1.0 * n, 2)
