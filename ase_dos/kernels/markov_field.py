"""Markov random field on a grid of nodes whose labels are places on one uniform axis.

The energy of labels l is::

    E(l) = sum_n costs[n, l_n] + sum_(n, m) weight_nm (l_n - l_m + shift_nm)^2

with pairs of neighbours (n before m) along both axes of the grid. The cost of a pair is convex in
the difference of its labels, so that the linear relaxation has no gap to the least energy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import room_for
from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.vector import WIDTH

__all__ = ["MarkovField", "field_energy", "make_field"]


class MarkovField(NamedTuple):
    """Costs of labels and of pairs, flat, as kernels read them.

    Edges along the first axis come first; an edge has the number of the node after it. Those that
    lead out of the grid are there and have no weight, so that no node has to know where it ends.

    Attributes
    ----------
    rows, columns, labels : int
    room : int
        Labels, and what fills them up to whole vectors with infinite costs.
    costs : (rows * columns * room,) array
    weights, shifts : ((rows + 1) * columns + rows * (columns + 1),) array
        Weights of the edges, and their shifts in labels.
    places : (room,) array
        The labels as numbers, zero in the middle of the axis; what fills up is where the last is.
    """

    rows: int
    columns: int
    labels: int
    room: int
    costs: np.ndarray
    weights: np.ndarray
    shifts: np.ndarray
    places: np.ndarray


def make_field(costs, weights_x, weights_y, shifts_x, shifts_y):
    """Lay out a field for the kernels; the arrays are copied.

    Parameters
    ----------
    costs : (rows, columns, labels) array
        Cost of each label; infinite for one that is forbidden, never NaN. Each node needs one
        that is finite.
    weights_x, shifts_x : (rows - 1, columns) array or float
        Of pairs along the first axis: weights, not negative, and shifts in labels. Pairs without
        weight, as at nodes that are masked, take no time.
    weights_y, shifts_y : (rows, columns - 1) array or float
        Of pairs along the second axis.

    Returns
    -------
    MarkovField
    """
    rows, columns, labels = np.shape(costs)
    room = -(-labels // WIDTH) * WIDTH
    filled = room_for(rows * columns * room, np.float64).reshape(rows, columns, room)
    filled[:, :, :labels] = costs
    filled[:, :, labels:] = np.inf

    def on_edges(along_x, along_y):
        x, y = np.zeros((rows + 1, columns)), np.zeros((rows, columns + 1))
        x[1:-1], y[:, 1:-1] = along_x, along_y
        return np.concatenate([x.ravel(), y.ravel()])

    return MarkovField(
        rows,
        columns,
        labels,
        room,
        filled.ravel(),
        on_edges(weights_x, weights_y),
        on_edges(shifts_x, shifts_y),
        np.minimum(np.arange(room), labels - 1) - (labels - 1) / 2,
    )


def field_energy(field, labels):
    """Energy of labels (rows, columns)."""
    rows, columns = field.rows, field.columns
    costs = field.costs.reshape(rows, columns, field.room)
    x, y = np.zeros((rows + 1, columns)), np.zeros((rows, columns + 1))
    x[1:-1], y[:, 1:-1] = labels[:-1] - labels[1:], labels[:, :-1] - labels[:, 1:]
    steps = np.concatenate([x.ravel(), y.ravel()]) + field.shifts
    return np.take_along_axis(costs, labels[:, :, None], 2).sum() + field.weights @ steps**2


@inner_kernel
def edge_of(field, row, column, side):
    """Edge to the node before (0) or after (1) along the first axis, or along the second (2, 3)."""
    if side < 2:
        return (row + side) * field.columns + column
    return (field.rows + 1) * field.columns + row * (field.columns + 1) + column + side - 2


@inner_kernel
def neighbor_of(field, row, column, side):
    """Node on one side."""
    node = row * field.columns + column
    if side < 2:
        return node + (2 * side - 1) * field.columns
    return node + 2 * side - 5


@inner_kernel
def shift_of(field, edge, side):
    """Shift s in the cost (l - l' + s)^2 of a pair, l the label of the node and l' that beyond."""
    return field.shifts[edge] if side % 2 else -field.shifts[edge]
