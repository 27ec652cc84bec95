"""Sparse matrix of a large structure, by blocks of atoms that see each other."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.kernels.block_sparse import (
    LANES,
    VECTORS,
    BlockRows,
    add_two_centre_blocks,
    multiply,
)
from ase_dos.kernels.threads import on_threads
from ase_dos.tight_binding.terms import Surroundings

__all__ = ["Factors", "Images", "SparseMatrix"]

MEMORY = 16e9  # bytes that the blocks may take
_GRAIN = 64  # atoms that are worth a thread

Factors = tuple[float, float, float, float]


@dataclass(frozen=True)
class Images:
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
    def between(cls, atoms: Atoms, around: Surroundings) -> Images:
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

    def of(self, first: NDArray, second: NDArray, vectors: NDArray | None) -> NDArray:
        """Places (pairs,) among `vectors`; without any, that of zero."""
        if vectors is None:
            return np.full(first.size, len(self.vectors) // 2)
        sizes = 2 * self.most + 1
        return np.ravel_multi_index(
            tuple((self._between(first, second, vectors) + self.most).T), tuple(sizes.tolist())
        )

    def _between(self, first: NDArray, second: NDArray, vectors: NDArray) -> NDArray:
        apart = self.positions[second] - self.positions[first]
        return np.rint(vectors @ self.inverse - apart).astype(int)


class SparseMatrix:
    """Hermitian matrix with blocks for pairs of atoms, for products with vectors at any k-points.

    Parameters
    ----------
    counts : (atoms,) int array
        Orbitals of every atom.
    images : Images
    around : Surroundings
    reach : float
        Distance (Angstrom) within which pairs of atoms have blocks. Each atom has one with itself.
    dtype : numpy.dtype
        Of the elements, zero at first, and of vectors that are multiplied.

    Attributes
    ----------
    dtype : numpy.dtype
    size : int
        Number of orbitals.
    reach : float
        As given.

    Raises
    ------
    ValueError
        If the blocks take too much memory.
    """

    def __init__(
        self,
        counts: NDArray,
        images: Images,
        around: Surroundings,
        reach: float,
        dtype: np.dtype,
    ) -> None:
        self.dtype, self.size, self.reach = dtype, int(counts.sum()), reach
        self._images, self._lock = images, Lock()
        n, n_images = counts.size, len(images.vectors)
        own, near = np.arange(n), around.distances < reach
        first, second, vectors = around.first[near], around.second[near], around.vectors[near]
        blocks = np.concatenate(
            [
                (first * n + second) * n_images + images.of(first, second, vectors),
                (own * n + own) * n_images + n_images // 2,
            ]
        )
        rows, columns = np.divmod(np.unique(blocks), n * n_images)
        sizes = counts[rows] * counts[columns // n_images]
        needed = dtype.itemsize * float(sizes.sum())
        if needed > MEMORY:
            raise ValueError(
                f"atoms: a matrix of {n} atoms takes {needed / 1e6:.0f} MB of memory, more than "
                f"{MEMORY / 1e6:.0f} MB; take a smaller structure"
            )
        self._rows = BlockRows(
            starts=np.concatenate([[0], np.cumsum(counts)]),
            offsets=np.searchsorted(rows, np.arange(n + 1)),
            columns=columns,
            places=np.cumsum(sizes) - sizes,
            elements=np.zeros(int(sizes.sum()), dtype),
            n_images=n_images,
        )

    def add(
        self,
        first: NDArray,
        second: NDArray,
        vectors: NDArray | None,
        integrals: NDArray,
        angular: NDArray,
        components: NDArray,
    ) -> None:
        """Add blocks, and their transposed ones where there are vectors from one atom to the other.

        See `ase_dos.kernels.block_sparse.add_two_centre_blocks`.
        """
        images = self._images.of(first, second, vectors)
        hops = vectors is not None
        with self._lock:  # two threads may add to one block
            add_two_centre_blocks(
                first, second, images, integrals, angular, components, hops, self._rows
            )

    def add_blocks(
        self, first: NDArray, second: NDArray, vectors: NDArray | None, blocks: NDArray
    ) -> None:
        """Add blocks (n, a, b) as they are; see `add`."""
        rows, columns = np.indices(blocks.shape[1:]).reshape(2, -1)
        components = np.stack([rows, columns, np.arange(rows.size)], axis=1)
        elements = blocks.reshape(-1, rows.size)
        self.add(first, second, vectors, elements, np.ones_like(elements), components)

    def add_identity(self) -> None:
        """Add one to the diagonal."""
        counts = np.diff(self._rows.starts)
        for count in np.unique(counts):
            atoms = np.flatnonzero(counts == count)
            self.add_blocks(atoms, atoms, None, np.tile(np.eye(count), (atoms.size, 1, 1)))

    def phases(self, kpoints: NDArray) -> NDArray:
        """Phases of lattice vectors for VECTORS k-points (in units of the reciprocal vectors)."""
        angles = 2.0 * np.pi * self._images.vectors @ kpoints.T
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(self.dtype)

    def multiply(
        self,
        phases: NDArray,
        factors: Factors,
        vectors: NDArray,
        others: NDArray,
        out: NDArray,
    ) -> NDArray:
        """Replace ``out`` by ``a M(k) v + b v + c w + d out`` for VECTORS vectors v.

        Parameters
        ----------
        phases : (images, LANES) array
            From `phases`.
        factors : four float
            a, b, c and d.
        vectors, others, out : (orbitals, LANES) array
            v, w and out: real, then imaginary parts, of the type `dtype`. Only ``others`` may be
            the same array as another.

        Returns
        -------
        (2, VECTORS) array
            Real parts of <v | w> and <v | out>, summed in double precision.
        """
        scales = np.array(factors, dtype=self.dtype)

        def of_some(begin: int, end: int) -> NDArray:
            products = np.zeros(2 * LANES)
            operands = phases.ravel(), scales, vectors.ravel(), others.ravel(), out.ravel()
            multiply(begin, end, self._rows, *operands, products)
            return products

        parts = on_threads(self._rows.starts.size - 1, of_some, grain=_GRAIN, pieces=8)
        return np.sum(parts, axis=0).reshape(2, 2, VECTORS).sum(axis=1)
