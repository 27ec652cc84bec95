"""The loss of the energy shifts alone: weights and unknown energies are eliminated exactly.

A linear model with its weights eliminated (variable projection) has the loss

    L(D) = tr[G(D)^T P G(D) M] + penalty |D - D_0|^2,    dL/dD_A = 2 <g'_A, (P G M)_A> + ...

    d2L/dD_A dD_B = 2 P_AB <g'_A, M g'_B> + 2 delta_AB (<g''_A, (P G M)_A> + penalty)

with ``G`` the (structures, energies) targets per atom shifted by ``D``, ``P`` the residual maker
of the regression and ``M`` the metric of the energies. Where a shifted target is not known, the
prediction of the model stands for it: those entries, functions of the shifts, have no residual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from ase_dos.fit.metric import Metric
from ase_dos.fit.ridge import Ridge
from ase_dos.targets import DOSTarget, TargetStack

__all__ = ["Problem", "curvature", "filled_targets", "projected_loss"]

_ROUNDING = 1e-14  # well above that of a residual maker, whose eigenvalues are 0 to 1


@dataclass(frozen=True, eq=False)
class Problem:
    """What stays fixed while shifts are sought.

    Parameters
    ----------
    ridge : Ridge
        The decomposed regression.
    targets : sequence of DOSTarget
        One per structure.
    n_atoms : (n,) array
        Atoms per structure.
    energies : (m,) array
        Energies of the model (eV).
    origin : (n,) array
        Reference shifts ``D_0`` (eV): penalty and bounds refer to them.
    bound : float
        Bound (eV) on ``|D - D_0|`` before the gauge takes their mean away.
    metric_name : {"dos", "cumulative", "mix"}
        What counts as an error.
    """

    ridge: Ridge
    targets: Sequence[DOSTarget]
    n_atoms: NDArray
    energies: NDArray
    origin: NDArray
    bound: float = 3.0
    metric_name: str = "dos"

    @cached_property
    def _stack(self) -> TargetStack:
        return TargetStack(self.targets)

    @property
    def metric(self) -> Metric:
        """What counts as an error."""
        return Metric(self.metric_name, float(self.energies[1] - self.energies[0]))

    @cached_property
    def means(self) -> NDArray:
        """Projector (n, n) onto shifts that the structures of a block have in common."""
        same = self.ridge.blocks[:, None] == self.ridge.blocks
        return same / same.sum(axis=1)

    def centre(self, free: NDArray) -> NDArray:
        """Take the mean of each block from shifts or their derivatives (n, ...): the gauge."""
        return free - self.means @ free

    def per_atom(self, shifts: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Targets per atom, their derivatives and where they are known, each (n, m)."""
        values, slopes, known = self._stack(self.energies, shifts)
        return values / self.n_atoms[:, None], slopes / self.n_atoms[:, None], known


def filled_targets(problem: Problem, shifts: NDArray, maker: NDArray) -> NDArray:
    """Targets per atom with unknown energies taken from the prediction they lead to."""
    values, _, known = problem.per_atom(shifts)
    return _fill(values, known, maker, _unknown_blocks(known, maker))


def _fill(values: NDArray, known: NDArray, maker: NDArray, blocks: Iterable) -> NDArray:
    """Give unknown entries the values without a residual: P_uu x = -P_uk g for every energy.

    This is the fixed point of filling with the prediction and fitting again. Energies that no
    structure knows, as a shift can make of the last ones, are zero.
    """
    if known.all():
        return values
    mean = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, mean)
    for places, block in blocks:
        residual = maker[places[0].ravel()] @ filled[:, places[1].ravel()]
        filled[places] -= cho_solve(block, residual)
    return filled


def _through_fill(gradient: NDArray, known: NDArray, maker: NDArray, blocks: Iterable) -> NDArray:
    """Turn a derivative by all entries into that by known ones, which others follow (`_fill`)."""
    result = gradient.copy()
    for places, block in blocks:
        missing, columns = places[0].ravel(), places[1].ravel()
        result[:, columns] -= maker[:, missing] @ cho_solve(block, gradient[places])
    return np.where(known, result, 0.0)


def _stretches(known: NDArray) -> Iterator[tuple[slice, NDArray]]:
    """Rising stretches of energies, each with the structures (n,) that are unknown all along it.

    Every target is known up to some energy, so that a stretch begins where one of them ends.
    """
    lengths = known.sum(axis=1)
    for first, end in pairwise(np.unique([0, *lengths, known.shape[1]])):
        yield slice(first, end), lengths <= first


def _unknown_blocks(known: NDArray, maker: NDArray) -> Iterator[tuple[tuple, tuple]]:
    """Places of unknown entries and the factor of their P_uu; one for energies that miss alike."""
    for columns, missing in _stretches(known):
        if missing.any():
            places = np.ix_(missing, np.arange(columns.start, columns.stop))
            yield places, _factor(maker[np.ix_(missing, missing)])


def _factor(block: NDArray) -> tuple:
    """Cholesky factor; what the loss does not feel at all stays where it started."""
    block[np.diag_indices_from(block)] += _ROUNDING
    return cho_factor(block, check_finite=False)


def _known_part(maker: NDArray, missing: NDArray) -> NDArray:
    """``P`` (n, n) once the entries of some structures are eliminated, zero for these."""
    if not missing.any():
        return maker
    across = maker[missing]
    part = maker - across.T @ cho_solve(_factor(across[:, missing]), across)
    part[missing] = part[:, missing] = 0.0
    return part


def _evaluated(
    problem: Problem, centred: NDArray, maker: NDArray
) -> tuple[float, NDArray, NDArray, NDArray]:
    """Loss without the penalty, slopes, half of the loss's derivative by entries, what is known."""
    values, slopes, known = problem.per_atom(problem.origin + centred)
    blocks = list(_unknown_blocks(known, maker))
    values = _fill(values, known, maker, blocks)
    residual = problem.metric(maker @ values)
    loss = np.sum(values * residual)
    if problem.metric_name != "dos":  # in which residuals of unknown entries are zero already
        residual = _through_fill(residual, known, maker, blocks)
    return loss, slopes, residual, known


def projected_loss(
    free: NDArray, problem: Problem, maker: NDArray, penalty: float
) -> tuple[float, NDArray]:
    """Loss and its gradient with respect to the shifts, weights and unknown energies eliminated.

    Parameters
    ----------
    free : (n,) array
        Shifts relative to the reference (eV); only what the gauge leaves of them counts.
    problem : Problem
        Regression, targets and reference shifts.
    maker : (n, n) array
        Residual maker ``P`` of the regression.
    penalty : float
        Weight of the squared shifts.
    """
    centred = problem.centre(free)
    loss, slopes, residual, _ = _evaluated(problem, centred, maker)
    gradient = 2 * np.sum(slopes * residual, axis=1) + 2 * penalty * centred
    return loss + penalty * np.sum(centred**2), problem.centre(gradient)


def curvature(free: NDArray, problem: Problem, maker: NDArray, penalty: float) -> NDArray:
    """Second derivatives (n, n) of `projected_loss` by the shifts, arguments as there.

    With unknown entries eliminated, the part of ``P`` for two energies is that of the known
    entries at the energy that fewer structures know. The g'' of the targets are differences of
    their slopes over the grid. Shifts that the gauge takes away, along which the loss is constant,
    are given the mean curvature.
    """
    _, slopes, residual, known = _evaluated(problem, problem.centre(free), maker)
    step = problem.energies[1] - problem.energies[0]
    diagonal = np.sum(_bends(slopes, known, step) * residual, axis=1) + penalty
    metric = problem.metric(np.eye(problem.energies.size))
    second = np.diag(diagonal)
    for here, missing in _stretches(known):
        inside = slopes[:, here] @ metric[here, here] @ slopes[:, here].T
        before = slopes[:, here] @ metric[here, : here.start] @ slopes[:, : here.start].T
        second += _known_part(maker, missing) * (inside + before + before.T)
    second *= 2
    along = abs(np.trace(second)) / len(second) * problem.means
    return problem.centre(problem.centre(second).T) + along


def _bends(slopes: NDArray, known: NDArray, step: float) -> NDArray:
    """Return g'' (n, m), zero where nothing is known, from differences of g'."""
    bends = np.gradient(slopes, step, axis=1)
    rows, last = np.arange(len(slopes)), known.sum(axis=1) - 1  # after which there is no slope
    here, before, first = (slopes[rows, last - i] for i in range(3))
    bends[rows, last] = (3 * here - 4 * before + first) / (2 * step)
    return np.where(known, bends, 0.0)
