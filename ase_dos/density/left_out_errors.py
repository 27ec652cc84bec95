"""Errors of molecules that are left out of the training, and the ensemble that explains them.

Each member of the ensemble adds the influences of all groups of molecules on the weights, times
random numbers. Its size is that of the errors of dipole moments: of every molecule left out,
against the spread that the influences of the other groups give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ase_dos.density.equations import TrainingEquations
from ase_dos.density.regression import DensityRegression

__all__ = ["LeftOutErrors", "one_sigma"]

_WITHIN_ONE_SIGMA = 0.6827  # of normal errors


def one_sigma(scores: NDArray) -> float:
    """Size that 68 % of errors lie within, whatever the few largest are."""
    return float(np.quantile(np.abs(scores), _WITHIN_ONE_SIGMA))


@dataclass(frozen=True, eq=False)
class LeftOutErrors:
    """Leave-one-out predictions in few numbers.

    Attributes
    ----------
    losses : (n,) array
    dipole_scores : (n, 3) array
        Errors of the dipole moments, in units of the spread that the others give.
    influences : (groups, weights) array
        What each group changes the weights by.
    """

    losses: NDArray
    dipole_scores: NDArray
    influences: NDArray

    @classmethod
    def of(
        cls,
        regression: DensityRegression,
        regularization: float,
        groups: NDArray,
        equations: TrainingEquations,
    ) -> LeftOutErrors:
        """Leave out each group in turn."""
        n, p = len(groups), len(regression.values)
        losses, dipoles = np.empty(n), np.empty((n, 3))
        pulls, responses = np.zeros((int(groups.max()) + 1, p)), np.empty((n, p, 3))
        for index, one in regression.left_out(regularization, groups):
            functionals = equations.dipoles(index)
            losses[index], dipoles[index] = one.loss, one.error @ functionals
            pulls[groups[index]] += one.pull
            responses[index] = one.response.T @ functionals
        scores = np.empty((n, 3))
        for index, response in enumerate(responses):
            changes = pulls @ response
            changes[groups[index]] = 0.0  # the others know nothing of its own
            scores[index] = dipoles[index] / np.linalg.norm(changes, axis=0)
        return cls(losses, scores, regression.influences(pulls, regularization))

    def draws(self, count: int, rng: Generator) -> NDArray:
        """Deviations (weights, members) of the weights of members of the ensemble."""
        return self.influences.T @ rng.normal(size=(len(self.influences), count))
