"""Adaptive energy reference: shifts of the structures fitted together with the model.

The loss of the shifts alone (`ase_dos.fit.projected_loss`) is minimised (`ase_dos.fit.descent`) in
the gauge ``mean(D - D_0) = 0`` of every block of structures that share composition terms
(`Composition.blocks`; in most training sets all do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ase_dos.fit.descent import bounded, newton, quasi_newton
from ase_dos.fit.leave_one_out import leave_one_out
from ase_dos.fit.projected_loss import filled_targets
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.residual_maker import MOST_DENSE
from ase_dos.fit.scores import aligned_errors

__all__ = ["align", "choose", "cross_correlation_shifts"]

_ROUNDS = 10
_TOLERANCE = 1e-4  # eV; shifts that typically move less than this have come to rest
_PART = 250  # structures that a search on many begins with
# Steps of the regularisation without a smaller error that end the search.
_PATIENCE = 3
_CORRELATIONS = 3  # rounds of bringing all targets to a common one
_SMALL_PRODUCT = 3e8  # multiplications, some 10 ms


def align(
    regression: Regression, regularization: float, penalty: float, start: NDArray
) -> Alignment:
    """Minimise the projected loss over the shifts, from one starting point.

    Parameters
    ----------
    regression : Regression
        Regression, targets and reference shifts.
    regularization : float
        Relative to the mean eigenvalue of the Gram matrix.
    penalty : float
        Weight of ``|D - D_0|^2`` in the loss (states^2/eV^3 per atom^2).
    start : (n,) array
        First shifts (eV).
    """
    given = (regression, regression.ridge.residual_maker(regularization), penalty)
    free = regression.centre(start - regression.origin)
    descend = newton if free.size <= MOST_DENSE else quasi_newton
    for _ in range(_ROUNDS):
        found = descend(free, *given)
        if np.abs(found.x).max() > regression.bound:
            descend = bounded
            found = descend(found.x, *given)
        previous, free = free, regression.centre(found.x)
        # A grid point that becomes known or unknown is a step in the loss that can end a descent.
        # Of many structures, a few may go over such steps and back again for ever.
        moved = np.sqrt(np.mean((free - previous) ** 2))
        known = regression.stack.known(regression.energies, regression.origin + free)
        if moved < _TOLERANCE or known.min() == regression.energies.size:
            break
    return Alignment(regression.origin + free, float(found.fun), regularization, penalty)


def cross_correlation_shifts(regression: Regression) -> NDArray:
    """Shifts that bring all targets together, as a second starting point.

    All are first shifted onto the most typical one, then onto the mean of the shifted: the mean
    of spectra that are not aligned yet is too blurred to align to.
    """
    shifts = regression.origin
    for number in range(_CORRELATIONS):
        values, _, known = regression.per_atom(shifts)
        goal = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        if number == 0:
            distance = np.where(known, (values - goal) ** 2, 0.0).sum(axis=1) / known.sum(axis=1)
            goal = values[distance.argmin()]
        errors = aligned_errors(
            regression.stack,
            np.tile(goal, (len(shifts), 1)),
            regression.n_atoms,
            regression.energies,
            shifts,
        )
        limited = np.clip(errors.shifts - regression.origin, -regression.bound, regression.bound)
        shifts = regression.origin + limited - limited.mean()
    return shifts


def _with_blocks_aligned(regression: Regression) -> Regression:
    """Move the reference of each block of structures to where all targets come together.

    Composition terms take up any shift between blocks (pure elements, say, or two compositions of
    two species), so the loss does not feel it, but structures of other compositions mix those
    terms. With blocks aligned the terms differ least.
    """
    if regression.blocks.max() == 0:
        return regression
    moved = cross_correlation_shifts(regression) - regression.origin
    return replace(regression, origin=regression.origin + moved - regression.centre(moved))


def choose(
    regression: Regression,
    regularizations: NDArray,
    penalties: Sequence[float],
    adaptive: bool,
    starts: Sequence[NDArray] = (),
) -> tuple[Alignment, list[dict[str, float]]]:
    """Shifts and hyperparameters with the smallest leave-one-out loss after alignment.

    The regularisations are searched with the first penalty, then the penalties with the
    regularisation found; for many structures on a part of them, whose choice is then refined on
    all. With ``adaptive`` false the reference shifts stay. The strongest
    regularisation comes first and each solution starts the next, which follows one valley of the
    landscape; a cross-correlation alignment, and ``starts``, give further starts.

    Parameters
    ----------
    regression : Regression
        Features, targets and reference shifts.
    regularizations : (k,) array
        Candidates, relative to the mean eigenvalue of the Gram matrix.
    penalties : sequence of float
        Candidates for the penalty on the shifts (states^2/eV^3 per atom^2).
    adaptive : bool
        Whether shifts are sought.
    starts : sequence of (n,) arrays
        Further shifts (eV) to start from.

    Returns
    -------
    Alignment
        The best.
    list of dict
        Penalty, regularisation, error and loss of every candidate tried.
    """
    # Threads of BLAS wait for each other longer than they work on small matrices: tenfold, where
    # other threads want the same cores.
    n = len(regression.targets)
    small = min(n, MOST_DENSE) ** 2 * regression.energies.size < _SMALL_PRODUCT
    with threadpool_limits(1 if small else None, user_api="blas"):
        if adaptive:
            regression = _with_blocks_aligned(regression)
        search = _Search(regression, adaptive)
        ladder = sorted(regularizations, reverse=True)
        if n > MOST_DENSE:
            search.refine(ladder, *_from_part(regression, ladder, penalties, adaptive), starts)
        else:
            search.from_the_top(ladder, penalties, starts)
        return search.best, search.history


def _from_part(
    regression: Regression, ladder: Sequence[float], penalties: Sequence[float], adaptive: bool
) -> tuple[Alignment, NDArray]:
    """Choose for a part of the structures; return its choice, and shifts of all that follow."""
    n = len(regression.targets)
    part = regression.part(np.unique(np.linspace(0, n - 1, _PART).round().astype(int)))
    found, _ = choose(part, np.array(ladder), penalties, adaptive)
    if not adaptive:
        return found, regression.origin
    residual_maker = part.ridge.residual_maker(found.regularization)
    filled = filled_targets(part, found.shifts, residual_maker)
    weights, terms = part.ridge.solve(found.regularization, filled)
    ridge = regression.ridge
    predictions = ridge.features @ weights + ridge.composition.fractions @ terms
    errors = aligned_errors(
        regression.stack,
        predictions,
        regression.n_atoms,
        regression.energies,
        regression.origin,
    )
    return found, errors.shifts


class _Search:
    """Hyperparameters tried so far, and the best of them."""

    def __init__(self, regression: Regression, adaptive: bool) -> None:
        self.regression, self.adaptive = regression, adaptive
        self.history: list[dict[str, float]] = []
        self.best: Alignment
        self.best_at, self.lowest = 0, np.inf

    def from_the_top(
        self, ladder: Sequence[float], penalties: Sequence[float], starts: Sequence[NDArray]
    ) -> None:
        """Search from the strongest regularisation down, then the penalties."""
        begin = [self.regression.origin]
        if self.adaptive:
            begin += [cross_correlation_shifts(self.regression), *starts]
        current = begin
        for number, regularization in enumerate(ladder):
            current = self.add(regularization, penalties[0], current)
            if number - self.best_at > _PATIENCE:
                break
        for penalty in penalties[1:] if self.adaptive else ():
            self.add(self.best.regularization, penalty, [self.best.shifts, *begin])

    def refine(
        self,
        ladder: Sequence[float],
        first: Alignment,
        shifts: NDArray,
        starts: Sequence[NDArray],
    ) -> None:
        """Search near what a part of the structures chose, until both neighbours are worse.

        More structures need less regularisation: with shifts held it is soon found how much.
        """
        place = ladder.index(first.regularization)
        current = self.add(ladder[place], first.penalty, [shifts, *starts])
        nearer = self._walk(ladder, place)
        if nearer != place:
            current = self.add(ladder[nearer], first.penalty, current)
            place = ladder.index(self.best.regularization)
        for direction in (1, -1):
            following = place + direction
            while 0 <= following < len(ladder):
                current = self.add(ladder[following], first.penalty, current)
                if self.best.regularization != ladder[following]:
                    break
                following += direction
            current = [self.best.shifts]

    def _walk(self, ladder: Sequence[float], place: int) -> int:
        """Place in the ladder that is best with the shifts of the best so far, going downhill."""
        lowest = self.lowest
        for direction in (1, -1):
            while 0 <= place + direction < len(ladder):
                held = replace(self.best, regularization=ladder[place + direction])
                loss = leave_one_out(self.regression, held).loss
                if loss >= lowest:
                    break
                place, lowest = place + direction, loss
        return place

    def add(self, regularization: float, penalty: float, starts: list[NDArray]) -> list[NDArray]:
        """Try one pair; return the shifts that every start led to."""
        if self.adaptive:
            tries = [align(self.regression, regularization, penalty, start) for start in starts]
        else:
            tries = [Alignment(self.regression.origin, np.nan, regularization, 0.0)]
        alignment = min(tries, key=lambda one: one.loss)
        result = leave_one_out(self.regression, alignment)
        self.history.append(
            {
                "penalty": alignment.penalty,
                "regularization": float(regularization),
                "rmse": result.errors.rmse,
                "loss": float(result.loss),
            }
        )
        if result.loss < self.lowest:
            self.best, self.lowest, self.best_at = alignment, result.loss, len(self.history) - 1
        return _distinct([one.shifts for one in tries])


def _distinct(starts: list[NDArray]) -> list[NDArray]:
    """Leave out shifts that are those of another start: they would lead to the same place."""
    distinct: list[NDArray] = []
    for shifts in starts:
        if all(np.abs(shifts - other).max() > _TOLERANCE for other in distinct):
            distinct.append(shifts)
    return distinct
