"""Self-consistent runs and Bloch matrices of GPAW in a localised basis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Ha
from numpy.typing import NDArray
from scipy.linalg import eigh

from ase_dos.spectra.kpoints import kpoint_mesh
from ase_dos.utils.files import replace_file

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


def self_consistent(
    atoms: Atoms,
    spacing: float,
    log: Path | str,
    width: float = WIDTH,
    moment: float = 0.0,
    **settings: object,
):
    """Converge the density on a coarse mesh, Fermi-Dirac ``width`` in eV; return the calculator.

    The coarse mesh of larger cells is a shifted (Monkhorst-Pack) one: half the points of a
    Gamma-centred mesh that is even, and a better density. A collinear spin-polarised run begins
    with ``moment`` (Bohr magnetons) on every atom; with zero the run is spin-paired.
    """
    from gpaw import GPAW, FermiDirac

    calc = GPAW(
        **{**SETTINGS, **settings},
        nbands="nao",
        kpts={"size": kpoint_mesh(atoms, spacing), "gamma": len(atoms) <= SMALL},
        occupations=FermiDirac(width),
        spinpol=moment != 0.0,
        txt=str(log),
    )
    atoms = atoms.copy()
    atoms.set_initial_magnetic_moments([moment] * len(atoms))
    atoms.calc = calc
    atoms.get_potential_energy()
    return calc


def levels_of(calc) -> NDArray:
    """Eigenvalues (spins, kpoints, bands) in eV of a calculator, on its own mesh."""
    kpoints = range(len(calc.get_k_point_weights()))
    spins = range(calc.get_number_of_spins())
    return np.array([[calc.get_eigenvalues(kpt=k, spin=s) for k in kpoints] for s in spins])


class BlochMatrices:
    """Hamiltonian and overlap of a converged LCAO calculation at any k-point.

    Their matrices on a mesh whose supercell holds ``reach`` (Angstrom) are transformed to the
    lattice vectors; beyond these they vanish, so the transform back is exact (eigenvalues to
    1e-9 eV).

    The Hamiltonian has the shape (spins, vectors, functions, functions), the overlap
    (vectors, functions, functions).
    """

    def __init__(self, lattice: NDArray, hamiltonian: NDArray, overlap: NDArray) -> None:
        self.lattice = lattice
        self.hamiltonian = hamiltonian
        self.overlap = overlap

    @classmethod
    def from_gpaw(cls, calc, log: Path | str, reach: float = REACH) -> BlochMatrices:
        """Compute them from a converged calculation."""
        atoms = calc.atoms
        heights = 1.0 / np.linalg.norm(atoms.cell.reciprocal(), axis=1)
        # Odd numbers, so that the lattice vectors lie symmetrically around zero.
        mesh = np.where(atoms.pbc, 2 * np.ceil((reach / heights - 1) / 2).astype(int) + 1, 1)
        dense = calc.fixed_density(
            kpts={"size": tuple(map(int, mesh)), "gamma": True},
            symmetry={"point_group": False},  # k and -k only
            txt=str(log),
        )
        matrices = dense.dft.scf_loop.hamiltonian.create_hamiltonian_matrix_calculator(
            dense.dft.potential
        )
        index = np.stack(np.meshgrid(*map(np.arange, mesh), indexing="ij"), -1).reshape(-1, 3)
        lattice = (index + mesh // 2) % mesh - mesh // 2
        channels = [
            [wave for wave in dense.dft.ibzwfs if wave.spin == spin]
            for spin in range(calc.get_number_of_spins())
        ]
        waves = channels[0]
        phases = np.exp(2j * np.pi * lattice @ np.array([w.kpt_c for w in waves]).T)
        phases *= [w.weight for w in waves]
        hamiltonian = np.array(
            [
                _real_sums(phases, np.array([matrices.calculate_matrix(w).data for w in channel]))
                for channel in channels
            ]
        )
        overlap = _real_sums(phases, np.array([w.S_MM.data for w in waves]))
        largest = np.maximum(np.abs(hamiltonian * Ha).max(axis=0), np.abs(overlap)).max(axis=(1, 2))
        needed = largest > NEGLIGIBLE
        return cls(lattice[needed], hamiltonian[:, needed] * Ha, overlap[needed])

    def save(self, path: Path, **provenance: object) -> None:
        """Write one of each pair of opposite lattice vectors, in single precision."""
        half = _first_of_opposite(self.lattice)
        arrays = {
            "lattice": self.lattice[half].astype(np.int16),
            "hamiltonian": self.hamiltonian[:, half].astype(np.float32),
            "overlap": self.overlap[half].astype(np.float32),
        }
        replace_file(path, lambda file: np.savez_compressed(file, **arrays, **provenance))

    @classmethod
    def load(cls, path: Path) -> BlochMatrices:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            lattice = stored["lattice"].astype(int)
            matrices = [stored[name].astype(float) for name in ("hamiltonian", "overlap")]
        other = lattice.any(axis=1)
        whole = [np.concatenate([m, m[..., other, :, :].swapaxes(-1, -2)], -3) for m in matrices]
        return cls(np.concatenate([lattice, -lattice[other]]), *whole)

    def eigenvalues(self, points) -> NDArray:
        """All eigenvalues (spins, k, bands) in eV at fractional k-points (k, 3)."""
        out = np.empty((len(self.hamiltonian), len(points), self.overlap.shape[-1]))
        for first in range(0, len(points), BATCH):
            batch = slice(first, first + BATCH)
            phases = np.exp(-2j * np.pi * points[batch] @ self.lattice.T)
            overlap = _sums(phases, self.overlap)
            for levels, hamiltonian in zip(out, self.hamiltonian, strict=True):
                levels[batch] = [
                    eigh(h, s, eigvals_only=True, overwrite_a=True, check_finite=False)
                    for h, s in zip(_sums(phases, hamiltonian), overlap, strict=True)
                ]
        return out


def _first_of_opposite(lattice) -> NDArray:
    """Mask of one vector of each pair R, -R, and of R = 0: the first element not 0 is above it."""
    signs = np.sign(lattice) @ [9, 3, 1]
    return signs >= 0


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
