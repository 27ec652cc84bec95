"""The adaptive energy reference: shifts of the structures fitted together with the model.

The loss of a linear model with the weights eliminated (variable projection) is

    L(D) = tr[G(D)^T P G(D) M] + penalty |D - D_0|^2,    dL/dD_A = 2 <g'_A, (P G M)_A> + ...

with ``G`` the (structures, energies) targets per atom shifted by ``D``, ``P`` the residual maker
of the regression and ``M`` the metric of the energies. It is minimised by L-BFGS with the exact
gradient, in the gauge ``mean(D - D_0) = 0``. Energies where a shifted target is not known are
filled with the current prediction, again and again until the shifts rest (expectation
maximisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ase_dos.fit.metric import Metric
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.scores import AlignedErrors, aligned_errors
from ase_dos.targets import DOSTarget, evaluate_targets

__all__ = [
    "Alignment",
    "Problem",
    "align",
    "choose",
    "cross_correlation_shifts",
    "filled_targets",
    "leave_one_out",
]

_FILL_ROUNDS = 50
_FILL_TOLERANCE = 1e-4  # eV; shifts that move less than this have come to rest
# Steps of the regularisation without a smaller error that end the search.
_PATIENCE = 3


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
    metric_name : {"dos", "cumulative", "mix"}
        What counts as an error.
    bound : float
        Bound (eV) on ``|D - D_0|`` before the gauge takes their mean away.
    """

    ridge: Ridge
    targets: Sequence[DOSTarget]
    n_atoms: NDArray
    energies: NDArray
    origin: NDArray
    metric_name: str = "dos"
    bound: float = 3.0

    @property
    def metric(self) -> Metric:
        """What counts as an error."""
        return Metric(self.metric_name, float(self.energies[1] - self.energies[0]))

    def per_atom(self, shifts: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Targets per atom, their derivatives and where they are known, each (n, m)."""
        values, slopes, known = evaluate_targets(self.targets, self.energies, shifts)
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
    return _fill(values, known, maker)


def _fill(values: NDArray, known: NDArray, maker: NDArray) -> NDArray:
    """Unknown entries that minimise the projected loss: P_uu x = -P_uk g for every energy.

    This is the fixed point of filling with the prediction and fitting again. Energies that miss
    the same structures share one factorisation. Every energy must be known to some structure.
    """
    if known.all():
        return values
    mean = values.sum(axis=0) / known.sum(axis=0)
    filled = np.where(known, values, mean)
    residual = maker @ filled
    patterns, member = np.unique(known, axis=1, return_inverse=True)
    for index, pattern in enumerate(patterns.T):
        missing = ~pattern
        if missing.any():
            places = np.ix_(missing, np.flatnonzero(member.ravel() == index))
            block = maker[np.ix_(missing, missing)]
            filled[places] -= np.linalg.lstsq(block, residual[places], rcond=1e-12)[0]
    return filled


def projected_loss(
    free: NDArray, problem: Problem, maker: NDArray, penalty: float, filled: NDArray | None
) -> tuple[float, NDArray]:
    """Loss and its gradient with respect to the shifts, weights eliminated.

    Parameters
    ----------
    free : (n,) array
        Shifts relative to the reference (eV); only their deviations from the mean count.
    problem : Problem
        Regression, targets and reference shifts.
    maker : (n, n) array
        Residual maker ``P`` of the regression.
    penalty : float
        Weight of the squared shifts.
    filled : (n, m) array, optional
        What stands for the targets where they are not known.
    """
    centred = free - free.mean()
    values, slopes, known = problem.per_atom(problem.origin + centred)
    if filled is not None:
        values = np.where(known, values, filled)
    residual = problem.metric(maker @ values)
    value = np.sum(values * residual) + penalty * np.sum(centred**2)
    gradient = 2 * np.sum(slopes * residual, axis=1) + 2 * penalty * centred
    return value, gradient - gradient.mean()


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
    free = start - problem.origin
    free -= free.mean()
    for _ in range(_FILL_ROUNDS):
        known = problem.per_atom(problem.origin + free)[2].all()
        filled = None if known else filled_targets(problem, problem.origin + free, maker)
        found = minimize(
            projected_loss, free, args=(problem, maker, penalty, filled), jac=True,
            method="L-BFGS-B", bounds=[(-problem.bound, problem.bound)] * free.size,
            options={"maxiter": 400, "ftol": 1e-10, "gtol": 1e-8},
        )  # fmt: skip
        moved = np.abs(found.x - found.x.mean() - free).max()
        free = found.x - found.x.mean()
        complete = problem.per_atom(problem.origin + free)[2].all()
        if (known and complete) or moved < _FILL_TOLERANCE:
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
    truth, _, known = evaluate_targets(targets, problem.energies, errors.shifts)
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
        return [one.shifts for one in tries]
