"""Differences of bands that ``ase-dos bands compare`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.axes import grid_points
from ase_dos.bands.similarity import band_rmse

if TYPE_CHECKING:
    from ase_dos.bands.reconstructed import ReconstructedBands
    from ase_dos.bands.theory import TheoryBands

__all__ = ["AnyBands", "difference_lines"]

AnyBands: TypeAlias = "ReconstructedBands | TheoryBands"


def difference_lines(first: AnyBands, other: AnyBands, shift: float) -> Iterator[str]:
    """Lines about the bands of the first minus those of the other, raised by ``shift`` (eV)."""
    if len(first.energies) != len(other.energies):
        raise ValueError(
            f"--bands: the first has {len(first.energies)} bands, the other "
            f"{len(other.energies)}: choose as many"
        )
    here = first.energies
    there = other.at(grid_points(first.momenta)) + shift
    change = here - there
    known = np.isfinite(change) & getattr(first, "mask", np.True_)
    rms = 1000 * band_rmse(here, there, known)
    rigid = float(change[known].mean())
    rest = 1000 * band_rmse(here, there + rigid, known)
    std: NDArray | None = getattr(first, "std", None)
    yield "band   mean (meV)      RMS   RMS without shift   momenta" + (
        "   within 1, 2 std" if std is not None else ""
    )
    for band, one in enumerate(change):
        at = known[band]
        inside = ""
        if std is not None:
            pulls = np.abs(one[at]) / std[band][at]
            inside = f"   {(pulls <= 1).mean():>9.2f} {(pulls <= 2).mean():>5.2f}"
        yield (
            f"{band:>4} {1000 * one[at].mean():>12.1f} {rms[band]:>8.1f} {rest[band]:>19.1f} "
            f"{at.sum():>9}{inside}"
        )
    yield (
        f"RMS of the bands: mean {rms.mean():.1f}, worst {rms.max():.1f} meV; without the rigid "
        f"shift of {1000 * rigid:+.1f} meV: mean {rest.mean():.1f}, worst {rest.max():.1f} meV"
    )
