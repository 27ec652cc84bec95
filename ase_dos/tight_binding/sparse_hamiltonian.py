"""Hamiltonian of a large structure, by blocks of atoms that see each other."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.kernels.block_sparse import (
    LANES,
    VECTORS,
    BlockRows,
    add_two_centre_blocks,
    multiply,
)
from ase_dos.kernels.threads import on_threads
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.tight_binding.terms import Surroundings, terms_of

__all__ = ["SparseHamiltonian"]

MEMORY = 16e9  # bytes that the blocks may take
_PART = 512  # atoms whose blocks are computed at a time
_GRAIN = 64  # atoms that are worth a thread


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
    places : (orbitals,) int array
        Where the orbitals, atom by atom, stand in the vectors.
    owners : (orbitals,) int array
        Atom of each of them.
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
        self.dtype = np.dtype(dtype)
        # Neighbours in space are neighbours in memory then.
        order = NeighborSearch(atoms, hamiltonian.form.cutoff).order
        sorted_atoms = atoms[order]
        sorted_atoms.wrap()
        around = Surroundings.of(sorted_atoms, hamiltonian.form)
        self._images = _Images.between(sorted_atoms, around)
        counts = np.array([hamiltonian.form.orbitals(z) for z in sorted_atoms.numbers])
        self._matrix = _empty(around, self._images, counts, self.dtype)
        self._fill(hamiltonian, sorted_atoms, around)
        owners = np.repeat(order, counts)
        self.places = np.argsort(owners, kind="stable")
        self.owners = owners[self.places]

    def _fill(
        self, hamiltonian: TightBindingHamiltonian, atoms: Atoms, around: Surroundings
    ) -> None:
        arrays, lock = hamiltonian.form.split(hamiltonian.parameters), Lock()

        def add_some(begin: int, end: int) -> None:
            for first in range(begin, end, _PART):
                part = around.part(first, min(first + _PART, end))
                for term in terms_of(atoms, hamiltonian.form, part):
                    images = self._images.of(term.first, term.second, term.vectors, term.hops)
                    integrals, angular = term.integrals(arrays[term.name]), term.angular
                    with lock:  # two parts may add to one block
                        add_two_centre_blocks(
                            term.first,
                            term.second,
                            images,
                            integrals,
                            angular,
                            term.blocks.components,
                            term.hops,
                            self._matrix,
                        )

        on_threads(len(atoms), add_some, grain=_PART)

    def phases(self, kpoints: NDArray) -> NDArray:
        """Phases of lattice vectors for VECTORS k-points (in units of the reciprocal vectors)."""
        angles = 2.0 * np.pi * self._images.vectors @ kpoints.T
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(self.dtype)

    def multiply(
        self,
        phases: NDArray,
        factors: tuple[float, float, float],
        vectors: NDArray,
        out: NDArray,
    ) -> NDArray:
        """Replace ``out`` by ``a H(k) v + b v + c out`` for VECTORS vectors.

        Parameters
        ----------
        phases : (images, LANES) array
            From `phases`.
        factors : three float
            a (1/eV), b and c.
        vectors, out : (orbitals, LANES) array
            Real, then imaginary parts, of the type `dtype`.

        Returns
        -------
        (2, VECTORS) array
            Real parts of <v | v> and <v | out>, summed in double precision.
        """
        scales = np.array(factors, dtype=self.dtype)

        def of_some(begin: int, end: int) -> NDArray:
            products = np.zeros(2 * LANES)
            operands = phases.ravel(), scales, vectors.ravel(), out.ravel()
            multiply(begin, end, self._matrix, *operands, products)
            return products

        parts = on_threads(self._matrix.starts.size - 1, of_some, grain=_GRAIN, pieces=8)
        return np.sum(parts, axis=0).reshape(2, 2, VECTORS).sum(axis=1)


@dataclass(frozen=True)
class _Images:
    """Lattice vectors between the images of the atoms of pairs.

    Attributes
    ----------
    positions : (atoms, 3) array
        In units of the cell vectors.
    inverse : (3, 3) array
        Of the cell (1/Angstrom).
    most : (3,) int array
        Largest multiple of each cell vector.
    """

    positions: NDArray
    inverse: NDArray
    most: NDArray

    @classmethod
    def between(cls, atoms: Atoms, around: Surroundings) -> _Images:
        """Find how far the pairs of a structure reach."""
        inverse = np.linalg.inv(atoms.cell.complete().array)
        images = cls(atoms.positions @ inverse, inverse, np.zeros(3, int))
        found = images._between(around.first, around.second, around.vectors)
        return cls(images.positions, inverse, np.abs(found).max(axis=0, initial=0))

    @property
    def vectors(self) -> NDArray:
        """All of them (n, 3), in units of the cell vectors; zero stands in the middle."""
        axes = [np.arange(-n, n + 1) for n in self.most]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def of(self, first: NDArray, second: NDArray, vectors: NDArray, hops: bool) -> NDArray:
        """Places (pairs,) among `vectors`; that of zero for blocks that do not hop."""
        if not hops:
            return np.full(first.size, len(self.vectors) // 2)
        sizes = 2 * self.most + 1
        return np.ravel_multi_index(
            tuple((self._between(first, second, vectors) + self.most).T), tuple(sizes.tolist())
        )

    def _between(self, first: NDArray, second: NDArray, vectors: NDArray) -> NDArray:
        apart = self.positions[second] - self.positions[first]
        return np.rint(vectors @ self.inverse - apart).astype(int)


def _empty(around: Surroundings, images: _Images, counts: NDArray, dtype: np.dtype) -> BlockRows:
    """Matrix of zeros with a block for each two atoms that see each other, and on the diagonal."""
    n, n_images = counts.size, len(images.vectors)
    own, others = np.arange(n), (around.first, around.second)
    blocks = np.concatenate(
        [
            (others[0] * n + others[1]) * n_images + images.of(*others, around.vectors, True),
            (own * n + own) * n_images + n_images // 2,
        ]
    )
    rows, columns = np.divmod(np.unique(blocks), n * n_images)
    sizes = counts[rows] * counts[columns // n_images]
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
        n_images=n_images,
    )
