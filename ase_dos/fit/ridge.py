"""Ridge regression with unpenalised composition terms, and its closed-form residuals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

__all__ = ["Ridge"]

# Entries of the hat matrix of the composition above this tie structures to each other.
_LINKED = 1e-9


@dataclass(frozen=True, eq=False)
class Ridge:
    """Ridge regression ``G ~ Z b + Phi W`` that penalises ``W`` only.

    One eigendecomposition of the (n, n) Gram matrix serves every regularisation and every right
    hand side, so the energy references can be optimised while ``W`` and ``b`` are eliminated
    exactly (variable projection).

    Parameters
    ----------
    features : (n, p) array
        Mean features of the structures.
    composition : (n, species) array
        Fractions of the species; their weights ``b`` are not penalised.
    eigenvalues, eigenvectors : (n,), (n, n) array
        Of ``Q Phi Phi^T Q``, with ``Q`` the projector off the composition.
    projector : (n, n) array
        ``Q``.
    """

    features: NDArray
    composition: NDArray
    eigenvalues: NDArray
    eigenvectors: NDArray
    projector: NDArray

    @classmethod
    def decompose(cls, features: NDArray, composition: NDArray) -> Ridge:
        """Prepare the regression on ``features`` (n, p) and ``composition`` (n, species)."""
        projector = np.eye(len(features)) - composition @ np.linalg.pinv(composition)
        inner = projector @ features
        eigenvalues, eigenvectors = np.linalg.eigh(inner @ inner.T)
        return cls(features, composition, eigenvalues.clip(min=0.0), eigenvectors, projector)

    @property
    def scale(self) -> float:
        """Mean eigenvalue of the Gram matrix, the natural unit of the regularisation."""
        return float(self.eigenvalues.mean()) or 1.0

    @cached_property
    def blocks(self) -> NDArray:
        """Label (n,) of the structures that share composition terms with each other only.

        The terms of one block are free of those of the others, so they can take up any shift
        that its structures have in common: two species in two compositions are two blocks.
        """
        linked = np.abs(np.eye(len(self.projector)) - self.projector) > _LINKED
        return connected_components(linked, directed=False)[1]

    def residual_maker(self, regularization: float) -> NDArray:
        """``P`` (n, n), with ``P G`` the residuals of the fit and ``P G / diag(P)`` those of
        leave-one-out (regularisation relative to `scale`).
        """  # noqa: D205
        strength = regularization * self.scale
        shrink = strength / (self.eigenvalues + strength)
        # Symmetric and without negative eigenvalues whatever the rounding.
        half = self.projector @ (self.eigenvectors * np.sqrt(shrink))
        return half @ half.T

    def solve(self, regularization: float, targets: NDArray) -> tuple[NDArray, NDArray]:
        """Weights ``W`` (p, m) and composition terms ``b`` (species, m) for targets (n, m)."""
        strength = regularization * self.scale
        dual = self.residual_maker(regularization) @ targets / strength
        weights = self.features.T @ (self.projector @ dual)
        terms = np.linalg.pinv(self.composition) @ (targets - self.features @ weights)
        return weights, terms
