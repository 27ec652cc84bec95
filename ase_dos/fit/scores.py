"""Errors of spectra after the best rigid shift: absolute energies have no meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ase_dos.kernels.broadening import mean_square_errors
from ase_dos.spectra.target import DOSTarget

__all__ = ["AlignedErrors", "aligned_errors", "best_shift"]


def best_shift(
    target: DOSTarget, prediction: NDArray, energies: NDArray, start: float, reach: float = 3.0
) -> tuple[float, float]:
    """Shift that brings the target closest to the prediction, by global scan and Brent.

    Parameters
    ----------
    target : DOSTarget
        The true DOS of a cell.
    prediction : (m,) array
        Predicted DOS (states/eV) of the same cell on ``energies``.
    energies : (m,) array
        Energies of the model (eV).
    start, reach : float
        The scan covers ``start - reach`` to ``start + reach`` (eV).

    Returns
    -------
    shift, squared error : float
        In eV, and the integral of the squared difference over the grid (states^2/eV).
    """
    spacing = min(target.smearing or 0.1, 0.2) / 2
    scan = start + np.arange(-reach, reach + spacing / 2, spacing)
    span = energies[-1] - energies[0] + (energies[1] - energies[0])

    def mismatch(shifts: NDArray) -> NDArray:
        """Mean-square deviation per known energy, times the length of the grid (per cell)."""
        costs = np.empty(len(shifts))
        mean_square_errors(
            target.start,
            target.step,
            target.values,
            target.derivatives,
            target.valid_to,
            energies,
            prediction,
            shifts,
            costs,
        )
        return span * costs

    costs = mismatch(scan)
    best = int(np.argmin(costs))
    found = minimize_scalar(
        lambda shift: mismatch(np.array([shift]))[0],
        bounds=(scan[best] - spacing, scan[best] + spacing),
        method="bounded",
        options={"xatol": 1e-6},
    )
    if found.fun < costs[best]:
        return float(found.x), float(found.fun)
    return float(scan[best]), float(costs[best])


@dataclass(frozen=True, eq=False)
class AlignedErrors:
    """Errors per atom of a set of predictions after alignment.

    Parameters
    ----------
    squared : (n,) array
        Integral of the squared error of each structure (states^2/eV per atom^2).
    shifts : (n,) array
        Shift of each structure (eV) that gave it.
    spread : float
        Root of the mean over structures of the integrated squared deviation of the aligned truth
        from its mean (states eV^-1/2 per atom).
    """

    squared: NDArray
    shifts: NDArray
    spread: float

    @property
    def rmse(self) -> float:
        """Root-mean-square error in states eV^-1/2 per atom."""
        return float(np.sqrt(self.squared.mean()))

    @property
    def percent_rmse(self) -> float:
        """`rmse` in percent of the spread of the truth; NaN for a single structure."""
        return 100.0 * self.rmse / self.spread if self.spread > 0 else float("nan")


def aligned_errors(
    targets: Sequence[DOSTarget],
    predictions: NDArray,
    n_atoms: NDArray,
    energies: NDArray,
    start: NDArray,
) -> AlignedErrors:
    """Errors of ``predictions`` (n, m; states/eV per atom) against the targets of whole cells."""
    found = [
        best_shift(target, prediction * atoms, energies, first)
        for target, prediction, atoms, first in zip(
            targets, predictions, n_atoms, start, strict=True
        )
    ]
    shifts, squared = np.array(found).T
    truth = [t(energies, s)[0] / n for t, s, n in zip(targets, shifts, n_atoms, strict=True)]
    known = [energies + s <= t.valid_to for t, s in zip(targets, shifts, strict=True)]
    spread = _spread(np.ma.masked_array(truth, ~np.array(known)), energies)
    return AlignedErrors(squared / np.asarray(n_atoms) ** 2, shifts, spread)


def _spread(truth: np.ma.MaskedArray, energies: NDArray) -> float:
    """Root-mean-square deviation of the known spectra from their mean, as `best_shift` counts."""
    span = energies[-1] - energies[0] + (energies[1] - energies[0])
    squared = ((truth - truth.mean(axis=0)) ** 2).mean(axis=1) * span
    return float(np.sqrt(squared.mean()))
