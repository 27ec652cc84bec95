"""Degrees of freedom of the ions of electron cells."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

__all__ = ["degrees_of_freedom"]


def degrees_of_freedom(atoms: Atoms, labels: NDArray, n_cells: int) -> NDArray:
    """Momenta (cells,) that constraints leave free, three an atom without any.

    What a constraint removes counts for its atoms evenly, or for all where it names none.

    Raises
    ------
    ValueError
        If a constraint does not say how much it removes.
    """
    left = 3.0 * np.bincount(labels, minlength=n_cells)
    for constraint in atoms.constraints:
        try:
            removed = constraint.get_removed_dof(atoms)
        except NotImplementedError:
            raise ValueError(
                f"coupling: the constraint {type(constraint).__name__} does not say how many "
                "degrees of freedom it removes"
            ) from None
        named = getattr(constraint, "get_indices", lambda: np.arange(len(atoms)))()
        held = labels[np.asarray(named, dtype=np.int64)]
        if held.size:
            left -= removed / held.size * np.bincount(held, minlength=n_cells)
    return left
