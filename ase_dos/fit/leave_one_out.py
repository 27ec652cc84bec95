"""Leave-one-out predictions in closed form, for given energy shifts.

What is left out is one structure, with all others of its group (`ase_dos.fit.left_out`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.left_out import LeftOut
from ase_dos.fit.projected_loss import filled_targets
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.scores import AlignedErrors, aligned_errors

__all__ = ["LeaveOneOut", "leave_one_out"]


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Predictions by the regression without each group of structures in turn, against the truth.

    Parameters
    ----------
    errors : AlignedErrors
        After alignment.
    differences : list of (n, m) arrays
        Prediction minus aligned truth, states/eV per atom, of each of the `Regression.spectra`;
        zero where the truth is not known.
    loss : float
        Mean of their losses in the metric of the regression, all spectra together.
    structures : (n,) int array
        All but those that nothing else can predict, the only ones of their composition.
    distances : (n,) array
        Their distances from the structures that are not left out (`Posterior.distances`).
    """

    errors: AlignedErrors
    differences: list[NDArray]
    loss: float
    structures: NDArray
    distances: NDArray


def leave_one_out(regression: Regression, alignment: Alignment) -> LeaveOneOut:
    """Predict every structure from those of other groups, whose shifts do not change.

    What is aligned is the DOS; a spin DOS moves with it.

    Raises
    ------
    ValueError
        If no structure can be predicted from others.
    """
    residual_maker = regression.ridge.residual_maker(alignment.regularization)
    left_out = LeftOut(residual_maker, regression.groups)
    chosen = left_out.structures
    if not chosen.size:
        raise ValueError(
            "training set: no structure can be predicted from those of other groups; it needs two "
            "groups or more of the same species"
        )
    n_atoms, energies = regression.n_atoms[chosen], regression.energies
    pairs = []
    for one in regression.spectra:
        filled = filled_targets(one, alignment.shifts, residual_maker)
        pairs.append((one.stack.part(chosen), filled[chosen] - left_out.residuals(filled)))
    errors = aligned_errors(*pairs[0], n_atoms, energies, alignment.shifts[chosen])
    differences = []
    for targets, prediction in pairs:
        truth, _, known = targets(energies, errors.shifts)
        differences.append(np.where(known, prediction - truth / n_atoms[:, None], 0.0))
    loss = sum(regression.metric.loss(one).mean() for one in differences)
    return LeaveOneOut(errors, differences, loss, chosen, left_out.distances)
