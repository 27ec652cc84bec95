"""Mesh of k-points that a density of states needs, found by doubling it."""

from __future__ import annotations

from math import prod

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian

__all__ = ["converged_dos", "doubled_mesh", "mesh_error"]

_FIRST = 0.6  # 1/Angstrom, spacing of the first mesh tried
# Errors of a mesh fall with the square of its spacing or faster: what is left after doubling is a
# third, at most, of what that changed.
_LEFT = 1.0 / 3.0
_MOST = 2**21  # points of a mesh


def mesh_error(
    hamiltonian: TightBindingHamiltonian,
    atoms: Atoms,
    mesh: tuple[int, int, int],
    grid: EnergyGrid,
    smearing: float,
) -> float:
    """Root-mean-square error of the DOS on a mesh, by what doubling it changes.

    In states eV^-1/2 per atom; zero without periodic boundaries.
    """
    if not atoms.pbc.any():
        return 0.0
    curve, finer = (
        hamiltonian.dos(atoms, one, grid, smearing) for one in (mesh, doubled_mesh(mesh, atoms))
    )
    return _difference(curve, finer, grid, len(atoms))


def converged_dos(
    hamiltonian: TightBindingHamiltonian,
    atoms: Atoms,
    grid: EnergyGrid,
    smearing: float,
    noise: float,
) -> tuple[tuple[int, int, int], NDArray]:
    """Mesh that leaves at most so much noise in the DOS, and the DOS (n,) on it (states/eV).

    Numbers of points are powers of two, so that a supercell of doubled edges has the k-points of
    its cell.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
    atoms : ase.Atoms
    grid : EnergyGrid
        Energies that count.
    smearing : float
        Standard deviation of the Gaussian (eV).
    noise : float
        Root-mean-square error that is left, as estimated (states eV^-1/2 per atom).

    Raises
    ------
    ValueError
        If no mesh of up to two million points does.
    """
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    sizes = 2 ** np.rint(np.log2(np.maximum(lengths / _FIRST, 1.0))).astype(int)
    a, b, c = np.where(atoms.pbc, sizes, 1).tolist()
    mesh = (a, b, c)
    curve = hamiltonian.dos(atoms, mesh, grid, smearing)
    if not atoms.pbc.any():
        return mesh, curve
    while True:
        mesh = doubled_mesh(mesh, atoms)
        finer = hamiltonian.dos(atoms, mesh, grid, smearing)
        left = _LEFT * _difference(curve, finer, grid, len(atoms))
        if left <= noise:
            return mesh, finer
        if prod(doubled_mesh(mesh, atoms)) > _MOST:
            raise ValueError(
                f"noise: {'x'.join(map(str, mesh))} k-points leave {left:.2g} states eV^-1/2 per "
                f"atom, expected {noise:.2g} or less; allow more, or broaden by more than "
                f"{smearing:g} eV"
            )
        curve = finer


def doubled_mesh(mesh: tuple[int, int, int], atoms: Atoms) -> tuple[int, int, int]:
    """Mesh with twice the points along every periodic direction."""
    a, b, c = np.where(atoms.pbc, 2 * np.array(mesh), mesh).tolist()
    return a, b, c


def _difference(one: NDArray, other: NDArray, grid: EnergyGrid, n_atoms: int) -> float:
    """Root-mean-square difference of two DOS (states eV^-1/2 per atom)."""
    return float(np.sqrt(grid.step * np.sum((one - other) ** 2))) / n_atoms
