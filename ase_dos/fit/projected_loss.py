"""The loss of the energy shifts alone: weights and unknown energies are eliminated exactly.

A linear model with its weights eliminated (variable projection) has the loss

    L(D) = tr[G(D)^T P G(D) M] + penalty |D - D_0|^2,    dL/dD_A = 2 <g'_A, (P G M)_A> + ...

    d2L/dD_A dD_B = 2 P_AB <g'_A, M g'_B> + 2 delta_AB (<g''_A, (P G M)_A> + penalty)

with ``G`` the (structures, energies) targets per atom shifted by ``D``, ``P`` the residual maker
of the regression and ``M`` the metric of the energies. Where a shifted target is not known, the
prediction of the model stands for it: those entries, functions of the shifts, have no residual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from ase_dos.fit.metric import Metric
from ase_dos.fit.ridge import Ridge
from ase_dos.spectra.target import DOSTarget, TargetStack

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
    def averages(self) -> NDArray:
        """Matrix (blocks, n) that averages over the structures of each block."""
        inside = np.arange(self.ridge.blocks.max() + 1)[:, None] == self.ridge.blocks
        return inside / inside.sum(axis=1, keepdims=True)

    def centre(self, free: NDArray) -> NDArray:
        """Take the mean of each block from shifts or their derivatives (n, ...): the gauge."""
        return free - (self.averages @ free)[self.ridge.blocks]

    def per_atom(self, shifts: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Targets per atom, their derivatives and where they are known, each (n, m)."""
        values, slopes, known = self._stack(self.energies, shifts)
        return values / self.n_atoms[:, None], slopes / self.n_atoms[:, None], known


class _Unknown:
    """Elimination of the entries (structure, energy) of which the target is not known.

    Every target is known up to some energy. In the order in which targets end, those that miss
    an energy are the first ones, so that one Cholesky factor serves all energies.

    Parameters
    ----------
    known : (n, m) array of bool
    maker : (n, n) array
        Residual maker ``P``.
    """

    def __init__(self, known: NDArray, maker: NDArray) -> None:
        lengths = known.sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        ever = int(np.sum(lengths < known.shape[1]))
        self.known, self.maker, self.missing = known, maker, order[:ever]
        block = maker[np.ix_(self.missing, self.missing)]
        # What the loss does not feel at all stays where it started.
        block[np.diag_indices_from(block)] += _ROUNDING
        self.factor = cholesky(block, lower=True, check_finite=False) if ever else block
        ends = np.unique([0, *lengths, known.shape[1]])
        counts = np.searchsorted(lengths[order], ends[:-1], side="right")
        # Stretches of energies, each with how many structures miss all of it.
        self.stretches = [
            (slice(first, end), int(count))
            for (first, end), count in zip(pairwise(ends), counts, strict=True)
        ]

    def _solve(self, count: int, right: NDArray) -> NDArray:
        """Apply the inverse of the P_uu of the first ones."""
        return cho_solve((self.factor[:count, :count], True), right, check_finite=False)

    def fill(self, values: NDArray) -> NDArray:
        """Give unknown entries the values without a residual: P_uu x = -P_uk g for every energy.

        This is the fixed point of filling with the prediction and fitting again. Energies that no
        structure knows, as a shift can make of the last ones, are zero.
        """
        if not self.missing.size:
            return values
        mean = values.sum(axis=0) / np.maximum(self.known.sum(axis=0), 1)
        filled = np.where(self.known, values, mean)
        for here, count in self.stretches:
            if count:
                rows = self.missing[:count]
                filled[rows, here] -= self._solve(count, self.maker[rows] @ filled[:, here])
        return filled

    def through(self, gradient: NDArray) -> NDArray:
        """Turn a derivative by all entries into that by known ones, which others follow."""
        result = gradient.copy()
        for here, count in self.stretches:
            if count:
                rows = self.missing[:count]
                result[:, here] -= self.maker[:, rows] @ self._solve(count, gradient[rows, here])
        return np.where(self.known, result, 0.0)

    def known_parts(self) -> Iterator[tuple[slice, NDArray]]:
        """Stretches of energies, and ``P`` (n, n) with what is unknown there eliminated."""
        part, before = self.maker.copy(), 0
        half = self.maker[self.missing]
        if self.missing.size:
            half = solve_triangular(self.factor, half, lower=True, check_finite=False)
        for here, count in self.stretches:
            part -= half[before:count].T @ half[before:count]
            before = count
            yield here, part


def filled_targets(problem: Problem, shifts: NDArray, maker: NDArray) -> NDArray:
    """Targets per atom with unknown energies taken from the prediction they lead to."""
    values, _, known = problem.per_atom(shifts)
    return _Unknown(known, maker).fill(values)


def _evaluated(
    problem: Problem, centred: NDArray, maker: NDArray
) -> tuple[float, NDArray, NDArray, _Unknown]:
    """Loss without the penalty, slopes of the targets, half of the derivative by all entries."""
    values, slopes, known = problem.per_atom(problem.origin + centred)
    unknown = _Unknown(known, maker)
    values = unknown.fill(values)
    residual = problem.metric(maker @ values)
    loss = np.sum(values * residual)
    if problem.metric_name != "dos":  # in which residuals of unknown entries are zero already
        residual = unknown.through(residual)
    return loss, slopes, residual, unknown


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
    _, slopes, residual, unknown = _evaluated(problem, problem.centre(free), maker)
    step = problem.energies[1] - problem.energies[0]
    diagonal = np.sum(_bends(slopes, unknown.known, step) * residual, axis=1) + penalty
    metric = problem.metric(np.eye(problem.energies.size))
    second = np.diag(diagonal)
    for here, part in unknown.known_parts():
        weighted = 2 * slopes[:, : here.start] @ metric[: here.start, here]
        weighted += slopes[:, here] @ metric[here, here]
        second += part * (weighted @ slopes[:, here].T)
    second += second.T
    along = abs(np.trace(second)) / len(second) * problem.averages[problem.ridge.blocks]
    return problem.centre(problem.centre(second).T) + along


def _bends(slopes: NDArray, known: NDArray, step: float) -> NDArray:
    """Return g'' (n, m), zero where nothing is known, from differences of g'."""
    bends = np.gradient(slopes, step, axis=1)
    rows, last = np.arange(len(slopes)), known.sum(axis=1) - 1  # after which there is no slope
    here, before, first = (slopes[rows, last - i] for i in range(3))
    bends[rows, last] = (3 * here - 4 * before + first) / (2 * step)
    return np.where(known, bends, 0.0)
