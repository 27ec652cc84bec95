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

All is done in the coordinates of a root R of the covariance, C = R R^T: weights are R z, designs
Phi R. Only a few molecules at a time, or one group of them, are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, block_diag, cholesky, lu_factor, lu_solve
from scipy.linalg.lapack import dtrtri

from ase_dos.density.design import DesignMatrix

__all__ = ["DensityRegression", "LeftOutGroup", "Molecule"]

# Bytes of the dense designs of molecules that go through the same products of matrices.
_BATCH = 2**27


_PartT = TypeVar("_PartT", "Molecule", "_Group")


class Molecule(NamedTuple):
    """Equations of one molecule.

    Attributes
    ----------
    design : DesignMatrix
        Phi (size, weights).
    target : (size,) array
        Coefficients to describe, less their mean.
    metric : (size, size) array
    functionals : (size, k) array
        What of the coefficients error bars are asked for.
    """

    design: DesignMatrix
    target: NDArray
    metric: NDArray
    functionals: NDArray

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return len(self.target)


class LeftOutGroup(NamedTuple):
    """Predictions of the molecules of a group by those of all others.

    Attributes
    ----------
    indices : list of int
        The molecules.
    errors : list of (k,) arrays
        Functionals of true minus predicted coefficients.
    losses : list of float
        ``error^T M error`` of the coefficients.
    pull : (p,) array
        ``R^T sum Phi^T M error``: what the group pulls the weights with.
    responses : list of (p, k) arrays
        How the functionals of each molecule follow pulls of other groups: ``R^-1 C_G Phi^T f``.
    """

    indices: list[int]
    errors: list[NDArray]
    losses: list[float]
    pull: NDArray
    responses: list[NDArray]


@dataclass(frozen=True, eq=False)
class DensityRegression:
    """Regression of a training set.

    Parameters
    ----------
    molecules : iterable of Molecule
        Gone through anew for each question asked.
    root : (n_weights, p) array
        R, of the covariance.
    solution : (p,) array
        z, of the weights.
    """

    molecules: Iterable[Molecule]
    root: NDArray
    solution: NDArray

    @classmethod
    def of(
        cls, molecules: Iterable[Molecule], n_weights: int, strength: float
    ) -> DensityRegression:
        """Accumulate and solve the normal equations.

        Raises
        ------
        LinAlgError
            If the regularisation is smaller than rounding errors.
        """
        matrix, right = np.zeros((n_weights, n_weights)), np.zeros((n_weights, 1))
        for batch in _batches(molecules, n_weights):
            design = DesignMatrix.joined([one.design for one in batch])
            products = [one.design.times_from_left(one.metric) for one in batch]
            pulls = [one.metric @ one.target for one in batch]
            design.add_gram(np.concatenate(products), matrix)
            right += design.transposed_times(np.concatenate(pulls)[:, None])
        if strength <= np.finfo(float).eps * matrix.diagonal().max():
            raise LinAlgError("the regularisation is lost beside the normal equations")
        matrix[np.diag_indices(n_weights)] += strength
        # The lower half of the matrix is the upper half of its transpose, in the order of LAPACK.
        upper = cholesky(matrix.T, overwrite_a=True, check_finite=False)
        root, failed = dtrtri(upper, overwrite_c=True)
        if failed:
            raise LinAlgError("the normal equations are singular")
        return cls(molecules, root, root.T @ right[:, 0])

    @property
    def weights(self) -> NDArray:
        """Weights (n_weights,) of the least loss."""
        return self.root @ self.solution

    def left_out(self, groups: NDArray) -> Iterator[LeftOutGroup]:
        """Predictions of each group by the others.

        Equations are solved for the coefficients of a group or for all weights, whichever are
        fewer.

        Parameters
        ----------
        groups : (n,) int array
            Label of the group of each molecule.
        """
        most = len(self.solution)
        for batch in _batches(_complete_groups(self.molecules, groups), most):
            small = [one for group in batch if group.size <= most for one in group.molecules]
            designs = self._dense(small)
            for group in batch:
                if group.size <= most:
                    yield self._by_coefficients(group, [next(designs) for _ in group.molecules])
                else:
                    yield self._by_weights(group)

    def _by_coefficients(self, group: _Group, designs: Sequence[NDArray]) -> LeftOutGroup:
        molecules, design = group.molecules, np.concatenate(designs)
        metric = block_diag(*(one.metric for one in molecules))
        system = np.eye(group.size) - (design @ design.T) @ metric
        factor = lu_factor(system, overwrite_a=True, check_finite=False)
        target = np.concatenate([one.target for one in molecules])
        error = lu_solve(factor, target - design @ self.solution, check_finite=False)
        functionals = block_diag(*(one.functionals for one in molecules))
        follow = design.T @ lu_solve(factor, functionals, trans=1, check_finite=False)
        stops = np.cumsum([one.size for one in molecules])[:-1]
        responses = np.split(follow, len(molecules), axis=1)
        return _left_out(group, np.split(error, stops), design.T @ (metric @ error), responses)

    def _by_weights(self, group: _Group) -> LeftOutGroup:
        molecules, solution = group.molecules, self.solution.copy()
        system = np.eye(len(solution))
        for one, design in zip(molecules, self._dense(molecules), strict=True):
            along = design.T @ one.metric
            system -= along @ design
            solution -= along @ one.target
        factor = lu_factor(system, overwrite_a=True, check_finite=False)
        solution = lu_solve(factor, solution, check_finite=False)
        errors, responses, pull = [], [], np.zeros_like(solution)
        for one, design in zip(molecules, self._dense(molecules), strict=True):
            errors.append(one.target - design @ solution)
            pull += design.T @ (one.metric @ errors[-1])
            responses.append(lu_solve(factor, design.T @ one.functionals, check_finite=False))
        return _left_out(group, errors, pull, responses)

    def _dense(self, molecules: Iterable[Molecule]) -> Iterator[NDArray]:
        """Design (size, p) of every molecule, in the coordinates of the root."""
        for batch in _batches(molecules, len(self.solution)):
            stops = np.cumsum([one.size for one in batch])[:-1]
            joined = DesignMatrix.joined([one.design for one in batch]) @ self.root
            yield from np.split(joined, stops)


class _Group(NamedTuple):
    """Molecules that are left out together."""

    indices: list[int]
    molecules: list[Molecule]

    @property
    def size(self) -> int:
        """Coefficients of all."""
        return sum(one.size for one in self.molecules)


def _complete_groups(molecules: Iterable[Molecule], groups: NDArray) -> Iterator[_Group]:
    """Collect the molecules of each group, and yield it as soon as it is complete."""
    missing, waiting = np.bincount(groups), dict[int, _Group]()
    for index, (label, molecule) in enumerate(zip(groups.tolist(), molecules, strict=True)):
        group = waiting.setdefault(label, _Group([], []))
        group.indices.append(index)
        group.molecules.append(molecule)
        missing[label] -= 1
        if not missing[label]:
            yield waiting.pop(label)


def _batches(parts: Iterable[_PartT], n_columns: int) -> Iterator[list[_PartT]]:
    """Collect molecules, or groups, of which the dense designs take little memory."""
    batch: list[_PartT] = []
    room = _BATCH
    for one in parts:
        needed = 8 * one.size * n_columns
        if batch and needed > room:
            yield batch
            batch, room = [], _BATCH
        batch.append(one)
        room -= needed
    if batch:
        yield batch


def _left_out(
    group: _Group, errors: list[NDArray], pull: NDArray, responses: list[NDArray]
) -> LeftOutGroup:
    losses = [
        float(error @ one.metric @ error)
        for one, error in zip(group.molecules, errors, strict=True)
    ]
    of_functionals = [
        error @ one.functionals for one, error in zip(group.molecules, errors, strict=True)
    ]
    return LeftOutGroup(group.indices, of_functionals, losses, pull, responses)
