"""Descents of the loss of the energy shifts: few structures, many, and with bounds.

Structures that the model hardly constrains have next to no curvature, so that Newton's method in a
trust region takes a few steps where L-BFGS takes hundreds. With many structures, each has little
weight in the model, and L-BFGS takes some thirty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from ase_dos.fit.loss_in_blocks import LossInBlocks
from ase_dos.fit.projected_loss import curvature, projected_loss
from ase_dos.fit.regression import Regression
from ase_dos.fit.residual_maker import ResidualMaker

__all__ = ["bounded", "newton", "quasi_newton"]

# Length of the gradient at a minimum, as a share of the spread of the targets per eV.
_FLAT = 1e-8
_STEPS = 100  # of Newton's method; without masks some ten are enough
_IDLE, _GAIN = 5, 1e-6  # steps without a decline of the loss by this share that end a descent
_FIRST_STEP = 0.1  # eV; the typical shift that the first step may make
_CLOSE = 1e-4  # eV; step to the minimum that is left where there are many structures


def newton(
    start: NDArray, regression: Regression, residual_maker: ResidualMaker, penalty: float
) -> OptimizeResult:
    """Go down from ``start`` (n,), relative to the reference, without bounds."""
    values = regression.per_atom(regression.origin)[0]
    values -= values.mean(axis=0)
    spread, size = float(np.sum(values * regression.metric(values))), np.sqrt(start.size)
    return minimize(
        projected_loss,
        start,
        args=(regression, residual_maker, penalty),
        jac=True,
        hess=curvature,
        method="trust-exact",
        callback=_Patience(),
        options={
            "maxiter": _STEPS,
            "gtol": max(_FLAT * spread, np.finfo(float).tiny),
            "initial_trust_radius": _FIRST_STEP * size,
            "max_trust_radius": size,
        },
    )


class _Patience:
    """Ends a descent that has come to a step of the loss, where smaller steps do not help."""

    def __init__(self) -> None:
        self.lowest, self.idle = np.inf, 0

    def __call__(self, intermediate_result: OptimizeResult) -> None:
        if intermediate_result.fun < self.lowest * (1 - _GAIN):
            self.lowest, self.idle = intermediate_result.fun, 0
            return
        self.idle += 1
        if self.idle > _IDLE:
            raise StopIteration


def quasi_newton(
    start: NDArray, regression: Regression, residual_maker: ResidualMaker, penalty: float
) -> OptimizeResult:
    """Go down from ``start`` (n,), relative to the reference, without second derivatives (n, n).

    With many more structures than features, residuals of different structures have little to do
    with each other: in units of the second derivative by each shift alone, nearly all curvatures
    are 1. The bounds hold, and so does what is known of the targets at the start.
    """
    start = start.clip(-regression.bound, regression.bound)
    loss = LossInBlocks(regression, residual_maker, penalty, start)
    unit = loss.unit()
    limits = regression.bound / unit

    def scaled(x: NDArray) -> tuple[float, NDArray]:
        value, gradient = loss(x * unit)
        return value, gradient * unit

    found = minimize(
        scaled,
        start / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(-limits, limits, strict=True)),
        options={"maxiter": _STEPS, "maxcor": 20, "ftol": 1e-8, "gtol": _CLOSE / np.median(unit)},
    )
    found.x = found.x * unit
    return found


def bounded(
    start: NDArray, regression: Regression, residual_maker: ResidualMaker, penalty: float
) -> OptimizeResult:
    """Go down from ``start`` (n,), relative to the reference, within the bounds."""
    return minimize(
        projected_loss,
        start.clip(-regression.bound, regression.bound),
        args=(regression, residual_maker, penalty),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-regression.bound, regression.bound)] * start.size,
        options={"maxiter": 400, "ftol": 1e-12, "gtol": 1e-10},
    )
