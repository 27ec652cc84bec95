"""Densities of states as objects of pymatgen.

It needs pymatgen (``pip install "ase_dos[pymatgen]"``). The other way, `ase_dos.open_frames` and
all else that takes structures in memory accept those of pymatgen.
"""

from __future__ import annotations

from itertools import repeat

from ase import Atoms
from numpy.typing import NDArray
from pymatgen.electronic_structure.core import Orbital, Spin
from pymatgen.electronic_structure.dos import CompleteDos, Dos
from pymatgen.io.ase import AseAtomsAdaptor

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS

__all__ = ["complete_dos", "total_dos"]


def total_dos(dos: DOS) -> Dos:
    """Give a DOS to pymatgen: states/eV of the cell, and E_F at T = 0.

    Majority is up and minority is down. Where they are not known, both together stand under up, as
    in pymatgen's own DOS without spin.
    """
    return Dos(dos.get_fermi_level(), dos.energies, _by_spin(dos.values, dos.spin))


def _by_spin(values: NDArray, spin: NDArray | None) -> dict[Spin, NDArray]:
    """Densities of pymatgen for a DOS and its spin DOS."""
    if spin is None:
        return {Spin.up: values}
    return {Spin.up: (values + spin) / 2, Spin.down: (values - spin) / 2}


def complete_dos(local: LocalDOS, atoms: Atoms) -> CompleteDos:
    """Give the DOS of every atom to pymatgen, with the structure.

    pymatgen wants the DOS of an atom by orbitals, which are not known here: all of it stands under
    ``Orbital.s``. Its DOS of sites and elements are right; those of orbitals have no meaning.

    Parameters
    ----------
    local : LocalDOS
        Local DOS of all atoms.
    atoms : Atoms
        The structure, periodic in three dimensions.

    Raises
    ------
    ValueError
        If these are not the same atoms, or the structure has no cell in three dimensions.
    """
    if len(local) != len(atoms):
        raise ValueError(f"atoms: expected {len(local)}, as in the local DOS, got {len(atoms)}")
    if atoms.cell.rank < 3:
        raise ValueError("atoms: expected a cell in three dimensions, which a Structure has")
    structure = AseAtomsAdaptor.get_structure(atoms.copy())  # without calculator and its results
    spins = repeat(None) if local.spin_basis is None else local.coefficients @ local.spin_basis
    by_site = {
        site: {Orbital.s: _by_spin(values, spin)}
        for site, values, spin in zip(structure, local.values, spins, strict=False)
    }
    return CompleteDos(structure, total_dos(local.total()), by_site)
