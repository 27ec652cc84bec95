"""Density of states of a large structure by kernel polynomials, without its levels."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.kernels.block_sparse import LANES, VECTORS
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.chebyshev import moments, series
from ase_dos.tight_binding.hamiltonian import SPIN_DEGENERACY, TightBindingHamiltonian
from ase_dos.tight_binding.lanczos import spectral_bounds
from ase_dos.tight_binding.sparse_hamiltonian import SparseHamiltonian
from ase_dos.utils.checks import as_positive
from ase_dos.utils.short_repr import short_repr

__all__ = ["KernelPolynomials", "StochasticTrace"]

_MARGIN = 0.02  # of the width of the bands: polynomials grow without bounds beyond


@dataclass(frozen=True, eq=False)
class StochasticTrace:
    """Density of states as the mean over random vectors.

    Attributes
    ----------
    curves : (vectors, n) array
        Estimates by every vector alone (states/eV of the cell).
    """

    curves: NDArray

    __repr__ = short_repr

    @property
    def mean(self) -> NDArray:
        """The estimate (n,)."""
        return self.curves.mean(axis=0)

    @property
    def error(self) -> NDArray:
        """Standard error (n,) of the mean."""
        return np.sqrt(np.sum(self._deviations**2, axis=0))

    def noise(self, n_members: int, seed: int) -> NDArray:
        """Likely errors (n_members, n) of the mean, from the scatter of the vectors."""
        rng = np.random.default_rng(seed)
        return rng.normal(size=(n_members, len(self.curves))) @ self._deviations

    @property
    def _deviations(self) -> NDArray:
        """Part of every vector in the error of the mean."""
        count = len(self.curves)
        return (self.curves - self.mean) / np.sqrt(count * (count - 1))


class KernelPolynomials:
    """Density of states of one structure, at a cost proportional to the atoms.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
    atoms : ase.Atoms
        The structure; any boundaries.
    grid : EnergyGrid
        Energies (eV).
    smearing : float
        Standard deviation of the Gaussian (eV).

    Raises
    ------
    ValueError
        As `ase_dos.tight_binding.SparseHamiltonian`, or if the smearing is not positive.
    """

    def __init__(
        self, hamiltonian: TightBindingHamiltonian, atoms: Atoms, grid: EnergyGrid, smearing: float
    ) -> None:
        self._n_atoms, self._step = len(atoms), grid.step
        # Errors of single precision are a thousandth of those of any trace that is worth its time.
        self._hamiltonian = SparseHamiltonian(hamiltonian, atoms, np.float32)
        self._bounds = spectral_bounds(
            self._hamiltonian.matrix, self._hamiltonian.solve, margin=_MARGIN
        )
        self._series = series(grid, as_positive(smearing, "smearing"), self._bounds)

    def trace(self, error: float, seed: int = 0) -> StochasticTrace:
        """Density of states of the cell, by as many random vectors as an error asks for.

        Each vector has a k-point of its own, anywhere in the Brillouin zone: the mean is that over
        the whole zone, and no mesh has to converge.

        Parameters
        ----------
        error : float
            Root-mean-square standard error (states eV^-1/2 per atom).
        seed : int
            Of k-points and vectors, whose components are (+-1 +- i) / sqrt(2) (M. F. Hutchinson,
            https://doi.org/10.1080/03610919008812866). For the same atoms in the same order,
            frames of a trajectory for example, vectors and most of their errors are the same.
        """
        error = as_positive(error, "error")
        rng, size = np.random.default_rng(seed), self._hamiltonian.places.size
        curves, needed = np.empty((0, self._series.shape[1])), VECTORS
        while len(curves) < needed:
            kpoints = rng.uniform(size=(VECTORS, 3))
            signs = np.empty((size, LANES), np.float32)
            signs[self._hamiltonian.places] = 2 * rng.integers(0, 2, signs.shape, np.int8) - 1
            phases = self._hamiltonian.matrix.phases(kpoints)
            found = self._moments(phases, self._hamiltonian.root(phases, signs))
            curves = np.concatenate([curves, size * self._curves(found)])
            needed = ceil(len(curves) * (self._size(StochasticTrace(curves).error) / error) ** 2)
        return StochasticTrace(curves)

    def local(self, which: NDArray, kpoints: NDArray) -> NDArray:
        """Density of states (n_atoms, n) of some atoms, exact for given k-points (states/eV).

        Every state is shared as its orbitals are, by R. S. Mulliken,
        https://doi.org/10.1063/1.1740588.

        Parameters
        ----------
        which : (n_atoms,) int array
            The atoms.
        kpoints : (kpoints, 3) array
            In units of the reciprocal lattice vectors; all have the same weight.
        """
        owners, places = self._hamiltonian.owners, self._hamiltonian.places
        out = np.zeros((len(which), self._series.shape[1]))
        tasks = [
            (row, orbital, k)
            for row, atom in enumerate(which)
            for orbital in places[owners == atom]
            for k in range(len(kpoints))
        ]
        for first in range(0, len(tasks), VECTORS):
            some = tasks[first : first + VECTORS]
            rows, orbitals, ks = np.array(some).T
            vectors = np.zeros((places.size, LANES), np.float32)
            vectors[orbitals, np.arange(len(some))] = 1
            points = np.zeros((VECTORS, 3))
            points[: len(some)] = kpoints[ks]
            np.add.at(out, rows, self._shares(points, vectors)[: len(some)])
        return out / len(kpoints)

    def _shares(self, kpoints: NDArray, units: NDArray) -> NDArray:
        """Density of states (VECTORS, n) that is shared to single orbitals.

        With overlaps S it is the element of an orbital e on the diagonal of a product that is not
        symmetric, the difference between the densities of (e + S^-1 e) / 2 and (e - S^-1 e) / 2.
        """
        phases = self._hamiltonian.matrix.phases(kpoints)
        if self._hamiltonian.overlaps is None:
            return self._curves(self._moments(phases, units))
        duals = self._hamiltonian.overlaps.multiply(phases, units)
        plus, minus = ((duals + sign * units) / 2 for sign in (1, -1))
        return self._curves(self._moments(phases, plus) - self._moments(phases, minus))

    def _moments(self, phases: NDArray, duals: NDArray) -> NDArray:
        """Moments (count, VECTORS) of vectors, given times the overlaps."""
        return moments(self._hamiltonian, self._bounds, phases, duals, len(self._series))

    def _curves(self, found: NDArray) -> NDArray:
        """Density of states (VECTORS, n) from moments, for one state each."""
        norms = np.where(found[0] > 0, found[0], 1.0)  # of lanes in use
        return SPIN_DEGENERACY * (found / norms).T @ self._series

    def _size(self, error: NDArray) -> float:
        """Root-mean-square error (states eV^-1/2 per atom)."""
        return float(np.sqrt(self._step * np.sum(error**2))) / self._n_atoms
