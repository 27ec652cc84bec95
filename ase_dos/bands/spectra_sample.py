"""Some hundred spectra of a map, neighbours in groups, for what needs no more of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap

__all__ = ["SpectraSample", "sample_spectra"]

_GROUP = 4  # spectra along each axis that make a group


@dataclass(frozen=True, eq=False)
class SpectraSample:
    """Spectra (energy distribution curves) taken from a map.

    Parameters
    ----------
    counts : (spectra, energies) array
        Counts, or intensities; 0 where there are no data.
    valid : (spectra, energies) array of bool
        Where there are data.
    index : (spectra,) array of int
        Places in the flattened grid of momenta of the map, sorted by group.
    starts : (groups,) array of int
        First spectrum of each group of neighbours.
    energies : (energies,) array
        Uniform (eV).
    """

    counts: NDArray
    valid: NDArray
    index: NDArray
    starts: NDArray
    energies: NDArray

    @property
    def step(self) -> float:
        """Distance of the energies (eV)."""
        return float(self.energies[1] - self.energies[0])

    @property
    def group(self) -> NDArray:
        """Group (spectra,) of each spectrum."""
        sizes = np.diff(np.append(self.starts, len(self.index)))
        return np.repeat(np.arange(len(self.starts)), sizes)


def sample_spectra(
    band_map: BandMap, usable: NDArray, per_axis: int, energy_step: float
) -> SpectraSample:
    """Take spectra evenly over a map, with energies put together in bins.

    Parameters
    ----------
    band_map : BandMap
        The map.
    usable : momenta-shaped array of bool
        Momenta that may be taken; those without data never are.
    per_axis : int
        Most spectra along each of two axes; its square along one.
    energy_step : float
        Bins of energy are at most that wide (eV), unless the map's are wider.

    Raises
    ------
    ValueError
        If no spectrum is left.
    """
    factor = max(1, min(int(energy_step / band_map.energy_step), len(band_map.energies) // 8))
    if factor > 1:
        band_map = band_map.binned(eV=factor)
    shape = band_map.shape[:-1]
    most = per_axis if len(shape) == 2 else per_axis**2
    strides = [-(-n // most) for n in shape]
    places = [np.arange((n - 1) % s // 2, n, s) for n, s in zip(shape, strides, strict=True)]
    sizes = [_GROUP if len(shape) == 2 else _GROUP**2] * len(shape)
    groups = [np.arange(len(p)) // size for p, size in zip(places, sizes, strict=True)]
    index = np.ravel_multi_index(np.meshgrid(*places, indexing="ij"), shape).ravel()
    numbers = np.meshgrid(*groups, indexing="ij")
    group = np.ravel_multi_index(numbers, [g[-1] + 1 for g in groups]).ravel()
    values = band_map.values.reshape(-1, band_map.shape[-1])[index]
    valid = np.isfinite(values)
    # Intensities from which a background was subtracted may be negative; rates are not.
    counts = np.where(valid, np.maximum(values, 0.0), 0.0)
    kept = usable.ravel()[index] & (counts.sum(axis=1) > 0)
    if not kept.any():
        raise ValueError("band map: it has no intensity at the momenta of the theory")
    order = np.argsort(group[kept], kind="stable")
    taken = np.flatnonzero(kept)[order]
    _, starts = np.unique(group[taken], return_index=True)
    return SpectraSample(counts[taken], valid[taken], index[taken], starts, band_map.energies)
