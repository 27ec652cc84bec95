"""Density of states of a Hamiltonian for structures too large to be diagonalised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NoReturn

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.model.tight_binding.of_hamiltonian import OfHamiltonian
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.ensemble import DOSEnsemble
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.spectra.undivided_dos import UndividedDOS
from ase_dos.tight_binding.kernel_polynomials import KernelPolynomials, StochasticTrace
from ase_dos.utils.checks import as_count, as_positive

__all__ = ["KernelPolynomialModel"]

_LENGTH = 40.0  # Angstrom; cells are repeated, in thought, until they are as long


@dataclass(frozen=True, eq=False)
class KernelPolynomialModel(OfHamiltonian):
    """DOS by kernel polynomials, at a cost proportional to the atoms.

    That of a whole structure is a mean over random vectors and k-points, with a known error. That
    of chosen atoms is exact, but for the few k-points of cells below 40 Angstrom. There are no
    derivatives.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
    grid : EnergyGrid
        Energies (eV).
    smearing : float
        Standard deviation of the Gaussian (eV).
    error : float
        Root-mean-square error that the vectors may leave (states eV^-1/2 per atom).
    seed : int
        Of the vectors; frames of a trajectory have most of their errors in common.
    """

    error: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "error", as_positive(self.error, "error"))
        object.__setattr__(self, "seed", as_count(self.seed, "seed", 0))

    def _about(self) -> dict[str, Any]:
        return {"kind": "kernel_polynomials", "error": self.error, "seed": self.seed}

    def with_kernel_polynomials(self, error: float = 0.02, seed: int = 0) -> KernelPolynomialModel:
        """Return the same with another error."""
        return replace(self, error=error, seed=seed)

    def with_mesh(self, atoms: Atoms, mesh: tuple[int, int, int] | None = None) -> NoReturn:
        """Refuse a mesh.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            "mesh: kernel polynomials take k-points anywhere in the zone, and no mesh; take the "
            "model without them"
        )

    def predict(self, atoms: Atoms, which: NDArray | None = None) -> LocalDOS:
        """DOS of all atoms together, with its error, or of each of the atoms ``which``.

        Raises
        ------
        ValueError
            If the Hamiltonian lacks a species, atoms are at the same place or so close that their
            orbitals are not independent, or the blocks of a matrix take too much memory.
        """
        if which is None:
            trace = self._polynomials(atoms).trace(self.error, self.seed)
            return UndividedDOS(self._dos(atoms, trace), self._valence(atoms), trace.error)
        chosen = np.arange(len(atoms))[which]
        values = self._polynomials(atoms).local(chosen, _kpoints(atoms))
        valence = self._valence(atoms)[chosen]
        return LocalDOS(values, None, self.grid.energies, valence, self.smearing)

    def predict_ensemble(self, atoms: Atoms, n_members: int = 64, seed: int = 0) -> DOSEnsemble:
        """Total DOS with the noise of the vectors; the atoms' own errors are zero."""
        trace = self._polynomials(atoms).trace(self.error, self.seed)
        dos = self._dos(atoms, trace)
        return DOSEnsemble(
            dos,
            dos.values + trace.noise(as_count(n_members, "n_members", 2), seed),
            float(np.sqrt(self.grid.step * np.sum(trace.error**2))) / len(atoms),
            np.zeros(len(atoms)),
        )

    def differentiate(
        self, atoms: Atoms, weights: ArrayLike, groups: NDArray | None = None
    ) -> NoReturn:
        """Refuse to differentiate.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            "derivatives: kernel polynomials give the DOS alone, no forces and no stress; take the "
            "model without them, and a smaller structure"
        )

    def _polynomials(self, atoms: Atoms) -> KernelPolynomials:
        return KernelPolynomials(self.hamiltonian, atoms, self.grid, self.smearing)

    def _dos(self, atoms: Atoms, trace: StochasticTrace) -> DOS:
        n_electrons = self.hamiltonian.n_electrons(atoms)
        return DOS(self.grid.energies, trace.mean, n_electrons, self.smearing)

    def _valence(self, atoms: Atoms) -> NDArray:
        valence = self.hamiltonian.form.valence
        return np.array([valence[z] for z in atoms.numbers])


def _kpoints(atoms: Atoms) -> NDArray:
    """Mesh of k-points (n, 3), a quarter of its spacing off the centre.

    With their negatives, which have the same levels, such points count twice along an axis (A.
    Baldereschi, https://doi.org/10.1103/PhysRevB.7.5212).
    """
    lengths = 1.0 / np.maximum(np.linalg.norm(atoms.cell.reciprocal(), axis=1), 1e-9)
    sizes = np.where(atoms.pbc, np.ceil(_LENGTH / lengths), 1).astype(int)
    axes = [(np.arange(n) + 0.25) / n for n in sizes]
    return np.array(list(product(*axes)))
