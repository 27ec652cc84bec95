r"""Chebyshev moments of a sparse Hamiltonian, and the density of states that follows from them.

With all levels in :math:`b \pm a`, a vector v has the moments

.. math:: \mu_n = \langle v | S\, T_n((S^{-1} H - b) / a) | v \rangle,

and its density of states, broadened by a Gaussian G, is

.. math:: g_v(E) = \sum_n c_n(E) \mu_n, \qquad
          c_n(E) = \frac{2 - \delta_{n0}}{\pi} \int_0^\pi \cos(n \theta)\,
                   G(E - b - a \cos \theta) \, d\theta.

The coefficients fall off as a Gaussian of n, so that nothing else has to damp the sum, and the
broadening is just the one that is wanted. A. Weisse, G. Wellein, A. Alvermann and H. Fehske, The
kernel polynomial method, https://doi.org/10.1103/RevModPhys.78.275.
"""

from __future__ import annotations

from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, next_fast_len

from ase_dos.kernels.block_sparse import VECTORS
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.lanczos import SpectralBounds
from ase_dos.tight_binding.sparse_hamiltonian import SparseHamiltonian

__all__ = ["moments", "series"]

_NEGLECTED = 1e-4  # coefficients that are left out are below this share of the largest
_ROUNDING = 1e-3  # share by which vectors may grow without a level out of bounds


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
    phases: NDArray,
    duals: NDArray,
    count: int,
) -> NDArray:
    """Moments (count, VECTORS) of vectors, two for every product with them.

    Parameters
    ----------
    hamiltonian : SparseHamiltonian
    bounds : SpectralBounds
    phases : (images, LANES) array
        Of the k-points of the vectors.
    duals : (orbitals, LANES) array
        Overlaps S times the vectors: real, then imaginary parts.
    count : int
        Even number.

    Raises
    ------
    ValueError
        If a level is out of the bounds.
    """
    matrix = hamiltonian.matrix
    now, other = duals.astype(matrix.dtype), np.zeros(duals.shape, matrix.dtype)
    scale, shift = 1.0 / bounds.half_width, bounds.middle / bounds.half_width
    out = np.empty((count // 2, 2, VECTORS))
    for step, row in enumerate(out):
        twice = 2 if step else 1
        factors = twice * scale, 0.0, -twice * shift, -1.0
        row[:] = matrix.multiply(phases, factors, hamiltonian.solve(phases, now), now, other)
        if np.any(row[0] > (1.0 + _ROUNDING) * out[0, 0]):
            raise ValueError(
                f"bounds: levels lie outside of {bounds.middle - bounds.half_width:.3f} to "
                f"{bounds.middle + bounds.half_width:.3f} eV; expected bounds of all levels"
            )
        now, other = other, now
    return (2 * out - out[0]).reshape(count, VECTORS)
