"""Infrared spectrum from the dipole moments along a trajectory, with errors by blocks.

The classical absorption cross-section of the system, with the quantum correction of a harmonic
oscillator, beta hbar omega / (1 - exp(-beta hbar omega)), which cancels the quantum of the field::

    sigma(omega) = 1 / (12 epsilon_0 c k_B T) P(f),    omega = 2 pi f

P is the one-sided power spectrum of dM/dt, by Wiener and Khinchin the Fourier transform of its
autocorrelation, with integral <|dM/dt|^2> over f >= 0. For harmonic vibrations the integral over a
band is its intensity at any temperature, that of the normal mode. Formulas: R. Ramirez,
T. Lopez-Ciudad, P. Kumar, D. Marx, J. Chem. Phys. 121, 3973 (2004).

P is averaged over blocks that overlap by half, each under Hann's window (P. D. Welch, IEEE Trans.
Audio Electroacoust. 15, 70 (1967)). It is never negative, and a line keeps its integral.
Derivatives are differences of frames: first-order filters, whose response is divided out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray
from scipy.fft import next_fast_len
from scipy.signal import find_peaks, peak_widths, periodogram

from ase_dos.results.averages import deviation
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.files import replace_file
from ase_dos.utils.short_repr import short_repr

__all__ = ["Band", "InfraredSpectrum", "infrared_spectrum"]

LIGHT = units._c * 1e-13  # cm/fs
LINE = 1.44  # width at half height of a line under Hann's window, in 1 / length
PADDING = 8  # points for one that is independent
ALIKE = 1 / 36  # correlation of neighbouring blocks of noise, which overlap by half (Welch)
FEWEST_FRAMES = 16  # of a block
CERTAIN = 3.0  # errors of noise by which the top of a band stands out
# Intensity (km/mol per 1/cm) times k_B T (eV) of a power spectrum (e^2 Angstrom^2/fs).
_INTENSITY = units._e * 1e-5 * units._Nav / (12 * units._eps0 * units._c) / 10
_AREA = 1e21 / units._Nav  # cross-section (Angstrom^2) of one km/mol per 1/cm


@dataclass(frozen=True)
class Band:
    """Band of a spectrum, from the minimum before its top to the minimum behind it.

    Attributes
    ----------
    wavenumber, wavenumber_error : float
        Centre of the area above half height, and its standard error (1/cm).
    width : float
        Width at half height (1/cm), that of the window included.
    intensity, intensity_error : float
        Integral, and its standard error (km/mol).
    low, high : float
        Limits of the integral (1/cm); the last band has none above.
    """

    wavenumber: float
    wavenumber_error: float
    width: float
    intensity: float
    intensity_error: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class InfraredSpectrum:
    """Infrared absorption of the system, whatever is in the cell, per mole of it.

    Attributes
    ----------
    wavenumbers : (k,) array
        From zero to half the sampling rate (1/cm).
    blocks : (blocks, k) array
        Spectrum of every block (km/mol per 1/cm).
    runs : (blocks,) array of int
        Number of the run that a block is from.
    resolution : float
        Width at half height of a sharp line (1/cm).
    temperature : float
        Of the atoms (K).
    members : (members, k) array, optional
        Spectra by the members of the density model's ensemble.
    """

    wavenumbers: NDArray
    blocks: NDArray
    runs: NDArray
    resolution: float
    temperature: float
    members: NDArray | None = None

    __repr__ = short_repr

    @cached_property
    def values(self) -> NDArray:
        """Average over the blocks (k,), km/mol per 1/cm: the integral is an intensity."""
        return self.blocks.mean(axis=0)

    @cached_property
    def error(self) -> NDArray:
        """Standard error of ``values`` (k,); NaN for a single block.

        That of independent blocks, or that of independent runs where it is larger: vibrations that
        keep their energy for longer than a block, as those of a cold molecule do, are sampled by
        more runs, not by more blocks of one run.
        """
        return self._standard_error(self.blocks)

    @cached_property
    def model_error(self) -> NDArray:
        """Standard deviation of the members' spectra from ``values`` (k,); NaN without them."""
        if self.members is None:
            return np.full(len(self.wavenumbers), np.nan)
        return np.asarray(deviation(self.members, self.values))

    @property
    def cross_section(self) -> NDArray:
        """Absorption cross-section of the system (k,), Angstrom^2."""
        return _AREA * self.values

    def intensity(self, low: float, high: float) -> tuple[float, float]:
        """Integral from one wavenumber up to another (1/cm), and its standard error (km/mol)."""
        x = self.wavenumbers
        integrals = x[1] * self.blocks[:, (x >= low) & (x < high)].sum(axis=1)
        return float(integrals.mean()), float(self._standard_error(integrals))

    def bands(self, least: float = 0.01) -> list[Band]:
        """Bands, whose intensities add up to the integral of the whole spectrum.

        The top of a band exceeds the minima beside it by more than noise would: the power of noise
        in three directions and n blocks has a relative error of 1 / sqrt(3 n).

        Parameters
        ----------
        least : float
            Share of the highest value that is not told from zero.
        """
        x, values = self.wavenumbers, self.values
        heights = np.log(values + least * values.max())
        noise = np.sqrt(2 / (3 * len(self.blocks)))
        tops, _ = find_peaks(heights, prominence=CERTAIN * noise)
        _, levels, left, right = peak_widths(values, tops, rel_height=0.5)
        valleys = [a + int(np.argmin(values[a:b])) for a, b in pairwise(tops)]
        limits = [0.0, *x[valleys], np.inf]
        halves = zip(levels, left, right, pairwise(limits), strict=True)
        return [self._band(level, first, last, *ends) for level, first, last, ends in halves]

    def _band(self, level: float, left: float, right: float, low: float, high: float) -> Band:
        """Band with its half height and the places of that, and its limits (1/cm)."""
        upper = slice(int(np.ceil(left)), int(right) + 1)
        x, above = self.wavenumbers[upper], self.values[upper] - level
        centre = float(np.average(x, weights=above))
        moments = self.blocks[:, upper] @ (x - centre) / above.sum()
        return Band(
            wavenumber=centre,
            wavenumber_error=float(self._standard_error(moments)),
            width=float(right - left) * self.wavenumbers[1],
            **dict(zip(("intensity", "intensity_error"), self.intensity(low, high), strict=True)),
            low=float(low),
            high=float(high),
        )

    def _standard_error(self, blocks: NDArray) -> NDArray:
        """Return the standard error of the mean over blocks, the first axis."""
        n = len(blocks)
        if n == 1:
            return np.full(blocks.shape[1:], np.nan)
        overlap = 1 + 2 * ALIKE * (n - 1) / n
        by_blocks = np.sqrt(overlap / n) * blocks.std(axis=0, ddof=1)
        runs = np.unique(self.runs)
        if len(runs) == 1:
            return by_blocks
        deviations = blocks - blocks.mean(axis=0)
        sums = np.array([deviations[self.runs == run].sum(axis=0) for run in runs])
        by_runs = np.sqrt(np.sum(sums**2, axis=0) * len(runs) / (len(runs) - 1)) / n
        return np.maximum(by_blocks, by_runs)

    def table(self) -> str:
        """Text with the bands."""
        count = len(np.unique(self.runs))
        lines = [
            f"{len(self.blocks)} blocks of {count} run{'s' * (count > 1)}, "
            f"{self.temperature:g} K, resolution {self.resolution:.3g} 1/cm",
            f"{'band (1/cm)':>12} {'+-':>7} {'width (1/cm)':>13} {'intensity (km/mol)':>19} "
            f"{'+-':>8}",
        ]
        for band in self.bands():
            lines.append(
                f"{band.wavenumber:12.1f} {_number(band.wavenumber_error, 7)} {band.width:13.1f} "
                f"{band.intensity:19.4g} {_number(band.intensity_error, 8)}"
            )
        if len(self.blocks) == 1:
            lines.append("One block: errors are not known. Run longer, or lower the resolution.")
        return "\n".join(lines)

    def write_csv(self, path: str | os.PathLike) -> None:
        """Write wavenumbers, intensities, their errors and the cross-section as a table.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        columns = {
            "wavenumber (1/cm)": self.wavenumbers,
            "intensity (km/mol per 1/cm)": self.values,
            "error (km/mol per 1/cm)": self.error,
            "model error (km/mol per 1/cm)": self.model_error,
            "cross-section (Angstrom^2)": self.cross_section,
        }
        write = partial(
            np.savetxt,
            X=np.column_stack(list(columns.values())),
            fmt="%.6g",
            delimiter=",",
            header=",".join(columns),
            comments="",
        )
        replace_file(path, write)


def infrared_spectrum(
    dipoles: ArrayLike | Sequence[ArrayLike],
    timestep: float,
    temperature: float,
    *,
    resolution: float = 10.0,
    members: Sequence[ArrayLike] | None = None,
) -> InfraredSpectrum:
    """Infrared spectrum of dipole moments at equal intervals of time.

    Parameters
    ----------
    dipoles : (n, 3) array_like, or sequence of them
        Dipole moments of a run, or of several runs (e Angstrom).
    timestep : float
        Time from one to the next (fs). Vibrations above half the sampling rate appear at lower
        wavenumbers: below 4 fs for O-H and C-H stretches.
    temperature : float
        Of the atoms (K).
    resolution : float
        Width at half height of a sharp line (1/cm), which sets the length of a block:
        10 for blocks of 4.8 ps.
    members : sequence of (n, 3, members) array_like, optional
        Dipole moments by the members of the density model's ensemble, for every run.

    Raises
    ------
    ValueError
        If a number is out of range, or no run is as long as a block.
    """
    arrays = [as_array(run, "dipoles", (None, 3)) for run in _as_runs(dipoles)]
    timestep, kelvin = as_positive(timestep, "timestep"), as_positive(temperature, "temperature")
    length = round(LINE / (as_positive(resolution, "resolution") * LIGHT * timestep))
    longest = max(map(len, arrays)) - 1
    if length > longest or length < FEWEST_FRAMES:
        limits = [LINE / (LIGHT * timestep * n) for n in (max(longest, 1), FEWEST_FRAMES)]
        raise ValueError(
            f"resolution: {resolution:g} 1/cm takes blocks of {length} frames; the longest run "
            f"without a gap has {longest + 1}. Expected {limits[0]:.3g} to {limits[1]:.3g} 1/cm"
        )
    scale = _INTENSITY / (units.kB * kelvin)
    blocks = [scale * _power(run, length, timestep) for run in arrays if len(run) > length]
    of_run = np.repeat(np.arange(len(blocks)), [len(some) for some in blocks])
    of_members = None
    if members is not None:
        runs = [as_array(run, "members", (None, 3, None)) for run in members]
        powers = [_power(run, length, timestep) for run in runs if len(run) > length]
        of_members = scale * np.concatenate(powers).mean(axis=0).T
    spectra = np.concatenate(blocks)
    nyquist = 0.5 / (LIGHT * timestep)
    wavenumbers = np.linspace(0.0, nyquist, spectra.shape[1])
    return InfraredSpectrum(wavenumbers, spectra, of_run, resolution, kelvin, of_members)


def _as_runs(dipoles: ArrayLike | Sequence[ArrayLike]) -> Sequence[ArrayLike]:
    """Return several runs, or one as the only one."""
    runs: Sequence[ArrayLike] = dipoles  # type: ignore[assignment]
    if not len(runs):
        raise ValueError("dipoles: expected at least one run, got none")
    return runs if np.ndim(runs[0]) > 1 else [dipoles]  # type: ignore[list-item]


def _power(run: NDArray, length: int, timestep: float) -> NDArray:
    """Power spectra of the derivative in blocks of a run (n, 3, ...), summed over directions.

    Returns
    -------
    (blocks, k, ...) array
        e^2 Angstrom^2/fs.
    """
    derivative = np.diff(run, axis=0) / timestep
    count = 1 + 2 * (len(derivative) - length) // length
    starts = np.linspace(0, len(derivative) - length, count).round().astype(int)
    points = 2 * next_fast_len(PADDING * length // 2, real=True)
    spectra = [
        periodogram(
            derivative[start : start + length],
            1 / timestep,
            window="hann",
            nfft=points,
            detrend="constant",
            axis=0,
        )[1].sum(axis=1)
        for start in starts
    ]
    # What differences of neighbouring frames leave of a vibration.
    response = np.sinc(np.arange(points // 2 + 1) / points) ** 2
    return np.array(spectra) / response.reshape(-1, *(1,) * (run.ndim - 2))


def _number(value: float, width: int) -> str:
    return f"{value:{width}.2g}" if np.isfinite(value) else f"{'-':>{width}}"
