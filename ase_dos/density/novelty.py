"""Distance of the atoms of a molecule from those of a training set.

It is the posterior variance of the coefficients on the atom, in the metric of the model: the trace
of ``M_a Phi_a C Phi_a^T``, with M_a that of an atom alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.density.metric import metric_matrix

__all__ = ["NOVELTY_SIZE", "AtomMetrics"]

# Random draws that stand for the posterior of the weights where only distances matter.
NOVELTY_SIZE = 16


class AtomMetrics:
    """Metrics of the atoms of every species, each alone.

    Parameters
    ----------
    metric : {"coulomb", "overlap", "identity"}
    basis : AuxiliaryBasis
    """

    def __init__(self, metric: str, basis: AuxiliaryBasis) -> None:
        origin = np.zeros((1, 3))
        self._of_species = {z: metric_matrix(metric, basis, [z], origin) for z in basis.species}

    def distances(self, numbers: NDArray, covariance: NDArray) -> NDArray:
        """Squared distances (atoms,), given the covariance (size, size) of a molecule."""
        return np.array(
            [np.sum(matrix * covariance[own, own]) for own, matrix in self._atoms(numbers)]
        )

    def distances_in_sketch(self, numbers: NDArray, sketch: NDArray) -> NDArray:
        """Estimate `distances` from random draws (n, size) with that covariance."""
        return np.array(
            [
                np.mean(np.sum(sketch[:, own] @ matrix * sketch[:, own], axis=1))
                for own, matrix in self._atoms(numbers)
            ]
        )

    def _atoms(self, numbers: NDArray) -> Iterator[tuple[slice, NDArray]]:
        """Places of the coefficients of each atom, and its metric."""
        stop = 0
        for species in numbers.tolist():
            matrix = self._of_species[species]
            start, stop = stop, stop + len(matrix)
            yield slice(start, stop), matrix
