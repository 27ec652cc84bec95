"""Mode coefficients and novelty of atoms, from the outputs of a regressor."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import kernel


@kernel
def divide_outputs(outputs, kinds, centers, limit, coefficients, novelty):
    """Divide the outputs of every atom into coefficients of its DOS and its novelty.

    Parameters
    ----------
    outputs : (atoms, modes + k) array
        Coefficients of the modes, and k numbers that novelty is measured with.
    kinds : (atoms,) int array
        Index of the species of every atom.
    centers : (species, k) array
        Mean of these k numbers over the atoms of every species.
    limit : float
        Distance from the mean that is a novelty of 1.
    coefficients : (atoms, species + modes) array
        Filled: 1 for the species of the atom, 0 for the others, and those of the modes.
    novelty : (atoms,) array
        Filled.
    """
    n_species, size = centers.shape
    n_modes = outputs.shape[1] - size
    for i in range(kinds.size):
        for s in range(n_species):
            coefficients[i, s] = 1.0 if s == kinds[i] else 0.0
        for k in range(n_modes):
            coefficients[i, n_species + k] = outputs[i, k]
        square = 0.0
        for k in range(size):
            square += (outputs[i, n_modes + k] - centers[kinds[i], k]) ** 2
        novelty[i] = np.sqrt(square) / limit
