"""Errors of predicted densities: coefficients, electron number, dipole moments, potentials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import NDArray

from ase_dos.density.density import Density
from ase_dos.density.metric import metric_matrix
from ase_dos.density.surface import surface_points
from ase_dos.utils.short_repr import short_repr

__all__ = ["DensityEvaluation", "evaluate_densities"]

# e V in kcal/mol; and e Angstrom in Debye.
_KCAL = units.mol / units.kcal
_DEBYE = 1.0 / units.Debye


@dataclass(frozen=True, eq=False)
class DensityEvaluation:
    """Predictions against the truth, molecule by molecule.

    Attributes
    ----------
    coulomb, overlap : (n,) array
        Errors in percent, ``100 (dc^T M dc / c^T M c)^1/2``, with M the Coulomb or overlap matrix.
        (Some programs print the square of the root.)
    electrons : (n,) array
        Electrons that a prediction has too many, before or without a correction.
    dipoles : (n, 3) array
        Errors of the dipole moment (Debye).
    potentials : (n,) array
        Root-mean-square errors of the electrostatic potential (kcal/mol/e) on
        `ase_dos.density.surface.surface_points`, from 1.4 to 2 van der Waals radii.
    dipole_scores : (n, 3) array
        Errors of the dipole moment in units of the standard deviation that was predicted for
        them; NaN without an ensemble.
    """

    coulomb: NDArray
    overlap: NDArray
    electrons: NDArray
    dipoles: NDArray
    potentials: NDArray
    dipole_scores: NDArray

    __repr__ = short_repr

    def __len__(self) -> int:
        return len(self.coulomb)

    @property
    def dipole_error(self) -> float:
        """Mean length of the errors of the dipole moment (Debye)."""
        return float(np.linalg.norm(self.dipoles, axis=1).mean())

    def summary(self) -> str:
        """Human-readable table."""
        rows = [
            ("Coulomb error (%)", _rms(self.coulomb)),
            ("overlap error (%)", _rms(self.overlap)),
            ("electron number, mean |dN|", float(np.abs(self.electrons).mean())),
            ("dipole moment (D), mean |error|", self.dipole_error),
            ("potential (kcal/mol/e), RMS", _rms(self.potentials)),
        ]
        inside = np.abs(self.dipole_scores)
        if np.isfinite(inside).all():
            rows.append(("dipoles within one sigma (%)", 100.0 * float((inside <= 1.0).mean())))
        lines = [f"{len(self)} molecules", *(f"{name:34s} {value:.4g}" for name, value in rows)]
        return "\n".join(lines)


def evaluate_densities(
    truths: Sequence[Density],
    predictions: Sequence[Density],
    dipoles: Sequence[NDArray] | None = None,
    potentials: Sequence[NDArray] | None = None,
) -> DensityEvaluation:
    """Compare predictions with the truth.

    Parameters
    ----------
    truths, predictions : sequence of Density
        In the same basis.
    dipoles : sequence of (3,) arrays, optional
        True dipole moments (e Angstrom) about the centre of nuclear charge; by default those of
        ``truths``.
    potentials : sequence of (points,) arrays, optional
        True potentials (V) on `surface_points`; by default those of ``truths``.
    """
    rows = []
    for index, (truth, guess) in enumerate(zip(truths, predictions, strict=True)):
        points = surface_points(truth.numbers, truth.positions)
        expected = truth.potential(points) if potentials is None else potentials[index]
        moment = truth.dipole() if dipoles is None else dipoles[index]
        error = guess.dipole() - moment
        spread = np.full(3, np.nan) if guess.members is None else guess.dipole_std()
        rows.append(
            (
                _percent("coulomb", truth, guess),
                _percent("overlap", truth, guess),
                guess.n_electrons - (truth.numbers.sum() - truth.charge),
                error * _DEBYE,
                _rms(guess.potential(points) - expected) * _KCAL,
                error / spread,
            )
        )
    return DensityEvaluation(*(np.array(column) for column in zip(*rows, strict=True)))


def _percent(metric: str, truth: Density, guess: Density) -> float:
    matrix = metric_matrix(metric, truth.basis, truth.numbers, truth.positions)
    error, all_of_it = guess.coefficients - truth.coefficients, truth.coefficients
    return 100.0 * float(np.sqrt((error @ matrix @ error) / (all_of_it @ matrix @ all_of_it)))


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
