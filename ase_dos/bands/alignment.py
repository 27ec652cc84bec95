"""Rigid shift and scales of energy and momentum that align bands to a photoemission map."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.band_grid import BandGrid
from ase_dos.bands.band_signal import BandSignal, band_signal
from ase_dos.bands.spectra_sample import SpectraSample, sample_spectra
from ase_dos.bands.stacked_likelihood import Fit, StackedLikelihood
from ase_dos.utils.checks import as_positive

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap

__all__ = ["Alignment", "AlignmentWarning", "Optimum", "best_alignment", "warn_of"]

_SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)  # of energy: where the search begins
_SCALE_LIMITS = (0.7, 1.4)
MOMENTUM_LIMITS = (0.94, 1.06)
_COARSE, _FINE = 12, 28  # spectra along each axis
_WIDTH = 0.12  # eV: of lines, where the search begins
_WIDTH_LIMITS = (0.01, 1.0)
_STARTS = 3  # optima of the coarse search that are followed
_NEAR = 0.9  # of the gain of the best optimum: another one with as much is a rival
_STEPS = 25
_PLENTY = 1.0  # of the log likelihood per unit of dispersion: a smaller gain ends the search
_SWEEPS = 6  # of strengths, in the coarse search
_EDGE = 0.05  # eV: bands that come out higher than this cross the Fermi level
_BELOW_EDGE = 0.15  # eV: 6 kT at room temperature
_FEWEST = 16  # energies
_DIFFERENCE = 1e-3  # of the scale of momentum, for derivatives

Bands = TypeVar("Bands", bound=BandGrid)


class AlignmentWarning(UserWarning):
    """Result of an alignment that should be checked."""


@dataclass(frozen=True)
class Optimum:
    """A place of the likelihood: ``energy = energy_scale * theory(k / momentum_scale) + shift``.

    Parameters
    ----------
    shift : float
        In eV.
    energy_scale, momentum_scale : float
        Factors.
    width : float
        Standard deviation (eV) of the Gaussian part of the lines.
    log_likelihood : float
        Up to a constant.
    """

    shift: float
    energy_scale: float
    momentum_scale: float
    width: float
    log_likelihood: float = -np.inf

    def moved(self, step: NDArray) -> Optimum:
        """Return the place after a step in shift, both scales, and the logarithm of the width."""
        return Optimum(
            float(self.shift + step[0]),
            float(np.clip(self.energy_scale + step[1], *_SCALE_LIMITS)),
            float(np.clip(self.momentum_scale + step[2], *MOMENTUM_LIMITS)),
            float(np.clip(self.width * np.exp(np.clip(step[3], -0.7, 0.7)), *_WIDTH_LIMITS)),
        )


class _Level:
    """Likelihood of the parameters for one sample of a map.

    Parameters
    ----------
    theory : BandGrid
        Bands.
    points : (momenta, axes) array
        Momenta of the map.
    sample : SpectraSample
        Spectra.
    free : (4,) array of bool
        Which of shift, scale of energy, scale of momentum and width may change.
    """

    def __init__(
        self, theory: BandGrid, points: NDArray, sample: SpectraSample, free: NDArray
    ) -> None:
        self._theory, self._points = theory, points[sample.index]
        self._likelihood, self._free = StackedLikelihood(sample), free
        self.sample = sample
        self._known: dict[float, NDArray] = {}

    def energies(self, momentum_scale: float) -> NDArray:
        """Energies (spectra, bands) of the theory at the momenta of the sample."""
        if momentum_scale not in self._known:
            if len(self._known) > 8:
                self._known.clear()
            self._known[momentum_scale] = self._theory.at(self._points / momentum_scale).T
        return self._known[momentum_scale]

    def value(self, at: Optimum, sweeps: int) -> float:
        """Log likelihood."""
        energies = at.energy_scale * self.energies(at.momentum_scale) + at.shift
        return self._likelihood.value(energies, at.width, sweeps=sweeps)[0]

    def fit(self, at: Optimum, strengths: NDArray | None, sweeps: int) -> Fit:
        """Likelihood and derivatives by shift, both scales and the logarithm of the width."""
        energies = self.energies(at.momentum_scale)
        slopes = np.zeros((len(energies), 3, energies.shape[1]))
        slopes[:, 0], slopes[:, 1] = 1.0, energies
        if self._free[2]:
            other = at.momentum_scale + (_DIFFERENCE if at.momentum_scale <= 1 else -_DIFFERENCE)
            change = self._theory.at(self._points / other).T - energies
            slopes[:, 2] = at.energy_scale * change / (other - at.momentum_scale)
        energies = at.energy_scale * energies + at.shift
        return self._likelihood.fit(energies, at.width, slopes, strengths, sweeps)

    def climb(self, at: Optimum) -> tuple[Optimum, Fit]:
        """Go to the next maximum by Fisher scoring with damped steps."""
        fit = self.fit(at, None, 20)
        at, damping = replace(at, log_likelihood=fit.log_likelihood), 1e-3
        for _ in range(_STEPS):
            chosen = np.ix_(self._free, self._free)
            information = fit.information[chosen]
            information = information + damping * np.diag(np.diag(information))
            step = np.zeros(4)
            step[self._free] = np.linalg.solve(information, fit.score[self._free])
            there = at.moved(step)
            found = self.fit(there, fit.strengths, 10)
            gained = found.log_likelihood - fit.log_likelihood
            if gained > 0:
                at, fit = replace(there, log_likelihood=found.log_likelihood), found
                damping = max(damping / 10, 1e-6)
                if gained < _PLENTY * fit.dispersion:
                    break
            elif damping > 1e3:
                break
            else:
                damping *= 10
        return at, fit


@dataclass(frozen=True, eq=False)
class Alignment(Generic[Bands]):
    """Theory aligned to a map: ``energies = energy_scale * theory(k / momentum_scale) + shift``.

    Parameters
    ----------
    theory : TheoryBands
        The aligned bands.
    shift, shift_std : float
        In eV, and its standard deviation.
    energy_scale, energy_scale_std, momentum_scale, momentum_scale_std : float
        Factors, and their standard deviations; NaN of what was not fitted, or is at its limit.
    width : float
        Standard deviation (eV) of the Gaussian part of the lines that fit best.
    log_likelihood_gained : float
        Over the theory as it came; of the spectra that were used.
    dispersion : float
        Mean square of the deviations from the fit over that of Poisson statistics. For counts it
        is 1 if the theory is right up to shift and scales. Standard deviations take it into
        account, but not that neighbouring values of smoothed intensities depend on each other.
    signal : BandSignal
        How the bands divide the signal of the map, and whether it has peaks that belong to none.
    rivals : tuple of Optimum
        Other alignments that gain nearly as much and put the bands elsewhere.
    remarks : tuple of str
        What should be checked; also given as warnings.
    """

    theory: Bands
    shift: float
    shift_std: float
    energy_scale: float
    energy_scale_std: float
    momentum_scale: float
    momentum_scale_std: float
    width: float
    log_likelihood_gained: float
    dispersion: float
    signal: BandSignal
    rivals: tuple[Optimum, ...] = ()
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"shift           {self.shift:+.4f} +- {self.shift_std:.4f} eV",
            f"energy scale    {self.energy_scale:.4f} +- {self.energy_scale_std:.4f}",
            f"momentum scale  {self.momentum_scale:.4f} +- {self.momentum_scale_std:.4f}",
            f"log likelihood  {self.log_likelihood_gained:+.1f}, dispersion {self.dispersion:.2f}",
        ]
        return "\n".join([*lines, *self.remarks])


def best_alignment(
    theory: Bands,
    band_map: BandMap,
    max_shift: float,
    energy_scale: bool,
    momentum_scale: bool,
) -> Alignment[Bands]:
    """Find shift and scales of a theory; see `TheoryBands.align`."""
    max_shift = as_positive(max_shift, "max_shift", zero=True)
    on_map = theory.on(band_map)
    _require_bands_inside(on_map, band_map, max_shift)
    points = theory.momenta_of(band_map).reshape(-1, len(theory.momenta))
    scales_momentum = momentum_scale and all(name.startswith("k") for name in theory.names)
    usable = band_map.mask & np.isfinite(on_map).all(axis=0)
    if scales_momentum:
        for limit in MOMENTUM_LIMITS:
            here = np.isfinite(theory.at(points / limit)).all(axis=0)
            usable &= here.reshape(usable.shape)
    free = np.array([True, energy_scale, scales_momentum, True])
    width = max(_WIDTH, 2 * band_map.energy_step)
    coarse = _Level(theory, points, sample_spectra(band_map, usable, _COARSE, width / 2), free)
    starts = _search(coarse, max_shift, width, energy_scale)
    climbed = [coarse.climb(start)[0] for start in starts]
    climbed.sort(key=lambda one: -one.log_likelihood)
    fine_step = max(climbed[0].width / 2, band_map.energy_step)
    fine = _Level(theory, points, sample_spectra(band_map, usable, _FINE, fine_step), free)
    best, fit = fine.climb(climbed[0])
    filled = _filled(band_map, fine, best)
    if filled is not band_map:
        fine = _Level(theory, points, sample_spectra(filled, usable, _FINE, fine_step), free)
        best, fit = fine.climb(best)
    as_given = replace(best, shift=0.0, energy_scale=1.0, momentum_scale=1.0)
    start = fine.value(as_given, 30)
    rivals = _rivals(coarse, climbed)
    std = [float(one) for one in _deviations(fit, free, best)]
    positions = best.energy_scale * fine.energies(best.momentum_scale) + best.shift
    signal = band_signal(fine.sample, positions, best.width, fit.dispersion)
    remarks = (*_remarks(best, rivals, free), *signal.remarks())
    scaled = theory.scaled(energy=best.energy_scale, momentum=best.momentum_scale)
    return Alignment(
        scaled.shifted(best.shift),
        *(best.shift, std[0]),
        *(best.energy_scale, std[1]),
        *(best.momentum_scale, std[2]),
        best.width,
        best.log_likelihood - start,
        fit.dispersion,
        signal,
        rivals,
        remarks,
    )


def _require_bands_inside(on_map: NDArray, band_map: BandMap, max_shift: float) -> None:
    lowest, highest = band_map.energies[[0, -1]]
    flat = on_map.reshape(len(on_map), -1)
    low, high = np.nanmin(flat, axis=1), np.nanmax(flat, axis=1)
    outside = (high < lowest - max_shift) | (low > highest + max_shift)
    if outside.any():
        raise ValueError(
            f"bands {', '.join(map(str, np.flatnonzero(outside)))} (from 0) lie outside the "
            f"energies of the map, {lowest:.2f} to {highest:.2f} eV, by more than max_shift "
            f"{max_shift:g} eV: they span {low[outside].min():.2f} to {high[outside].max():.2f} "
            "eV; leave them out with theory.within(lowest, highest), or shift the theory"
        )


def _filled(band_map: BandMap, level: _Level, at: Optimum) -> BandMap:
    """Return the map below the Fermi edge if bands cross it: lines end there, and are no lines."""
    energies = at.energy_scale * level.energies(at.momentum_scale) + at.shift
    crossing = band_map.energies[-1] > _EDGE and energies.max() > _EDGE
    below = band_map.energies < -_BELOW_EDGE
    if not crossing or below.sum() < _FEWEST or (energies < -_BELOW_EDGE).mean() < 0.25:
        return band_map
    return band_map.cropped(eV=(float(band_map.energies[0]), -_BELOW_EDGE))


def _search(level: _Level, max_shift: float, width: float, scale: bool) -> list[Optimum]:
    """Return the best places of a grid of shifts and scales that are maxima among neighbours."""
    n = int(np.ceil(max_shift / width))
    shifts = np.linspace(-max_shift, max_shift, 2 * n + 1)
    scales = _SCALES if scale else (1.0,)
    middle = float(level.energies(1.0).mean())
    places = [[Optimum(float(s) + middle * (1 - a), a, 1.0, width) for s in shifts] for a in scales]
    values = np.array([[level.value(at, _SWEEPS) for at in row] for row in places])
    padded = np.pad(values, 1, constant_values=-np.inf)
    around = [
        padded[1 + i : 1 + i + values.shape[0], 1 + j : 1 + j + values.shape[1]]
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if (i, j) != (0, 0)
    ]
    maxima = np.argwhere(values >= np.max(around, axis=0))
    best = sorted(maxima, key=lambda ij: -values[tuple(ij)])[:_STARTS]
    return [places[i][j] for i, j in best]


def _rivals(level: _Level, climbed: Sequence[Optimum]) -> tuple[Optimum, ...]:
    """Return optima that gain nearly as much over no bands at all, and put bands elsewhere."""
    best = climbed[0]
    energies = best.energy_scale * level.energies(best.momentum_scale) + best.shift
    nothing = level.value(replace(best, shift=1e3), 1)
    found: list[Optimum] = []
    for one in climbed[1:]:
        there = one.energy_scale * level.energies(one.momentum_scale) + one.shift
        apart = float(np.abs(there - energies).mean())
        gain = (one.log_likelihood - nothing) / (best.log_likelihood - nothing)
        if apart > best.width and gain > _NEAR:
            found.append(one)
    return tuple(found)


def _deviations(fit: Fit, free: NDArray, best: Optimum) -> NDArray:
    """Return standard deviations from the curvature, widened where the model fits badly."""
    std = np.full(4, np.nan)
    covariance = np.linalg.inv(fit.information[np.ix_(free, free)])
    std[free] = np.sqrt(np.maximum(np.diag(covariance), 0.0) * fit.dispersion)
    if best.momentum_scale in MOMENTUM_LIMITS:
        std[2] = np.nan
    return std[:3]


def _remarks(best: Optimum, rivals: Sequence[Optimum], free: NDArray) -> tuple[str, ...]:
    remarks = [
        f"another alignment is nearly as good: shift {one.shift:+.3f} eV, energies x "
        f"{one.energy_scale:.3f}; look at both in a figure"
        for one in rivals
    ]
    if free[2] and best.momentum_scale in MOMENTUM_LIMITS:
        remarks.append(
            f"the scale of momentum is at its limit {best.momentum_scale:g}: are both in "
            "1/Angstrom?"
        )
    if best.energy_scale in _SCALE_LIMITS:
        remarks.append(f"the scale of energy is at its limit {best.energy_scale:g}")
    return tuple(remarks)


def warn_of(remarks: Sequence[str], stacklevel: int) -> None:
    """Give remarks as warnings."""
    for remark in remarks:
        warnings.warn(remark, AlignmentWarning, stacklevel=stacklevel + 1)
