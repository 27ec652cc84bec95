"""Joint fit of all bands to counts: from a rigid shift to smooth corrections.

The maximum of likelihood times prior is found by Fisher scoring, a Newton method with the expected
curvature, which is never negative. A line far from its band pulls hardly at all, so that the fit
would stay where it starts: it begins with wide lines and a prior that lets a band only move as a
whole, and frees it step by step (`freeing`).

Bands may cross meanwhile. They are numbered by energy, so that where corrections make two of a
theory cross that only touch, each goes on as the other: to keep them in order would put both onto
one energy there. They are put in order when the fit is done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.smoothness import Smoothness
from ase_dos.bands.spectra_model import CountedSpectra, Lines, SpectralLine

# Spectra that tell about the line, and the step of its numerical derivatives.
_SAMPLE = 512
_DELTA = 1e-3
# Widths of a Fermi edge (eV): the first guess, and the most that heat and resolution make of it.
_EDGE, _WIDEST_EDGE = 0.03, 0.1
# Residual of the linear systems: a step that is cut, or followed by others, need not be exact.
_INEXACT = 1e-2
# An edge has to raise the log likelihood of the sample by so much.
_GAIN = 20.0

__all__ = [
    "BandPrior",
    "edge_is_seen",
    "fit_line",
    "fit_positions",
    "may_jump",
    "with_edge_if_seen",
]


@dataclass(frozen=True)
class BandPrior:
    """Prior on bands: smooth is what they differ by from ``base``.

    Parameters
    ----------
    base : (bands, *momenta) array
        Theory (eV), or zero for smoothness of the bands themselves.
    smoothness : Smoothness
        How smooth.
    """

    base: NDArray
    smoothness: Smoothness

    @classmethod
    def about(
        cls, base: NDArray, spacings: tuple[float, ...], eta: float, jump: float = 0.0
    ) -> BandPrior:
        """Make the prior of a base; where bands of a theory touch, corrections may jump.

        Bands are numbered by energy. Where two of another character cross, each goes on with the
        number of the other, and the corrections change places: they differ by some ``jump`` (eV).
        """
        if jump == 0.0 or not may_jump(base):
            return cls(base, Smoothness(spacings, eta))
        gaps = np.diff(base, axis=0)
        apart = np.full((1, *base.shape[1:]), np.inf)
        nearest = np.minimum(np.concatenate([apart, gaps]), np.concatenate([gaps, apart]))
        return cls(base, Smoothness(spacings, eta, jump * np.exp(-0.5 * (nearest / jump) ** 2)))

    def energy(self, positions: NDArray) -> float:
        """-log P, without the constant."""
        return self.smoothness.energy(positions - self.base)

    def gradient(self, positions: NDArray) -> NDArray[np.float64]:
        """Its derivative (1/eV)."""
        return self.smoothness.gradient(positions - self.base)


def may_jump(base: NDArray) -> bool:
    """Whether corrections to a base may jump: it is a theory of several bands."""
    return len(base) > 1 and bool(base.any())


def fit_positions(
    spectra: CountedSpectra,
    lines: Lines,
    prior: BandPrior,
    *,
    steps: int,
    tolerance: float = 1e-4,
) -> Lines:
    """Move all bands uphill in likelihood times prior, amplitudes fixed.

    Parameters
    ----------
    steps : int
        Steps of Fisher scoring at most.
    tolerance : float
        Stop when no band moves by more than this part of the line's width.

    Returns
    -------
    Lines
        With new positions.
    """
    width = lines.line.profile.fwhm
    for _ in range(steps):
        loss, gradient, information = spectra.score(lines)
        value = loss + prior.energy(lines.positions)
        pull = gradient + prior.gradient(lines.positions)
        move = prior.smoothness.solve(information, -pull, _INEXACT)
        # A line knows the slope of the data some half of its width around itself.
        np.clip(move, -0.5 * width, 0.5 * width, out=move)
        for _ in range(6):
            trial = replace(lines, positions=lines.positions + move)
            if float(spectra.losses(trial).sum()) + prior.energy(trial.positions) <= value:
                break
            move = 0.5 * move
        else:
            break
        moved = float(np.abs(trial.positions - lines.positions).max())
        lines = trial
        if moved <= tolerance * width:
            break
    return lines


def fit_line(
    spectra: CountedSpectra, lines: Lines, rng: np.random.Generator, *, steps: int = 2
) -> Lines:
    """Move the widths of the line and the like uphill in likelihood, on a sample of the spectra.

    All amplitudes, and all of the background, may change by a common factor meanwhile. Steps are
    those of Fisher scoring in logarithms.
    """
    return _fit_line_on(spectra, lines, _sample(spectra, rng), steps)[0]


def with_edge_if_seen(spectra: CountedSpectra, lines: Lines, rng: np.random.Generator) -> Lines:
    """Add the Fermi edge to the line, if the map reaches above it and shows it."""
    if lines.line.edge or spectra.energies[-1] <= 0.0:
        return lines
    pick = _sample(spectra, rng)
    width = max(_EDGE, spectra.step)
    edged = replace(lines, line=replace(lines.line, edge=width))
    without, loss = _fit_line_on(spectra, lines, pick, 4)
    edged, loss_edged = _fit_line_on(spectra, edged, pick, 4)
    return edged if edge_is_seen(edged.line, loss_edged, loss) else without


def edge_is_seen(edged: SpectralLine, loss: float, loss_without: float) -> bool:
    """Whether counts show the Fermi edge of a line, by what they lose with it and without."""
    # As wide as can be, it is no edge: it makes up for lines that are not of one width.
    return loss < loss_without - _GAIN and edged.edge < 0.99 * _WIDEST_EDGE


def _sample(spectra: CountedSpectra, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw some spectra that are not empty."""
    seen = np.flatnonzero((spectra.counts >= 0.0).any(axis=-1).ravel())
    return rng.choice(seen, min(_SAMPLE, seen.size), replace=False)


def _fit_line_on(
    spectra: CountedSpectra, lines: Lines, pick: NDArray, steps: int
) -> tuple[Lines, float]:
    """Lines after `fit_line` on some spectra, and the loss of these."""
    counts = spectra.counts.reshape(-1, spectra.counts.shape[-1])[pick]
    valid = counts >= 0.0
    least = 0.05 * spectra.step
    x = _logarithms(lines.line, least)
    loss = float(spectra.losses(_scaled(lines, x), pick).sum())
    for _ in range(steps):
        rates = spectra.expected(_scaled(lines, x), pick)
        slopes = np.array(
            [
                (spectra.expected(_scaled(lines, x + _DELTA * unit), pick) - rates)[valid] / _DELTA
                for unit in np.eye(x.size)
            ]
        )
        gradient = slopes @ (1.0 - counts[valid] / rates[valid])
        information = (slopes / rates[valid]) @ slopes.T
        information[np.diag_indices_from(information)] *= 1.0 + 1e-3
        move = np.clip(-np.linalg.lstsq(information, gradient, rcond=1e-12)[0], -0.5, 0.5)
        move[:2] = np.maximum(x[:2] + move[:2], np.log(least)) - x[:2]
        move[5:] = np.minimum(x[5:] + move[5:], np.log(_WIDEST_EDGE)) - x[5:]
        for _ in range(4):
            new = float(spectra.losses(_scaled(lines, x + move), pick).sum())
            if new <= loss:
                x, loss = x + move, new
                break
            move = 0.5 * move
        else:
            break
    return _scaled(lines, x), loss


def _logarithms(line: SpectralLine, least: float) -> NDArray[np.float64]:
    """Logarithms of what `fit_line` varies: widths, inelastic part, common factors, edge if any."""
    widths = (max(line.profile.gaussian, least), max(line.profile.lorentzian, least))
    edge = [max(line.edge, least)] if line.edge else []
    return np.log([*widths, max(line.inelastic, 1e-6), 1.0, 1.0, *edge])


def _scaled(lines: Lines, x: NDArray) -> Lines:
    """Lines with the line and common factors whose logarithms are ``x``."""
    gaussian, lorentzian, inelastic, amplitude, background, *edge = (float(v) for v in np.exp(x))
    return Lines(
        lines.positions,
        lines.amplitudes * amplitude,
        lines.background * background,
        SpectralLine(LineProfile(gaussian, lorentzian), inelastic, *edge),
    )
