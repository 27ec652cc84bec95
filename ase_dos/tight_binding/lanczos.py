"""Bounds of the spectrum of a sparse matrix, or of two, by the method of Lanczos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.block_sparse import LANES, VECTORS
from ase_dos.tight_binding.sparse_matrix import SparseMatrix

__all__ = ["Solver", "SpectralBounds", "spectral_bounds"]

_STEPS = 12
_NARROWEST = 1e-3  # half width of a spectrum that may be a single level
# Centre, corners and middles of edges and faces of the zone, where bands mostly end.
_KPOINTS = np.array(list(product((0.0, 0.5), repeat=3)))

# Takes phases and vectors S v (orbitals, LANES), and returns the vectors v.
Solver = Callable[[NDArray, NDArray], NDArray]


@dataclass(frozen=True)
class SpectralBounds:
    """Numbers between which all levels are: ``middle`` plus and minus ``half_width``."""

    middle: float
    half_width: float

    @property
    def low(self) -> float:
        """The lowest of these numbers."""
        return self.middle - self.half_width


def spectral_bounds(
    matrix: SparseMatrix, solve: Solver = lambda _, duals: duals, *, margin: float = 0.0
) -> SpectralBounds:
    """Bounds of the levels of H v = e S v, from random vectors at VECTORS k-points.

    They are the outermost levels that are found, moved farther out by as much as these may be off.
    C. Lanczos, https://doi.org/10.6028/jres.045.026.

    Parameters
    ----------
    matrix : SparseMatrix
        H.
    solve : callable
        Gives v for S v; S is one by default.
    margin : float
        Share of the width that is added at both ends.
    """
    phases, kind = matrix.phases(_KPOINTS), matrix.dtype
    after = np.random.default_rng(0).normal(size=(matrix.size, LANES)).astype(kind)
    n_steps = min(_STEPS, matrix.size)
    matrices = np.zeros((VECTORS, n_steps, n_steps))
    duals = np.zeros_like(after)
    for step in range(n_steps):
        vectors = solve(phases, after)
        beside = np.sqrt(_products(after, vectors))
        if step:
            matrices[:, step, step - 1] = beside  # the lower triangle is all that is read
        scale = _for_both(1.0 / np.maximum(beside, np.finfo(kind).tiny)).astype(kind)
        now, before, duals = vectors * scale, duals, after * scale
        after = np.zeros_like(now)
        lengths, mixed = matrix.multiply(phases, (1.0, 0.0, 0.0, 0.0), now, duals, after)
        # In small cells nothing may be left of a vector: any known level then stands for its own.
        level = np.where(lengths > 0.5, mixed, matrices[:, 0, 0])
        matrices[:, step, step] = level
        after -= duals * _for_both(level).astype(kind)
        if step:
            after -= before * _for_both(beside).astype(kind)
    levels, states = np.linalg.eigh(matrices)
    beside = np.sqrt(_products(after, solve(phases, after)))
    off = np.abs(states[:, -1]) * beside[:, None]
    low, high = float(np.min(levels - off)), float(np.max(levels + off))
    half_width = max((0.5 + margin) * (high - low), _NARROWEST)
    return SpectralBounds((low + high) / 2, half_width)


def _products(duals: NDArray, vectors: NDArray) -> NDArray:
    """Real parts (VECTORS,) of the products of complex vectors (orbitals, LANES)."""
    found = np.einsum("ol,ol->l", duals, vectors, dtype=float)
    return np.maximum(found[:VECTORS] + found[VECTORS:], 0.0)


def _for_both(numbers: NDArray) -> NDArray:
    """Repeat numbers (VECTORS,) for real and imaginary parts."""
    return np.concatenate([numbers, numbers])
