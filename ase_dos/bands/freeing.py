"""Joint fit of bands freed step by step, and the freedom that held-out counts allow.

How smooth the corrections are (eta) and over how many momenta amplitudes are averaged cannot be
known beforehand. Counts can tell: of every bin a random half is set aside (binomial thinning makes
two independent Poisson maps of one), bands are fitted to one half, and what predicts the other half
best is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.joint_fit import (
    BandPrior,
    fit_line,
    fit_positions,
    may_jump,
    with_edge_if_seen,
)
from ase_dos.bands.spectra_model import CountedSpectra, Lines

__all__ = ["ETAS", "MOST_FITS", "Freedom", "choose_freedom", "freed", "refined", "thinned"]

# Corrections of a slope (eV Angstrom) from hardly any to as steep as bands themselves.
ETAS = tuple(0.01 * 2.0**i for i in range(10))
# Standard deviations (pixels) over which amplitudes are averaged.
WIDTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
# Differences of the corrections of bands that cross (eV).
JUMPS = (0.03, 0.06, 0.1)
# Counts hardly tell lines that overlap apart: jumps are let in as long as they cost no more than
# this in the log likelihood of the counts set aside.
_SLACK = 10.0
# Positions rest if a round moves them by less than this part of the line's width (root mean
# square).
_AT_REST = 0.003
_STEP_BACK = 2.0**0.5
# Steps back are few: between two candidates there is one.
MOST_FITS = len(ETAS) + 4 + len(JUMPS) + len(WIDTHS)


@dataclass(frozen=True)
class Freedom:
    """How free the bands of a fit are.

    Parameters
    ----------
    eta : float
        Slope of corrections (eV Angstrom).
    width : float
        Pixels (standard deviation) over which amplitudes are averaged.
    held_out : float
        Loss -log L of the counts set aside.
    jump : float
        What corrections of bands that touch differ by (eV), see `BandPrior.about`.
    """

    eta: float
    width: float
    held_out: float
    jump: float = 0.0

    def prior(self, base: NDArray, spacings: tuple[float, ...]) -> BandPrior:
        """Prior with this freedom about a base."""
        return BandPrior.about(base, spacings, self.eta, self.jump)


def thinned(
    spectra: CountedSpectra, rng: np.random.Generator
) -> tuple[CountedSpectra, CountedSpectra]:
    """Two independent halves of the counts."""
    seen = spectra.counts >= 0.0
    first = rng.binomial(np.where(seen, spectra.counts, 0.0).astype(np.int64), 0.5)
    halves = (first, spectra.counts - first)
    one, two = (np.where(seen, half, -1.0).astype(np.float32) for half in halves)
    return replace(spectra, counts=one), replace(spectra, counts=two)


def freed(
    spectra: CountedSpectra,
    lines: Lines,
    base: NDArray,
    etas: Sequence[float],
    width: float,
    rng: np.random.Generator,
) -> Iterator[tuple[float, Lines]]:
    """Fit with each of the rising ``etas`` in turn, from where the last ended."""
    lines = spectra.with_amplitudes(lines, 2.0 * width, 8)
    for eta in etas:
        prior = BandPrior.about(base, spectra.spacings, eta)
        for steps in (3, 2):
            lines = fit_positions(spectra, lines, prior, steps=steps)
            lines = spectra.with_amplitudes(lines, width, 4)
        lines = with_edge_if_seen(spectra, fit_line(spectra, lines, rng), rng)
        yield eta, lines


def refined(
    spectra: CountedSpectra,
    lines: Lines,
    prior: BandPrior,
    width: float,
    rng: np.random.Generator,
    *,
    rounds: int,
) -> tuple[Lines, bool]:
    """Fit the line, amplitudes and positions in turn, and tell whether positions came to rest."""
    for _ in range(rounds):
        before = lines.positions
        lines = fit_line(spectra, lines, rng)
        for _ in range(3):
            lines = spectra.with_amplitudes(lines, width, 2)
            lines = fit_positions(spectra, lines, prior, steps=1)
        moved = np.sqrt(np.mean((lines.positions - before) ** 2))
        if moved < _AT_REST * lines.line.profile.fwhm:
            return lines, True
    return lines, False


def choose_freedom(
    spectra: CountedSpectra,
    lines: Lines,
    base: NDArray,
    rng: np.random.Generator,
    *,
    etas: Sequence[float] = ETAS,
    widths: Sequence[float] = WIDTHS,
    only_last: bool = False,
    report: Callable[[str], None] = lambda part: None,
) -> tuple[Freedom, Lines]:
    """Choose eta and the width of amplitudes by counts set aside.

    Parameters
    ----------
    spectra : CountedSpectra
        All counts.
    lines : Lines
        Start.
    base : (bands, *momenta) array
        What bands differ from smoothly (eV).
    etas, widths : sequence of float
        Candidates, rising.
    only_last : bool
        Whether the last of ``etas`` is given, and the others only lead to it.
    report : callable
        Called with the name of each fit that is done, `MOST_FITS` times at most.

    Returns
    -------
    Freedom
        The best.
    Lines
        Fit to one half, with the amplitudes of all counts.
    """
    training, held_out = thinned(spectra, rng)
    halved = replace(lines, amplitudes=0.5 * lines.amplitudes, background=0.5 * lines.background)
    start = _enough(training, len(lines.positions), widths)
    best: tuple[Freedom, Lines] | None = None
    worse = 0
    for eta, now in freed(training, halved, base, etas, widths[start], rng):
        loss = float(held_out.losses(now).sum())
        report(f"eta {eta:.2g}")
        if best is None or only_last or loss < best[0].held_out:
            best, worse = (Freedom(eta, widths[start], loss), now), 0
        else:
            worse += 1
            if worse == 2:
                break
    assert best is not None
    tried = _Trials(training, held_out, base, rng, report, *best)
    # On the way up fits lag behind, the more the less free they are: back, from where it ended.
    if not only_last:
        while tried.improve(eta=tried.freedom.eta / _STEP_BACK):
            pass
    for jump in JUMPS if may_jump(base) else ():
        if not tried.improve(slack=_SLACK, jump=jump):
            break
    for step in (1, -1):
        place = start + step
        while 0 <= place < len(widths) and tried.improve(width=widths[place]):
            place += step
        if tried.freedom.width != widths[start]:
            break
    freedom, now = tried.freedom, tried.lines
    return freedom, replace(now, amplitudes=2.0 * now.amplitudes, background=2.0 * now.background)


class _Trials:
    """Fits with another freedom, each from the best so far."""

    def __init__(
        self,
        training: CountedSpectra,
        held_out: CountedSpectra,
        base: NDArray,
        rng: np.random.Generator,
        report: Callable[[str], None],
        freedom: Freedom,
        lines: Lines,
    ) -> None:
        self.training, self.held_out, self.base, self.rng = training, held_out, base, rng
        self.report = report
        self.freedom, self.lines = freedom, lines

    def improve(self, *, slack: float = 0.0, **changes: float) -> bool:
        """Take another eta, width or jump if it predicts the counts set aside better.

        Or no more than ``slack`` worse.
        """
        tried = replace(self.freedom, **changes)
        prior = tried.prior(self.base, self.training.spacings)
        lines, _ = refined(self.training, self.lines, prior, tried.width, self.rng, rounds=2)
        loss = float(self.held_out.losses(lines).sum())
        self.report(", ".join(f"{name} {value:.2g}" for name, value in changes.items()))
        if loss >= self.freedom.held_out + slack:
            return False
        self.freedom, self.lines = replace(tried, held_out=loss), lines
        return True


def _enough(spectra: CountedSpectra, bands: int, widths: Sequence[float]) -> int:
    """Least width that averages some fifty counts of each band."""
    seen = spectra.counts >= 0.0
    pixels = max(int(seen.any(axis=-1).sum()), 1)
    counts = float(spectra.counts[seen].sum()) / pixels / bands
    needed = np.sqrt(50.0 / (4.0 * np.pi * max(counts, 1e-3)))
    return int(np.searchsorted(widths[:-1], needed))
