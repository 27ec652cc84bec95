"""Sparse matrix of a large structure, by blocks of atoms that see each other."""

from __future__ import annotations

from dataclasses import dataclass

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


class SparseMatrix:
    """Hermitian matrix with blocks for pairs of atoms, for products with vectors at any k-points.

    Parameters
    ----------
    counts : (atoms,) int array
        Orbitals of every atom.
    images : Images
    first, second : (pairs,) int array
        Pairs of atoms, in both directions, that have blocks. Each atom has one with itself.
    vectors : (pairs, 3) array
        From the first to the second (Angstrom).
    dtype : numpy.dtype
        Of the elements, zero at first, and of vectors that are multiplied.

    Attributes
    ----------
    dtype : numpy.dtype
    size : int
        Number of orbitals.

    Raises
    ------
    ValueError
        If the blocks take too much memory.
    """

    def __init__(
        self,
        counts: NDArray,
        images: Images,
        first: NDArray,
        second: NDArray,
        vectors: NDArray,
        dtype: np.dtype,
    ) -> None:
        self.dtype, self.size = dtype, int(counts.sum())
        self._images = images
        n, n_images = counts.size, len(images.vectors)
        own = np.arange(n)
        blocks = np.concatenate(
            [
                (first * n + second) * n_images + images.of(first, second, vectors, True),
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

    def add(self, blocks: tuple[NDArray, ...], components: NDArray, mirrored: bool) -> None:
        """Add blocks; see `ase_dos.kernels.block_sparse.add_two_centre_blocks`.

        The first argument has atoms, images, integrals and angular factors.
        """
        add_two_centre_blocks(*blocks, components, mirrored, self._rows)

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
