"""Energies of a model: its grid, and the reference energies of the training structures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.target import DOSTarget

__all__ = ["check_grid", "coarse_grid", "default_grid", "reference_energies"]

# How far the default grid reaches below the lowest band of the training set (eV).
_BELOW_BANDS = 1.5


def reference_energies(targets: Sequence[DOSTarget], reference: str) -> NDArray:
    """Energies (n,) of the structures (eV) that shifts start from, by the kind of reference."""
    fermi = np.array([target.fermi_level for target in targets])
    if reference == "average_potential":
        return np.full(fermi.size, fermi.mean())
    return fermi


def default_grid(
    targets: Sequence[DOSTarget], origin: NDArray, smearing: float, headroom: float
) -> EnergyGrid:
    """Grid from below the lowest band to ``headroom`` (eV), or where half of the targets end.

    0 is the mean Fermi level of the training set.
    """
    floor = min(target.start - shift for target, shift in zip(targets, origin, strict=True))
    known = [target.valid_to - shift for target, shift in zip(targets, origin, strict=True)]
    step = smearing / 6
    # The grid may end up to a step above what is asked for.
    top = min(headroom, np.median(known) - step)
    return EnergyGrid.spanning(np.floor(floor - _BELOW_BANDS), top, step)


def coarse_grid(grid: EnergyGrid, smearing: float) -> EnergyGrid:
    """Grid for sums over squares of the DOS, with steps of smearing / 2 where it has finer ones.

    Nothing is lost: the Fourier transform of a broadened DOS ends in exp(-(smearing k)^2 / 2), and
    that of its square, aliased at k = 2 pi / step, in exp(-4 pi^2) = 7e-18.
    """
    length = grid.stop - grid.start
    size = min(grid.size, int(np.ceil(2.0 * length / smearing)) + 1)
    return EnergyGrid(grid.start, length / (size - 1), size)


def check_grid(grid: EnergyGrid, targets: Sequence[DOSTarget], origin: NDArray) -> None:
    """Refuse a grid that misses the bottom of the bands, or goes beyond all known targets.

    Warns
    -----
    UserWarning
        If the grid ends below the Fermi level.
    """
    bottom = min(
        target.dos(target.nodes).filling_energy(1e-3) - shift
        for target, shift in zip(targets, origin, strict=True)
    )
    top = max(target.valid_to - shift for target, shift in zip(targets, origin, strict=True))
    if grid.start > bottom:
        raise ValueError(
            f"energy grid: begins at {grid.start:.2f} eV, inside the bands, which begin at "
            f"{bottom:.2f} eV; choose a lower start (0 is the mean Fermi level)"
        )
    if grid.stop > top:
        raise ValueError(
            f"energy grid: ends at {grid.stop:.2f} eV, but no target is known above {top:.2f} eV; "
            "choose a lower end or compute more bands"
        )
    if grid.stop <= 0:
        warnings.warn(
            f"energy grid: ends {-grid.stop:.2f} eV below the mean Fermi level, so the model will "
            "know the shape of a DOS, but neither its Fermi level nor what follows from it; "
            "compute more bands, or choose a smaller smearing",
            UserWarning,
            stacklevel=2,
        )
