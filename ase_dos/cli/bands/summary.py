"""What ``ase-dos bands`` prints of maps and bands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.reconstructed import ReconstructedBands
    from ase_dos.bands.theory import TheoryBands

__all__ = ["map_lines", "reconstruction_lines", "theory_lines"]


def map_lines(band_map: BandMap) -> Iterator[str]:
    """Lines about a map."""
    kind = "raw counts" if band_map.counts else "intensities, no counts"
    yield f"photoemission map of {kind}"
    yield from _axis_lines(band_map.momentum_names, band_map.momenta)
    yield from _axis_lines(("eV",), (band_map.energies,), "eV")
    seen = band_map.mask
    values = band_map.values[seen]
    yield f"{'momenta measured':<22} {seen.sum()} of {seen.size}"
    sums = np.nansum(values, axis=-1)
    yield f"{'counts' if band_map.counts else 'intensity'} per EDC".ljust(22) + (
        f" {sums.mean():.5g} on average, {sums.min():.5g} to {sums.max():.5g}"
    )
    empty = int((sums == 0).sum())
    if empty:
        yield f"{'zeros only':<22} {empty} momenta; if nothing was measured there: --mask-empty"
    for line in band_map.history:
        yield f"{'done':<22} {line}"
    for name, value in json.loads(band_map.data.attrs.get("simulation", "{}")).items():
        yield f"{name:<22} {value}"


def theory_lines(theory: TheoryBands) -> Iterator[str]:
    """Lines about calculated bands."""
    yield f"{theory.n_bands} calculated bands"
    yield from _axis_lines(theory.names, theory.momenta)
    if theory.interpolation_error is not None:
        yield f"{'interpolation error':<22} {1000 * theory.interpolation_error:.1f} meV"
    yield "band   lowest  highest (eV)"
    for number, band in enumerate(theory.energies):
        yield f"{number:>4} {band.min():>8.3f} {band.max():>8.3f}"


def reconstruction_lines(found: ReconstructedBands) -> Iterator[str]:
    """Lines about reconstructed bands."""
    yield f"{found.n_bands} reconstructed bands"
    yield from _axis_lines(found.momentum_names, found.momenta)
    if found.profile is not None:
        line = found.profile
        yield (
            f"{'line':<22} Gaussian {1000 * line.gaussian:.1f} meV, Lorentzian "
            f"{1000 * line.lorentzian:.1f} meV, full width {1000 * line.fwhm:.1f} meV"
        )
    yield f"{'rigid shift':<22} {found.shift:+.4f} eV"
    yield f"{'eta':<22} {found.eta:.4g} eV Angstrom"
    for name, value in found.settings.items():
        yield f"{name:<22} {value if not isinstance(value, float) else format(value, '.5g')}"
    if found.std is None:
        yield f"{'no error bars':<22} {found.std_refused}"
    yield "band   mean E   std (meV)   correction: mean, RMS (meV)   known   gap"
    known = found.mask & np.isfinite(found.energies)
    gaps = np.asarray(found.gap)
    stds = np.full_like(found.energies, np.nan) if found.std is None else found.std
    for number in range(found.n_bands):
        here = known[number]
        correction = 1000 * found.correction[number]
        std = 1000 * _mean(stds[number], here)
        yield (
            f"{number:>4} {_mean(found.energies[number], here):>8.3f}     {std:>7.1f}   "
            f"{_mean(correction, here):>16.1f} {np.sqrt(_mean(correction**2, here)):>9.1f}   "
            f"{here.mean():>11.0%}   {gaps[number]:.1g}"
        )


def _mean(values: NDArray, where: NDArray) -> float:
    return float(values[where].mean()) if where.any() else np.nan


def _axis_lines(
    names: tuple[str, ...], axes: tuple[NDArray, ...], unit: str = "1/Angstrom"
) -> Iterator[str]:
    for name, axis in zip(names, axes, strict=True):
        unit_here = unit if unit == "eV" or name.startswith("k") else ""
        yield (
            f"{name:<22} {axis[0]:.4g} to {axis[-1]:.4g} {unit_here}".rstrip()
            + f", {axis.size} points"
        )
