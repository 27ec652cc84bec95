"""Leave-one-out predictions in closed form, for given energy shifts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.projected_loss import filled_targets
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.scores import AlignedErrors, aligned_errors
from ase_dos.spectra.target import TargetStack

__all__ = ["LeaveOneOut", "leave_one_out"]

# Diagonal of a residual maker below which a structure is predicted by nothing but itself.
_ALONE = 1e-12


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Predictions by the regression without each structure in turn, against the truth.

    Parameters
    ----------
    errors : AlignedErrors
        After alignment.
    differences : (n, m) array
        Prediction minus aligned truth, states/eV per atom; zero where the truth is not known.
    loss : float
        Mean of their losses in the metric of the regression.
    structures : (n,) int array
        All but those that nothing else can predict, the only ones of their composition.
    """

    errors: AlignedErrors
    differences: NDArray
    loss: float
    structures: NDArray


def leave_one_out(regression: Regression, alignment: Alignment) -> LeaveOneOut:
    """Predict every structure from all others, whose shifts do not change."""
    residual_maker = regression.ridge.residual_maker(alignment.regularization)
    filled = filled_targets(regression, alignment.shifts, residual_maker)
    diagonal = residual_maker.diagonal
    chosen = np.flatnonzero(diagonal > _ALONE)
    residuals = residual_maker.at(chosen, filled) / diagonal[chosen, None]
    prediction = filled[chosen] - residuals
    targets, n_atoms = [regression.targets[int(i)] for i in chosen], regression.n_atoms[chosen]
    errors = aligned_errors(
        targets, prediction, n_atoms, regression.energies, alignment.shifts[chosen]
    )
    truth, _, known = TargetStack(targets)(regression.energies, errors.shifts)
    differences = np.where(known, prediction - truth / n_atoms[:, None], 0.0)
    return LeaveOneOut(errors, differences, regression.metric.loss(differences).mean(), chosen)
