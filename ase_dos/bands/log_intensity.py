"""Bands as ridges of the intensity, one at a time: the published model.

-log P = -sum_i log I(k_i, E_i) + sum_<ij> (d_i - d_j)^2 / (2 (eta dk)^2), with d the energies
themselves (R. P. Xian et al., Nat. Comput. Sci. 2, 1012 (2022)) or what they differ by from theory.
It knows no counts and no width of a line, so that it has no error bars, and a band may be found
twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.certificate import minimized
from ase_dos.bands.smoothness import Smoothness
from ase_dos.kernels.iterated_modes import iterated_modes
from ase_dos.kernels.markov_field import make_field

__all__ = ["Ridges", "ridge_by_icm", "ridge_by_trws"]

_EPOCHS = 1000


@dataclass(frozen=True)
class Ridges:
    """One band on all momenta: energies (eV) and its certificate, NaN if there is none."""

    energies: NDArray
    gap: float


def log_intensity(values: NDArray) -> NDArray[np.float64]:
    """Return the logarithm of intensity over its greatest, at least that of 1e-6; 0 in gaps."""
    known = np.isfinite(values)
    greatest = float(values[known].max())
    floor = 1e-6 * greatest
    return np.log(np.where(known, np.maximum(values, floor), greatest) / greatest)


def ridge_by_trws(
    logs: NDArray,
    energies: NDArray,
    theory: NDArray,
    base: NDArray,
    smoothness: Smoothness,
    window: float,
) -> Ridges:
    """Find the field of least energy within a window about theory.

    Parameters
    ----------
    logs : (*momenta, energies) array
        `log_intensity`.
    energies : (energies,) array
        Uniform (eV).
    theory : (*momenta) array
        Energies in the middle of the window (eV).
    base : (*momenta) array
        What the band differs from smoothly (eV).
    smoothness : Smoothness
        How smoothly.
    window : float
        Largest distance from theory (eV).

    Returns
    -------
    Ridges
        On labels half as far apart as the energies.
    """
    step = float(energies[1] - energies[0])
    spacing = 0.5 * step
    steps = spacing * np.arange(-round(window / spacing), round(window / spacing) + 1)
    # The intensity between two energies is linear; outside of all it is that of the last.
    places = np.clip((theory[..., None] + steps - energies[0]) / step, 0.0, energies.size - 1.0)
    left = np.minimum(places.astype(np.int64), energies.size - 2)
    below = np.take_along_axis(logs, left, -1)
    above = np.take_along_axis(logs, left + 1, -1)
    costs = -(below + (places - left) * (above - below))
    best = minimized(costs, theory - base, spacing, smoothness.on_grid(0))
    return Ridges(theory + steps[best.labels.reshape(theory.shape)], best.gap)


def ridge_by_icm(
    logs: NDArray, energies: NDArray, theory: NDArray, base: NDArray, smoothness: Smoothness
) -> Ridges:
    """Iterate conditional modes from theory on the energies of the map, as published."""
    step = float(energies[1] - energies[0])
    start = np.clip(np.rint((theory - energies[0]) / step), 0, energies.size - 1).astype(np.int64)
    grid = (len(theory), -1)
    fields = -base.reshape(grid) / step
    pair = [0.5 * weight * step**2 for weight in smoothness.on_grid(0)]
    field = make_field(
        -logs.reshape(*fields.shape, -1),
        pair[0],
        pair[1],
        -np.diff(fields, axis=0),
        -np.diff(fields, axis=1),
    )
    modes = iterated_modes(field, start.reshape(grid), _EPOCHS)
    return Ridges(energies[modes.labels].reshape(theory.shape), np.nan)
