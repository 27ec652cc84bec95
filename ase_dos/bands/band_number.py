"""Number of bands in a map: what counts set aside say, and where the signal is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.counted import spectra_of, start_on
from ase_dos.bands.freeing import MOST_FITS, choose_freedom
from ase_dos.bands.levels_of_detail import coarse, factors_to, sampled_coarse
from ase_dos.bands.poisson_fit import COARSE, first_lines
from ase_dos.bands.progress import StageProgress
from ase_dos.utils.checks import as_count
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.theory import TheoryBands

__all__ = ["BandNumber", "compare_band_numbers"]

# A further band has to raise the log likelihood of the counts set aside by so much.
_SLACK = 10.0


@dataclass(frozen=True, eq=False)
class BandNumber:
    """How well a set of bands predicts counts set aside.

    Parameters
    ----------
    n_bands : int
        Number of bands.
    held_out : float
        Loss -log L of half of the counts, after a fit to the others, relative to the set to take:
        the difference is a log likelihood ratio.
    shares : (bands,) array
        Part of the signal that each band got.
    best : bool
        Whether this is the set to take: the fewest bands among those that all have a share of the
        signal and lose less than 10 beside the best of these.
    """

    n_bands: int
    held_out: float
    shares: NDArray
    best: bool

    __repr__ = short_repr


def compare_band_numbers(
    band_map: BandMap,
    theories: Sequence[TheoryBands],
    *,
    least_share: float = 0.003,
    seed: int = 0,
    progress: bool = True,
) -> list[BandNumber]:
    """Compare sets of bands by counts set aside, to find how many bands a map shows.

    Parameters
    ----------
    band_map : BandMap
        Raw counts.
    theories : sequence of TheoryBands
        Candidates, aligned: ``[theory.select(range(14 - n, 14)) for n in (3, 4, 5)]``.
    least_share : float
        Part of the signal that each band of the best set has at least.
    seed : int
        Seed of the counts set aside.
    progress : bool
        Show what is being done on a terminal.

    Returns
    -------
    list of BandNumber
        In the order given.

    Raises
    ------
    ValueError
        If the map has no raw counts, or there are no candidates.
    """
    if not theories:
        raise ValueError("theories: expected at least one set of bands")
    seed = as_count(seed, "seed", 0)
    losses, shares = [], []
    parts = {_place(i, theory): MOST_FITS for i, theory in enumerate(theories)}
    with StageProgress(progress, parts, "numbers of bands") as shown:
        for i, theory in enumerate(theories):
            shown.begin(_place(i, theory))
            loss, share = _fitted_half(band_map, theory, seed, shown.done)
            losses.append(loss)
            shares.append(share)
        shown.finish()
    seen = [bool(share.min() >= least_share) for share in shares]
    ranked = np.array(
        [x if ok or not any(seen) else np.inf for x, ok in zip(losses, seen, strict=True)]
    )
    enough = np.flatnonzero(ranked < ranked.min() + _SLACK).tolist()
    best = min(enough, key=lambda i: theories[i].n_bands)
    return [
        BandNumber(theory.n_bands, loss - losses[best], share, i == best)
        for i, (theory, loss, share) in enumerate(zip(theories, losses, shares, strict=True))
    ]


def _place(i: int, theory: TheoryBands) -> str:
    return f"candidate {i} of {theory.n_bands} bands"


def _fitted_half(
    band_map: BandMap, theory: TheoryBands, seed: int, report: Callable[[str], None]
) -> tuple[float, NDArray]:
    """Loss of counts set aside, after a fit to the others, and the bands' shares of the signal."""
    start, known = start_on(theory, band_map)
    spectra = spectra_of(band_map, known)
    factors = factors_to(spectra.momenta, COARSE)
    binned = coarse(spectra, factors)
    theory_here = sampled_coarse(start, factors)
    freedom, lines = choose_freedom(
        binned,
        first_lines(binned, theory_here, None),
        theory_here,
        np.random.default_rng(seed),
        report=report,
    )
    strength = lines.amplitudes.reshape(len(start), -1).sum(axis=1)
    return freedom.held_out, strength / strength.sum()
