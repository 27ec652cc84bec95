"""Fit of bands to counts, from the first guess to certificate and standard deviations.

Where a map has many momenta, freedom is chosen on bins of momenta and the fit finished on all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.certificate import best_near
from ase_dos.bands.checkpoint import Checkpoint
from ase_dos.bands.deviations import standard_deviations
from ase_dos.bands.freeing import ETAS, MOST_FITS, Freedom, choose_freedom, refined
from ase_dos.bands.joint_fit import BandPrior, edge_is_seen
from ase_dos.bands.levels_of_detail import coarse, factors_to, fine, sampled_coarse
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.progress import StageProgress
from ase_dos.bands.spectra_model import CountedSpectra, Lines, SpectralLine

__all__ = ["COARSE", "PoissonFit", "first_lines", "fit_counts", "stages"]

# Momenta along an axis while freedom is chosen.
COARSE = 48
_ROUNDS = 6
# A certificate as loose as this means another solution may be near: look for it.
_LOOSE = 5e-3
_SEARCHES = 3


@dataclass(frozen=True)
class PoissonFit:
    """Bands fitted to counts.

    Parameters
    ----------
    lines : Lines
        Positions, amplitudes, background, and the line; bands in order of energy.
    prior : str
        "correction" or "dispersion".
    freedom : Freedom
        Of all momenta.
    held_out : dict
        Loss of the counts set aside, by prior.
    gaps : (bands,) array
        Certificates.
    std : (bands, *momenta) array
        Standard deviations (eV).
    converged : bool
        Whether positions came to rest.
    """

    lines: Lines
    prior: str
    freedom: Freedom
    held_out: dict[str, float]
    gaps: NDArray
    std: NDArray
    converged: bool


def first_lines(spectra: CountedSpectra, theory: NDArray, profile: LineProfile | None) -> Lines:
    """Start: lines on the theory, all of the same strength, with a tenth of counts behind them."""
    seen = spectra.counts >= 0.0
    pixels = max(int(seen.any(axis=-1).sum()), 1)
    total = float(spectra.counts[seen].sum()) / pixels
    bins = spectra.counts.shape[-1]
    wide = LineProfile(max(0.04, 2.0 * spectra.step), max(0.02, spectra.step))
    line = SpectralLine((profile or wide).widened(1.5), 0.1 / bins)
    return Lines(
        theory,
        np.full(theory.shape, 0.9 * total / len(theory)),
        np.full(spectra.momenta, 0.1 * total / bins),
        line,
    )


def stages(priors: Iterable[str], n_bands: int) -> dict[str, int]:
    """Stages of `fit_counts`, and the most parts of each."""
    return {
        **{_freedom_of(name): MOST_FITS for name in priors},
        "momenta in bins": 1,
        "all momenta": _ROUNDS,
        "certificates": (1 + _SEARCHES) * n_bands,
        "standard deviations": 1,
    }


def _freedom_of(prior: str) -> str:
    return f"freedom of the {prior}"


def fit_counts(
    spectra: CountedSpectra,
    start: Lines,
    bases: Mapping[str, NDArray],
    *,
    eta: float | None,
    seed: int,
    checkpoint: Checkpoint,
    progress: StageProgress,
) -> PoissonFit:
    """Fit bands to counts.

    Parameters
    ----------
    spectra : CountedSpectra
        The counts.
    start : Lines
        First guess, at every momentum.
    bases : mapping of str to (bands, *momenta) array
        Candidates for what bands differ from smoothly; counts set aside choose.
    eta : float, optional
        Slope of corrections (eV Angstrom); chosen by counts set aside if missing.
    seed : int
        Of the counts set aside, and of the spectra that the line is fitted to.
    checkpoint : Checkpoint
        Where to begin, and what to leave.
    progress : StageProgress
        With the stages of `stages`.

    Returns
    -------
    PoissonFit
    """
    if checkpoint.found is None:
        lines, state = _choose(spectra, start, bases, eta, np.random.default_rng(seed), progress)
        checkpoint.save(lines, **state)
    else:
        lines, state = checkpoint.found
    freedom = Freedom(**state["freedom"])
    prior = freedom.prior(bases[state["prior"]], spectra.spacings)
    lines, converged = _settled(spectra, lines, prior, freedom, state, seed, checkpoint, progress)
    rng = np.random.default_rng([seed, _ROUNDS])
    lines, gaps, converged = _certified(spectra, lines, prior, freedom, converged, rng, progress)
    progress.begin("standard deviations")
    std = standard_deviations(spectra, lines, prior)
    progress.finish()
    lines, std = _in_order(lines, std)
    return PoissonFit(lines, state["prior"], freedom, state["held_out"], gaps, std, converged)


def _in_order(lines: Lines, std: NDArray) -> tuple[Lines, NDArray]:
    """Bands numbered by energy at every momentum: those that crossed exchange their numbers."""
    order = np.argsort(lines.positions, axis=0)
    positions, amplitudes, std = (
        np.take_along_axis(of_bands, order, axis=0)
        for of_bands in (lines.positions, lines.amplitudes, std)
    )
    return replace(lines, positions=positions, amplitudes=amplitudes), std


def _choose(
    spectra: CountedSpectra,
    start: Lines,
    bases: Mapping[str, NDArray],
    eta: float | None,
    rng: np.random.Generator,
    progress: StageProgress,
) -> tuple[Lines, dict]:
    """Prior and freedom by counts set aside, and lines with them at every momentum."""
    factors = factors_to(spectra.momenta, COARSE)
    binned = coarse(spectra, factors)
    scale = float(np.sqrt(np.prod(factors)))
    pixels = float(np.prod(factors))
    begin = Lines(
        sampled_coarse(start.positions, factors),
        pixels * sampled_coarse(start.amplitudes, factors),
        pixels * sampled_coarse(start.background[None], factors)[0],
        start.line,
    )
    etas = ETAS if eta is None else _up_to(eta / scale)
    best: tuple[str, Freedom, Lines] | None = None
    held_out = {}
    seed = int(rng.integers(2**63))
    for name, base in bases.items():
        progress.begin(_freedom_of(name))
        # The same counts are set aside for all candidates.
        freedom, lines = choose_freedom(
            binned,
            begin,
            sampled_coarse(base, factors),
            np.random.default_rng(seed),
            etas=etas,
            only_last=eta is not None,
            report=progress.done,
        )
        held_out[name] = freedom.held_out
        if best is None or freedom.held_out < best[1].held_out:
            best = name, freedom, lines
    assert best is not None
    name, freedom, lines = best
    coarse_base = sampled_coarse(bases[name], factors)
    prior = freedom.prior(coarse_base, binned.spacings)
    progress.begin("momenta in bins")
    lines = refined(binned, lines, prior, freedom.width, rng, rounds=_ROUNDS)[0]
    # The sum over pairs of more momenta is the same integral of the slope squared if eta grows by
    # the root of the bins' size.
    wide = float(np.mean(factors))
    freedom = replace(freedom, eta=freedom.eta * scale, width=freedom.width * wide)
    state = {
        "prior": name,
        "freedom": asdict(freedom),
        "held_out": held_out,
        "rounds": 0,
        "converged": False,
    }
    lines = fine(lines, coarse_base, bases[name], factors)
    if binned is not spectra and lines.line.edge:
        fine_prior = freedom.prior(bases[name], spectra.spacings)
        lines = _edge_or_none(spectra, lines, fine_prior, freedom.width, rng)
    return lines, state


def _edge_or_none(
    spectra: CountedSpectra,
    lines: Lines,
    prior: BandPrior,
    width: float,
    rng: np.random.Generator,
) -> Lines:
    """Lines after a round with the Fermi edge that bins of momenta have, or after one without it.

    Bins of momenta smear steep bands, which may look like an edge. Amplitudes that were fitted
    without an edge make up for one, so each of both has its own.
    """
    without = replace(lines, line=replace(lines.line, edge=0.0))
    with_edge, without = (
        refined(spectra, start, prior, width, rng, rounds=1)[0] for start in (lines, without)
    )
    seen = edge_is_seen(
        with_edge.line, *(float(spectra.losses(fit).sum()) for fit in (with_edge, without))
    )
    return with_edge if seen else without


def _up_to(eta: float) -> tuple[float, ...]:
    """Rising candidates that end at ``eta``."""
    return (*(candidate for candidate in ETAS if candidate < 0.7 * eta), eta)


def _settled(
    spectra: CountedSpectra,
    lines: Lines,
    prior: BandPrior,
    freedom: Freedom,
    state: dict,
    seed: int,
    checkpoint: Checkpoint,
    progress: StageProgress,
) -> tuple[Lines, bool]:
    """Lines that stay where they are, and whether they do; kept after every round."""
    converged = state["converged"]
    progress.begin("all momenta")
    for done in range(state["rounds"], _ROUNDS):
        if converged:
            break
        # Each round draws anew, so that one that was killed goes on as it would have.
        rng = np.random.default_rng([seed, done])
        lines, converged = refined(spectra, lines, prior, freedom.width, rng, rounds=1)
        checkpoint.save(lines, **{**state, "rounds": done + 1, "converged": converged})
        progress.done(f"round {done + 1}")
    return lines, converged


def _certified(
    spectra: CountedSpectra,
    lines: Lines,
    prior: BandPrior,
    freedom: Freedom,
    converged: bool,
    rng: np.random.Generator,
    progress: StageProgress,
) -> tuple[Lines, NDArray, bool]:
    """Certificates of all bands, after fits from better energies that they found on the way."""
    progress.begin("certificates")
    gaps, moved = _certificates(spectra, lines, prior, progress)
    for _ in range(_SEARCHES):
        if gaps.max() <= _LOOSE:
            break
        lines, converged = refined(spectra, moved, prior, freedom.width, rng, rounds=3)
        gaps, moved = _certificates(spectra, lines, prior, progress)
    return lines, gaps, converged


def _certificates(
    spectra: CountedSpectra, lines: Lines, prior: BandPrior, progress: StageProgress
) -> tuple[NDArray, Lines]:
    """Gap of every band, and lines with each that is loose moved to the best near it, in turn."""
    gaps = np.empty(len(lines.positions))
    moved = lines
    for band in range(len(gaps)):
        gaps[band], best = best_near(spectra, moved, prior, band)
        if gaps[band] > _LOOSE:
            positions = moved.positions.copy()
            positions[band] = best
            moved = replace(moved, positions=positions)
        progress.done(f"band {band} certified")
    return gaps, moved
