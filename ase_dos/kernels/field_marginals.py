"""Mean and standard deviation of the label of each node, by sum-product message passing.

The probability of labels is ``exp(-E)``, E the energy of a Markov field. Messages are those of
fractional belief propagation (W. Wiegerinck and T. Heskes, Adv. Neural Inf. Process. Syst. 15, 438,
2002), as negative logarithms, the least of each zero. They run over the nodes row by row and back;
an edge keeps the one sent last.

On lines the result is exact. On a grid what a node has said comes back to it around loops, and
counts twice: with whole edges (belief propagation) deviations are too small where coupling is
strong, with half ones (tree-reweighted) too large, up to threefold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import room_for
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.markov_field import MarkovField, edge_of, shift_of
from ase_dos.kernels.messages import add, decay, least, send
from ase_dos.kernels.sweeps import sweep_blocks
from ase_dos.kernels.vector import WIDTH, broadcast, fma, load, splat, store

__all__ = ["Marginals", "label_marginals"]

# Share of an edge on a grid. Deviations of a Gaussian field on 40 x 40 nodes are off by +5, +4 and
# -11 % on average where pairs weigh 1, 10 and 100 times as much as the costs (both as factors of
# squares); the last by -23 % on 14 x 14 nodes, which all move together.
_SHARE = 0.7

# Deviation, in labels, below which changes are measured by this one.
_STILL = 0.01

# Sums below this are too small beside what is cut off in their terms.
_TINY = 1e-120


class Marginals(NamedTuple):
    """Distribution of the label of each node.

    Attributes
    ----------
    mean, deviation : (rows, columns) array
        In labels. Where the deviation is well below one label, the labels are too coarse to say
        anything on it.
    error : float
        Largest change of a mean or a deviation, in deviations, that more iterations would bring if
        changes go on to shrink as they did.
    iterations : int
        Passes forth and back.
    converged : bool
        Whether the error is as small as was asked for. It says nothing on what loops do to the
        result.
    """

    mean: np.ndarray
    deviation: np.ndarray
    error: float
    iterations: int
    converged: bool


def label_marginals(field: MarkovField, tolerance, iterations, messages):
    """Mean and standard deviation of each label, on all threads.

    Parameters
    ----------
    field : MarkovField
    tolerance : float
        Stop at this error, see `Marginals`.
    iterations : int
        Stop after so many, at least one.
    messages : array
        `no_messages` of `ase_dos.kernels.tree_reweighted` to begin with; changed.

    Returns
    -------
    Marginals
    """
    x, y = np.split(field.weights, [(field.rows + 1) * field.columns])
    share = _SHARE if x.any() and y.any() else 1.0
    moments = np.full((2, field.rows * field.columns), np.inf)
    change = error = np.inf
    done = 0
    while done < iterations and error > tolerance:
        done += 1
        last, last_change = moments, change
        moments = np.empty_like(last)
        for forth in (True, False):

            def work(*block, forth=forth, moments=moments):
                pass_block(field, messages, *block, forth, share, *moments)

            sweep_blocks(field.rows, field.columns, forth, work)
        change = float(np.max(np.abs(moments - last) / np.maximum(moments[1], _STILL)))
        slowing = min(change / last_change, 0.99) if 0.0 < last_change < np.inf else 0.99
        error = change * max(slowing / (1.0 - slowing), 1.0) if change < np.inf else np.inf
    mean, deviation = moments.reshape(2, field.rows, field.columns)
    return Marginals(mean, deviation, error, done, error <= tolerance)


@kernel
def pass_block(
    field,
    messages,
    first_row,
    end_row,
    first_column,
    end_column,
    forth,
    share,
    mean,
    deviation,
):
    """Update the nodes of a block.

    Parameters
    ----------
    field : MarkovField
    messages : (edges * room,) array
        Changed: messages from these nodes take the place of those to them.
    first_row, end_row, first_column, end_column : int
    forth : bool
        Order of the pass: row by row, or backwards from the last node.
    share : float
        By which messages enter; pairs cost as much more.
    mean, deviation : (rows * columns,) array
        Set for these nodes on the way back, where messages from all sides are new.
    """
    room = field.room
    belief, lifted = room_for(room, np.float64), room_for(room, np.float64)
    slopes, sums = room_for(room, np.float64), room_for(room, np.float64)
    tables = room_for(4 * room, np.float64)
    # Weight and shift that the table of each axis is for.
    drawn = np.full(4, np.nan)
    for i in range(end_row - first_row):
        row = first_row + i if forth else end_row - 1 - i
        for j in range(end_column - first_column):
            column = first_column + j if forth else end_column - 1 - j
            node = row * field.columns + column
            for k in range(0, room, WIDTH):
                store(belief, k, load(field.costs, node * room + k, WIDTH))
            for side in range(4):
                edge = edge_of(field, row, column, side)
                if field.weights[edge] > 0.0:
                    add(messages, edge * room, room, belief)
            if not forth:
                mean[node], deviation[node] = _moments(belief, field.places, room, lifted)
            for axis in range(2):
                side = 2 * axis + 1 if forth else 2 * axis
                edge = edge_of(field, row, column, side)
                if field.weights[edge] == 0.0:
                    continue
                weight, shift = field.weights[edge] / share, shift_of(field, edge, side)
                table = tables[2 * axis * room : 2 * (axis + 1) * room]
                if drawn[2 * axis] != weight or drawn[2 * axis + 1] != shift:
                    drawn[2 * axis], drawn[2 * axis + 1] = weight, shift
                    for k in range(2 * room):
                        table[k] = weight * (room - 1 - k + shift) ** 2
                    decay(table, 0.0, 2 * room, table)
                begin = edge * room
                for k in range(room):
                    lifted[k] = belief[k] - messages[begin + k] * (1.0 / share)
                _send_sum(lifted, field, weight, shift, table, slopes, sums, share, messages, begin)


@inner_kernel
def _moments(belief, places, room, chances):
    """Mean and standard deviation of the label of a node."""
    decay(belief, least(belief, room), room, chances)
    total = first = second = 0.0
    for k in range(room):
        total += chances[k]
        first += chances[k] * places[k]
    mean = first / total
    for k in range(room):
        second += chances[k] * (places[k] - mean) ** 2
    return mean - places[0], np.sqrt(second / total)


@inner_kernel
def _send_sum(lifted, field, weight, shift, table, slopes, sums, share, messages, begin):
    """Write the message of a node over an edge.

    It is ``-share log sum_l exp(-lifted[l] - weight (l - l' + shift)^2)`` for each label l', and
    where the sum is too small for a double, of its largest term.

    Parameters
    ----------
    lifted : (room,) array
        Changed.
    table : (2 * room,) array
        ``exp(-weight (l - l' + shift)^2)`` at ``l' - l + room - 1``.
    slopes, sums : (room,) array
        Room.
    """
    room, labels = field.room, field.labels
    base = least(lifted, room)
    chances = slopes
    decay(lifted, base, room, chances)
    zero, one = splat(0.0, WIDTH), splat(1.0, WIDTH)
    for k in range(0, room, WIDTH):
        # Four sums, as each takes several cycles.
        a = b = c = d = zero
        place = room - 1 + k
        for i in range(0, room, 4):
            a = fma(broadcast(chances, i, WIDTH), load(table, place - i, WIDTH), a)
            b = fma(broadcast(chances, i + 1, WIDTH), load(table, place - i - 1, WIDTH), b)
            c = fma(broadcast(chances, i + 2, WIDTH), load(table, place - i - 2, WIDTH), c)
            d = fma(broadcast(chances, i + 3, WIDTH), load(table, place - i - 3, WIDTH), d)
        store(sums, k, fma(one, fma(one, a, b), fma(one, c, d)))
    whole = True
    for k in range(labels):
        whole &= sums[k] > _TINY
        sums[k] = -np.log(sums[k])
    if not whole:
        down = send(lifted, field.places, room, weight, shift, slopes, messages, begin) - base
        for k in range(labels):
            if not sums[k] < -np.log(_TINY):
                sums[k] = messages[begin + k] + down
    for k in range(labels, room):
        sums[k] = sums[labels - 1]
    lowest = least(sums, room)
    for k in range(room):
        messages[begin + k] = share * (sums[k] - lowest)
