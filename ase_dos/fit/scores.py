"""Errors of spectra after the best rigid shift: absolute energies have no meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.spectra.target import DOSTarget, TargetStack

__all__ = ["AlignedErrors", "aligned_errors", "best_shift"]

_REACH = 3.0  # eV


def best_shift(
    target: DOSTarget, prediction: NDArray, energies: NDArray, start: float, reach: float = _REACH
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
    shifts, squared = _closest(
        TargetStack([target]), np.asarray(prediction)[None], energies, np.array([start]), reach
    )
    return float(shifts[0]), float(squared[0])


def _closest(
    targets: TargetStack, predictions: NDArray, energies: NDArray, start: NDArray, reach: float
) -> tuple[NDArray, NDArray]:
    """`best_shift` of many targets (n,) and predictions (n, m)."""
    smearing = [target.smearing or 0.1 for target in targets]
    spacings = np.minimum(smearing, 0.2) / 2
    shifts, squared = targets.closest_shifts(predictions, energies, start, reach, spacings)
    return shifts, _length(energies) * squared


def _length(energies: NDArray) -> float:
    """Length of a grid (eV), of which each point stands for an interval."""
    return float(energies[-1] - energies[0] + (energies[1] - energies[0]))


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
    stack = TargetStack.of(targets)
    n_atoms = np.asarray(n_atoms)
    shifts, squared = _closest(stack, predictions * n_atoms[:, None], energies, start, _REACH)
    return AlignedErrors(squared / n_atoms**2, shifts, _spread(stack, n_atoms, energies, shifts))


def _spread(stack: TargetStack, n_atoms: NDArray, energies: NDArray, shifts: NDArray) -> float:
    """Root-mean-square deviation of the known spectra from their mean, as `best_shift` counts."""
    values, _, known = stack(energies, shifts)
    values /= n_atoms[:, None]
    values -= values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    values[~known] = 0.0
    lengths = known.sum(axis=1)
    squared = np.einsum("ij,ij->i", values, values)[lengths > 0] / lengths[lengths > 0]
    return float(np.sqrt(squared.mean() * _length(energies)))
