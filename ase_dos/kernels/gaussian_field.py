"""Gaussian field on a grid: linear equations, and the deviation of each node.

Its precision is ``A = diag(curvature) + L``, with ``(L x)_n = sum_m weight_nm (x_n - x_m)`` over
the neighbours along both axes. It is what a Markov field of smooth costs is near its least energy.
Weights of the Markov field enter twice: the second derivative of ``w (l - l')^2`` is ``2 w``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from ase_dos.kernels.jit import kernel

__all__ = ["Solution", "field_deviations", "solve_field"]


# Weights of an axis beside those of the other that keep it from being made coarser.
_WEAK = 0.25
_SADDLE = "the precision of the field is not positive definite: its costs have no minimum here"


class Solution(NamedTuple):
    """Solution of linear equations on a grid.

    Attributes
    ----------
    values : (rows, columns) array
    residual : float
        Length of ``A x - b`` over that of b.
    iterations : int
    converged : bool
        The residual is as small as was asked for.
    """

    values: np.ndarray
    residual: float
    iterations: int
    converged: bool


class _Level(NamedTuple):
    """Equations on one grid; arrays have a border of zeros all around.

    An edge has the number of the node after it. ``inverse`` has one over the diagonal of A, zero
    where that is zero.
    """

    diagonal: np.ndarray
    inverse: np.ndarray
    weights_x: np.ndarray
    weights_y: np.ndarray


def solve_field(curvature, weights_x, weights_y, right_side, tolerance, iterations):
    """Solve ``A x = b`` by conjugate gradients, preconditioned by multigrid.

    Parameters
    ----------
    curvature : (rows, columns) array
        A has to be positive definite; nodes without curvature or pairs get zero.
    weights_x : (rows - 1, columns) array or float
    weights_y : (rows, columns - 1) array or float
    right_side : (rows, columns) array
    tolerance : float
        Stop at this residual, see `Solution`.
    iterations : int
        Stop after so many.

    Returns
    -------
    Solution

    Raises
    ------
    numpy.linalg.LinAlgError
        A direction is met along which A does not curve upwards. What has converged is a solution
        in any case.
    """
    levels, steps = _coarsen(curvature, weights_x, weights_y)
    residual = np.pad(np.asarray(right_side, float), 1)
    values, image = np.zeros((2, *residual.shape))
    length = np.linalg.norm(residual)
    goal = tolerance * length
    done, left, last = 0, length, 1.0
    direction = np.zeros_like(residual)
    while left > goal and done < iterations:
        done += 1
        better = _cycle(levels, steps, residual)
        product = np.vdot(residual, better)
        direction = better + product / last * direction
        last = product
        multiply(levels[0], direction, image)
        bend = np.vdot(direction, image)
        if not bend > 0.0:
            raise np.linalg.LinAlgError(_SADDLE)
        step = product / bend
        values += step * direction
        residual -= step * image
        left = np.linalg.norm(residual)
    share = float(left / length) if length else 0.0
    return Solution(values[1:-1, 1:-1].copy(), share, done, bool(left <= goal))


def _coarsen(curvature, weights_x, weights_y):
    """Levels from the grid to a single node, and how many nodes each takes together on both axes.

    Nodes are taken together by two along an axis with not much weaker pairs than the other. They
    move together, so that their curvatures add up, and so do weights across. Along the axis edges
    have half the weight: a slope then has steps of twice the height over half as many edges.
    """
    rows, columns = np.shape(curvature)
    h = np.array(curvature, float)
    x, y = np.zeros((rows + 1, columns)), np.zeros((rows, columns + 1))
    x[1:-1], y[:, 1:-1] = weights_x, weights_y
    levels, steps = [_level(h, x, y)], []
    while h.size > 1:
        rows, columns = h.shape
        along_x = rows > 1 and (columns == 1 or _WEAK * y.sum() <= x.sum())
        along_y = columns > 1 and (rows == 1 or _WEAK * x.sum() <= y.sum())
        steps.append((1 + along_x, 1 + along_y))
        down, across = (np.arange(0, n, step) for n, step in zip(h.shape, steps[-1], strict=True))
        h = np.add.reduceat(np.add.reduceat(h, down, 0), across, 1)
        x = np.add.reduceat(x[np.append(down, rows)], across, 1) / steps[-1][0]
        y = np.add.reduceat(y[:, np.append(across, columns)], down, 0) / steps[-1][1]
        levels.append(_level(h, x, y))
    return levels, steps


def _level(curvature, weights_x, weights_y):
    diagonal = curvature + weights_x[:-1] + weights_x[1:] + weights_y[:, :-1] + weights_y[:, 1:]
    inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0.0)
    inner = ((1, 1), (1, 1))
    return _Level(
        np.pad(diagonal, inner),
        np.pad(inverse, inner),
        np.pad(weights_x, ((1, 0), (1, 1))),
        np.pad(weights_y, ((1, 1), (1, 0))),
    )


def _cycle(levels, steps, right_side):
    """Approximate solution: smoothed on this grid, and corrected from coarser ones."""
    level = levels[0]
    values = np.zeros_like(right_side)
    smooth(level, right_side, values, 0)
    if len(levels) > 1:
        smooth(level, right_side, values, 1)
        coarse = np.zeros_like(levels[1].diagonal)
        restrict(level, right_side, values, *steps[0], coarse)
        prolong(_cycle(levels[1:], steps[1:], coarse), *steps[0], values)
        # In the opposite order, so that the whole is symmetric.
        smooth(level, right_side, values, 1)
        smooth(level, right_side, values, 0)
    return values


@kernel
def multiply(level, values, out):
    """Fill ``out`` with ``A values``."""
    wx, wy = level.weights_x, level.weights_y
    for i in range(1, values.shape[0] - 1):
        for j in range(1, values.shape[1] - 1):
            out[i, j] = (
                level.diagonal[i, j] * values[i, j]
                - wx[i, j] * values[i - 1, j]
                - wx[i + 1, j] * values[i + 1, j]
                - wy[i, j] * values[i, j - 1]
                - wy[i, j + 1] * values[i, j + 1]
            )


@kernel
def smooth(level, right_side, values, color):
    """Solve the equation of each node of a colour of the checkerboard for its value."""
    wx, wy = level.weights_x, level.weights_y
    for i in range(1, values.shape[0] - 1):
        for j in range(1 + (i + color + 1) % 2, values.shape[1] - 1, 2):
            values[i, j] = level.inverse[i, j] * (
                right_side[i, j]
                + wx[i, j] * values[i - 1, j]
                + wx[i + 1, j] * values[i + 1, j]
                + wy[i, j] * values[i, j - 1]
                + wy[i, j + 1] * values[i, j + 1]
            )


@kernel
def restrict(level, right_side, values, down, across, coarse):
    """Add what is left of the equations to the nodes of the coarse grid."""
    wx, wy = level.weights_x, level.weights_y
    for i in range(1, values.shape[0] - 1):
        for j in range(1, values.shape[1] - 1):
            coarse[(i - 1) // down + 1, (j - 1) // across + 1] += (
                right_side[i, j]
                - level.diagonal[i, j] * values[i, j]
                + wx[i, j] * values[i - 1, j]
                + wx[i + 1, j] * values[i + 1, j]
                + wy[i, j] * values[i, j - 1]
                + wy[i, j + 1] * values[i, j + 1]
            )


@kernel
def prolong(coarse, down, across, values):
    """Add the values of the coarse grid to those of the nodes they stand for."""
    for i in range(1, values.shape[0] - 1):
        for j in range(1, values.shape[1] - 1):
            values[i, j] += coarse[(i - 1) // down + 1, (j - 1) // across + 1]


def field_deviations(curvature, weights_x, weights_y):
    """Roots of the diagonal of the inverse of A: exact, row by row.

    Rows only know those beside them. So the block P of each row in the inverse of what is before
    it follows from that of the row before, and on the way back the blocks of the whole inverse
    from those after them (L. Takahashi et al., 1973, for matrices of blocks). For rows of b nodes
    and r of them it takes some 7 r b^3 operations and 8 r b^2 bytes, b the shorter side.

    Parameters
    ----------
    curvature, weights_x, weights_y
        As in `solve_field`. Nodes without curvature or pairs have an infinite deviation.

    Returns
    -------
    (rows, columns) array

    Raises
    ------
    numpy.linalg.LinAlgError
        A is not positive definite.
    """
    rows, columns = np.shape(curvature)
    if columns > rows:
        turned = (np.transpose(w) for w in (curvature, weights_y, weights_x))
        return field_deviations(*turned).T
    level = _coarsen(curvature, weights_x, weights_y)[0][0]
    alone = level.diagonal[1:-1, 1:-1] == 0.0
    diagonal = level.diagonal[1:-1, 1:-1] + alone
    across, along = level.weights_x[1:, 1:-1], level.weights_y[1:-1, 2:-1]
    before = np.zeros((rows, columns, columns))
    for i in range(rows):
        block = np.diag(diagonal[i])
        block -= np.diag(along[i], 1) + np.diag(along[i], -1)
        if i:
            block -= across[i][:, None] * before[i - 1] * across[i]
        before[i] = _inverse(block)
    variances = np.empty((rows, columns))
    whole = before[-1]
    variances[-1] = np.diag(whole)
    for i in range(rows - 2, -1, -1):
        reach = before[i] * across[i + 1]
        whole = before[i] + reach @ whole @ reach.T
        variances[i] = np.diag(whole)
    return np.where(alone, np.inf, np.sqrt(variances))


def _inverse(matrix):
    """Inverse of a symmetric positive definite matrix."""
    factor, failed = dpotrf(matrix, lower=0)
    if failed:
        raise np.linalg.LinAlgError(_SADDLE)
    half, _ = dpotri(factor, lower=0)
    half = np.triu(half)
    return half + np.triu(half, 1).T
