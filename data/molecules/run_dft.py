"""Electron densities of molecules by PySCF: PBE, cc-pVDZ.

    python -m data.molecules.run_dft structures.extxyz runs/

Restartable: what ``runs/`` holds is not done again. One file per structure: density matrix (a.u.),
total energy (Hartree), dipole moment about the centre of nuclear charge (e Angstrom) and the
electrostatic potential (V) on the points of `ase_dos.density.surface.surface_points`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.io import iread
from pyscf import df, dft, gto

from ase_dos.density.surface import surface_points

FUNCTIONAL, BASIS = "pbe", "cc-pvdz"


def molecule_of(atoms: Atoms) -> gto.Mole:
    """PySCF's molecule of a structure."""
    return gto.M(
        atom=list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True)),
        basis=BASIS,
        charge=int(atoms.info["charge"]),
        verbose=0,
    )


def potential(molecule: gto.Mole, density_matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Electrostatic potential (n,) in V of nuclei and electrons, points (n, 3) in Angstrom."""
    points = points / units.Bohr
    deltas = points[:, None] - molecule.atom_coords()
    total = np.sum(molecule.atom_charges() / np.linalg.norm(deltas, axis=-1), axis=1)
    for start in range(0, len(points), 200):
        some = slice(start, start + 200)
        integrals = df.incore.aux_e2(molecule, gto.fakemol_for_charges(points[some]), "int3c2e")
        total[some] -= np.einsum("ijp,ij->p", integrals, density_matrix)
    return total * units.Hartree


def results_of(atoms: Atoms) -> dict[str, np.ndarray]:
    """Calculate one molecule; return what is kept of it."""
    molecule = molecule_of(atoms)
    calculation = dft.RKS(molecule, xc=FUNCTIONAL)
    calculation.conv_tol = 1e-10
    energy = calculation.kernel()
    if not calculation.converged:
        raise RuntimeError(f"{atoms.info['name']}: not converged")
    density_matrix = calculation.make_rdm1()
    charges, nuclei = molecule.atom_charges(), molecule.atom_coords()
    with molecule.with_common_origin(charges @ nuclei / charges.sum()):
        moments = np.einsum("xij,ij->x", molecule.intor("int1e_r"), density_matrix)
    return {
        "density_matrix": density_matrix,
        "energy": np.array(energy),
        "dipole": -moments * units.Bohr,
        "potential": potential(
            molecule, density_matrix, surface_points(atoms.numbers, atoms.positions)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", help="extended xyz file")
    parser.add_argument("runs", type=Path, help="folder of the results")
    given = parser.parse_args()
    given.runs.mkdir(parents=True, exist_ok=True)
    for atoms in iread(given.structures):
        target = given.runs / f"{atoms.info['name']}.npz"
        if not target.exists():
            unfinished = target.with_suffix(".part.npz")
            np.savez(unfinished, **results_of(atoms))
            unfinished.rename(target)


if __name__ == "__main__":
    main()
