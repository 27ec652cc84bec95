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
from ase_dos.density.novelty import AtomMetrics
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
        Errors of the dipole moments (a.u.).
    influences : (groups, weights) array
        What each group changes the weights by.
    farthest : float
        Largest squared distance of an atom from the molecules of other groups
        (`ase_dos.density.novelty`).
    """

    losses: NDArray
    dipoles: NDArray
    influences: NDArray
    farthest: float

    @classmethod
    def of(
        cls,
        regression: DensityRegression,
        regularization: float,
        groups: NDArray,
        equations: TrainingEquations,
    ) -> LeftOutErrors:
        """Leave out each group in turn."""
        metrics = AtomMetrics(equations.options.metric, equations.options.basis)
        losses, dipoles = np.empty(len(groups)), np.empty((len(groups), 3))
        influences = np.zeros((int(groups.max()) + 1, len(regression.values)))
        farthest = 0.0
        for index, one in regression.left_out(regularization, groups):
            losses[index] = one.loss
            dipoles[index] = one.error @ equations.dipoles(index)
            influences[groups[index]] += one.influence
            of_atoms = metrics.distances(equations.densities[index].numbers, one.covariance)
            farthest = max(farthest, float(of_atoms.max()))
        return cls(losses, dipoles, influences, farthest)

    def draws(self, count: int, rng: Generator) -> NDArray:
        """Deviations (weights, members) of the weights of members of the ensemble."""
        return self.influences.T @ rng.normal(size=(len(self.influences), count))

    def dipole_scores(self, groups: NDArray, equations: TrainingEquations) -> NDArray:
        """Errors (n, 3) of the dipole moments in units of the spread of the members."""
        scores = np.empty_like(self.dipoles)
        for index, design in enumerate(equations.designs()):
            along = self.influences @ design.transposed_times(equations.dipoles(index))
            along[groups[index]] = 0.0  # the others know nothing of its own
            scores[index] = self.dipoles[index] / np.linalg.norm(along, axis=0)
        return scores
