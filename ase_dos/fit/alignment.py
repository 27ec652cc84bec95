"""The adaptive energy reference: shifts of the structures fitted together with the model.

The loss of a linear model with the weights eliminated (variable projection) is

    L(D) = tr[G(D)^T P G(D) M] + penalty |D - D_0|^2,    dL/dD_A = 2 <g'_A, (P G M)_A> + ...

with ``G`` the (structures, energies) targets per atom shifted by ``D``, ``P`` the residual maker
of the regression and ``M`` the metric of the energies. It is minimised by Newton's method in a
trust region, with the exact gradient and the curvature

    d2L/dD_A dD_B = 2 P_AB <g'_A, M g'_B> + 2 delta_AB (<g''_A, (P G M)_A> + penalty),

in the gauge ``mean(D - D_0) = 0`` of every block of structures that share composition terms
(`Ridge.blocks`; in most training sets all do). A few steps do what takes L-BFGS hundreds, because
structures that the model hardly constrains have next to no curvature. Where a shifted target is
not known, the prediction of the model stands for it: those entries, functions of the shifts, have
no residual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from ase_dos.fit.metric import Metric
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.scores import AlignedErrors, aligned_errors
from ase_dos.targets import DOSTarget, TargetStack

__all__ = [
    "Alignment",
    "Problem",
    "align",
    "choose",
    "cross_correlation_shifts",
    "filled_targets",
    "leave_one_out",
]

_ROUNDS = 10
_TOLERANCE = 1e-4  # eV; shifts that move less than this have come to rest
# Length of the gradient at a minimum, as a share of the spread of the targets per eV.
_FLAT = 1e-8
_FIRST_STEP = 0.1  # eV; the typical shift that the first step may make
_ROUNDING = 1e-14  # well above that of a residual maker, whose eigenvalues are 0 to 1
# Steps of the regularisation without a smaller error that end the search.
_PATIENCE = 3
_SMALL_PRODUCT = 3e8  # multiplications, some 10 ms


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


@dataclass(frozen=True, eq=False)
class Alignment:
    """Shifts found, their loss, and the hyperparameters they were found with."""

    shifts: NDArray
    loss: float
    regularization: float
    penalty: float


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


def _unknown_blocks(known: NDArray, maker: NDArray) -> Iterator[tuple[tuple, tuple]]:
    """Places of unknown entries and the factor of their P_uu; one for energies that miss alike."""
    # Every target is known up to some energy, so that patterns change where one of them ends.
    lengths = known.sum(axis=1)
    ends = np.unique([*lengths, known.shape[1]])
    for first, end in pairwise(ends):
        missing = np.flatnonzero(lengths <= first)
        block = maker[np.ix_(missing, missing)]
        # What the loss does not feel at all stays where it started.
        block[np.diag_indices_from(block)] += _ROUNDING
        yield np.ix_(missing, np.arange(first, end)), cho_factor(block, check_finite=False)


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
    values, slopes, known = problem.per_atom(problem.origin + centred)
    blocks = list(_unknown_blocks(known, maker))
    values = _fill(values, known, maker, blocks)
    residual = problem.metric(maker @ values)
    value = np.sum(values * residual) + penalty * np.sum(centred**2)
    if problem.metric_name != "dos":  # in which residuals of unknown entries are zero already
        residual = _through_fill(residual, known, maker, blocks)
    gradient = 2 * np.sum(slopes * residual, axis=1) + 2 * penalty * centred
    return value, problem.centre(gradient)


def curvature(free: NDArray, problem: Problem, maker: NDArray, penalty: float) -> NDArray:
    """Second derivatives (n, n) of `projected_loss` by the shifts, arguments as there.

    Close enough for Newton's method: that unknown energies follow the shifts is left out, and the
    g'' of the targets are differences of their slopes. Shifts that the gauge takes away, along
    which the loss is constant, are given the mean curvature.
    """
    values, slopes, known = problem.per_atom(problem.origin + problem.centre(free))
    residual = problem.metric(maker @ _fill(values, known, maker, _unknown_blocks(known, maker)))
    bends = np.where(known, np.gradient(slopes, problem.energies, axis=1), 0.0)
    second = 2 * maker * (slopes @ problem.metric(slopes).T)
    second[np.diag_indices_from(second)] += 2 * np.sum(bends * residual, axis=1) + 2 * penalty
    along = abs(np.trace(second)) / len(second) * problem.means
    return problem.centre(problem.centre(second).T) + along


def align(problem: Problem, regularization: float, penalty: float, start: NDArray) -> Alignment:
    """Minimise the projected loss over the shifts, from one starting point.

    Parameters
    ----------
    problem : Problem
        Regression, targets and reference shifts.
    regularization : float
        Relative to the mean eigenvalue of the Gram matrix.
    penalty : float
        Weight of ``|D - D_0|^2`` in the loss (states^2/eV^3 per atom^2).
    start : (n,) array
        First shifts (eV).
    """
    maker = problem.ridge.residual_maker(regularization)
    values = problem.per_atom(problem.origin)[0]
    values -= values.mean(axis=0)
    spread, size = float(np.sum(values * problem.metric(values))), np.sqrt(len(values))
    free = problem.centre(start - problem.origin)
    for _ in range(_ROUNDS):
        found = minimize(
            projected_loss, free, args=(problem, maker, penalty), jac=True, hess=curvature,
            method="trust-exact",
            options={"maxiter": 100, "gtol": _FLAT * spread, "max_trust_radius": size,
                     "initial_trust_radius": _FIRST_STEP * size},
        )  # fmt: skip
        if np.abs(found.x).max() > problem.bound:
            found = minimize(
                projected_loss, found.x.clip(-problem.bound, problem.bound),
                args=(problem, maker, penalty), jac=True, method="L-BFGS-B",
                bounds=[(-problem.bound, problem.bound)] * free.size,
                options={"maxiter": 400, "ftol": 1e-12, "gtol": 1e-10},
            )  # fmt: skip
        previous, free = free, problem.centre(found.x)
        # A grid point that becomes known or unknown is a step in the loss that can end a descent.
        if problem.per_atom(problem.origin + free)[2].all() or (
            np.abs(free - previous).max() < _TOLERANCE
        ):
            break
    return Alignment(problem.origin + free, float(found.fun), regularization, penalty)


def cross_correlation_shifts(problem: Problem, rounds: int = 3) -> NDArray:
    """Shifts that bring all targets together, as a second starting point.

    All are first shifted onto the most typical one, then onto the mean of the shifted: the mean
    of spectra that are not aligned yet is too blurred to align to.
    """
    shifts = problem.origin
    for number in range(rounds):
        values, _, known = problem.per_atom(shifts)
        goal = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        if number == 0:
            distance = np.where(known, (values - goal) ** 2, 0.0).sum(axis=1) / known.sum(axis=1)
            goal = values[distance.argmin()]
        errors = aligned_errors(
            problem.targets, np.tile(goal, (len(shifts), 1)), problem.n_atoms,
            problem.energies, shifts,
        )  # fmt: skip
        limited = np.clip(errors.shifts - problem.origin, -problem.bound, problem.bound)
        shifts = problem.origin + limited - limited.mean()
    return shifts


def with_blocks_aligned(problem: Problem) -> Problem:
    """Move the reference of each block of structures to where all targets come together.

    Composition terms take up any shift between blocks (pure elements, say, or two compositions of
    two species), so the loss does not feel it, but structures of other compositions mix those
    terms. With blocks aligned the terms differ least.
    """
    if problem.ridge.blocks.max() == 0:
        return problem
    moved = cross_correlation_shifts(problem) - problem.origin
    return replace(problem, origin=problem.origin + moved - problem.centre(moved))


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Predictions by the regression without each structure in turn, against the truth.

    Parameters
    ----------
    errors : AlignedErrors
        After alignment.
    differences : (n, m) array
        Prediction minus aligned truth, states/eV per atom; zero where the truth is not known.
    loss : float
        Mean of their losses in the metric of the problem.
    judged : (n,) int array
        The structures: all but those that nothing else can predict, the only ones of their
        composition.
    """

    errors: AlignedErrors
    differences: NDArray
    loss: float
    judged: NDArray


def leave_one_out(problem: Problem, alignment: Alignment) -> LeaveOneOut:
    """Predict every structure from all others, with the shifts of these as they are."""
    maker = problem.ridge.residual_maker(alignment.regularization)
    filled = filled_targets(problem, alignment.shifts, maker)
    own = np.diag(maker)
    judged = np.flatnonzero(own > 1e-12)
    prediction = filled[judged] - (maker[judged] @ filled) / own[judged, None]
    targets, n_atoms = [problem.targets[int(i)] for i in judged], problem.n_atoms[judged]
    errors = aligned_errors(
        targets, prediction, n_atoms, problem.energies, alignment.shifts[judged]
    )
    truth, _, known = TargetStack(targets)(problem.energies, errors.shifts)
    differences = np.where(known, prediction - truth / n_atoms[:, None], 0.0)
    return LeaveOneOut(errors, differences, problem.metric.loss(differences).mean(), judged)


def choose(
    problem: Problem, regularizations: NDArray, penalties: Sequence[float], adaptive: bool,
    starts: Sequence[NDArray] = (),
) -> tuple[Alignment, list[dict[str, float]]]:  # fmt: skip
    """Shifts and hyperparameters with the smallest leave-one-out loss after alignment.

    The regularisations are searched with the first penalty, then the penalties with the
    regularisation found. With ``adaptive`` false the reference shifts stay. The strongest
    regularisation comes first and each solution starts the next, which follows one valley of the
    landscape; a cross-correlation alignment, and ``starts``, give further starts.
    """
    # Threads of BLAS wait for each other longer than they work on small matrices: tenfold, where
    # other threads want the same cores.
    small = len(problem.targets) ** 2 * problem.energies.size < _SMALL_PRODUCT
    with threadpool_limits(1 if small else None, user_api="blas"):
        if adaptive:
            problem = with_blocks_aligned(problem)
        search = _Search(problem, adaptive)
        begin = [problem.origin]
        if adaptive:
            begin += [cross_correlation_shifts(problem), *starts]
        current = begin
        for number, regularization in enumerate(sorted(regularizations, reverse=True)):
            current = search.add(regularization, penalties[0], current)
            if number - search.best_at > _PATIENCE:
                break
        for penalty in penalties[1:] if adaptive else ():
            search.add(search.best.regularization, penalty, [search.best.shifts, *begin])
        return search.best, search.history


class _Search:
    """Hyperparameters tried so far, and the best of them."""

    def __init__(self, problem: Problem, adaptive: bool) -> None:
        self.problem, self.adaptive = problem, adaptive
        self.history: list[dict[str, float]] = []
        self.best: Alignment
        self.best_at, self.lowest = 0, np.inf

    def add(self, regularization: float, penalty: float, starts: list[NDArray]) -> list[NDArray]:
        """Try one pair; return the shifts that every start led to."""
        if self.adaptive:
            tries = [align(self.problem, regularization, penalty, start) for start in starts]
        else:
            tries = [Alignment(self.problem.origin, np.nan, regularization, 0.0)]
        alignment = min(tries, key=lambda one: one.loss)
        result = leave_one_out(self.problem, alignment)
        self.history.append(
            {"penalty": alignment.penalty, "regularization": float(regularization),
             "rmse": result.errors.rmse, "loss": float(result.loss)}
        )  # fmt: skip
        if result.loss < self.lowest:
            self.best, self.lowest, self.best_at = alignment, result.loss, len(self.history) - 1
        return _distinct([one.shifts for one in tries])


def _distinct(starts: list[NDArray]) -> list[NDArray]:
    """Leave out shifts that are those of another start: they would lead to the same place."""
    kept: list[NDArray] = []
    for shifts in starts:
        if all(np.abs(shifts - other).max() > _TOLERANCE for other in kept):
            kept.append(shifts)
    return kept
