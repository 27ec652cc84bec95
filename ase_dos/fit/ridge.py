"""Ridge regression with unpenalised composition terms, and its closed-form residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.composition import Composition
from ase_dos.fit.residual_maker import ResidualMaker

__all__ = ["Ridge"]


@dataclass(frozen=True, eq=False)
class Ridge:
    """Ridge regression ``G ~ Z b + Phi W`` that penalises ``W`` only.

    One decomposition of the features serves every regularisation and every right hand side, so
    the energy references can be optimised while ``W`` and ``b`` are eliminated exactly (variable
    projection). Time and memory grow with n times the smaller of n and p.

    Parameters
    ----------
    features : (n, p) array
        Mean features of the structures.
    composition : Composition
        Fractions ``Z`` of the species; their weights ``b`` are not penalised.
    eigenvalues, eigenvectors : (r,), (n, r) array
        Of ``Q Phi Phi^T Q``, with ``Q`` the projector off the composition; those above zero.
    """

    features: NDArray
    composition: Composition
    eigenvalues: NDArray
    eigenvectors: NDArray

    @classmethod
    def decompose(cls, features: NDArray, fractions: NDArray) -> Ridge:
        """Prepare the regression on ``features`` (n, p) and species ``fractions`` (n, species)."""
        composition = Composition(fractions)
        known = composition.basis
        # Householder's vectors after those of the composition are at right angles to it however
        # small a feature is; products of features lose half of the digits.
        both, factor = np.linalg.qr(np.hstack([known, features]))
        rank = known.shape[1]
        vectors, sizes, _ = np.linalg.svd(factor[rank:, rank:], full_matrices=False)
        limit = max(features.shape) * np.finfo(float).eps * sizes.max(initial=0.0)
        vectors, sizes = vectors[:, sizes > limit], sizes[sizes > limit]
        return cls(features, composition, sizes**2, both[:, rank:] @ vectors)

    @property
    def scale(self) -> float:
        """Mean eigenvalue of the Gram matrix (n, n), the natural unit of the regularisation."""
        return float(self.eigenvalues.sum() / len(self.features)) or 1.0

    def residual_maker(self, regularization: float) -> ResidualMaker:
        """Residual maker of the fit, for a regularisation relative to `scale`."""
        known = self.composition.basis
        strength = regularization * self.scale
        shrinkage = strength / (self.eigenvalues + strength)
        return ResidualMaker(
            np.hstack([known, self.eigenvectors]),
            np.concatenate([np.zeros(known.shape[1]), shrinkage]),
        )

    def solve(self, regularization: float, targets: NDArray) -> tuple[NDArray, NDArray]:
        """Weights ``W`` (p, m) and composition terms ``b`` (species, m) for targets (n, m)."""
        strength = regularization * self.scale
        along = (self.eigenvectors.T @ targets) / (self.eigenvalues + strength)[:, None]
        weights = self.features.T @ (self.eigenvectors @ along)
        terms = self.composition.terms(targets - self.features @ weights)
        return weights, terms
