"""Density of states of bands over a plane of momenta."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.broadening import REACH, broaden
from ase_dos.spectra.dos import DOS
from ase_dos.utils.checks import as_positive

__all__ = ["mapped_dos"]

_NODES_PER_WIDTH = 8


def mapped_dos(
    energies: NDArray, known: NDArray, width: float, spin_degeneracy: int, label: str
) -> DOS:
    """Broaden bands (bands, *momenta) where they are known, each to `spin_degeneracy` states.

    Every band is averaged over the momenta at which it is known.
    """
    width = as_positive(width, "width")
    if spin_degeneracy not in (1, 2):
        raise ValueError(f"spin_degeneracy: expected 1 or 2, got {spin_degeneracy!r}")
    empty = [band for band in range(len(energies)) if not known[band].any()]
    if empty:
        raise ValueError(
            f"bands {', '.join(map(str, empty))} (from 0): no data at any momentum asked for"
        )
    levels = [band[here] for band, here in zip(energies, known, strict=True)]
    step = width / _NODES_PER_WIDTH
    start = min(band.min() for band in levels) - REACH * width
    top = max(0.0, max(band.max() for band in levels) + REACH * width)
    size = int(np.ceil((top - start) / step)) + 1
    values = np.zeros(size)
    electrons = 0.0
    for band in levels:
        weights = np.full(band.size, spin_degeneracy / band.size)
        values += broaden(band[None, :, None], weights, width, start, step, size)[0]
        electrons += spin_degeneracy * float((band <= 0).mean())
    if electrons == 0.0:
        raise ValueError("no state of these bands lies below the Fermi level (0 eV)")
    grid = start + step * np.arange(size)
    return DOS(grid, values, electrons, width, valid_to=0.0, label=label)
