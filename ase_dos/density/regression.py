"""Regression of density coefficients in a metric, and what is left out of it in closed form.

With the design matrix Phi_A, the metric M_A and the target dc_A of every molecule A, the weights
minimise

    sum_A (dc_A - Phi_A w)^T M_A (dc_A - Phi_A w) + strength |w|^2,

and C = (sum_A Phi_A^T M_A Phi_A + strength)^-1 is their posterior covariance but for its size.
Without the molecules of a group G they would be w_G, with the covariance C_G:

    dc_G - Phi_G w_G = (1 - B M_G)^-1 (dc_G - Phi_G w),   B = Phi_G C Phi_G^T,
    Phi_G C_G = (1 - B M_G)^-1 Phi_G C,
    w - w_G = C Phi_G^T M_G (dc_G - Phi_G w_G).

The last are the influences of the groups, sums of those of their molecules. The sum of their
squares is the jackknife estimate of the covariance of the weights: C with measured errors in place
of those that a posterior takes for granted (the sandwich estimator; J. G. MacKinnon and H. White,
J. Econometrics 29, 305 (1985)).

Only one molecule at a time, or group of them, is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from ase_dos.density.design import DesignMatrix
from ase_dos.utils.signs import signs_of

__all__ = ["DensityRegression", "LeftOutMolecule", "Molecule"]


class Molecule(NamedTuple):
    """Equations of one molecule.

    Attributes
    ----------
    design : DesignMatrix
        Phi (size, weights).
    target : (size,) array
        Coefficients to describe, less their mean.
    metric : (size, size) array
    """

    design: DesignMatrix
    target: NDArray
    metric: NDArray


class LeftOutMolecule(NamedTuple):
    """Prediction of one molecule by the others.

    Attributes
    ----------
    error : (size,) array
        True minus predicted coefficients.
    pull : (p,) array
        ``Phi^T M error`` in the eigenvectors: what the molecule pulls the weights with.
    response : (size, p) array
        ``Phi C_G`` in the eigenvectors: how its coefficients follow pulls of other molecules.
    metric : (size, size) array
    """

    error: NDArray
    pull: NDArray
    response: NDArray
    metric: NDArray

    @property
    def loss(self) -> float:
        """``error^T M error``."""
        return float(self.error @ self.metric @ self.error)


@dataclass(frozen=True, eq=False)
class DensityRegression:
    """Normal equations of a training set, decomposed once for every regularisation.

    Parameters
    ----------
    molecules : iterable of Molecule
        Gone through once for each question asked.
    values, vectors : (p,), (p, p) array
        Eigenvalues and eigenvectors of ``sum_A Phi_A^T M_A Phi_A``.
    right : (p,) array
        ``sum_A Phi_A^T M_A dc_A`` in the eigenvectors.
    n_coefficients : int
        Coefficients of all molecules.
    """

    molecules: Iterable[Molecule]
    values: NDArray
    vectors: NDArray
    right: NDArray
    n_coefficients: int

    @classmethod
    def of(cls, molecules: Iterable[Molecule], n_weights: int) -> DensityRegression:
        """Accumulate and decompose the normal equations."""
        matrix, right = np.zeros((n_weights, n_weights)), np.zeros((n_weights, 1))
        count = 0
        for design, target, metric in molecules:
            matrix += design.gram(metric)
            right += design.transposed_times(metric @ target[:, None])
            count += design.size
        values, vectors = np.linalg.eigh(matrix)
        vectors *= signs_of(vectors, axis=0)
        return cls(molecules, values.clip(min=0.0), vectors, vectors.T @ right[:, 0], count)

    @property
    def scale(self) -> float:
        """Mean eigenvalue of the Gram matrix of the coefficients, unit of the regularisation."""
        return float(self.values.sum() / self.n_coefficients) or 1.0

    def weights(self, regularization: float) -> NDArray:
        """Weights (p,) for a regularisation relative to `scale`."""
        return self.vectors @ (self.right / (self.values + regularization * self.scale))

    def influences(self, pulls: NDArray, regularization: float) -> NDArray:
        """Return the changes (n, weights) of the weights by pulls (n, p) of molecules or groups."""
        return pulls / (self.values + regularization * self.scale) @ self.vectors.T

    def left_out_losses(self, regularizations: Sequence[float], groups: NDArray) -> NDArray:
        """Sum the losses of molecules that are left out with their group, (regularizations,).

        Parameters
        ----------
        regularizations : sequence of float
        groups : (n,) int array
            Label of the group of each molecule.
        """
        losses = np.zeros(len(regularizations))
        for _, group in self._groups(groups):
            for number, regularization in enumerate(regularizations):
                errors, _ = self._without(group, regularization)
                for one, error in zip(group, errors, strict=True):
                    losses[number] += error @ one.metric @ error
        return losses

    def left_out(
        self, regularization: float, groups: NDArray
    ) -> Iterator[tuple[int, LeftOutMolecule]]:
        """Index of each molecule and its prediction by those of other groups, group by group."""
        for indices, group in self._groups(groups):
            errors, halves = self._without(group, regularization)
            for index, one, error, half in zip(indices, group, errors, halves, strict=True):
                pull = one.design.T @ (one.metric @ error)
                yield index, LeftOutMolecule(error, pull, half, one.metric)

    def _groups(self, groups: NDArray) -> Iterator[tuple[list[int], list[_Rotated]]]:
        """Collect the molecules of each group, and yield it as soon as it is complete."""
        missing = np.bincount(groups)
        waiting: dict[int, tuple[list[int], list[_Rotated]]] = {}
        for index, (label, molecule) in enumerate(
            zip(groups.tolist(), self.molecules, strict=True)
        ):
            indices, members = waiting.setdefault(label, ([], []))
            indices.append(index)
            members.append(_Rotated(molecule.design @ self.vectors, *molecule[1:]))
            missing[label] -= 1
            if not missing[label]:
                yield waiting.pop(label)

    def _without(
        self, group: Sequence[_Rotated], regularization: float
    ) -> tuple[list[NDArray], list[NDArray]]:
        """Errors (size,) of a group left out, and ``Phi C_G`` (size, p) of each molecule.

        Equations are solved for the coefficients of the group or for all weights, whichever are
        fewer.
        """
        spread = self.values + regularization * self.scale
        stops = np.cumsum([len(one.target) for one in group])
        if stops[-1] > len(spread):
            along = [one.design.T @ one.metric for one in group]
            matrix, right = np.diag(spread), self.right.copy()
            for one, part in zip(group, along, strict=True):
                matrix -= part @ one.design
                right -= part @ one.target
            covariance = np.linalg.inv(matrix)
            weights = covariance @ right
            return (
                [one.target - one.design @ weights for one in group],
                [one.design @ covariance for one in group],
            )
        design = np.vstack([one.design for one in group])
        target = np.concatenate([one.target for one in group])
        metric = block_diag(*(one.metric for one in group))
        shrunken = design / spread
        inverse = np.linalg.inv(np.eye(len(target)) - shrunken @ (design.T @ metric))
        error = inverse @ (target - shrunken @ self.right)
        return np.split(error, stops[:-1]), np.split(inverse @ shrunken, stops[:-1])


class _Rotated(NamedTuple):
    """Molecule with its design (size, p) in the eigenvectors of the normal equations."""

    design: NDArray
    target: NDArray
    metric: NDArray
