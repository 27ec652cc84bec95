"""Likelihood of bands for sampled spectra, with the strengths of lines and background eliminated.

The rate of a spectrum i of strength N_i is

    rate_i(E) = N_i [sum_b a_b v(E - E_b(k_i)) + a_0 u(E)],

v a line of area one and u a constant background. The strengths a are those that fit best, one set
for each group of neighbouring spectra, and so are the N_i: with the counts themselves in their
place, a band that leaves the window would change what is expected of the others.

For counts this is the Poisson likelihood; intensities have a quasi-likelihood of the same form,
whose unit is found from the scatter of the data (P. McCullagh and J. A. Nelder, Generalized Linear
Models, 1989, chapter 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.spectra_sample import SpectraSample

__all__ = ["Fit", "StackedLikelihood"]

_PHASES = 128  # places of a line within an energy bin
_REACH = 8.0  # standard deviations of its Gaussian part
_TINY = 1e-12
_WEAK = 1e-5  # strengths below are zero: their lines tell nothing


def line_of_width(width: float) -> LineProfile:
    """Line with a Gaussian part of this standard deviation (eV) and some Lorentzian part."""
    return LineProfile(width, width / 3)


@dataclass(frozen=True, eq=False)
class Fit:
    """Value of the likelihood for some positions and widths of lines, with its derivatives.

    Parameters
    ----------
    log_likelihood : float
        Up to a constant.
    strengths : (groups, bands + 1) array
        Those of the lines, and last of the background.
    score : (parameters,) array
        Derivatives of the log likelihood.
    information : (parameters, parameters) array
        Expected curvature, the strengths eliminated.
    dispersion : float
        Mean square of (counts - rate) over rate.
    """

    log_likelihood: float
    strengths: NDArray
    score: NDArray
    information: NDArray
    dispersion: float


class StackedLikelihood:
    """Likelihood of positions of bands for a sample of spectra.

    Parameters
    ----------
    sample : SpectraSample
        The spectra.
    """

    def __init__(self, sample: SpectraSample) -> None:
        self._sample = sample
        self._counts = sample.counts.astype(np.float32)
        self._valid = sample.valid.astype(np.float32)
        self._totals = sample.counts.sum(axis=1, keepdims=True).astype(np.float32)

    def value(
        self, positions: NDArray, width: float, strengths: NDArray | None = None, sweeps: int = 12
    ) -> tuple[float, NDArray]:
        """Log likelihood and strengths for positions (spectra, bands) of lines of a width (eV)."""
        lines = self._lines(positions, width, ("line",))[0]
        return self._eliminated(lines, strengths, sweeps)[:2]

    def fit(
        self,
        positions: NDArray,
        width: float,
        slopes: NDArray,
        strengths: NDArray | None = None,
        sweeps: int = 12,
    ) -> Fit:
        """Likelihood and its derivatives.

        Parameters
        ----------
        positions : (spectra, bands) array
            Energies (eV).
        width : float
            Of the lines (eV).
        slopes : (spectra, parameters, bands) array
            Derivatives of the positions by the parameters. The logarithm of the width is a further
            parameter, after them.
        strengths : array, optional
            Where to begin.
        sweeps : int
            Iterations of the strengths.
        """
        lines, moved, widened = self._lines(positions, width, ("line", "moved", "widened"))
        value, strengths, rates, totals = self._eliminated(lines, strengths, sweeps)
        each = strengths[self._sample.group].astype(np.float32)
        weighted = (slopes * each[:, None, :-1]).astype(np.float32)
        change = np.concatenate(
            [np.matmul(weighted, moved), np.matmul(each[:, None, :-1], widened)], axis=1
        )
        change *= (totals * self._valid)[:, None]
        inverse = self._valid / rates
        score = np.einsum("ipe,ie->p", change, self._counts * inverse - self._valid)
        scaled = change * inverse[:, None]
        information = np.einsum("ipe,iqe->pq", scaled, change, optimize=True)
        lines *= (totals * self._valid)[:, None]
        cross = np.matmul(scaled, lines.transpose(0, 2, 1))
        own = np.matmul(lines * inverse[:, None], lines.transpose(0, 2, 1))
        starts = self._sample.starts
        cross = np.add.reduceat(cross, starts, axis=0).astype(float)
        own = np.add.reduceat(own, starts, axis=0).astype(float)
        for c, d, used in zip(cross, own, strengths > _WEAK, strict=True):
            block = d[np.ix_(used, used)]
            block[np.diag_indices_from(block)] *= 1 + 1e-6
            information = information - c[:, used] @ np.linalg.solve(block, c[:, used].T)
        residual = (self._counts - rates * self._valid) ** 2 * inverse
        freedom = self._valid.sum() - strengths.size
        dispersion = float(residual.sum() / max(freedom, 1.0))
        return Fit(value, strengths, score.astype(float), information, dispersion)

    def divided(
        self, positions: NDArray, width: float, sweeps: int = 60
    ) -> tuple[NDArray, NDArray]:
        """Return the counts (spectra, bands) of each line, and the rates (spectra, energies)."""
        lines = self._lines(positions, width, ("line",))[0]
        _, strengths, rates, totals = self._eliminated(lines, None, sweeps)
        within = np.matmul(lines[:, :-1], self._valid[:, :, None])[..., 0]
        return strengths[self._sample.group][:, :-1] * within * totals, rates

    def _lines(
        self, positions: NDArray, width: float, kinds: tuple[str, ...]
    ) -> list[NDArray[np.float32]]:
        """Return lines (spectra, bands, energies) and derivatives; of the lines with background."""
        energies, step = self._sample.energies, self._sample.step
        m = len(energies)
        offset = (positions - energies[0]) / step  # in bins
        whole = np.floor(offset)
        phase = np.minimum(((offset - whole) * _PHASES).astype(np.intp), _PHASES - 1)
        reach = int(np.ceil(_REACH * width / step)) + 2
        # Rows hold a line around column m + reach; windows of them are spectra.
        first = m + reach - np.clip(whole, -reach - 1, m + reach).astype(np.intp)
        found = []
        for kind, row in zip(kinds, _rows(width, step, reach, kinds), strict=True):
            padded = np.zeros((_PHASES, 2 * m + 2 * reach + 1 + reach), dtype=np.float32)
            padded[:, m : m + 2 * reach + 1] = row
            windows = sliding_window_view(padded, m, axis=1)
            n_lines = positions.shape[1]
            lines = np.empty((*positions.shape, m), dtype=np.float32)
            if kind == "line":
                lines = np.empty((len(positions), n_lines + 1, m), dtype=np.float32)
                lines[:, -1] = 1.0 / m
            lines[:, :n_lines] = windows[phase, first]
            found.append(lines)
        return found

    def _eliminated(
        self, lines: NDArray, strengths: NDArray | None, sweeps: int
    ) -> tuple[float, NDArray, NDArray, NDArray]:
        """Maximise over the strengths by expectation and maximisation.

        Returns
        -------
        log_likelihood : float
        strengths : (groups, bands + 1) array
        rates : (spectra, energies) array
        totals : (spectra, 1) array
        """
        group, starts = self._sample.group, self._sample.starts
        inside = np.matmul(lines, self._valid[:, :, None])[..., 0]
        totals = self._totals
        if strengths is None:
            strengths = np.full((len(starts), lines.shape[1]), 1.0 / lines.shape[1])
        strengths = np.maximum(strengths, 1e-7).astype(np.float32)
        for _ in range(sweeps):
            each = strengths[group]
            totals = self._totals / (np.einsum("ib,ib->i", each, inside)[:, None] + _TINY)
            rates = np.matmul(each[:, None, :], lines)[:, 0] * totals + _TINY
            gain = np.matmul(lines, (self._counts / rates)[:, :, None])[..., 0] * totals
            weight = np.add.reduceat(inside * totals, starts, axis=0) + _TINY
            strengths = strengths * np.add.reduceat(gain, starts, axis=0) / weight
        rates = np.matmul(strengths[group][:, None, :], lines)[:, 0] * totals + _TINY
        value = float(
            np.sum(self._counts * np.log(rates), dtype=float)
            - np.sum(rates * self._valid, dtype=float)
        )
        return value, strengths, rates, totals


@cache
def _unit_line() -> tuple[NDArray, NDArray, NDArray]:
    """Line of width 1 at offsets from 0 on, and its slope."""
    x = np.linspace(0.0, _REACH + 2.0, 4001)
    density = line_of_width(1.0).density(x)
    return x, density, np.gradient(density, x, edge_order=2)


def _rows(width: float, step: float, reach: int, kinds: tuple[str, ...]) -> list[NDArray]:
    """Return lines (phases, 2 reach + 1) per bin, and their derivatives, at all phases."""
    bins = np.arange(-reach, reach + 1)
    x = step / width * (bins - (np.arange(_PHASES)[:, None] + 0.5) / _PHASES)
    offsets, density, slope = _unit_line()
    line = np.interp(np.abs(x), offsets, density, right=0.0) * (step / width)
    if len(kinds) == 1:
        return [line]
    slopes = np.sign(x) * np.interp(np.abs(x), offsets, slope, right=0.0) * (step / width)
    return [line, -slopes / width, -line - x * slopes]
