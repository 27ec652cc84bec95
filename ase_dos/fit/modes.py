"""Energy modes and weights, once shifts and regularisation are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ase_dos.fit.metric import Metric
from ase_dos.fit.projected_loss import filled_targets
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.utils.signs import signs_of

__all__ = ["Solution", "constrained", "count_below", "joined", "solve"]


@dataclass(frozen=True, eq=False)
class Solution:
    """The regression in a basis of energy modes: ``g = z . terms + (phi . weights) . modes``.

    Parameters
    ----------
    modes : (k, m) array
        Orthonormal in the metric: the principal components of the aligned targets, or all of a
        basis where no number of modes was given.
    weights : (outputs, k) array
    terms : (species, m) array
        Spectrum of each species when all outputs vanish.
    metric : Metric
    """

    modes: NDArray
    weights: NDArray
    terms: NDArray
    metric: Metric

    def coefficients(self, spectra: NDArray) -> NDArray:
        """Coefficients (n, k) of the projection of spectra (n, m) onto the modes."""
        return self.metric(spectra) @ self.modes.T


def solve(regression: Regression, alignment: Alignment, n_modes: int | None) -> Solution:
    """Weights, modes and species terms for given shifts and regularisation."""
    ridge, metric = regression.ridge, regression.metric
    residual_maker = ridge.residual_maker(alignment.regularization)
    aligned = filled_targets(regression, alignment.shifts, residual_maker)
    # In y = g L with M = L L^T the metric is the identity.
    factor = metric.factor(regression.energies.size)
    if n_modes is None:
        components = np.eye(regression.energies.size)
    else:
        varying = ridge.composition.remainder(aligned) @ factor
        components = np.linalg.svd(varying, full_matrices=False)[2]
        components *= signs_of(components)
    modes = solve_triangular(factor, components[:n_modes].T, lower=True, trans="T").T
    solution = Solution(modes, np.empty(0), np.empty(0), metric)
    weights, offset = ridge.solve(alignment.regularization, solution.coefficients(aligned))
    # The part of the species means outside the span of the modes is kept exactly.
    means = ridge.composition.terms(aligned)
    outside = means - solution.coefficients(means) @ modes
    return Solution(modes, weights, offset @ modes + outside, metric)


def joined(solutions: Sequence[Solution]) -> tuple[Solution, NDArray | None]:
    """Give the DOS and the spin DOS one set of coefficients: first those of one, then of the other.

    Parameters
    ----------
    solutions : sequence of Solution
        Of each of the `Regression.spectra`.

    Returns
    -------
    solution : Solution
        Of the DOS. The modes of the spin DOS hold nothing of it.
    spin_basis : (species + k, m) array, optional
        Spin DOS of each species when all outputs vanish, and of each mode.
    """
    first, *others = solutions
    if not others:
        return first, None
    (spin,) = others
    modes = np.vstack([first.modes, np.zeros_like(spin.modes)])
    spin_basis = np.vstack([spin.terms, np.zeros_like(first.modes), spin.modes])
    weights = np.hstack([first.weights, spin.weights])
    return Solution(modes, weights, first.terms, first.metric), spin_basis


def count_below(energies: NDArray, top: float) -> NDArray:
    """Weights (m,) on a uniform grid that integrate a piecewise-linear DOS up to ``top`` (eV)."""
    step = energies[1] - energies[0]
    inside = np.clip((top - energies[:-1]) / step, 0.0, 1.0)
    weights = np.zeros(energies.size)
    weights[:-1] += step * (inside - inside**2 / 2)
    weights[1:] += step * inside**2 / 2
    return weights


def constrained(
    solution: Solution, count: NDArray, electrons: NDArray, centers: NDArray
) -> Solution:
    """Make every atom hold the electrons of its species, whatever its surroundings.

    The least-squares solution under the constraint ``g . count = electrons`` is the free one,
    projected in the metric of the loss.

    Parameters
    ----------
    solution : Solution
    count : (m,) array
        Weights over energies that count states, `count_below`.
    electrons : (species,) array
        What they have to count for an atom of each species.
    centers : (species, outputs) array
        Outputs that the composition alone predicts: there the terms take up what the weights lose.
    """
    along = solution.modes @ count
    taken = np.outer(solution.weights @ along, along) / (along @ along)
    terms = solution.terms + centers @ taken @ solution.modes
    matrix = solution.metric(np.eye(count.size))
    direction = np.linalg.solve(matrix, count)
    terms = terms + np.outer(electrons - terms @ count, direction) / (count @ direction)
    return Solution(solution.modes, solution.weights - taken, terms, solution.metric)
