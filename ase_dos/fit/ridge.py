"""Ridge regression with unpenalised composition terms, and its closed-form residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.composition import Composition

__all__ = ["Ridge"]


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
    composition : Composition
        Fractions ``Z`` of the species; their weights ``b`` are not penalised.
    eigenvalues, eigenvectors : (n,), (n, n) array
        Of ``Q Phi Phi^T Q``, with ``Q`` the projector off the composition.
    """

    features: NDArray
    composition: Composition
    eigenvalues: NDArray
    eigenvectors: NDArray

    @classmethod
    def decompose(cls, features: NDArray, fractions: NDArray) -> Ridge:
        """Prepare the regression on ``features`` (n, p) and species ``fractions`` (n, species)."""
        composition = Composition(fractions)
        inner = composition.projector @ features
        eigenvalues, eigenvectors = np.linalg.eigh(inner @ inner.T)
        return cls(features, composition, eigenvalues.clip(min=0.0), eigenvectors)

    @property
    def scale(self) -> float:
        """Mean eigenvalue of the Gram matrix, the natural unit of the regularisation."""
        return float(self.eigenvalues.mean()) or 1.0

    def residual_maker(self, regularization: float) -> NDArray:
        """``P`` (n, n), with ``P G`` the residuals of the fit and ``P G / diag(P)`` those of
        leave-one-out (regularisation relative to `scale`).
        """  # noqa: D205
        strength = regularization * self.scale
        shrink = strength / (self.eigenvalues + strength)
        # Symmetric and without negative eigenvalues whatever the rounding.
        half = self.composition.projector @ (self.eigenvectors * np.sqrt(shrink))
        return half @ half.T

    def solve(self, regularization: float, targets: NDArray) -> tuple[NDArray, NDArray]:
        """Weights ``W`` (p, m) and composition terms ``b`` (species, m) for targets (n, m)."""
        strength = regularization * self.scale
        dual = self.residual_maker(regularization) @ targets / strength
        weights = self.features.T @ (self.composition.projector @ dual)
        terms = self.composition.terms(targets - self.features @ weights)
        return weights, terms
