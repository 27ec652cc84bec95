"""Loss of the energy shifts alone: weights and unknown energies are eliminated exactly.

A linear model with its weights eliminated (variable projection) has the loss

    L(D) = tr[G(D)^T P G(D) M] + penalty |D - D_0|^2,    dL/dD_A = 2 <g'_A, (P G M)_A> + ...

    d2L/dD_A dD_B = 2 P_AB <g'_A, M g'_B> + 2 delta_AB (<g''_A, (P G M)_A> + penalty)

with ``G`` the (structures, energies) targets per atom shifted by ``D``, ``P`` the residual maker
of the regression and ``M`` the metric of the energies. Where a shifted target is not known, the
prediction of the model stands for it: those entries, functions of the shifts, have no residual.

Where the spin DOS is learned too (`Regression.spectra`), its loss adds to that of the DOS.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.known_energies import KnownEnergies
from ase_dos.fit.regression import Regression
from ase_dos.fit.residual_maker import ResidualMaker
from ase_dos.fit.unknown_energies import UnknownEnergies

__all__ = ["curvature", "filled_targets", "projected_loss"]


def filled_targets(
    regression: Regression, shifts: NDArray, residual_maker: ResidualMaker
) -> NDArray:
    """Targets per atom with unknown energies taken from the prediction they lead to."""
    values, _, known = regression.per_atom(shifts)
    if residual_maker.is_dense:
        return UnknownEnergies(known, residual_maker).fill(values)
    return KnownEnergies(known.sum(axis=1), known.shape[1], residual_maker).fill(values)


def _evaluated(
    regression: Regression, centred: NDArray, residual_maker: ResidualMaker
) -> tuple[float, NDArray, NDArray, UnknownEnergies]:
    """Loss without the penalty, slopes of the targets, half of the derivative by all entries."""
    values, slopes, known = regression.per_atom(regression.origin + centred)
    unknown = UnknownEnergies(known, residual_maker)
    values = unknown.fill(values)
    residual = regression.metric(residual_maker @ values)
    loss = np.sum(values * residual)
    if regression.metric_name != "dos":  # in which residuals of unknown entries are zero already
        residual = unknown.through(residual)
    return loss, slopes, residual, unknown


def projected_loss(
    free: NDArray, regression: Regression, residual_maker: ResidualMaker, penalty: float
) -> tuple[float, NDArray]:
    """Loss and its gradient with respect to the shifts, weights and unknown energies eliminated.

    Parameters
    ----------
    free : (n,) array
        Shifts relative to the reference (eV); only what the gauge leaves of them counts.
    regression : Regression
        Regression, targets and reference shifts.
    residual_maker : ResidualMaker
        ``P`` of the regression.
    penalty : float
        Weight of the squared shifts.
    """
    centred = regression.centre(free)
    loss, gradient = penalty * np.sum(centred**2), 2 * penalty * centred
    for one in regression.spectra:
        own, slopes, residual, _ = _evaluated(one, centred, residual_maker)
        loss += own
        gradient += 2 * np.sum(slopes * residual, axis=1)
    return loss, regression.centre(gradient)


def curvature(
    free: NDArray, regression: Regression, residual_maker: ResidualMaker, penalty: float
) -> NDArray:
    """Second derivatives (n, n) of `projected_loss` by the shifts, arguments as there.

    With unknown entries eliminated, the part of ``P`` for two energies is that of the known
    entries at the energy that fewer structures know. The g'' of the targets are differences of
    their slopes over the grid. Shifts that the gauge takes away, along which the loss is constant,
    are given the mean curvature.
    """
    step = regression.energies[1] - regression.energies[0]
    metric = regression.metric(np.eye(regression.energies.size))
    second = penalty * np.eye(len(free))
    for one in regression.spectra:
        _, slopes, residual, unknown = _evaluated(one, regression.centre(free), residual_maker)
        second += np.diag(np.sum(_bends(slopes, unknown.known, step) * residual, axis=1))
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
