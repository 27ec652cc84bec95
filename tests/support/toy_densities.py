"""Molecules and bases for tests of densities."""

import numpy as np
from ase import units

from ase_dos.density.basis import AuxiliaryBasis, Shell
from ase_dos.density.density import Density

NUMBERS = np.array([8, 1, 6, 1])
POSITIONS = np.array([[0.1, 0.0, -0.2], [0.3, 0.9, 0.4], [-1.7, 0.8, 1.1], [6.0, -9.0, 12.0]])


def basis_to_l6():
    """Contracted and single Gaussians of l = 0 to 6, tight and diffuse."""
    shells = {
        1: (
            Shell.normalized(0, [90.0, 7.0, 0.6], [0.2, 0.5, -0.3]),
            Shell.normalized(0, [0.2], [1.0]),
            Shell.normalized(2, [1.1], [1.0]),
        ),
        6: tuple(Shell.normalized(ell, [0.3 + 0.4 * ell], [1.0]) for ell in range(7)),
        8: (
            Shell.normalized(0, [2e5, 1e3], [0.3, 0.7]),
            *(Shell.normalized(ell, [5.0 + ell, 0.5 * ell], [0.4, 0.8]) for ell in range(1, 7)),
        ),
    }
    return AuxiliaryBasis("toy", shells)


def pyscf_molecule(numbers=NUMBERS, positions=POSITIONS, **options):
    """Molecule of PySCF at the same places, in Bohr as ASE has it."""
    from pyscf import gto

    atoms = [(int(z), tuple(r)) for z, r in zip(numbers, positions / units.Bohr, strict=True)]
    options = {"basis": "sto-3g", "verbose": 0, "spin": None} | options
    return gto.M(atom=atoms, unit="Bohr", **options)


def smooth_basis():
    """Functions wide enough for sums over a grid to be integrals."""
    shells = {
        z: tuple(Shell.normalized(ell, [0.5 + 0.1 * ell], [1.0]) for ell in range(3))
        for z in (1, 8)
    }
    return AuxiliaryBasis("smooth", shells)


def toy_density(basis=None, numbers=NUMBERS, positions=POSITIONS, *, charge=0, members=0):
    """Density of random coefficients that integrates to the number of electrons."""
    basis = basis or basis_to_l6()
    rng = np.random.default_rng(1)
    charges = basis.charges(numbers)
    rows = 0.3 * rng.normal(size=(members + 1, charges.size))
    lacking = np.sum(numbers) - charge - rows @ charges
    rows += lacking[:, None] * charges / (charges @ charges)
    return Density(basis, numbers, positions, rows[0], charge, rows[1:] if members else None)
