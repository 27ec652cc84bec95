"""Tables of Fermi weights that many structures share, and the electrons solved with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels import fermi_tables as kernels
from ase_dos.kernels.threads import on_threads

__all__ = ["solve_with_tables"]

GRAIN = 64  # structures that are worth a thread


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
        Densities of states (states/eV), zero or above.
    electrons : (structures,) array
        Their electrons.

    Returns
    -------
    (structures, temperatures, 6) array
        Results of `ase_dos.kernels.thermo.gas_state`; NaN where tables are not worth it or do
        not reach: at T = 0, and deep inside a gap.
    """
    out = np.full((len(dos), kt.size, 6), np.nan)
    shapes = {int(t): kernels.table_shape(kt[t], step, dos.shape[1]) for t in np.flatnonzero(kt)}
    # Filling a table costs about as much as this many solutions without one.
    shapes = {t: shape for t, shape in shapes.items() if shape[0] * shape[2] <= len(dos)}
    if not shapes:
        return out
    grounds, counts = np.empty(len(dos)), np.empty_like(dos)

    def prepare(a: int, b: int) -> None:
        kernels.prepare(start, step, dos[a:b], electrons[a:b], grounds[a:b], counts[a:b])

    on_threads(len(dos), prepare, grain=GRAIN)
    for t, shape in shapes.items():
        full, upper = np.empty((2, *map(int, shape)))
        kernels.fill_table(kt[t], step, full, upper)
        _solve_at(kt[t], start, step, dos, electrons, grounds, counts, full, upper, out[:, t])
    return out


def _solve_at(
    kt: float,
    start: float,
    step: float,
    dos: NDArray,
    electrons: NDArray,
    grounds: NDArray,
    counts: NDArray,
    full: NDArray,
    upper: NDArray,
    out: NDArray,
) -> None:
    """Fill ``out`` (structures, 6) at one temperature, with its tables."""

    def solve(a: int, b: int) -> None:
        kernels.solve_with_table(
            kt,
            start,
            step,
            dos[a:b],
            electrons[a:b],
            grounds[a:b],
            counts[a:b],
            full,
            upper,
            out[a:b],
        )

    on_threads(len(dos), solve, grain=GRAIN)
