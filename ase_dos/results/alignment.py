"""Spectra of several frames on one axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from ase_dos.utils.checks import as_array

__all__ = ["align_spectra"]

_ROWS = 64  # spectra splined at a time


def align_spectra(
    energies: ArrayLike, values: ArrayLike, references: ArrayLike
) -> tuple[NDArray, NDArray]:
    """Put spectra on one axis, each with its own reference at zero.

    Parameters
    ----------
    energies : (n,) array_like
        Uniformly spaced energies (eV).
    values : (spectra, n) array_like
        One spectrum per row.
    references : (spectra,) array_like
        Energies (eV) that become zero.

    Returns
    -------
    energies : (k,) array
        Multiples of the step at which all spectra are known (eV).
    values : (spectra, k) array
        Interpolated with cubic splines.

    Raises
    ------
    ValueError
        If the references are so far apart that no energy is left.
    """
    energies = as_array(energies, "energies", (None,))
    references = as_array(references, "references", (None,))
    values = as_array(values, "values", (references.size, energies.size))
    step = (energies[-1] - energies[0]) / (energies.size - 1)
    first = np.ceil((energies[0] - references.min()) / step)
    last = np.floor((energies[-1] - references.max()) / step)
    if last - first < 1:
        raise ValueError(
            f"align: references from {references.min():.2f} to {references.max():.2f} eV leave no "
            f"common part of {energies[0]:.2f} to {energies[-1]:.2f} eV"
        )
    axis = step * np.arange(first, last + 1)
    places = (axis + references[:, None] - energies[0]) / step
    rows = np.empty(places.shape)
    for start in range(0, len(rows), _ROWS):
        block = slice(start, start + _ROWS)
        coefficients = CubicSpline(energies, values[block], axis=1).c  # (4, intervals, spectra)
        interval = np.clip(places[block].astype(int), 0, energies.size - 2)
        x = step * (places[block] - interval)
        a, b, c, d = coefficients[:, interval, np.arange(len(x))[:, None]]
        rows[block] = ((a * x + b) * x + c) * x + d
    return axis, rows
