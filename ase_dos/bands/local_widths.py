"""Widths of energy distribution curves, band by band and momentum by momentum, from counts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.bands.counted import spectra_of
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.mdc_peaks import MDCPeaks, peaks_on_cut
from ase_dos.bands.spectra_model import CountedSpectra, Lines, SpectralLine
from ase_dos.bands.width_fit import LocalFit
from ase_dos.utils.checks import as_count, as_positive
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.reconstructed import ReconstructedBands

__all__ = ["EDCWidths", "edc_widths"]

_UNKNOWN = 0.5  # a width not known to this part of itself is none
# Counts that scatter so much more than Poisson's are not, or not well, described by the lines.
_SCATTER, _DOUBTFUL = 1.25, 1.05
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class EDCWidths:
    r"""Half widths of the lines of all bands in energy distribution curves (EDCs).

    The half width at half maximum of the Lorentzian part of a line is, where the self-energy
    changes little over the line,

    .. math:: w(k) = |\mathrm{Im}\, \Sigma| / (1 - \partial\, \mathrm{Re}\, \Sigma / \partial E)

    at the energy of the band, and that of the momentum distribution curve (MDC) at this energy is
    :math:`w / |dE/dk|`. The Gaussian part, that of the whole map, is taken as resolution.

    Parameters
    ----------
    energies, energies_std : (bands, *momenta) array
        Bands (eV): those of the reconstruction, moved by what their neighbourhood says once widths
        are free. Standard deviations are those of the reconstruction, or, where it refused them,
        those of the spectrum of each momentum alone.
    half_widths, half_widths_std : (bands, *momenta) array
        In eV. NaN, as all of these arrays, where the data say nothing of the width.
    amplitudes, amplitudes_std : (bands, *momenta) array
        Counts in the line.
    scatter : (*momenta) array
        Variance of the counts around each momentum about the fit, relative to Poisson's. Above 1
        by more than noise, EDCs are no Voigt lines there (the self-energy changes over the line),
        and standard deviations do not have this error in them.
    momenta : tuple of (n,) arrays
        Axes (1/Angstrom).
    momentum_names : tuple of str
        Their names.
    gaussian : float
        Standard deviation of the Gaussian part (eV), as it was taken.
    energy_step : float
        Of the map (eV).
    smoothing : float
        Standard deviation (pixels) of the neighbourhood that spoke for each momentum.
    """

    energies: NDArray
    energies_std: NDArray
    half_widths: NDArray
    half_widths_std: NDArray
    amplitudes: NDArray
    amplitudes_std: NDArray
    scatter: NDArray
    momenta: tuple[NDArray, ...]
    momentum_names: tuple[str, ...]
    gaussian: float
    energy_step: float
    smoothing: float

    __repr__ = short_repr

    def mdc_peaks(
        self,
        band: int,
        start: ArrayLike | None = None,
        stop: ArrayLike | None = None,
        *,
        energy_step: float | None = None,
    ) -> MDCPeaks:
        """Peaks of momentum distribution curves of a band along a straight cut.

        Parameters
        ----------
        band : int
            Band, from 0 up.
        start, stop : float or (kx, ky), optional
            Ends of the cut (1/Angstrom); those of the axis by default if it is the only one. The
            band must rise, or fall, all along.
        energy_step : float, optional
            Step of the energies (eV); by default that of the map.

        Returns
        -------
        MDCPeaks

        Raises
        ------
        ValueError
            If the cut leaves the momenta with widths, or the band is not monotonic on it.
        """
        band = as_count(band, "band", 0)
        if band >= len(self.energies):
            raise ValueError(f"band: expected 0 to {len(self.energies) - 1}, got {band}")
        values = np.stack(
            [
                self.energies[band],
                self.energies_std[band],
                self.half_widths[band],
                self.half_widths_std[band],
                self.amplitudes[band],
                self.amplitudes_std[band],
            ]
        )
        step = self.energy_step if energy_step is None else as_positive(energy_step, "energy_step")
        return peaks_on_cut(
            values, self.momenta, start, stop, step, self.smoothing, self.energy_step
        )


def edc_widths(
    bands: ReconstructedBands,
    band_map: BandMap,
    *,
    smoothing: float = 2.0,
    gaussian: float | None = None,
) -> EDCWidths:
    """Fit the Lorentzian half width of every band at every momentum.

    The model is that of the reconstruction. Width, position and strength of all lines and the
    background are free at every momentum; the likelihood is local: that of the spectra around it,
    with Gaussian weights, which all speak for the same width and for the same change of position,
    strength and background.

    Parameters
    ----------
    bands : ReconstructedBands
        Result of `reconstruct_bands` for raw counts.
    band_map : BandMap
        The map that it was made from: raw counts on the same momenta.
    smoothing : float
        Standard deviation of the weights in pixels along each axis of momentum. Widths that change
        over fewer pixels are smoothed; below, with few counts, they are not known.
    gaussian : float, optional
        Standard deviation of the Gaussian part (eV): the resolution, if you know it. By default
        that of the reconstruction, which is right as far as widths are the same everywhere.

    Returns
    -------
    EDCWidths

    Raises
    ------
    ValueError
        If the map holds no raw counts or is another one, the bands were not fitted to counts, or
        lines of free width do not describe the counts (a warning if they nearly do).

    Notes
    -----
    Local likelihood: R. Tibshirani and T. Hastie, J. Am. Stat. Assoc. 82, 559 (1987). Found by
    Fisher scoring; standard deviations are those of the estimator for Poisson counts, the
    curvature on both sides of the variance of its gradient. The memory needed is 16 bytes times
    momenta times (3 bands + 1)^2.
    """
    smoothing = as_positive(smoothing, "smoothing", zero=True)
    if bands.profile is None:
        raise ValueError('widths need bands that were fitted to raw counts (likelihood "poisson")')
    same = len(bands.momenta) == len(band_map.momenta) and all(
        a.shape == b.shape and np.allclose(a, b)
        for a, b in zip(bands.momenta, band_map.momenta, strict=True)
    )
    if not same:
        raise ValueError("band_map: expected the map of these bands, its momenta are others")
    known = np.isfinite(bands.energies).all(axis=0) & band_map.mask
    spectra = spectra_of(band_map, known)
    profile = bands.profile
    if gaussian is not None:
        profile = LineProfile(as_positive(gaussian, "gaussian", zero=True), profile.lorentzian)
    fit = LocalFit(spectra, _start(bands, profile, spectra, known), smoothing)
    theta, std, alone = fit.maximum()
    scatter = np.where(known, fit.scatter(theta), np.nan)
    _check_scatter(float(np.nanmean(scatter)), int((spectra.counts >= 0.0).sum()))
    n = bands.n_bands
    spoken = bands.mask & known & (std[2 * n : 3 * n] < _UNKNOWN)

    def shown(values: NDArray) -> NDArray:
        values = np.where(spoken, values, np.nan)
        values.flags.writeable = False
        return values

    widths = fit.half_width * np.exp(theta[2 * n : 3 * n])
    amplitudes = fit.lines.amplitudes * np.exp(theta[:n])
    return EDCWidths(
        energies=shown(fit.lines.positions + fit.unit * theta[n : 2 * n]),
        energies_std=shown(fit.unit * alone[n : 2 * n] if bands.std is None else bands.std),
        half_widths=shown(widths),
        half_widths_std=shown(widths * std[2 * n : 3 * n]),
        amplitudes=shown(amplitudes),
        amplitudes_std=shown(amplitudes * std[:n]),
        scatter=scatter,
        momenta=bands.momenta,
        momentum_names=bands.momentum_names,
        gaussian=profile.gaussian,
        energy_step=band_map.energy_step,
        smoothing=smoothing,
    )


def _start(
    bands: ReconstructedBands, profile: LineProfile, spectra: CountedSpectra, known: NDArray
) -> Lines:
    """Lines of a reconstruction, with the background that fits best with them."""
    line = replace(SpectralLine.of_bands(bands), profile=profile)
    counted = np.where(spectra.counts >= 0.0, spectra.counts, 0.0).sum(axis=-1)
    lines = Lines(
        np.where(known, bands.energies, spectra.first),
        np.where(known, bands.amplitudes, _TINY),
        0.1 * counted / spectra.counts.shape[-1] + _TINY,
        line,
    )
    return spectra.with_amplitudes(lines, bands.settings.get("amplitude_width", 1.0), 20)


def _check_scatter(scatter: float, bins: int) -> None:
    """Refuse, or warn of, counts that lines of free width do not describe."""
    why = (
        f"counts scatter {scatter:.2f} times as much as Poisson's about lines of free width: the "
        "self-energy changes over the width of a line (fit MDCs there), a band is missing, or "
        "values are no raw counts"
    )
    if scatter > _SCATTER:
        raise ValueError(why)
    if scatter > max(_DOUBTFUL, 1.0 + 5.0 * np.sqrt(2.0 / max(bins, 1))):
        warnings.warn(f"standard deviations of widths are too small: {why}", stacklevel=3)
