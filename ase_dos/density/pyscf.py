"""Bridge to PySCF: order of functions, molecules, auxiliary molecules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import units
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.density.basis import P_PLACES, AuxiliaryBasis, BasisLayout

if TYPE_CHECKING:
    from pyscf.gto import Mole

__all__ = ["auxiliary_molecule", "numbers_and_positions", "pyscf_order"]


def pyscf_order(layout: BasisLayout) -> NDArray:
    """Places (size,) of PySCF's functions in the order of `ase_dos.density.basis`.

    ``c[order]`` are PySCF's coefficients where ``c`` are ours. Only p functions differ: PySCF has
    x, y, z where m = -1, 0, 1 are y, z, x.
    """
    order = np.arange(layout.size)
    p = layout.start[layout.l == 1]
    for place, m in enumerate(P_PLACES):
        order[p + place] = p + m
    return order


def numbers_and_positions(molecule: Mole) -> tuple[NDArray, NDArray]:
    """Atomic numbers (n_atoms,) and positions (n_atoms, 3) in Angstrom of a molecule of PySCF.

    Raises
    ------
    ValueError
        If it has pseudopotentials: densities here are those of all electrons.
    """
    if molecule.has_ecp():
        raise ValueError(
            "molecule: has effective core potentials; expected all electrons, as a basis such as "
            "def2-universal-jkfit describes them"
        )
    return molecule.atom_charges().astype(int), molecule.atom_coords() * units.Bohr


def auxiliary_molecule(molecule: Mole, basis: AuxiliaryBasis) -> Mole:
    """Molecule of PySCF whose functions are those of an auxiliary basis; see `pyscf_order`.

    Raises
    ------
    ValueError
        If the basis lacks a species.
    """
    from pyscf.df import make_auxmol
    from pyscf.gto import gto_norm

    numbers, _ = numbers_and_positions(molecule)
    basis.layout(numbers)
    shells = {
        chemical_symbols[z]: [
            [ell, *([a, w / gto_norm(ell, a)] for a, w in zip(exponents, weights, strict=True))]
            for ell, exponents, weights in basis.shells[z]
        ]
        for z in set(numbers.tolist())
    }
    return make_auxmol(molecule, shells)
