"""Hamiltonian of a large structure and overlaps of its orbitals, as sparse matrices."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.kernels.threads import on_threads
from ase_dos.tight_binding.bloch import OverlapError
from ase_dos.tight_binding.form import overlap_name, radii
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.tight_binding.sparse_matrix import Images, SparseMatrix
from ase_dos.tight_binding.sparse_overlaps import SparseOverlaps
from ase_dos.tight_binding.terms import Surroundings, terms_of

__all__ = ["SparseHamiltonian"]

_PART = 512  # atoms whose blocks are computed at a time
_NEGLECTED = 1e-4  # overlaps that are left out are smaller
_LARGE = 0.15  # larger ones stand in the way of an iteration


class SparseHamiltonian:
    """Hamiltonian of one structure, ready for products with vectors at any k-points.

    Memory and time are proportional to the number of atoms.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
    atoms : ase.Atoms
        The structure; any boundaries.
    dtype : float32 or float64
        Of the elements, and of the vectors that are multiplied. In single precision, levels are off
        by some 1e-6 of the width of the bands.

    Attributes
    ----------
    matrix : SparseMatrix
        The Hamiltonian H (eV).
    overlaps : SparseOverlaps or None
        None for orthogonal orbitals.
    places : (orbitals,) int array
        Where the orbitals, atom by atom, stand in the vectors.
    owners : (orbitals,) int array
        Atom of each of them.

    Raises
    ------
    OverlapError
        If orbitals are not independent.
    ValueError
        If the Hamiltonian lacks a species of the structure, two atoms are at the same place, or
        the blocks take too much memory.
    """

    def __init__(
        self, hamiltonian: TightBindingHamiltonian, atoms: Atoms, dtype: DTypeLike = np.float64
    ) -> None:
        # Neighbours in space are neighbours in memory then.
        order = NeighborSearch(atoms, hamiltonian.form.cutoff).order
        sorted_atoms = atoms[order]
        sorted_atoms.wrap()
        around = Surroundings.of(sorted_atoms, hamiltonian.form)
        counts = np.array([hamiltonian.form.orbitals(z) for z in sorted_atoms.numbers])
        owners = np.repeat(order, counts)
        self.places = np.argsort(owners, kind="stable")
        self.owners = owners[self.places]
        images = Images.between(sorted_atoms, around)

        def empty(reach: float) -> SparseMatrix:
            return SparseMatrix(counts, images, around, reach, np.dtype(dtype))

        self.matrix = empty(np.inf)
        self.overlaps = None
        if hamiltonian.form.n_overlap:
            self.overlaps = SparseOverlaps(
                empty(_reach_of_overlaps(hamiltonian, _NEGLECTED)),
                empty(_reach_of_overlaps(hamiltonian, _LARGE)),
            )
        self._fill(hamiltonian, sorted_atoms, around)
        if self.overlaps is not None and not self.overlaps.find_bounds():
            raise OverlapError.of(around, sorted_atoms.numbers, order)

    def solve(self, phases: NDArray, duals: NDArray) -> NDArray:
        """Return v for S v (orbitals, LANES), with the overlaps S; the next call overwrites it."""
        return duals if self.overlaps is None else self.overlaps.solve(phases, duals)

    def root(self, phases: NDArray, vectors: NDArray) -> NDArray:
        """Return the square root of S, times vectors (orbitals, LANES)."""
        return vectors if self.overlaps is None else self.overlaps.root(phases, vectors)

    def _fill(
        self, hamiltonian: TightBindingHamiltonian, atoms: Atoms, around: Surroundings
    ) -> None:
        arrays = hamiltonian.form.split(hamiltonian.parameters)

        def add_some(begin: int, end: int) -> None:
            for first in range(begin, end, _PART):
                part = around.part(first, min(first + _PART, end))
                for term in terms_of(atoms, hamiltonian.form, part):
                    if term.overlap and self.overlaps is not None:
                        self.overlaps.add(term, arrays[term.name])
                        continue
                    self.matrix.add(
                        term.first,
                        term.second,
                        term.vectors if term.hops else None,
                        term.integrals(arrays[term.name]),
                        term.angular,
                        term.blocks.components,
                    )

        on_threads(len(atoms), add_some, grain=_PART)


def _reach_of_overlaps(hamiltonian: TightBindingHamiltonian, size: float) -> float:
    """Distance (Angstrom) beyond which no overlap is larger than ``size``."""
    form, arrays = hamiltonian.form, hamiltonian.form.split(hamiltonian.parameters)
    distances = np.linspace(0.0, form.cutoff, 1000)
    reach = 0.0
    for a, b in form.overlapping():
        d = float(radii(np.array([a, b])).sum())
        functions, _ = form.integral_functions(distances, form.n_radial, d)
        overlaps = functions[:, : form.n_overlap] @ arrays[overlap_name(a, b)][:, 0].T
        large = np.abs(overlaps).max(axis=1) > size
        reach = max(reach, float(distances[large].max(initial=0.0)))
    return reach
