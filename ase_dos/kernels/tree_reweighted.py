"""Labels of least energy of a Markov field, by sequential tree-reweighted message passing.

V. Kolmogorov, IEEE Trans. Pattern Anal. Mach. Intell. 28, 1568 (2006),
https://doi.org/10.1109/TPAMI.2006.200. Messages run over the nodes, row by row, and back. A node
hands on its share of all that it knows; what is subtracted from messages on the way adds up to a
bound that no labels can go below. An edge keeps one message: of its two, the one sent last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import room_for
from ase_dos.kernels.jit import kernel
from ase_dos.kernels.markov_field import MarkovField, edge_of, neighbor_of, shift_of
from ase_dos.kernels.messages import add, add_pair, least, lift, place_of_least, send
from ase_dos.kernels.sweeps import sweep_blocks
from ase_dos.kernels.vector import WIDTH, load, store

__all__ = ["Optimum", "least_energy", "no_messages"]


class Optimum(NamedTuple):
    """Best labels found, and how far they can be from the least energy.

    Attributes
    ----------
    labels : (rows, columns) int array
    energy : float
        That of the labels.
    bound : float
        No labels have less energy, to rounding: some 1e-16 weight labels^2 for each edge.
    gap : float
        ``energy - bound`` over what the coupling costs, which is ``energy`` less the sum of the
        least cost of each node. Constants in the costs of a node do not change it.
    iterations : int
        Passes forth and back.
    converged : bool
        Whether the gap is as small as was asked for.
    messages : array
        To go on with this field, or one like it.
    """

    labels: np.ndarray
    energy: float
    bound: float
    gap: float
    iterations: int
    converged: bool
    messages: np.ndarray


def no_messages(field: MarkovField):
    """Messages to begin with: 8 bytes for each label of an edge."""
    messages = room_for(field.weights.size * field.room, np.float64)
    messages[:] = 0.0
    return messages


def least_energy(field: MarkovField, gap, iterations, messages):
    """Minimise the energy, on all threads.

    Parameters
    ----------
    field : MarkovField
    gap : float
        Stop at this relative gap, see `Optimum`.
    iterations : int
        Stop after so many, at least one.
    messages : array
        `no_messages`, or those of an earlier `Optimum`; changed. Any messages are a valid start.

    Returns
    -------
    Optimum
    """
    uncoupled = field.costs.reshape(-1, field.room).min(1).sum()
    best = np.zeros(field.rows * field.columns, np.int64)
    energy, bound = np.inf, uncoupled
    reached, done = np.inf, 0
    while done < iterations and reached > gap:
        done += 1
        for forth in (True, False):
            labels = np.empty_like(best)
            found, below = _pass_messages(field, messages, forth, labels)
            bound = max(bound, below)
            if found < energy:
                best, energy = labels, found
        apart = energy - bound
        reached = apart / (energy - uncoupled) if apart > 0.0 else 0.0
    return Optimum(
        best.reshape(field.rows, field.columns),
        float(energy),
        float(min(bound, energy)),
        reached,
        done,
        bool(reached <= gap),
        messages,
    )


def _pass_messages(field, messages, forth, labels):
    """Run over all nodes; energy of the labels, and the bound."""

    def work(*block):
        return pass_block(field, messages, *block, forth, labels)

    energies, bounds = zip(*sweep_blocks(field.rows, field.columns, forth, work), strict=True)
    return sum(energies), sum(bounds)


@kernel
def pass_block(field, messages, first_row, end_row, first_column, end_column, forth, labels):
    """Update the nodes of a block, and label them.

    Parameters
    ----------
    field : MarkovField
    messages : (edges * room,) array
        Changed: messages from these nodes take the place of those to them.
    first_row, end_row, first_column, end_column : int
    forth : bool
        Order of the pass: row by row, or backwards from the last node.
    labels : (rows * columns,) int array
        Those of earlier nodes are read; set for these nodes.

    Returns
    -------
    energy : float
        Costs of these nodes, and of their pairs with earlier nodes.
    bound : float
        What these nodes, and their edges to later nodes, add to the bound.
    """
    room = field.room
    belief, guess = room_for(room, np.float64), room_for(room, np.float64)
    lifted, slopes = room_for(room, np.float64), room_for(room, np.float64)
    energy = bound = 0.0
    for i in range(end_row - first_row):
        row = first_row + i if forth else end_row - 1 - i
        for j in range(end_column - first_column):
            column = first_column + j if forth else end_column - 1 - j
            node = row * field.columns + column
            for k in range(0, room, WIDTH):
                cost = load(field.costs, node * room + k, WIDTH)
                store(belief, k, cost)
                store(guess, k, cost)
            later = earlier = 0
            for side in range(4):
                edge = edge_of(field, row, column, side)
                weight = field.weights[edge]
                if weight == 0.0:
                    continue
                add(messages, edge * room, room, belief)
                if (side % 2 == 1) == forth:
                    later += 1
                    add(messages, edge * room, room, guess)
                else:
                    earlier += 1
                    known = field.places[labels[neighbor_of(field, row, column, side)]]
                    away = shift_of(field, edge, side) - known
                    add_pair(field.places, weight, away, room, guess)
            label = place_of_least(guess, room)
            labels[node] = label
            energy += field.costs[node * room + label]
            lowest = least(belief, room)
            bound += lowest
            share = 1.0 / max(later, earlier, 1)
            for side in range(4):
                edge = edge_of(field, row, column, side)
                weight = field.weights[edge]
                if weight == 0.0:
                    continue
                shift = shift_of(field, edge, side)
                if (side % 2 == 1) == forth:
                    begin = edge * room
                    lift(belief, lowest, share, messages, begin, room, lifted)
                    bound += send(
                        lifted, field.places, room, weight, shift, slopes, messages, begin
                    )
                else:
                    known = field.places[labels[neighbor_of(field, row, column, side)]]
                    energy += weight * (field.places[label] - known + shift) ** 2
    return energy, bound
