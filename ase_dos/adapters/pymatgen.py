"""Densities of states as objects of pymatgen.

It needs pymatgen (``pip install "ase_dos[pymatgen]"``). The other way, `ase_dos.open_frames` and
all else that takes structures in memory accept those of pymatgen.
"""

from __future__ import annotations

from ase import Atoms
from pymatgen.electronic_structure.core import Orbital, Spin
from pymatgen.electronic_structure.dos import CompleteDos, Dos
from pymatgen.io.ase import AseAtomsAdaptor

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS

__all__ = ["complete_dos", "total_dos"]


def total_dos(dos: DOS) -> Dos:
    """Give a DOS to pymatgen: states/eV of the cell, both spins together, and E_F at T = 0."""
    return Dos(dos.get_fermi_level(), dos.energies, {Spin.up: dos.values})


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
    by_site = {
        site: {Orbital.s: {Spin.up: values}}
        for site, values in zip(structure, local.values, strict=True)
    }
    return CompleteDos(structure, total_dos(local.total()), by_site)
