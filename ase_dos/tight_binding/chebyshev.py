r"""Chebyshev moments of a sparse Hamiltonian, and the density of states that follows from them.

With all levels in :math:`b \pm a`, a vector v has the moments

.. math:: \mu_n = \langle v | T_n((H - b) / a) | v \rangle,

and its density of states, broadened by a Gaussian G, is

.. math:: g_v(E) = \sum_n c_n(E) \mu_n, \qquad
          c_n(E) = \frac{2 - \delta_{n0}}{\pi} \int_0^\pi \cos(n \theta)\,
                   G(E - b - a \cos \theta) \, d\theta.

The coefficients fall off as a Gaussian of n, so that nothing else has to damp the sum, and the
broadening is just the one that is wanted. A. Weisse, G. Wellein, A. Alvermann and H. Fehske, The
kernel polynomial method, https://doi.org/10.1103/RevModPhys.78.275.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, next_fast_len

from ase_dos.kernels.block_sparse import LANES, VECTORS
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.sparse_hamiltonian import SparseHamiltonian

__all__ = ["SpectralBounds", "moments", "series", "spectral_bounds"]

_STEPS = 20  # of the method of Lanczos
_MARGIN = 0.02  # of the width, added at both ends
# Centre, corners and middles of edges and faces of the zone, where bands mostly end.
_KPOINTS = np.array(list(product((0.0, 0.5), repeat=3)))
_NEGLECTED = 1e-4  # coefficients that are left out are below this share of the largest
_ROUNDING = 1e-3  # share by which vectors may grow without a level out of bounds


@dataclass(frozen=True)
class SpectralBounds:
    """Energies between which all levels are: ``middle`` plus and minus ``half_width`` (eV)."""

    middle: float
    half_width: float


def spectral_bounds(hamiltonian: SparseHamiltonian) -> SpectralBounds:
    """Bounds of the levels, by the method of Lanczos with random vectors at VECTORS k-points.

    They are the outermost levels that it finds, moved farther out by as much as these may be off,
    and by a margin. C. Lanczos, https://doi.org/10.6028/jres.045.026.
    """
    phases, kind = hamiltonian.phases(_KPOINTS), hamiltonian.dtype
    now = np.random.default_rng(0).normal(size=(hamiltonian.places.size, LANES))
    now = (now / _for_both(_lengths(now))).astype(kind)
    before, beside = np.zeros_like(now), np.zeros(VECTORS)
    n_steps = min(_STEPS, len(now))
    matrices = np.zeros((VECTORS, n_steps, n_steps))
    for step in range(n_steps):
        after = np.zeros_like(now)
        squares, mixed = hamiltonian.multiply(phases, (1.0, 0.0, 0.0), now, after)
        matrices[:, step, step] = mixed / squares
        after -= now * _for_both(mixed / squares).astype(kind)
        after -= before * _for_both(beside).astype(kind)
        beside = _lengths(after)
        if step + 1 < n_steps:
            matrices[:, step + 1, step] = beside  # the lower triangle is all that is read
        before, now = now, after / _for_both(np.maximum(beside, np.finfo(kind).tiny)).astype(kind)
    levels, vectors = np.linalg.eigh(matrices)
    off = np.abs(vectors[:, -1]) * beside[:, None]
    low, high = float(np.min(levels - off)), float(np.max(levels + off))
    return SpectralBounds((low + high) / 2, (0.5 + _MARGIN) * (high - low))


def series(grid: EnergyGrid, smearing: float, bounds: SpectralBounds) -> NDArray:
    """Coefficients (moments, n) of a broadened DOS at the energies of a grid.

    The number of moments is even, and follows from the standard deviation ``smearing`` (eV).
    """
    sharpness = bounds.half_width / smearing
    count = 2 * ceil(sharpness * sqrt(-2.0 * log(_NEGLECTED)) / 2 + 1)
    nodes = next_fast_len(2 * count, real=True)
    energies = bounds.half_width * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    x = (grid.energies - bounds.middle - energies[:, None]) / smearing
    gaussians = np.exp(-0.5 * x * x) / (smearing * sqrt(2.0 * np.pi))
    coefficients = dct(gaussians, axis=0)[:count] / nodes  # has the factor 2 of n > 0 in it
    coefficients[0] /= 2
    return coefficients


def moments(
    hamiltonian: SparseHamiltonian,
    bounds: SpectralBounds,
    kpoints: NDArray,
    vectors: NDArray,
    count: int,
) -> NDArray:
    """Moments (count, VECTORS) of vectors, two for every product with them.

    Parameters
    ----------
    hamiltonian : SparseHamiltonian
    bounds : SpectralBounds
    kpoints : (VECTORS, 3) array
        In units of the reciprocal lattice vectors.
    vectors : (orbitals, LANES) array
        Real, then imaginary parts.
    count : int
        Even number.

    Raises
    ------
    ValueError
        If a level is out of the bounds.
    """
    now, other = vectors.astype(hamiltonian.dtype), np.zeros(vectors.shape, hamiltonian.dtype)
    phases = hamiltonian.phases(kpoints)
    scale, shift = 1.0 / bounds.half_width, bounds.middle / bounds.half_width
    out = np.empty((count // 2, 2, VECTORS))
    for step, row in enumerate(out):
        factors = (2 * scale, -2 * shift, -1.0) if step else (scale, -shift, 0.0)
        row[:] = hamiltonian.multiply(phases, factors, now, other)
        if np.any(row[0] > (1.0 + _ROUNDING) * out[0, 0]):
            raise ValueError(
                f"bounds: levels lie outside of {bounds.middle - bounds.half_width:.3f} to "
                f"{bounds.middle + bounds.half_width:.3f} eV; expected bounds of all levels"
            )
        now, other = other, now
    return (2 * out - out[0]).reshape(count, VECTORS)


def _lengths(vectors: NDArray) -> NDArray:
    """Lengths (VECTORS,) of complex vectors (orbitals, LANES)."""
    squares = np.einsum("ol,ol->l", vectors, vectors, dtype=float)
    return np.sqrt(squares[:VECTORS] + squares[VECTORS:])


def _for_both(numbers: NDArray) -> NDArray:
    """Repeat numbers (VECTORS,) for real and imaginary parts."""
    return np.concatenate([numbers, numbers])
