"""Start of a reconstruction without theory: flat bands where the map has its peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from ase_dos.bands.theory import TheoryBands
from ase_dos.utils.checks import as_count

if TYPE_CHECKING:
    from ase_dos.bands.band_map import BandMap

__all__ = ["flat_bands"]

# Standard deviations (in bins of energy) with which the mean spectrum is smoothed, until its peaks
# are no more than asked for.
_WIDTHS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)


def flat_bands(band_map: BandMap, n_bands: int) -> TheoryBands:
    """Make flat bands at the highest peaks of the mean spectrum, to begin from without theory.

    Reconstruction finds from them bands that nothing crosses; bands that cross need a theory.

    Parameters
    ----------
    band_map : BandMap
        The map.
    n_bands : int
        Number of bands.

    Returns
    -------
    TheoryBands
        On the momenta of the map.

    Raises
    ------
    ValueError
        If the mean spectrum has fewer peaks.
    """
    n_bands = as_count(n_bands, "n_bands", 1)
    known = band_map.valid
    flat = np.where(known, band_map.values, 0.0).reshape(-1, band_map.energies.size)
    number = known.reshape(flat.shape).sum(axis=0)
    spectrum = flat.sum(axis=0) / np.maximum(number, 1)
    best: list[int] = []
    for width in _WIDTHS:
        smooth = gaussian_filter1d(spectrum, width, mode="constant")
        peaks, found = find_peaks(smooth, prominence=0.01 * smooth.max())
        strongest = peaks[np.argsort(found["prominences"])[::-1][:n_bands]]
        if len(strongest) < n_bands:
            break
        best = list(strongest)
    if not best:
        raise ValueError(
            f"{n_bands} flat bands: the mean spectrum has {len(strongest)} peaks only; bands that "
            "overlap in energy need a theory"
        )
    energies = np.sort(band_map.energies[best])
    shape = band_map.mask.shape
    return TheoryBands(
        np.broadcast_to(energies.reshape(-1, *[1] * len(shape)), (n_bands, *shape)),
        band_map.momenta,
        band_map.momentum_names,
    )
