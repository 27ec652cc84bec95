"""Sparse symmetric matrices of blocks, one for every two atoms that see each other.

Vectors stand LANES side by side, ``vectors[orbital * LANES + lane]``: every number of the matrix
that is read from memory then serves all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import first_not_below, room_for
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.vector import broadcast, cast, fma, load, splat, store

# Vectors that a matrix is multiplied by at a time.
LANES = 16
# Rows of a block whose sums stay in registers.
_TILE = 5


class BlockRows(NamedTuple):
    """Matrix in compressed rows of blocks.

    Attributes
    ----------
    starts : (atoms + 1,) int array
        First row of every atom.
    offsets : (atoms + 1,) int array
        The blocks in the rows of an atom are those from ``offsets[atom]`` to its next.
    columns : (blocks,) int array
        Atom in whose columns a block stands, rising within a row.
    places : (blocks,) int array
        Where the elements of a block begin, row by row.
    elements : flat array
    """

    starts: np.ndarray
    offsets: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    elements: np.ndarray


@inner_kernel
def _place_of(matrix, first, second):
    """Where the elements of a block begin."""
    begin, end = matrix.offsets[first], matrix.offsets[first + 1]
    return matrix.places[begin + first_not_below(matrix.columns[begin:end], second)]


@kernel
def add_two_centre_blocks(first, second, integrals, angular, components, mirrored, matrix):
    """Add the blocks of two-centre integrals to a matrix.

    Parameters
    ----------
    first, second : (n,) int array
        Atoms in whose rows and columns the blocks stand.
    integrals : (n, integrals) array
    angular : (n, components) array
        Angular factors of the elements of the blocks.
    components : (components, 3) int array
        Row and column in the block, and integral, of each of them.
    mirrored : bool
        Add the transposed blocks as well, on the other side of the diagonal.
    matrix : BlockRows
    """
    elements = matrix.elements
    for p in range(first.size):
        i, j = first[p], second[p]
        n_rows = matrix.starts[i + 1] - matrix.starts[i]
        n_columns = matrix.starts[j + 1] - matrix.starts[j]
        here, there = _place_of(matrix, i, j), _place_of(matrix, j, i)
        for c in range(components.shape[0]):
            row, column = components[c, 0], components[c, 1]
            element = integrals[p, components[c, 2]] * angular[p, c]
            elements[here + row * n_columns + column] += element
            if mirrored:
                elements[there + column * n_rows + row] += element


@kernel
def multiply(begin, end, matrix, factors, vectors, out, products):
    """Replace ``out`` by ``a H v + b v + c out`` in the rows of some atoms.

    Parameters
    ----------
    begin, end : int
        These atoms.
    matrix : BlockRows
    factors : (3,) array
        a, b and c, of the type of the vectors.
    vectors, out : (orbitals * LANES) array
    products : (2 LANES,) array
        To which v . v and then v . out are added, of these rows.
    """
    zero = splat(vectors.dtype.type(0), LANES)
    a, b, c = (
        broadcast(factors, 0, LANES),
        broadcast(factors, 1, LANES),
        broadcast(factors, 2, LANES),
    )
    room = room_for(LANES * (_most_rows(begin, end, matrix.starts) + _TILE), vectors.dtype)
    for i in range(begin, end):
        n_rows = matrix.starts[i + 1] - matrix.starts[i]
        _sum_row(i, n_rows, matrix, vectors, room)
        squares = mixed = zero
        for row in range(n_rows):
            at = (matrix.starts[i] + row) * LANES
            v = load(vectors, at, LANES)
            before = fma(b, v, fma(c, load(out, at, LANES), zero))
            after = fma(a, load(room, row * LANES, LANES), before)
            store(out, at, after)
            squares, mixed = fma(v, v, squares), fma(v, after, mixed)
        store(products, 0, load(products, 0, LANES) + cast(squares, products))
        store(products, LANES, load(products, LANES, LANES) + cast(mixed, products))


@inner_kernel
def _most_rows(begin, end, starts):
    """Largest number of rows of one of some atoms."""
    most = 0
    for i in range(begin, end):
        most = max(most, starts[i + 1] - starts[i])
    return most


@inner_kernel
def _sum_row(i, n_rows, matrix, vectors, out):
    """Multiply the rows of one atom, _TILE at a time, into ``out[row * LANES + lane]``."""
    elements, zero = matrix.elements, splat(vectors.dtype.type(0), LANES)
    for tile in range(0, n_rows, _TILE):
        # A tile over the edge repeats the last row.
        last = n_rows - 1 - tile
        sum0 = sum1 = sum2 = sum3 = sum4 = zero
        for p in range(matrix.offsets[i], matrix.offsets[i + 1]):
            first = matrix.starts[matrix.columns[p]]
            n_columns = matrix.starts[matrix.columns[p] + 1] - first
            row0 = matrix.places[p] + tile * n_columns
            row1 = row0 + min(1, last) * n_columns
            row2 = row0 + min(2, last) * n_columns
            row3 = row0 + min(3, last) * n_columns
            row4 = row0 + min(4, last) * n_columns
            for column in range(n_columns):
                v = load(vectors, (first + column) * LANES, LANES)
                sum0 = fma(broadcast(elements, row0 + column, LANES), v, sum0)
                sum1 = fma(broadcast(elements, row1 + column, LANES), v, sum1)
                sum2 = fma(broadcast(elements, row2 + column, LANES), v, sum2)
                sum3 = fma(broadcast(elements, row3 + column, LANES), v, sum3)
                sum4 = fma(broadcast(elements, row4 + column, LANES), v, sum4)
        store(out, tile * LANES, sum0)
        store(out, (tile + 1) * LANES, sum1)
        store(out, (tile + 2) * LANES, sum2)
        store(out, (tile + 3) * LANES, sum3)
        store(out, (tile + 4) * LANES, sum4)
