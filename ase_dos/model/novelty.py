"""Novelty of an atom: how far its surroundings are from those of the training set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap, mean_outputs
from ase_dos.fit.posterior import Posterior
from ase_dos.fit.ridge import Ridge
from ase_dos.model.training_set import TrainingFeatures

__all__ = ["novelty_limit"]


def novelty_limit(
    features: TrainingFeatures,
    ridge: Ridge,
    regularization: float,
    maps: Sequence[FeatureMap],
    posterior: Posterior,
    projection: NDArray,
) -> float:
    """Largest distance of an atom of the training set from all other training structures.

    Without structure A, whose outputs are r_A off those that its composition z_A predicts, the
    covariance is C + C r_A r_A^T C / P_AA, and the outputs that a species alone predicts move by
    -(Z^T Z)^-1 z_A r_A^T / (1 - z_A^T (Z^T Z)^-1 z_A). Distances are measured in
    the projection, as in predictions; so no atom of the training set is beyond the limit.

    Parameters
    ----------
    features : TrainingFeatures
    ridge : Ridge
    regularization : float
        Relative to the mean eigenvalue of the Gram matrix.
    maps : list of FeatureMap
    posterior : Posterior
    projection : (outputs, directions) array
        Stands for the factor of C.
    """
    diagonal = ridge.residual_maker(regularization).diagonal
    fractions = ridge.composition.fractions
    residuals = ridge.features - fractions @ posterior.centers
    ties = fractions @ posterior.composition @ posterior.composition.T
    left = 1.0 - np.sum(ties * fractions, axis=1)
    largest = 0.0
    for number, (of_atoms, kinds) in enumerate(zip(features, features.kinds, strict=True)):
        if diagonal[number] < 1e-12:  # the only one of its composition
            continue
        outputs = [
            mean_outputs(maps, atom[None], np.array([kind]))
            for atom, kind in zip(of_atoms, kinds, strict=True)
        ]
        inside = np.array(outputs) - posterior.centers[kinds]
        outside = inside + np.outer(ties[number, kinds] / left[number], residuals[number])
        along = outside @ (posterior.factor @ (posterior.factor.T @ residuals[number]))
        squared = np.sum((outside @ projection) ** 2, axis=1) + along**2 / diagonal[number]
        known = np.sum((inside @ projection) ** 2, axis=1)
        largest = max(largest, float(squared.max()), float(known.max()))
    return float(np.sqrt(largest)) or 1.0
