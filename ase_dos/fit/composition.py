"""Composition terms of a regression: what each species contributes, whatever its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

__all__ = ["Composition"]

# Entries of the hat matrix above this tie structures to each other.
_LINKED = 1e-9


@dataclass(frozen=True, eq=False)
class Composition:
    """Species in the structures of a training set.

    Parameters
    ----------
    fractions : (n, species) array
        Share ``Z`` of each species in the atoms of each structure.
    """

    fractions: NDArray

    @cached_property
    def inverse(self) -> NDArray:
        """Pseudoinverse (species, n) of the fractions."""
        return np.linalg.pinv(self.fractions)

    def terms(self, values: NDArray) -> NDArray:
        """Terms ``b`` (species, ...) whose ``Z b`` is closest to values (n, ...)."""
        return self.inverse @ values

    @cached_property
    def projector(self) -> NDArray:
        """Projector ``Q`` (n, n) onto what the composition does not explain."""
        return np.eye(len(self.fractions)) - self.fractions @ self.inverse

    @cached_property
    def blocks(self) -> NDArray:
        """Label (n,) of the structures that share composition terms with each other only.

        The terms of one block are free of those of the others, so they can take up any shift
        that its structures have in common: two species in two compositions are two blocks.
        """
        linked = np.abs(np.eye(len(self.projector)) - self.projector) > _LINKED
        return connected_components(linked, directed=False)[1]
