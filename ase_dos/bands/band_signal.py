"""Signal of aligned bands in sampled spectra: what each has, and peaks that belong to none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ase_dos.bands.spectra_sample import SpectraSample
from ase_dos.bands.stacked_likelihood import StackedLikelihood, line_of_width
from ase_dos.utils.short_repr import short_repr

__all__ = ["BandSignal", "band_signal"]

# A peak of no band is that many full widths from all bands, and differs so much from the spectrum
# that far on both sides: standard deviations, and a part of what a band has as a rule.
_AWAY = 1.5
_SIGNIFICANT, _STRONG = 4.0, 0.2
# Part of the momenta with such a peak, and of the mean signal of a band, that are worth a word.
_MANY, _FAINT = 0.03, 0.2


@dataclass(frozen=True, eq=False)
class BandSignal:
    """How the signal of a map is divided among the bands of a theory.

    Parameters
    ----------
    inside : (bands,) array
        Part of the momenta at which each band lies within the energies of the map.
    shares : (bands,) array
        Part of the signal, background left out, that each band has.
    stray : float
        Part of the momenta that have a peak which belongs to no band.
    stray_energy : float
        Median energy of these peaks (eV); NaN if there are none.
    """

    inside: NDArray
    shares: NDArray
    stray: float
    stray_energy: float

    __repr__ = short_repr

    def remarks(self) -> tuple[str, ...]:
        """One remark, if theory and map seem to have different bands."""
        found = []
        if (absent := np.flatnonzero(self.inside == 0.0)).size:
            found.append(f"bands {_listed(absent)} (from 0) lie outside the energies of the map")
        weak = (self.shares < _FAINT / len(self.shares)) & (self.inside > 0.0)
        if (faint := np.flatnonzero(weak)).size:
            found.append(
                f"bands {_listed(faint)} (from 0) have less than a fifth of the mean signal"
            )
        if self.stray > _MANY:
            found.append(
                f"{self.stray:.0%} of the momenta have a peak that no band explains, near "
                f"{self.stray_energy:.2f} eV"
            )
        if not found:
            return ()
        return (
            f"{'; '.join(found)}: theory and map may have different bands, compare them with "
            "ase-dos bands number (in Python, compare_band_numbers)",
        )


def _listed(bands: NDArray) -> str:
    return ", ".join(map(str, bands))


def band_signal(
    sample: SpectraSample, positions: NDArray, width: float, dispersion: float
) -> BandSignal:
    """Divide the signal of sampled spectra among bands.

    Parameters
    ----------
    sample : SpectraSample
        The spectra.
    positions : (spectra, bands) array
        Energies of the aligned bands (eV).
    width : float
        Standard deviation (eV) of the Gaussian part of the lines.
    dispersion : float
        Variance of the intensities over that of counts.
    """
    lines, rates = StackedLikelihood(sample).divided(positions, width)
    low, high = sample.energies[[0, -1]]
    inside = ((positions >= low) & (positions <= high)).mean(axis=0)
    signal = lines.sum(axis=0)
    stray = _stray_peaks(sample, rates, positions, width, lines, dispersion)
    return BandSignal(
        inside,
        signal / max(float(signal.sum()), 1e-300),
        float(np.isfinite(stray).mean()),
        float(np.median(stray[np.isfinite(stray)])) if np.isfinite(stray).any() else np.nan,
    )


def _stray_peaks(
    sample: SpectraSample,
    rates: NDArray,
    positions: NDArray,
    width: float,
    lines: NDArray,
    dispersion: float,
) -> NDArray[np.float64]:
    """Energy (spectra,) of the strongest peak of no band in each spectrum (eV); NaN if none."""
    fwhm = line_of_width(width).fwhm
    bins = max(int(np.rint(fwhm / sample.step)), 1)
    away = max(int(np.rint(_AWAY * fwhm / sample.step)), 1)
    residual = bins * uniform_filter1d(sample.counts - rates * sample.valid, bins, mode="constant")
    variance = bins * uniform_filter1d(dispersion * rates * sample.valid, bins, mode="constant")
    left, right = (np.zeros_like(residual) for _ in range(2))
    left[:, away:], right[:, :-away] = residual[:, :-away], residual[:, away:]
    excess = residual - np.maximum(np.maximum(left, right), 0.0)
    usual = np.median(lines, axis=1, keepdims=True)
    # Of three windows; and a single count is no peak.
    error = np.sqrt(3.0 * variance + dispersion)
    peak = (excess > _SIGNIFICANT * error) & (excess > _STRONG * usual)
    for band in positions.T:
        peak &= np.abs(sample.energies - band[:, None]) > _AWAY * fwhm
    strongest = np.where(peak, excess, -np.inf).argmax(axis=1)
    return np.where(peak.any(axis=1), sample.energies[strongest], np.nan)
