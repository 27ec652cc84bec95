"""Novelty of an atom: how far its surroundings are from those of the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap, outputs_of_atoms
from ase_dos.fit.left_out import LeftOut
from ase_dos.fit.posterior import Posterior
from ase_dos.fit.ridge import Ridge
from ase_dos.model.training_set import TrainingFeatures

__all__ = ["novelty_limit"]


def novelty_limit(
    features: TrainingFeatures,
    ridge: Ridge,
    left_out: LeftOut,
    maps: Sequence[FeatureMap],
    posterior: Posterior,
    projection: NDArray,
) -> float:
    """Largest distance of an atom of the training set from the structures of all other groups.

    Without the group G, whose outputs R_G are off those that its compositions Z_G predict, the
    covariance is C + C R_G^T P_GG^-1 R_G C, and the outputs that a species alone predicts move by
    -(Z^T Z)^-1 Z_G^T (1 - Z_G (Z^T Z)^-1 Z_G^T)^-1 R_G. Distances are measured in the projection,
    as in predictions; so no atom of the training set is beyond the limit.

    Parameters
    ----------
    features : TrainingFeatures
    ridge : Ridge
    left_out : LeftOut
        The regression without each group of structures.
    maps : list of FeatureMap
    posterior : Posterior
    projection : (outputs, directions) array
        Stands for the factor of C.
    """
    fractions = ridge.composition.fractions
    residuals = ridge.features - fractions @ posterior.centers
    covered = residuals @ posterior.factor @ posterior.factor.T
    ties = fractions @ posterior.composition @ posterior.composition.T
    groups = {int(row): group for group in left_out.of_each() for row in group[0]}
    largest = 0.0
    for number, (of_atoms, kinds) in enumerate(zip(features, features.kinds, strict=True)):
        if number not in groups:  # the only one of its composition
            continue
        rows, inverse = groups[number]
        left = np.eye(len(rows)) - ties[rows] @ fractions[rows].T
        moved = ties[rows].T @ np.linalg.solve(left, residuals[rows])
        inside = outputs_of_atoms(maps, of_atoms, kinds) - posterior.centers[kinds]
        outside = inside + moved[kinds]
        along = outside @ covered[rows].T
        squared = np.sum((outside @ projection) ** 2, axis=1)
        squared += np.sum(along @ inverse * along, axis=1)
        known = np.sum((inside @ projection) ** 2, axis=1)
        largest = max(largest, float(squared.max()), float(known.max()))
    return float(np.sqrt(largest)) or 1.0
