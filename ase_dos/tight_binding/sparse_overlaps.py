"""Overlaps of the orbitals of a large structure, their inverse and square root."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.block_sparse import LANES
from ase_dos.tight_binding.lanczos import spectral_bounds
from ase_dos.tight_binding.matrix_function import MatrixFunction
from ase_dos.tight_binding.sparse_matrix import SparseMatrix
from ase_dos.tight_binding.terms import Term

__all__ = ["SparseOverlaps"]

# Of the inverse: levels are off by less than this share of their distance from zero.
_TOLERANCE = 3e-4
_LARGEST = 0.9  # share of the identity that corrections to it may take away
_LEAST = 1e-3  # smaller eigenvalues of S are next to zero


class SparseOverlaps:
    r"""Matrix S of the overlaps of normalised orbitals, those of one atom orthogonal.

    Its inverse is found by a Chebyshev iteration, as many steps of it as the error asks for; so it
    is a polynomial, Hermitian, and the same for all vectors. A first guess of the inverse comes
    from pairs of close atoms, as if each were alone,

    .. math:: M = 1 + \sum_{i<j} \left[\begin{pmatrix} 1 & S_{ij} \\ S_{ji} & 1 \end{pmatrix}^{-1}
                  - 1\right],

    and makes M S closer to one than S is. G. H. Golub and R. S. Varga,
    https://doi.org/10.1007/BF01386013.

    Parameters
    ----------
    matrix, guess : SparseMatrix
        Without elements yet; the guess with blocks for close pairs alone.
    """

    def __init__(self, matrix: SparseMatrix, guess: SparseMatrix) -> None:
        self._matrix, self._guess = matrix, guess
        for one in (matrix, guess):
            one.add_identity()

    def add(self, term: Term, parameters: NDArray) -> None:
        """Add overlaps, and what follows from them for the guess."""
        distances = np.linalg.norm(term.vectors, axis=1)
        blocks = term.make_blocks(parameters)
        near, close = distances < self._matrix.reach, distances < self._guess.reach
        between = blocks[close]
        across = between.transpose(0, 2, 1)
        one, other = np.eye(blocks.shape[1]), np.eye(blocks.shape[2])
        of_first = np.linalg.inv(one - between @ across)
        of_second = np.linalg.inv(other - across @ between)
        first, second = term.first[near], term.second[near]
        self._matrix.add_blocks(first, second, term.vectors[near], blocks[near])
        first, second = term.first[close], term.second[close]
        self._guess.add_blocks(first, second, term.vectors[close], -between @ of_second)
        self._guess.add_blocks(first, first, None, of_first - one)
        self._guess.add_blocks(second, second, None, of_second - other)

    def find_bounds(self) -> bool:
        """Prepare what the methods below need; return whether orbitals are independent."""
        self._room = np.zeros((3, self._matrix.size, LANES), self._matrix.dtype)
        lowest = spectral_bounds(self._guess).low
        # The corrections of many neighbours may be too much together: then a share is taken.
        self._share = 1.0 if lowest > 1.0 - _LARGEST else _LARGEST / (1.0 - lowest)
        bounds = spectral_bounds(self._matrix, self._multiply_by_guess)
        plain = spectral_bounds(self._matrix)
        if min(bounds.low, plain.low) < _LEAST:
            return False
        self._root = MatrixFunction(self._matrix, plain, np.sqrt, _TOLERANCE)
        self._step = 1.0 / bounds.middle
        self._weights = _weights(bounds.middle / bounds.half_width)
        return True

    def multiply(self, phases: NDArray, vectors: NDArray) -> NDArray:
        """Return S v for vectors v (orbitals, LANES)."""
        out = np.zeros_like(vectors)
        self._matrix.multiply(phases, (1.0, 0.0, 0.0, 0.0), vectors, vectors, out)
        return out

    def root(self, phases: NDArray, vectors: NDArray) -> NDArray:
        """Return the square root of S, times vectors (orbitals, LANES)."""
        return self._root.apply(phases, vectors, np.empty_like(self._room[:2]))

    def solve(self, phases: NDArray, duals: NDArray) -> NDArray:
        """Return v for S v (orbitals, LANES); the next call overwrites it."""
        before, now, missing = self._room
        before[:] = 0
        self._add_guess(phases, self._step, duals, duals, 0.0, 0.0, now)
        for weight in self._weights:
            self._matrix.multiply(phases, (-1.0, 0.0, 1.0, 0.0), now, duals, missing)
            self._add_guess(phases, weight * self._step, missing, now, weight, 1.0 - weight, before)
            before, now = now, before
        return now

    def _multiply_by_guess(self, phases: NDArray, duals: NDArray) -> NDArray:
        self._add_guess(phases, 1.0, duals, duals, 0.0, 0.0, self._room[0])
        return self._room[0]

    def _add_guess(
        self,
        phases: NDArray,
        scale: float,
        vectors: NDArray,
        others: NDArray,
        share: float,
        kept: float,
        out: NDArray,
    ) -> None:
        """Replace ``out`` by the guess times scaled vectors, and shares of others and of itself."""
        factors = scale * self._share, scale * (1.0 - self._share), share, kept
        self._guess.multiply(phases, factors, vectors, others, out)


def _weights(ratio: float) -> list[float]:
    """Weights of the steps from the second on, for the middle of the spectrum over its half width.

    With Chebyshev polynomials T_n, an error falls to 1 / T_n(ratio) in n steps.
    """
    before, now = 1.0, ratio
    out = []
    while now * _TOLERANCE < 1.0:
        before, now = now, 2.0 * ratio * now - before
        out.append(2.0 * ratio * before / now)
    return out
