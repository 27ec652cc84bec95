"""Hamiltonian of a large structure, by blocks of atoms that see each other."""

from __future__ import annotations

from threading import Lock

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.kernels.block_sparse import LANES, BlockRows, add_two_centre_blocks, multiply
from ase_dos.kernels.threads import on_threads
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.tight_binding.terms import Surroundings, terms_of

__all__ = ["SparseHamiltonian"]

MEMORY = 16e9  # bytes that the blocks may take
_PART = 512  # atoms whose blocks are computed at a time
_GRAIN = 64  # atoms that are worth a thread


class SparseHamiltonian:
    """Hamiltonian of one structure at the centre of the Brillouin zone.

    Memory and time are proportional to the number of atoms. A mesh of k-points is a repeated cell
    here: the zone of that has the points of the mesh at its centre.

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
    size : int
        Number of orbitals.
    dtype : numpy.dtype

    Raises
    ------
    ValueError
        If orbitals overlap, the Hamiltonian lacks a species of the structure, two atoms are at the
        same place, or the blocks take too much memory.
    """

    def __init__(
        self, hamiltonian: TightBindingHamiltonian, atoms: Atoms, dtype: DTypeLike = np.float64
    ) -> None:
        if hamiltonian.form.n_overlap:
            raise ValueError(
                "hamiltonian: its orbitals overlap, expected orthogonal ones; fit a form of these "
                "to the same levels for large structures"
            )
        # Neighbours in space are neighbours in memory then.
        self._place_of = NeighborSearch(atoms, hamiltonian.form.cutoff).place_of
        atoms = atoms[np.argsort(self._place_of)]
        around = Surroundings.of(atoms, hamiltonian.form)
        counts = np.array([hamiltonian.form.orbitals(z) for z in atoms.numbers])
        self.dtype = np.dtype(dtype)
        self._matrix = _empty(around, counts, self.dtype)
        self.size = int(counts.sum())
        arrays, lock = hamiltonian.form.split(hamiltonian.parameters), Lock()

        def add_some(begin: int, end: int) -> None:
            for first in range(begin, end, _PART):
                part = around.part(first, min(first + _PART, end))
                for term in terms_of(atoms, hamiltonian.form, part):
                    integrals, angular = term.integrals(arrays[term.name]), term.angular
                    places = term.first, term.second
                    components = term.blocks.components
                    with lock:  # two parts may add to one block
                        add_two_centre_blocks(
                            *places, integrals, angular, components, term.hops, self._matrix
                        )

        on_threads(len(atoms), add_some, grain=_PART)

    def orbitals_of(self, atom: int) -> NDArray:
        """Places of the orbitals of an atom among all."""
        place = self._place_of[atom]
        return np.arange(*self._matrix.starts[place : place + 2])

    def multiply(
        self, factors: tuple[float, float, float], vectors: NDArray, out: NDArray
    ) -> NDArray:
        """Replace ``out`` by ``a H v + b v + c out`` for LANES vectors.

        Parameters
        ----------
        factors : three float
            a (1/eV), b and c.
        vectors, out : (orbitals, LANES) array
            Of the type `dtype`.

        Returns
        -------
        (2, LANES) array
            v . v and then v . out, summed in double precision.
        """
        scales = np.array(factors, dtype=self.dtype)

        def of_some(begin: int, end: int) -> NDArray:
            products = np.zeros(2 * LANES)
            multiply(begin, end, self._matrix, scales, vectors.ravel(), out.ravel(), products)
            return products

        parts = on_threads(len(self._place_of), of_some, grain=_GRAIN, pieces=8)
        return np.sum(parts, axis=0).reshape(2, LANES)


def _empty(around: Surroundings, counts: NDArray, dtype: np.dtype) -> BlockRows:
    """Matrix of zeros with a block for each two atoms that see each other, and on the diagonal."""
    n = counts.size
    places = np.concatenate([around.first * n + around.second, np.arange(n) * (n + 1)])
    rows, columns = np.divmod(np.unique(places), n)
    sizes = counts[rows] * counts[columns]
    needed = dtype.itemsize * float(sizes.sum())
    if needed > MEMORY:
        raise ValueError(
            f"atoms: the Hamiltonian of {n} atoms takes {needed / 1e6:.0f} MB of memory, more than "
            f"{MEMORY / 1e6:.0f} MB; take a smaller structure"
        )
    return BlockRows(
        starts=np.concatenate([[0], np.cumsum(counts)]),
        offsets=np.searchsorted(rows, np.arange(n + 1)),
        columns=columns,
        places=np.cumsum(sizes) - sizes,
        elements=np.zeros(int(sizes.sum()), dtype),
    )
