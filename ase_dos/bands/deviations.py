"""Standard deviations of fitted bands, and whether they can be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ase_dos.bands.grid_deviations import field_deviations
from ase_dos.bands.joint_fit import BandPrior
from ase_dos.bands.spectra_model import CountedSpectra, Lines
from ase_dos.kernels.threads import on_threads

__all__ = ["dispersion", "standard_deviations"]

_RIDGE = 1e-9
_BLOCK = 4096


def standard_deviations(spectra: CountedSpectra, lines: Lines, prior: BandPrior) -> NDArray:
    """Find standard deviations of energies, line and amplitudes given (Laplace approximation).

    The posterior near its maximum is Gaussian, with the Fisher information of the data plus the
    precision of the prior. Each band is taken alone, with what the data of a momentum say of it
    when they know nothing of the others there: an upper limit, close where no lines overlap.

    Returns
    -------
    (bands, *momenta) array
        In eV.
    """
    _, _, information = spectra.score(lines)
    bands = len(lines.positions)
    # Where the data say nothing, the prior alone has to hold a band.
    ridge = _RIDGE * max(float(np.diagonal(information, axis1=-2, axis2=-1).max()), 1e-300)
    covariance = np.linalg.inv(information + ridge * np.eye(bands))
    curvature = 1.0 / np.diagonal(covariance, axis1=-2, axis2=-1)
    grid = (spectra.momenta[0], -1)

    def of_bands(first: int, end: int) -> list[NDArray]:
        return [
            field_deviations(curvature[..., band].reshape(grid), *prior.smoothness.on_grid(band))
            for band in range(first, end)
        ]

    # Threads inside products of such small matrices take ten times the work itself.
    with threadpool_limits(1, user_api="blas"):
        deviations = on_threads(bands, of_bands)
    return np.concatenate(deviations).reshape(lines.positions.shape)


def dispersion(spectra: CountedSpectra, lines: Lines) -> float:
    """Mean square of (count - rate) / sqrt(rate): 1 if counts scatter as Poisson about the fit."""
    shape = spectra.counts.shape
    counts = spectra.counts.reshape(-1, shape[-1])
    total, seen = 0.0, 0
    for begin in range(0, len(counts), _BLOCK):
        pick = slice(begin, begin + _BLOCK)
        rates = spectra.expected(lines, pick)
        valid = counts[pick] >= 0.0
        total += float(((counts[pick] - rates)[valid] ** 2 / rates[valid]).sum())
        seen += int(valid.sum())
    return total / max(seen, 1)
