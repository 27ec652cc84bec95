"""K-point meshes, self-consistent runs and Bloch matrices of GPAW in a localised basis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Ha
from numpy.typing import NDArray
from scipy.linalg import eigh

SETTINGS = {"mode": "lcao", "basis": "dzp", "xc": "PBE", "h": 0.25}
WIDTH = 0.1  # Fermi-Dirac width (eV)
REACH = 24.0  # Angstrom; matrix elements of orbitals half of it apart vanish
SMALL = 4  # cells up to this size may have symmetry that a shifted mesh would break
# eV (or overlap); eigenvalues change by less than the convergence of the density
NEGLIGIBLE = 1e-10
BATCH = 32  # k-points at a time


def use_basis_path(folder: str | None) -> None:
    """Let GPAW look for basis sets in a folder first."""
    if folder:
        from gpaw import setup_paths

        setup_paths.insert(0, folder)


def kpoint_mesh(atoms: Atoms, spacing: float) -> tuple[int, int, int]:
    """Gamma-centred mesh with at most ``spacing`` (1/Angstrom, 2 pi included) between points."""
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    mesh = np.maximum(1, np.ceil(lengths / spacing - 1e-9)).astype(int)
    return tuple(int(n) if periodic else 1 for n, periodic in zip(mesh, atoms.pbc, strict=True))


def kpoints(mesh) -> tuple[NDArray, NDArray]:
    """Gamma-centred k-points (k, 3), one of each pair k and -k, and their weights."""
    mesh = np.array(mesh)
    index = np.stack(np.meshgrid(*map(np.arange, mesh), indexing="ij"), -1).reshape(-1, 3)
    opposite = np.ravel_multi_index((-index % mesh).T, mesh)
    here = np.arange(len(index))
    first = here <= opposite
    weights = np.where(opposite == here, 1.0, 2.0) / len(index)
    return (index / mesh)[first], weights[first]


def self_consistent(
    atoms: Atoms, spacing: float, log: Path | str, width: float = WIDTH, **settings: object
):
    """Converge the density on a coarse mesh, Fermi-Dirac ``width`` in eV; return the calculator.

    The coarse mesh of larger cells is a shifted (Monkhorst-Pack) one: half the points of a
    Gamma-centred mesh that is even, and a better density.
    """
    from gpaw import GPAW, FermiDirac

    calc = GPAW(
        **{**SETTINGS, **settings},
        nbands="nao",
        kpts={"size": kpoint_mesh(atoms, spacing), "gamma": len(atoms) <= SMALL},
        occupations=FermiDirac(width),
        txt=str(log),
    )
    atoms = atoms.copy()
    atoms.calc = calc
    atoms.get_potential_energy()
    if calc.get_number_of_spins() != 1:
        raise ValueError("spin-polarised: these data sets are spin-paired; remove initial moments")
    return calc


class BlochMatrices:
    """Hamiltonian and overlap of a converged LCAO calculation at any k-point.

    Their matrices on a mesh whose supercell holds ``reach`` (Angstrom) are transformed to the
    lattice vectors; beyond these they vanish, so the transform back is exact (eigenvalues to
    1e-9 eV).
    """

    def __init__(self, calc, log: Path | str, reach: float = REACH) -> None:
        atoms = calc.atoms
        heights = 1.0 / np.linalg.norm(atoms.cell.reciprocal(), axis=1)
        # Odd numbers, so that the lattice vectors lie symmetrically around zero.
        mesh = np.where(atoms.pbc, 2 * np.ceil((reach / heights - 1) / 2).astype(int) + 1, 1)
        dense = calc.fixed_density(
            kpts={"size": tuple(map(int, mesh)), "gamma": True}, symmetry="off", txt=str(log)
        )
        matrices = dense.dft.scf_loop.hamiltonian.create_hamiltonian_matrix_calculator(
            dense.dft.potential
        )
        index = np.stack(np.meshgrid(*map(np.arange, mesh), indexing="ij"), -1).reshape(-1, 3)
        self.lattice = (index + mesh // 2) % mesh - mesh // 2
        waves = list(dense.dft.ibzwfs)
        phases = np.exp(2j * np.pi * self.lattice @ np.array([w.kpt_c for w in waves]).T)
        at_k = [matrices.calculate_matrix(wave).data * Ha for wave in waves]
        self.hamiltonian = _real_sums(phases / len(index), np.array(at_k))
        self.overlap = _real_sums(phases / len(index), np.array([w.S_MM.data for w in waves]))
        largest = np.maximum(np.abs(self.hamiltonian), np.abs(self.overlap)).max(axis=(1, 2))
        needed = largest > NEGLIGIBLE
        self.lattice = self.lattice[needed]
        self.hamiltonian, self.overlap = self.hamiltonian[needed], self.overlap[needed]

    def eigenvalues(self, points) -> NDArray:
        """All eigenvalues (k, bands) in eV at fractional k-points (k, 3)."""
        n = self.overlap.shape[-1]
        out = np.empty((len(points), n))
        for first in range(0, len(points), BATCH):
            batch = slice(first, first + BATCH)
            phases = np.exp(-2j * np.pi * points[batch] @ self.lattice.T)
            out[batch] = [
                eigh(
                    h, s, eigvals_only=True, overwrite_a=True, overwrite_b=True, check_finite=False
                )
                for h, s in zip(
                    _sums(phases, self.hamiltonian), _sums(phases, self.overlap), strict=True
                )
            ]
        return out


def _sums(phases, matrices) -> NDArray:
    """Sum real matrices (m, n, n) with phases (k, m); half the work of a complex product."""
    flat = matrices.reshape(len(matrices), -1)
    summed = phases.real @ flat + 1j * (phases.imag @ flat)
    return summed.reshape(-1, *matrices.shape[1:])


def _real_sums(phases, matrices) -> NDArray:
    """Sum complex matrices (m, n, n) with phases (k, m) where that is known to be real."""
    flat = matrices.reshape(len(matrices), -1)
    summed = phases.real @ flat.real - phases.imag @ flat.imag
    return summed.reshape(-1, *matrices.shape[1:])
