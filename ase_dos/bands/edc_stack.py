"""Spectra of many momenta put together in the frame of one band, with what the fit expects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.band_map import BandMap
from ase_dos.bands.reconstructed import ReconstructedBands
from ase_dos.bands.spectra_model import SpectralLine
from ase_dos.kernels.line_spectra import expected_counts
from ase_dos.utils.checks import as_positive
from ase_dos.utils.short_repr import short_repr

__all__ = ["StackedSpectrum", "stacked_spectrum"]


@dataclass(frozen=True, eq=False)
class StackedSpectrum:
    """Mean counts per spectrum and energy bin at energies relative to a band.

    Parameters
    ----------
    offsets : (n,) array
        Energy minus that of the band (eV), in steps of the energy bins.
    counts : (n,) array
        What was counted; NaN where no spectrum reaches.
    errors : (n,) array
        Standard errors of the counts, of Poisson statistics.
    expected : (n,) array
        What the fitted lines of all bands and their background give.
    line : (n,) array
        The part of this band alone, without background.
    n_spectra : int
        Number of momenta.
    """

    offsets: NDArray
    counts: NDArray
    errors: NDArray
    expected: NDArray
    line: NDArray
    n_spectra: int

    __repr__ = short_repr


def stacked_spectrum(
    band_map: BandMap,
    found: ReconstructedBands,
    band: int,
    *,
    reach: float = 0.6,
    zone: ArrayLike | None = None,
) -> StackedSpectrum:
    """Put spectra together so that a band lies at zero, and compare with the fitted lines.

    The line, the inelastic background and the Fermi edge are those of the reconstruction. The
    constant background, which it does not keep, is what each spectrum has on average beyond them.

    Parameters
    ----------
    band_map : BandMap
        Counts that the bands were found in.
    found : ReconstructedBands
        With a fitted line.
    band : int
        Counted from 0 and from below.
    reach : float
        Largest distance from the band (eV).
    zone : momenta-shaped array of bool, optional
        Momenta to use; by default all at which the data speak.

    Raises
    ------
    ValueError
        If there is no fitted line, the map has another grid, or no momentum is left.
    """
    if found.profile is None:
        raise ValueError("stacked spectrum: these bands have no fitted line; only counts give one")
    shape = found.energies.shape[1:]
    if band_map.shape[:-1] != shape:
        raise ValueError(
            f"stacked spectrum: the map has {band_map.shape[:-1]} momenta, the bands {shape}"
        )
    if band not in range(found.n_bands):
        raise ValueError(f"band: expected 0 to {found.n_bands - 1}, got {band!r}")
    assert found.mask is not None
    used = found.mask[band] & band_map.mask
    if zone is not None:
        used = used & np.asarray(zone, dtype=bool)
    if not used.any():
        raise ValueError(f"band {band}: no momentum with data is left")
    counts = band_map.values[used]
    valid = np.isfinite(counts)
    measured = np.where(valid, counts, 0.0)
    expected, line = _expected(band_map, found, band, used, measured, valid)
    step = band_map.energy_step
    n = int(as_positive(reach, "reach") / step)
    place = np.rint((band_map.energies - found.energies[band][used][:, None]) / step).astype(int)
    inside = valid & (np.abs(place) <= n)
    index = place[inside] + n

    def mean(values: NDArray) -> NDArray:
        total = np.bincount(index, weights=values[inside], minlength=2 * n + 1)
        return np.divide(total, number, out=np.full(2 * n + 1, np.nan), where=number > 0)

    number = np.bincount(index, minlength=2 * n + 1)
    seen = mean(measured)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(seen / number)
    offsets = step * np.arange(-n, n + 1)
    return StackedSpectrum(offsets, seen, errors, mean(expected), mean(line), int(used.sum()))


def _expected(
    band_map: BandMap,
    found: ReconstructedBands,
    band: int,
    used: NDArray,
    measured: NDArray,
    valid: NDArray,
) -> tuple[NDArray, NDArray]:
    """Return the expected counts (spectra, energies) of all, and of the line of one band."""
    shape = SpectralLine.of_bands(found)
    energies = band_map.energies
    positions, amplitudes = found.energies[:, used].T, found.amplitudes[:, used].T
    known = np.isfinite(positions) & np.isfinite(amplitudes)
    positions = np.where(known, positions, energies[0] - 1e3)
    amplitudes = np.where(known, amplitudes, 0.0)
    like = measured.astype(np.float32)
    nothing = np.zeros(len(like))

    def rates(strengths: NDArray, line: SpectralLine) -> NDArray:
        places = np.ascontiguousarray(positions)
        return expected_counts(like, places, strengths, nothing, line.model(energies))

    lines = rates(np.ascontiguousarray(amplitudes), shape)
    rest = np.where(valid, measured - lines, 0.0).sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
    only = np.zeros_like(amplitudes)
    only[:, band] = amplitudes[:, band]
    own = rates(only, replace(shape, inelastic=0.0))
    return lines + np.maximum(rest, 0.0)[:, None], own
