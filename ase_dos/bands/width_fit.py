"""Local likelihood of the widths, positions and strengths of lines around each momentum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.special import wofz

from ase_dos.bands.spectra_model import CountedSpectra, Lines

__all__ = ["LocalFit", "voigt_with_slopes"]

_SWEEPS = 12
_SETTLED = 3e-3  # largest change of a logarithm, or of a position in half widths
_STEP = 0.7  # largest change per sweep
_PRIOR = 0.1  # standard deviation 10 of all: only keeps matrices from being singular
_TINY = 1e-9
_CHUNK = 2**22  # numbers held at once for some spectra


class LocalFit:
    """Local likelihood of what lines of fitted bands may change by.

    Parameters theta are, for all bands in turn, the logarithm of the amplitude, the position in
    units of the line's half width, the logarithm of the Lorentzian width, and at last the
    logarithm of the background; all zero at the start.
    """

    def __init__(self, spectra: CountedSpectra, lines: Lines, smoothing: float) -> None:
        self.spectra, self.lines = spectra, lines
        profile = lines.line.profile
        self.unit = 0.5 * profile.fwhm
        self.half_width = max(profile.lorentzian, 0.2 * self.unit)
        reach = int(np.ceil(4.0 * smoothing))
        self.weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(smoothing, 1e-3)) ** 2)
        self.size = 3 * len(lines.positions) + 1

    def maximum(self) -> tuple[NDArray, NDArray, NDArray]:
        """Return theta, its standard deviations, and those if every spectrum stood alone.

        All are (parameters, *momenta).
        """
        pixels = int(np.prod(self.spectra.momenta))
        theta = np.zeros((pixels, self.size))
        for _ in range(_SWEEPS):
            information, score = self._score(theta)
            # Each spectrum's likelihood is a parabola about its own theta; their sum is another.
            right = np.einsum("kij,kj->ki", information, theta) + score
            curvature = self._curvature(information)
            target = np.linalg.solve(curvature, self._local(right, self.weights)[..., None])
            move = np.clip(target[..., 0] - theta, -_STEP, _STEP)
            theta += move
            if np.abs(move).max() < _SETTLED:
                break
        information, _ = self._score(theta)
        inverse = np.linalg.inv(self._curvature(information))
        variance = self._local(information, self.weights**2)
        std = np.sqrt(np.einsum("kij,kjl,kil->ki", inverse, variance, inverse, optimize=True))
        silent = np.einsum("kii->ki", variance) < 1.0
        std[silent] = np.inf
        own = np.linalg.inv(information + _PRIOR**2 * np.eye(self.size))
        alone = np.sqrt(np.einsum("kii->ki", own))
        shape = (self.size, *self.spectra.momenta)
        return theta.T.reshape(shape), std.T.reshape(shape), alone.T.reshape(shape)

    def scatter(self, theta: NDArray) -> NDArray:
        """Mean of (count - rate)^2 / rate around each momentum, (*momenta): 1 if Poisson."""
        theta = theta.reshape(self.size, -1).T
        counts = self.spectra.counts.reshape(len(theta), -1)
        sums = np.zeros((len(theta), 2))
        for pick in self._chunks(len(theta)):
            seen = counts[pick] >= 0.0
            rates = np.maximum(self._rates(theta, pick)[0], _TINY)
            sums[pick, 0] = ((counts[pick] - rates) ** 2 / rates * seen).sum(axis=-1)
            sums[pick, 1] = seen.sum(axis=-1)
        sums = self._local(sums, self.weights)
        return (sums[:, 0] / np.maximum(sums[:, 1], _TINY)).reshape(self.spectra.momenta)

    def _curvature(self, information: NDArray) -> NDArray:
        return self._local(information, self.weights) + _PRIOR**2 * np.eye(self.size)

    def _local(self, values: NDArray, weights: NDArray) -> NDArray:
        """Weighted sums over neighbouring momenta."""
        values = values.reshape(*self.spectra.momenta, *values.shape[1:])
        for axis in range(len(self.spectra.momenta)):
            values = correlate1d(values, weights, axis=axis, mode="constant")
        return values.reshape(-1, *values.shape[len(self.spectra.momenta) :])

    def _score(self, theta: NDArray) -> tuple[NDArray, NDArray]:
        """Return the Fisher information (pixels, p, p) and derivative (pixels, p) of log L."""
        information = np.zeros((len(theta), self.size, self.size))
        score = np.zeros(theta.shape)
        counts = self.spectra.counts.reshape(len(theta), -1)
        for pick in self._chunks(len(theta)):
            seen = counts[pick] >= 0.0
            rates, slopes = self._rates(theta, pick)
            rates = np.maximum(rates, _TINY)
            slopes *= seen[:, None]
            score[pick] = (slopes @ (counts[pick] / rates - 1.0)[..., None])[..., 0]
            information[pick] = (slopes / rates[:, None]) @ slopes.swapaxes(1, 2)
        return information, score

    def _chunks(self, pixels: int) -> Iterator[slice]:
        size = max(1, _CHUNK // (self.spectra.counts.shape[-1] * self.size))
        for first in range(0, pixels, size):
            yield slice(first, min(first + size, pixels))

    def _rates(self, theta: NDArray, pick: slice) -> tuple[NDArray, NDArray]:
        """Return expected counts (spectra, bins) and their derivatives (spectra, p, bins)."""
        lines, bands = self.lines, len(self.lines.positions)
        energies, step = self.spectra.energies, self.spectra.step
        occupation = lines.line.occupation(energies)
        strength, offset, width = (theta[pick, i * bands : (i + 1) * bands] for i in range(3))
        amplitudes = lines.amplitudes.reshape(bands, -1).T[pick] * np.exp(strength)
        positions = lines.positions.reshape(bands, -1).T[pick] + self.unit * offset
        gamma = self.half_width * np.exp(width)
        gaussian = lines.line.profile.binned(step).gaussian
        line, rise, growth = voigt_with_slopes(
            energies - positions[..., None], gaussian, gamma[..., None]
        )
        # Part of the line above the window, where it is a Lorentzian.
        top = energies[-1] + 0.5 * step - positions
        above = 0.5 - np.arctan(top / gamma) / np.pi

        def counted(values: NDArray, beyond: NDArray) -> NDArray:
            values = values * step
            sums = np.cumsum(values[..., ::-1], axis=-1)[..., ::-1] - 0.5 * values
            sums += beyond[..., None]
            return amplitudes[..., None] * (values * occupation + lines.line.inelastic * sums)

        slopes = np.empty((len(theta[pick]), self.size, energies.size))
        tail = gamma / (np.pi * (gamma**2 + top**2))
        slopes[:, :bands] = counted(line, above)
        slopes[:, bands : 2 * bands] = -self.unit * counted(rise, -tail)
        slopes[:, 2 * bands : 3 * bands] = counted(growth * gamma[..., None], top * tail)
        slopes[:, -1] = (lines.background.reshape(-1)[pick] * np.exp(theta[pick, -1]))[:, None]
        return slopes[:, :bands].sum(axis=1) + slopes[:, -1], slopes


def voigt_with_slopes(x: NDArray, sigma: float, gamma: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Voigt line (1/eV) and its derivatives in the offset and the Lorentzian half width (1/eV^2).

    From w' = 2i / sqrt(pi) - 2 z w of the Faddeeva function w (NIST DLMF 7.10).
    """
    z = (x + 1j * gamma) / (np.sqrt(2.0) * sigma)
    w = wofz(z)
    slope = (2j / np.sqrt(np.pi) - 2.0 * z * w) / (2.0 * np.sqrt(np.pi) * sigma**2)
    return w.real / (np.sqrt(2.0 * np.pi) * sigma), slope.real, -slope.imag
