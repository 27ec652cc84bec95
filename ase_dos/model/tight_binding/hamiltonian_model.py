"""Density of states of a tight-binding Hamiltonian, behind the interface of all models."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.model.tight_binding.kernel_polynomial_model import KernelPolynomialModel
from ase_dos.model.tight_binding.of_hamiltonian import OfHamiltonian
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.undivided_dos import UndividedDOS
from ase_dos.tight_binding.hamiltonian import checked_mesh
from ase_dos.tight_binding.mesh import converged_dos, mesh_error
from ase_dos.utils.checks import as_array, as_group_labels, as_positive

__all__ = ["HamiltonianModel"]


@dataclass(frozen=True, eq=False)
class HamiltonianModel(OfHamiltonian):
    """Local DOS by diagonalisation; every state is shared as its orbitals are.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
    grid : EnergyGrid
        Energies (eV).
    smearing : float
        Standard deviation of the Gaussian (eV).
    noise : float
        What a mesh of k-points may leave as root-mean-square error of the DOS (states eV^-1/2 per
        atom); every structure gets a mesh for it (`ase_dos.tight_binding.mesh`).
    mesh : three int, optional
        Mesh of k-points for all structures instead. See `with_mesh`.
    """

    noise: float = 0.02
    mesh: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "noise", as_positive(self.noise, "noise"))

    def _about(self) -> dict[str, Any]:
        mesh = None if self.mesh is None else list(self.mesh)
        return {"kind": "tight_binding", "noise": self.noise, "mesh": mesh}

    def mesh_of(self, atoms: Atoms) -> tuple[int, int, int]:
        """Mesh of k-points that a structure gets."""
        return self.mesh or self._converged(atoms)[0]

    def dos(self, atoms: Atoms) -> NDArray:
        """Density of states (n,) of the cell (states/eV): the sum of `predict` over its atoms."""
        if self.mesh is None:
            return self._converged(atoms)[1]
        return self.hamiltonian.dos(atoms, self.mesh, self.grid, self.smearing)

    def _converged(self, atoms: Atoms) -> tuple[tuple[int, int, int], NDArray]:
        return converged_dos(self.hamiltonian, atoms, self.grid, self.smearing, self.noise)

    def with_mesh(self, atoms: Atoms, mesh: tuple[int, int, int] | None = None) -> HamiltonianModel:
        """Return the same with one mesh for good, for dynamics of a structure.

        A mesh that follows the structure jumps now and then, and the energy with it, by some of
        the noise.

        Parameters
        ----------
        atoms : ase.Atoms
        mesh : three int, optional
            By default that which the rule of the model finds for it.

        Raises
        ------
        ValueError
            If the mesh leaves more noise in the DOS of this structure than `noise`, is not three
            numbers, or has more than one point along an open boundary.
        """
        needed, _ = self._converged(atoms)
        if mesh is None:
            return replace(self, mesh=needed)
        mesh = checked_mesh(mesh, atoms)
        if any(own < enough for own, enough in zip(mesh, needed, strict=True)):
            self._check_mesh(atoms, mesh, needed)
        return replace(self, mesh=mesh)

    def with_kernel_polynomials(self, error: float = 0.02, seed: int = 0) -> KernelPolynomialModel:
        """Return a model of the same Hamiltonian for large structures.

        See `ase_dos.model.tight_binding.KernelPolynomialModel`.
        """
        return KernelPolynomialModel(self.hamiltonian, self.grid, self.smearing, error, seed)

    def _check_mesh(
        self, atoms: Atoms, mesh: tuple[int, int, int], needed: tuple[int, int, int]
    ) -> None:
        """Refuse a mesh that leaves too much noise."""
        left = mesh_error(self.hamiltonian, atoms, mesh, self.grid, self.smearing)
        if left > self.noise:
            raise ValueError(
                f"mesh: {_shown(mesh)} k-points leave an error of some {left:.2g} states eV^-1/2 "
                f"per atom at a broadening of {self.smearing:g} eV, expected {self.noise:g} or "
                f"less; take {_shown(needed)}"
            )

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """Local DOS of every atom, or of the atoms with the indices ``which``.

        Raises
        ------
        ValueError
            If the Hamiltonian lacks a species, atoms are at the same place, the matrix is too
            large to be diagonalised, or no mesh of k-points is dense enough.
        """
        local = self.hamiltonian.local_dos(atoms, self.mesh_of(atoms), self.grid, self.smearing)
        return local if which is None else local.take(which)

    def undivided(self, atoms: Atoms) -> UndividedDOS:
        """DOS of the whole cell as that of `predict`, from the levels alone and so cheaper."""
        n_electrons = self.hamiltonian.n_electrons(atoms)
        dos = DOS(self.grid.energies, self.dos(atoms), n_electrons, self.smearing)
        valence = np.array([self.hamiltonian.form.valence[z] for z in atoms.numbers])
        return UndividedDOS(dos, valence)

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Gradient and virial of sum_E weights(E) g(E), for a mesh that stays as it is.

        See `ase_dos.model.interface.DOSPredictor.differentiate`.
        """
        weights = as_array(np.atleast_2d(weights), "weights", (None, self.grid.size))
        return self.hamiltonian.differentiate_local_dos(
            atoms,
            self.mesh_of(atoms),
            self.grid,
            self.smearing,
            weights,
            as_group_labels(groups, len(atoms), len(weights)),
        )


def _shown(mesh: tuple[int, int, int]) -> str:
    return " x ".join(map(str, mesh))
