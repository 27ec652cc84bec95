"""Loss of the energy shifts alone: weights and unknown energies are eliminated exactly.

A linear model with its weights eliminated (variable projection) has the loss

    L(D) = tr[G(D)^T P G(D) M] + penalty |D - D_0|^2,    dL/dD_A = 2 <g'_A, (P G M)_A> + ...

    d2L/dD_A dD_B = 2 P_AB <g'_A, M g'_B> + 2 delta_AB (<g''_A, (P G M)_A> + penalty)

with ``G`` the (structures, energies) targets per atom shifted by ``D``, ``P`` the residual maker
of the regression and ``M`` the metric of the energies. Where a shifted target is not known, the
prediction of the model stands for it: those entries, functions of the shifts, have no residual.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from ase_dos.fit.regression import Regression

__all__ = ["curvature", "filled_targets", "projected_loss"]

_ROUNDING = 1e-14  # well above that of a residual maker, whose eigenvalues are 0 to 1


class _UnknownEnergies:
    """Elimination of the entries (structure, energy) of which the target is not known.

    Every target is known up to some energy. In the order in which targets end, those that miss
    an energy are the first ones, so that one Cholesky factor serves all energies.

    Parameters
    ----------
    known : (n, m) array of bool
    residual_maker : (n, n) array
        Residual maker ``P``.
    """

    def __init__(self, known: NDArray, residual_maker: NDArray) -> None:
        lengths = known.sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        ever = int(np.sum(lengths < known.shape[1]))
        self.known, self.residual_maker, self.missing = known, residual_maker, order[:ever]
        block = residual_maker[np.ix_(self.missing, self.missing)]
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
        for stretch, count in self.stretches:
            if count:
                rows = self.missing[:count]
                residuals = self.residual_maker[rows] @ filled[:, stretch]
                filled[rows, stretch] -= self._solve(count, residuals)
        return filled

    def through(self, gradient: NDArray) -> NDArray:
        """Turn a derivative by all entries into that by known ones, which others follow."""
        result = gradient.copy()
        for stretch, count in self.stretches:
            if count:
                rows = self.missing[:count]
                by_filling = self._solve(count, gradient[rows, stretch])
                result[:, stretch] -= self.residual_maker[:, rows] @ by_filling
        return np.where(self.known, result, 0.0)

    def known_parts(self) -> Iterator[tuple[slice, NDArray]]:
        """Stretches of energies, and ``P`` (n, n) with what is unknown there eliminated."""
        part, before = self.residual_maker.copy(), 0
        half = self.residual_maker[self.missing]
        if self.missing.size:
            half = solve_triangular(self.factor, half, lower=True, check_finite=False)
        for stretch, count in self.stretches:
            part -= half[before:count].T @ half[before:count]
            before = count
            yield stretch, part


def filled_targets(regression: Regression, shifts: NDArray, residual_maker: NDArray) -> NDArray:
    """Targets per atom with unknown energies taken from the prediction they lead to."""
    values, _, known = regression.per_atom(shifts)
    return _UnknownEnergies(known, residual_maker).fill(values)


def _evaluated(
    regression: Regression, centred: NDArray, residual_maker: NDArray
) -> tuple[float, NDArray, NDArray, _UnknownEnergies]:
    """Loss without the penalty, slopes of the targets, half of the derivative by all entries."""
    values, slopes, known = regression.per_atom(regression.origin + centred)
    unknown = _UnknownEnergies(known, residual_maker)
    values = unknown.fill(values)
    residual = regression.metric(residual_maker @ values)
    loss = np.sum(values * residual)
    if regression.metric_name != "dos":  # in which residuals of unknown entries are zero already
        residual = unknown.through(residual)
    return loss, slopes, residual, unknown


def projected_loss(
    free: NDArray, regression: Regression, residual_maker: NDArray, penalty: float
) -> tuple[float, NDArray]:
    """Loss and its gradient with respect to the shifts, weights and unknown energies eliminated.

    Parameters
    ----------
    free : (n,) array
        Shifts relative to the reference (eV); only what the gauge leaves of them counts.
    regression : Regression
        Regression, targets and reference shifts.
    residual_maker : (n, n) array
        Residual maker ``P`` of the regression.
    penalty : float
        Weight of the squared shifts.
    """
    centred = regression.centre(free)
    loss, slopes, residual, _ = _evaluated(regression, centred, residual_maker)
    gradient = 2 * np.sum(slopes * residual, axis=1) + 2 * penalty * centred
    return loss + penalty * np.sum(centred**2), regression.centre(gradient)


def curvature(
    free: NDArray, regression: Regression, residual_maker: NDArray, penalty: float
) -> NDArray:
    """Second derivatives (n, n) of `projected_loss` by the shifts, arguments as there.

    With unknown entries eliminated, the part of ``P`` for two energies is that of the known
    entries at the energy that fewer structures know. The g'' of the targets are differences of
    their slopes over the grid. Shifts that the gauge takes away, along which the loss is constant,
    are given the mean curvature.
    """
    _, slopes, residual, unknown = _evaluated(regression, regression.centre(free), residual_maker)
    step = regression.energies[1] - regression.energies[0]
    diagonal = np.sum(_bends(slopes, unknown.known, step) * residual, axis=1) + penalty
    metric = regression.metric(np.eye(regression.energies.size))
    second = np.diag(diagonal)
    for stretch, part in unknown.known_parts():
        weighted = 2 * slopes[:, : stretch.start] @ metric[: stretch.start, stretch]
        weighted += slopes[:, stretch] @ metric[stretch, stretch]
        second += part * (weighted @ slopes[:, stretch].T)
    second += second.T
    along = abs(np.trace(second)) / len(second) * regression.averages[regression.blocks]
    return regression.centre(regression.centre(second).T) + along


def _bends(slopes: NDArray, known: NDArray, step: float) -> NDArray:
    """Return g'' (n, m), zero where nothing is known, from differences of g'."""
    bends = np.gradient(slopes, step, axis=1)
    rows, last = np.arange(len(slopes)), known.sum(axis=1) - 1  # after which there is no slope
    end, before, first = (slopes[rows, last - i] for i in range(3))
    bends[rows, last] = (3 * end - 4 * before + first) / (2 * step)
    return np.where(known, bends, 0.0)
