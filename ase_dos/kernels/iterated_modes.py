"""Iterated conditional modes of a Markov field, on a checkerboard.

The optimiser of R. P. Xian et al., Nat. Comput. Sci. 2, 1012 (2022),
https://doi.org/10.1038/s43588-022-00382-2: all nodes of one colour take the label that is cheapest
beside their neighbours as they are, then those of the other. The energy never rises; where no label
changes it is least in each node alone, which says little about the least of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import room_for
from ase_dos.kernels.jit import kernel
from ase_dos.kernels.markov_field import (
    MarkovField,
    edge_of,
    field_energy,
    neighbor_of,
    shift_of,
)
from ase_dos.kernels.messages import add_pair, place_of_least
from ase_dos.kernels.vector import WIDTH, load, store

__all__ = ["Modes", "iterated_modes"]


class Modes(NamedTuple):
    """Labels after some epochs.

    Attributes
    ----------
    labels : (rows, columns) int array
    energy : float
    epochs : int
        Updates of all nodes until then, the last one without a change if it has converged.
    converged : bool
        No label changes any more.
    """

    labels: np.ndarray
    energy: float
    epochs: int
    converged: bool


def iterated_modes(field: MarkovField, labels, epochs):
    """Update labels (rows, columns) until none changes, or so many times."""
    labels = np.array(labels, np.int64).ravel()
    stale = np.ones(labels.size, np.bool_)
    done, changed = 0, 1
    while changed and done < epochs:
        changed = sum(update_color(field, labels, stale, color) for color in (0, 1))
        done += 1
    labels = labels.reshape(field.rows, field.columns)
    return Modes(labels, float(field_energy(field, labels)), done, changed == 0)


@kernel
def update_color(field, labels, stale, color):
    """Update the nodes whose row and column add up to an even (0) or odd number (1).

    Parameters
    ----------
    field : MarkovField
    labels : (rows * columns,) int array
        Changed.
    stale : (rows * columns,) bool array
        Nodes that have to be looked at, as a neighbour has changed; changed.
    color : int

    Returns
    -------
    int
        How many labels have changed.
    """
    room = field.room
    guess = room_for(room, np.float64)
    changed = 0
    for row in range(field.rows):
        for column in range((row + color) % 2, field.columns, 2):
            node = row * field.columns + column
            if not stale[node]:
                continue
            stale[node] = False
            for k in range(0, room, WIDTH):
                store(guess, k, load(field.costs, node * room + k, WIDTH))
            for side in range(4):
                edge = edge_of(field, row, column, side)
                if field.weights[edge] > 0.0:
                    known = field.places[labels[neighbor_of(field, row, column, side)]]
                    away = shift_of(field, edge, side) - known
                    add_pair(field.places, field.weights[edge], away, room, guess)
            label = place_of_least(guess, room)
            if label == labels[node]:
                continue
            labels[node] = label
            changed += 1
            for side in range(4):
                if field.weights[edge_of(field, row, column, side)] > 0.0:
                    stale[neighbor_of(field, row, column, side)] = True
    return changed
