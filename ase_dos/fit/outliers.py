"""Structures whose target contradicts those of all others: outliers of a regression.

The error of each structure, predicted from those of other groups, is compared with what the
posterior of the regression expects so far from them. The logarithms of these ratios spread about
their median by the median absolute deviation, which outliers do not change: that makes a robust z
score. Outliers hide each other, so the worst are left out and all others judged again, until none
is conspicuous; in the end those left out are judged by a regression that knows none of them, but
for near copies: what agrees with these is of a kind of its own, and no contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.leave_one_out import LeaveOneOut, leave_one_out
from ase_dos.fit.posterior import most_likely_noise
from ase_dos.fit.regression import Alignment, Regression

__all__ = ["Outlier", "largest_expected", "outliers", "too_few_to_judge"]


# Median absolute deviation of a normal distribution with unit variance, inverted.
_PER_DEVIATION = 1.4826
# Shares of `largest_expected`: worth a second look, and certain. Where one outlier is certain, all
# above `largest_expected` are listed.
_CONSPICUOUS, _CERTAIN = 0.7, 1.15
_ROUNDS = 10
_MOST = 0.1  # share of the structures that may be outliers
_FEWEST = 40
_SHARE = 0.2  # of the spread of the targets: smaller errors contradict nothing


@dataclass(frozen=True)
class Outlier:
    """Structure whose target contradicts the others.

    Parameters
    ----------
    structure : int
        Index in the training set.
    z_score : float
        Robust, of the logarithm of its error over the expected one.
    error : float
        Its leave-one-out error (states eV^-1/2 per atom).
    """

    structure: int
    z_score: float
    error: float


def largest_expected(n: int) -> float:
    """Expect the largest of ``n`` normal numbers at (2 ln n)^(1/2), or slightly below it."""
    return float(np.sqrt(2.0 * np.log(n)))


def too_few_to_judge(n: int) -> str:
    """Say why `outliers` does not judge ``n`` structures."""
    return f"{n} structures do not show how errors spread, which takes {_FEWEST} or more"


def outliers(
    regression: Regression, alignment: Alignment, first: LeaveOneOut
) -> list[Outlier] | None:
    """Find the outliers of a regression for given energy shifts, the worst first.

    Returns None, which is not the same as none, for fewer structures than show how errors spread.

    Parameters
    ----------
    regression : Regression
    alignment : Alignment
        Shifts and regularisation.
    first : LeaveOneOut
        The errors for these.
    """
    n = len(regression.targets)
    if n < _FEWEST:
        return None
    if not first.errors.squared.min() > 0:
        return []
    limit, most = largest_expected(n), int(_MOST * n)
    suspects = np.empty(0, dtype=int)
    rest, judged = np.arange(n), first
    for _ in range(_ROUNDS):
        z = _Scores(judged).of(judged)
        worst = judged.structures[z >= min(z.max(), limit)]
        if z.max() < _CONSPICUOUS * limit or len(suspects) + len(worst) > most:
            break
        suspects = np.concatenate([suspects, rest[worst]])
        rest = np.setdiff1d(rest, suspects)
        judged = leave_one_out(*_restricted(regression, alignment, rest))
    if not suspects.size:
        return []
    scores = _Scores(judged)
    groups = regression.groups.copy()
    groups[suspects] = groups.max() + 1
    together = leave_one_out(replace(regression, of_groups=groups), alignment)
    z, error = np.full((2, n), np.inf)
    z[together.structures] = scores.of(together)
    error[together.structures] = np.sqrt(together.errors.squared)
    z = np.minimum(z, _beside_copies(regression, alignment, suspects, scores))
    # Not those that no other structure predicts.
    z[~np.isfinite(error) | (error < _SHARE * first.errors.spread)] = 0.0
    if z[suspects].max() < _CERTAIN * limit:
        return []
    found = [Outlier(int(i), float(z[i]), float(error[i])) for i in suspects if z[i] > limit]
    return sorted(found, key=lambda one: -one.z_score)


def _beside_copies(
    regression: Regression, alignment: Alignment, suspects: NDArray, scores: _Scores
) -> NDArray:
    """Z scores (n,) of suspects that have near copies, predicted from these too; else infinite.

    Structures that agree with their near copies are of a kind that no others are of, which is no
    contradiction.
    """
    _, labels, sizes = np.unique(regression.groups, return_inverse=True, return_counts=True)
    has_copies = sizes[labels] > 1
    result = np.full(len(has_copies), np.inf)
    if has_copies[suspects].any():
        rows = np.setdiff1d(np.arange(len(result)), suspects[~has_copies[suspects]])
        part, aligned = _restricted(regression, alignment, rows)
        judged = leave_one_out(replace(part, of_groups=None), aligned)
        result[rows[judged.structures]] = scores.of(judged)
        result[~has_copies] = np.inf
    return result


class _Scores:
    """Distribution of errors over expected errors."""

    def __init__(self, judged: LeaveOneOut) -> None:
        self.noise = most_likely_noise(judged.distances, judged.errors.squared)
        logs = self._logs(judged)
        self.median = np.median(logs)
        self.deviation = _PER_DEVIATION * np.median(np.abs(logs - self.median)) or np.inf

    def _logs(self, judged: LeaveOneOut) -> NDArray:
        noise, scale = self.noise
        return np.log(judged.errors.squared / (noise + scale * judged.distances)) / 2

    def of(self, judged: LeaveOneOut) -> NDArray:
        """Robust z scores (n,)."""
        return (self._logs(judged) - self.median) / self.deviation


def _restricted(
    regression: Regression, alignment: Alignment, rows: NDArray
) -> tuple[Regression, Alignment]:
    """Return the regression on some of its structures, with a penalty as strong as before."""
    part = regression.part(rows)
    strength = alignment.regularization * regression.ridge.scale / part.ridge.scale
    return part, replace(alignment, shifts=alignment.shifts[rows], regularization=strength)
