"""Photoemission counts as sums of lines: what was counted, and what a set of bands lets expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from ase_dos.bands.line_profile import LineProfile
from ase_dos.kernels import line_spectra

if TYPE_CHECKING:
    from ase_dos.bands.reconstructed import ReconstructedBands

__all__ = ["CountedSpectra", "Lines", "SpectralLine"]

# Beyond this offset a line is cut: some 1 % of a Lorentzian's area lies there, seen as background.
_REACH_LORENTZ, _REACH_GAUSS = 20.0, 6.0
_ROWS_PER_WIDTH = 200
_LEAST = 1e-12


@dataclass(frozen=True)
class SpectralLine:
    """Line that all bands share, with its inelastic background.

    Parameters
    ----------
    profile : LineProfile
        Line without what the bins add.
    inelastic : float
        Counts that each count of a line leaves in every bin below it (Shirley's background).
    edge : float
        Width of the Fermi edge (eV): states at E are filled to 1 / (1 + exp(E / edge)). All are
        with 0.
    """

    profile: LineProfile
    inelastic: float = 0.0
    edge: float = 0.0

    @classmethod
    def of_bands(cls, bands: ReconstructedBands) -> SpectralLine:
        """Line that a reconstruction found in counts."""
        assert bands.profile is not None
        settings = bands.settings
        return cls(bands.profile, settings.get("inelastic", 0.0), settings.get("edge", 0.0))

    def model(self, energies: NDArray) -> line_spectra.LineModel:
        """Return what kernels need to know of the line, for bins of these centres (eV)."""
        step = float(energies[1] - energies[0])
        line = self.profile.binned(step)
        spacing = line.fwhm / _ROWS_PER_WIDTH
        reach = _REACH_LORENTZ * line.lorentzian + _REACH_GAUSS * line.gaussian
        table = line_spectra.line_table(line.density, reach, spacing, step)
        return line_spectra.LineModel(
            float(energies[0]), step, table, spacing, self.inelastic, self.occupation(energies)
        )

    def occupation(self, energies: NDArray) -> NDArray[np.float64]:
        """Return how far states at these energies (eV) are filled."""
        return expit(-energies / self.edge) if self.edge else np.ones(energies.size)


@dataclass(frozen=True)
class Lines:
    """Lines of all bands at all momenta.

    Parameters
    ----------
    positions : (bands, *momenta) array
        Energies (eV).
    amplitudes : (bands, *momenta) array
        Counts of every line.
    background : (*momenta) array
        Counts per bin.
    line : SpectralLine
        Shape of all.
    """

    positions: NDArray
    amplitudes: NDArray
    background: NDArray
    line: SpectralLine


@dataclass(frozen=True)
class CountedSpectra:
    """Counts of a band map, and the likelihood of lines.

    Parameters
    ----------
    counts : (*momenta, bins) float32 array
        -1 where the detector saw nothing.
    first, step : float
        Centre of the first bin, and width of all (eV).
    spacings : tuple of float
        Distance of neighbours along each axis of momentum.
    """

    counts: NDArray[np.float32]
    first: float
    step: float
    spacings: tuple[float, ...]

    @property
    def momenta(self) -> tuple[int, ...]:
        """Shape of the grid of momenta."""
        return self.counts.shape[:-1]

    @property
    def energies(self) -> NDArray:
        """Centres of the bins (eV)."""
        return self.first + self.step * np.arange(self.counts.shape[-1])

    def _call(self, kernel: Callable, lines: Lines, *more: object, pick: NDArray | slice) -> Any:
        bands = len(lines.positions)
        return kernel(
            self.counts.reshape(-1, self.counts.shape[-1])[pick],
            np.ascontiguousarray(lines.positions.reshape(bands, -1).T[pick]),
            np.ascontiguousarray(lines.amplitudes.reshape(bands, -1).T[pick]),
            lines.background.reshape(-1)[pick],
            lines.line.model(self.energies),
            *more,
        )

    def score(self, lines: Lines) -> tuple[float, NDArray, NDArray]:
        """Return -log L, its gradient (bands, *momenta), information (*momenta, bands, bands)."""
        loss, gradient, information = self._call(
            line_spectra.position_score, lines, pick=slice(None)
        )
        bands = len(lines.positions)
        return (
            float(loss.sum()),
            gradient.T.reshape(bands, *self.momenta),
            information.reshape(*self.momenta, bands, bands),
        )

    def losses(self, lines: Lines, pick: NDArray | slice = slice(None)) -> NDArray[np.float64]:
        """Return -log L of some spectra, relative to the best that any rate can do."""
        return self._call(line_spectra.spectrum_losses, lines, pick=pick)

    def expected(self, lines: Lines, pick: NDArray | slice = slice(None)) -> NDArray[np.float64]:
        """Return the expected counts of some spectra, (spectra, bins)."""
        return self._call(line_spectra.expected_counts, lines, pick=pick)

    def costs(self, lines: Lines, band: int, energies: NDArray) -> NDArray[np.float32]:
        """Return -log L with one band at each of ``energies`` (*momenta, labels), least value 0."""
        costs = self._call(
            line_spectra.position_costs,
            lines,
            band,
            np.ascontiguousarray(energies.reshape(-1, energies.shape[-1])),
            pick=slice(None),
        )
        return costs.reshape(energies.shape)

    def with_amplitudes(self, lines: Lines, width: float, sweeps: int) -> Lines:
        """Find amplitudes and background that fit best at the same positions.

        Expectation maximisation of the local likelihood: what neighbours within ``width`` pixels
        (standard deviation) count has a say too, so amplitudes vary as slowly as this.
        """
        bands = len(lines.positions)
        everything = np.concatenate([lines.amplitudes, lines.background[None]])
        for _ in range(sweeps):
            now = replace(lines, amplitudes=everything[:-1], background=everything[-1])
            observed, expected = (
                part.T.reshape(bands + 1, *self.momenta)
                for part in self._call(line_spectra.amplitude_sums, now, pick=slice(None))
            )
            observed *= everything
            widths = (0.0, *[width] * len(self.momenta))
            everything = np.maximum(
                gaussian_filter(observed, widths, mode="nearest")
                / np.maximum(gaussian_filter(expected, widths, mode="nearest"), _LEAST),
                _LEAST,
            )
        return replace(lines, amplitudes=everything[:-1], background=everything[-1])
