"""Residual maker of a linear regression: the matrix that turns targets into residuals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_DENSE", "ResidualMaker"]

# Structures up to which matrices (n, n) cost next to nothing.
MOST_DENSE = 400


@dataclass(frozen=True, eq=False)
class ResidualMaker:
    """Matrix ``P`` (n, n) of which ``P G`` are the residuals of a fit to targets ``G`` (n, m).

    Its rank differs from 0 or n by no more than there are features, so it is stored and applied
    as ``P = I - B (1 - s) B^T``, with few columns in B. Where these span everything (not fewer
    features than structures) P is ``B s B^T``, a matrix as small as B, without a difference of
    nearly equal numbers.

    Parameters
    ----------
    basis : (n, k) array
        ``B``, orthonormal: all that the fit can describe.
    shrinkage : (k,) array
        ``s``, the share of each of its columns that remains in the residuals, from 0 to 1.
    """

    basis: NDArray
    shrinkage: NDArray

    @property
    def is_complete(self) -> bool:
        """Whether the fit can describe everything."""
        return self.basis.shape[0] == self.basis.shape[1]

    @property
    def is_dense(self) -> bool:
        """Whether a matrix (n, n) costs next to nothing, or is no larger than the features."""
        return self.is_complete or len(self.basis) <= MOST_DENSE

    @cached_property
    def root(self) -> NDArray:
        """``F`` (n, k) of ``P = I - F F^T``."""
        return self.basis * np.sqrt(1.0 - self.shrinkage)

    @cached_property
    def matrix(self) -> NDArray:
        """``P`` itself, symmetric whatever the rounding: for few structures only."""
        if self.is_complete:
            half = self.basis * np.sqrt(self.shrinkage)
            return half @ half.T
        return np.eye(len(self.root)) - self.root @ self.root.T

    @cached_property
    def diagonal(self) -> NDArray:
        """Diagonal (n,) of ``P``."""
        if self.is_complete:
            return self.basis**2 @ self.shrinkage
        return 1.0 - np.sum(self.root**2, axis=1)

    def __matmul__(self, values: NDArray) -> NDArray:
        """Residuals (n, m) of targets (n, m)."""
        if self.is_complete:
            return self.matrix @ values
        return values - self.root @ (self.root.T @ values)

    def block(self, rows: NDArray) -> NDArray:
        """Parts (..., r, r) of ``P`` for some structures, by their indices (..., r)."""
        if self.is_complete:
            half = self.basis[rows] * np.sqrt(self.shrinkage)
            return half @ half.swapaxes(-1, -2)
        some = self.root[rows]
        return np.eye(rows.shape[-1]) - some @ some.swapaxes(-1, -2)

    def at(self, rows: NDArray, values: NDArray) -> NDArray:
        """Residuals (r, m) of some structures, by their indices, for targets (n, m) of all."""
        if self.is_complete:
            return self.matrix[rows] @ values
        return values[rows] - self.root[rows] @ (self.root.T @ values)

    def of(self, rows: NDArray, values: NDArray) -> NDArray:
        """Residuals (n, m) for targets (r, m) of some structures, by their indices; 0 elsewhere."""
        if self.is_complete:
            return self.matrix[:, rows] @ values
        result = -self.root @ (self.root[rows].T @ values)
        result[rows] += values
        return result
