"""Coarse and fine grids of momenta: bins for the first part of a fit, and the way back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ase_dos.bands.preparation import binned
from ase_dos.bands.spectra_model import CountedSpectra, Lines

__all__ = ["coarse", "factors_to", "fine", "sampled_coarse"]


def factors_to(momenta: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Numbers of momenta to bin along each axis, so that at most ``most`` are left."""
    return tuple(-(-n // most) for n in momenta)


def coarse(spectra: CountedSpectra, factors: tuple[int, ...]) -> CountedSpectra:
    """Spectra of bins of momenta: counts added; what does not fill a bin is left out."""
    if max(factors) == 1:
        return spectra
    counts = np.where(spectra.counts < 0.0, np.nan, spectra.counts)
    summed = binned(counts, (*factors, 1), add=True)
    return replace(
        spectra,
        counts=np.where(np.isnan(summed), -1.0, summed).astype(np.float32),
        spacings=tuple(dk * f for dk, f in zip(spectra.spacings, factors, strict=True)),
    )


def sampled_coarse(fields: NDArray, factors: tuple[int, ...]) -> NDArray[np.float64]:
    """Fields (bands, *momenta) at the centres of the bins of momenta."""
    return binned(fields, (1, *factors), add=False)


def fine(
    lines: Lines,
    coarse_base: NDArray,
    base: NDArray,
    factors: tuple[int, ...],
) -> Lines:
    """Lines on the fine grid: corrections to ``base`` and amplitudes interpolated linearly."""
    if max(factors) == 1:
        return lines
    momenta = base.shape[1:]
    axes = [(np.arange(n) - (f - 1) / 2) / f for n, f in zip(momenta, factors, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"))

    def spread(field: NDArray) -> NDArray:
        return map_coordinates(field, points, order=1, mode="nearest")

    share = 1.0 / float(np.prod(factors))
    corrections = [spread(field) for field in lines.positions - coarse_base]
    return Lines(
        base + np.array(corrections),
        share * np.array([spread(field) for field in lines.amplitudes]),
        share * spread(lines.background),
        lines.line,
    )
