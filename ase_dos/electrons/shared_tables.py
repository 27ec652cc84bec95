"""Tables of Fermi weights that many structures share, and the electrons solved with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels import fermi_tables as kernels

__all__ = ["solve_with_tables"]


def solve_with_tables(
    kt: NDArray, start: float, step: float, dos: NDArray, electrons: NDArray
) -> NDArray:
    """Solve electrons with one table for each temperature, where there are enough structures.

    Parameters
    ----------
    kt : (temperatures,) array
        kT (eV).
    start, step : float
        First energy of the grid and its spacing (eV).
    dos : (structures, n) array
        Densities of states (states/eV).
    electrons : (structures,) array
        Their electrons.

    Returns
    -------
    (structures, temperatures, 6) array
        Results of `ase_dos.kernels.thermo.gas_state`; NaN where tables are not worth it or do
        not reach: at T = 0, and deep inside a gap.
    """
    out = np.full((len(dos), kt.size, 6), np.nan)
    grounds = counts = None
    for t in np.flatnonzero(kt > 0):
        shape = kernels.table_shape(kt[t], step, dos.shape[1])
        # Filling a table costs about as much as this many solutions without one.
        if shape[0] * shape[2] > len(dos):
            continue
        if grounds is None or counts is None:
            grounds, counts = np.empty(len(dos)), np.empty_like(dos)
            kernels.prepare(start, step, dos, electrons, grounds, counts)
        full, upper = np.empty((2, *map(int, shape)))
        kernels.fill_table(kt[t], step, full, upper)
        kernels.solve_with_table(
            kt[t], start, step, dos, electrons, grounds, counts, full, upper, out[:, t]
        )
    return out
