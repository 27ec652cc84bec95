"""Novelty of the atoms of a molecule: how far they are from all that a model was trained on.

The distance of an atom is that of its lambda = 0 vector, of length one, from the nearest sparse
point of its species. The unit, species by species, is the largest one of an atom of the training
set from the points of other groups of molecules. So no atom of the training set is beyond it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.density.covariant_kernel import CovariantKernel
from ase_dos.descriptors.lambda_soap import EquivariantPoints

__all__ = ["novelty", "novelty_limits"]


def novelty(
    kernel: CovariantKernel, limits: dict[int, float], surroundings: EquivariantPoints
) -> NDArray:
    """Novelty (atoms,) of the atoms of a molecule: above 1, an extrapolation.

    Parameters
    ----------
    kernel : CovariantKernel
    limits : dict of float
        What `novelty_limits` returns, by atomic number.
    surroundings : EquivariantPoints
        Of the atoms, as ``kernel.descriptor.points(atoms)`` makes them.
    """
    units = np.array([limits[z] for z in surroundings.species.tolist()])
    return kernel.distances(surroundings).min(axis=1) / units


def novelty_limits(
    kernel: CovariantKernel, surroundings: EquivariantPoints, frame_of: NDArray, groups: NDArray
) -> dict[int, float]:
    """Largest distance from the points of other groups, of the atoms of every species.

    Parameters
    ----------
    kernel : CovariantKernel
    surroundings : EquivariantPoints
        Of all atoms of the training set.
    frame_of : (n_atoms,) int array
        Index of the frame of each.
    groups : (n,) int array
        Group of every frame.
    """
    distances = kernel.distances(surroundings)
    distances[groups[frame_of][:, None] == groups[kernel.owners]] = np.inf
    nearest = distances.min(axis=1)
    nearest[np.isinf(nearest)] = 0.0  # the only group with this species
    found = {z: nearest[surroundings.species == z].max() for z in kernel.descriptor.species}
    return {z: float(limit) or 1.0 for z, limit in found.items()}
