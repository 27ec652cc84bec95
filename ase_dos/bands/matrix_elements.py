"""Smooth intensities of bands over momenta, as photoemission matrix elements make them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.checks import as_count, as_positive

__all__ = ["MatrixElements"]

_WAVES = 8


@dataclass(frozen=True)
class MatrixElements:
    """Random intensities above zero, one smooth function of momentum for each band.

    The logarithm is a sum of plane waves with random phases, of standard deviation ``strength``.

    Parameters
    ----------
    n_bands : int
        Number of bands.
    strength : float
        Standard deviation of the logarithm; 0 for equal bands.
    length : float
        Momentum (1/Angstrom) over which intensities change.
    seed : int
        Of the random numbers.
    """

    n_bands: int
    strength: float = 0.3
    length: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        as_count(self.n_bands, "n_bands", 1)
        as_positive(self.strength, "strength", zero=True)
        as_positive(self.length, "length")

    def __call__(self, points: ArrayLike) -> NDArray:
        """Return intensities (bands, *points) at momenta (*points, axes)."""
        points = np.asarray(points, dtype=float)
        rng = np.random.default_rng(self.seed)
        waves = rng.normal(0.0, 1.0 / self.length, (self.n_bands, _WAVES, points.shape[-1]))
        phases = rng.uniform(0.0, 2 * np.pi, (self.n_bands, _WAVES))
        found = np.empty((self.n_bands, *points.shape[:-1]))
        for band, (q, phase) in enumerate(zip(waves, phases, strict=True)):
            found[band] = np.cos(points @ q.T + phase).sum(axis=-1)
        return np.exp(self.strength * np.sqrt(2 / _WAVES) * found)
