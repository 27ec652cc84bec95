"""Sparse kernel regression: atoms compared with a few that were chosen from the training set.

The kernel is (x . s / |x| |s|)^degree between atoms of one species, zero between species. With
K the kernel among the sparse points, the outputs are k(x) K^(-1/2), so that ridge regression on
them penalises the norm of the kernel's function space: the projected-process (subset of
regressors) form of a Gaussian process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.utils.checks import as_count
from ase_dos.utils.signs import signs_of

__all__ = ["SparseKernel", "farthest_points", "inverse_root"]

# Directions of the kernel matrix below this share of the largest add numbers to the model, but no
# accuracy.
_SMALLEST = 1e-6


@dataclass(frozen=True)
class SparseKernel:
    """Hyperparameters of a sparse polynomial kernel.

    Parameters
    ----------
    n_points : int
        Sparse points of every species: surroundings of atoms of the training set, farthest points
        first. All where there are fewer.
    degree : int
        Degree of the polynomial.
    max_candidates : int
        Atoms to choose from; more are thinned out evenly.

    Raises
    ------
    ValueError
        If a hyperparameter is no integer of at least 1.
    """

    n_points: int = 500
    degree: int = 6
    max_candidates: int = 50_000

    kind = "kernel"

    def __post_init__(self) -> None:
        for name in ("n_points", "degree", "max_candidates"):
            value = as_count(getattr(self, name), f"SparseKernel: {name}", 1)
            object.__setattr__(self, name, value)  # a plain number, as model files can hold it

    def maps(self, features: Sequence[NDArray]) -> list[FeatureMap]:
        """Choose points and prepare the map of every species.

        Parameters
        ----------
        features : sequence of (atoms, n_features) arrays
            Features of the atoms of each species in the training set.
        """
        return [self._map(of_species) for of_species in features]

    def _map(self, features: NDArray) -> FeatureMap:
        thinned = features[:: -(-len(features) // self.max_candidates) or 1]
        lengths = np.linalg.norm(thinned, axis=1)
        # An atom without neighbours, and without a weight of its own, is like no other.
        unit = thinned[lengths > 0] / lengths[lengths > 0, None]
        points = unit[farthest_points(unit, self.n_points)]
        return FeatureMap(
            weights=[points.T],
            biases=[np.zeros(len(points))],
            degree=self.degree,
            unit_length=True,
            mix=inverse_root((points @ points.T) ** self.degree, _SMALLEST),
        )


def inverse_root(kernel: NDArray, smallest: float) -> NDArray:
    """``R`` (n, r) of a kernel matrix with ``R R^T`` its inverse on the directions that matter.

    Those of eigenvalues below ``smallest`` times the largest are left out.
    """
    values, vectors = np.linalg.eigh(kernel)
    vectors *= signs_of(vectors, axis=0)
    large = values > smallest * values[-1]
    return vectors[:, large] / np.sqrt(values[large])


def farthest_points(vectors: NDArray, count: int) -> NDArray:
    """Choose vectors, each the farthest from all before it, and return their indices.

    The first is the farthest from the mean, so that the choice does not depend on the order.
    Ends early where nothing new is left.
    """
    distance = np.sum((vectors - vectors.mean(axis=0)) ** 2, axis=1)
    chosen = [int(distance.argmax())]
    squares = np.sum(vectors**2, axis=1)
    distance = np.full(len(vectors), np.inf)
    while len(chosen) < count:
        last = vectors[chosen[-1]]
        distance = np.minimum(distance, squares + last @ last - 2 * vectors @ last)
        farthest = int(distance.argmax())
        if distance[farthest] < 1e-12:
            break
        chosen.append(farthest)
    return np.array(chosen)
