"""Counts of a map, and a theory on its momenta, as fits take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ase_dos.bands.spectra_model import CountedSpectra

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap
    from ase_dos.bands.theory import TheoryBands

__all__ = ["spectra_of", "start_on"]


def spectra_of(band_map: BandMap, known: NDArray) -> CountedSpectra:
    """Take the counts of a map where ``known`` (momenta) says so.

    Raises
    ------
    ValueError
        If its values are no raw counts.
    """
    if not band_map.counts:
        raise ValueError(
            'likelihood "poisson" needs raw counts, and this map holds other intensities: if its '
            'values are counts, give --counts (in Python, counts=True), else "log-intensity"'
        )
    counts = np.full(band_map.shape, -1.0, np.float32)
    seen = band_map.valid & known[..., None]
    np.copyto(counts, band_map.values, casting="same_kind", where=seen)
    return CountedSpectra(
        counts,
        float(band_map.energies[0]),
        band_map.energy_step,
        tuple(float(axis[1] - axis[0]) for axis in band_map.momenta),
    )


def start_on(
    theory: TheoryBands, band_map: BandMap
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Energies of a theory on a map, and the momenta where both have something to say.

    Returns
    -------
    energies : (bands, *momenta) array
        In eV; where the theory ends, those of the nearest momentum it has.
    known : (*momenta) array of bool

    Raises
    ------
    ValueError
        If theory and map do not overlap, or a band lies outside the map altogether.
    """
    energies = theory.on(band_map)
    known = ~np.isnan(energies).any(axis=0) & band_map.mask
    missing = np.isnan(energies[0])
    if missing.any():
        nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
        energies = energies[(slice(None), *nearest)]
    low, high = band_map.energies[0], band_map.energies[-1]
    flat = energies.reshape(len(energies), -1)
    outside = np.flatnonzero((flat.max(axis=1) < low) | (flat.min(axis=1) > high))
    if outside.size:
        raise ValueError(
            f"bands {', '.join(str(b) for b in outside)} of the theory (from 0 up) lie "
            f"outside the map: take theory.within({low:.2f}, {high:.2f})"
        )
    return energies, known
