"""Composition terms of a regression: what each species contributes, whatever its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Composition"]

# Entries of a matrix of fractions above this are not rounding.
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

    @cached_property
    def basis(self) -> NDArray:
        """Orthonormal basis (n, rank) of all that the composition explains."""
        vectors, sizes, _ = np.linalg.svd(self.fractions, full_matrices=False)
        return vectors[:, sizes > _LINKED * sizes[0]]

    def terms(self, values: NDArray) -> NDArray:
        """Terms ``b`` (species, ...) whose ``Z b`` is closest to values (n, ...)."""
        return self.inverse @ values

    def remainder(self, values: NDArray) -> NDArray:
        """Return what the composition does not explain of values (n, ...)."""
        return values - self.basis @ (self.basis.T @ values)

    @cached_property
    def blocks(self) -> NDArray:
        """Label (n,) of the structures that share composition terms with each other only.

        The terms of one block are free of those of the others, so they can take up any shift
        that its structures have in common: two species in two compositions are two blocks.

        Some structures, as many as there are independent terms, span all others; every other one
        is tied to those that it is a sum of.
        """
        n, rank = self.basis.shape
        spanning = qr(self.basis.T, mode="r", pivoting=True)[1][:rank]
        sums = self.basis @ np.linalg.inv(self.basis[spanning])
        rows, columns = np.nonzero(np.abs(sums) > _LINKED)
        ties = coo_array((np.ones(rows.size), (rows, spanning[columns])), shape=(n, n))
        return connected_components(ties, directed=False)[1]
