"""Overlaps of the orbitals of a large structure, their inverse and square root."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.block_sparse import LANES
from ase_dos.tight_binding.lanczos import spectral_bounds
from ase_dos.tight_binding.matrix_function import MatrixFunction
from ase_dos.tight_binding.sparse_matrix import SparseMatrix

__all__ = ["SparseOverlaps"]

# Of the inverse: levels are off by less than this share of their distance from zero.
_TOLERANCE = 1e-3
_ROUNDING = 1e-5  # of what has to fit to the inverse


class SparseOverlaps:
    """Overlaps S of normalised orbitals, those of one atom orthogonal, and their inverse.

    The inverse is a polynomial of the overlaps. Its own inverse takes their place: nothing else
    differs from exact results.

    Parameters
    ----------
    matrix : SparseMatrix
        S - 1.

    Attributes
    ----------
    positive : bool
        Whether all eigenvalues of S are positive. If not, nothing else is there.
    """

    def __init__(self, matrix: SparseMatrix) -> None:
        bounds = spectral_bounds(matrix)
        self.positive = bounds.middle - bounds.half_width > -1.0
        if not self.positive:
            return
        self._inverse = MatrixFunction(matrix, bounds, lambda x: 1.0 / (1.0 + x), _TOLERANCE)
        inverse = self._inverse.series
        self._itself = MatrixFunction(matrix, bounds, lambda x: 1.0 / inverse(x), _ROUNDING)
        self._root = MatrixFunction(matrix, bounds, lambda x: inverse(x) ** -0.5, _ROUNDING)
        self._room = np.empty((2, matrix.size, LANES), matrix.dtype)

    def multiply(self, phases: NDArray, vectors: NDArray) -> NDArray:
        """Return S v for vectors v (orbitals, LANES)."""
        return self._itself.apply(phases, vectors, np.empty_like(self._room))

    def root(self, phases: NDArray, vectors: NDArray) -> NDArray:
        """Return the square root of S, times vectors (orbitals, LANES)."""
        return self._root.apply(phases, vectors, np.empty_like(self._room))

    def solve(self, phases: NDArray, duals: NDArray) -> NDArray:
        """Return v for S v (orbitals, LANES); the next call overwrites it."""
        return self._inverse.apply(phases, duals, self._room)
