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
    dipoles : (n, 3) array
        Errors of the functionals of each molecule, which are its dipole moment.
    pulls : (groups, p) array
        Of each group on the weights, in the coordinates of the root of the covariance.
    responses : (n, p, 3) array
        How the dipole moment of each molecule follows the pulls of other groups.
    groups : (n,) int array
    """

    losses: NDArray
    dipoles: NDArray
    pulls: NDArray
    responses: NDArray
    groups: NDArray

    @classmethod
    def of(cls, regression: DensityRegression, groups: NDArray) -> LeftOutErrors:
        """Leave out each group in turn."""
        n, p = len(groups), len(regression.solution)
        losses, dipoles = np.empty(n), np.empty((n, 3))
        pulls, responses = np.empty((int(groups.max()) + 1, p)), np.empty((n, p, 3))
        for group in regression.left_out(groups):
            pulls[groups[group.indices[0]]] = group.pull
            losses[group.indices], dipoles[group.indices] = group.losses, group.errors
            responses[group.indices] = group.responses
        return cls(losses, dipoles, pulls, responses, groups)

    def dipole_scores(self) -> NDArray:
        """Errors (n, 3) of the dipole moments, in units of the spread that the others give."""
        spreads = np.empty_like(self.dipoles)
        for index, (group, response) in enumerate(zip(self.groups, self.responses, strict=True)):
            changes = self.pulls @ response
            changes[group] = 0.0  # the others know nothing of its own
            spreads[index] = np.linalg.norm(changes, axis=0)
        return self.dipoles / spreads

    def draws(self, count: int, rng: Generator) -> NDArray:
        """Deviations (p, count) of members of the ensemble, in the coordinates of the root."""
        return self.pulls.T @ rng.normal(size=(len(self.pulls), count))
