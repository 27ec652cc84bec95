"""Sparse Hermitian matrices of blocks, one for every two atoms that see each other.

Blocks are real. What is complex are the phases of lattice vectors that lead from one image of the
cell to another, exp(i k T): every vector that a matrix is multiplied by may have its own k-point.

VECTORS complex vectors stand side by side, ``vectors[orbital * LANES + lane]``, first their real
and then their imaginary parts. Every number of the matrix that is read from memory serves all of
them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ase_dos.kernels.arrays import first_not_below, room_for
from ase_dos.kernels.jit import inner_kernel, kernel
from ase_dos.kernels.vector import broadcast, cast, fma, load, splat, store

# Vectors that a matrix is multiplied by at a time, and the numbers of each orbital.
VECTORS = 8
LANES = 2 * VECTORS
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
        ``atom * n_images + image`` of the columns of a block, rising within a row.
    places : (blocks,) int array
        Where the elements of a block begin, row by row.
    elements : flat array
    n_images : int
        Number of lattice vectors; that before the last is the negative of the first, and so on, so
        that zero is in the middle.
    """

    starts: np.ndarray
    offsets: np.ndarray
    columns: np.ndarray
    places: np.ndarray
    elements: np.ndarray
    n_images: int


@inner_kernel
def _place_of(matrix, first, second, image):
    """Where the elements of a block begin."""
    begin, end = matrix.offsets[first], matrix.offsets[first + 1]
    column = second * matrix.n_images + image
    return matrix.places[begin + first_not_below(matrix.columns[begin:end], column)]


@kernel
def add_two_centre_blocks(first, second, images, integrals, angular, components, mirrored, matrix):
    """Add the blocks of two-centre integrals to a matrix.

    Parameters
    ----------
    first, second, images : (n,) int array
        Atoms in whose rows and columns the blocks stand, and image of the second.
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
        i, j, image = first[p], second[p], images[p]
        n_rows = matrix.starts[i + 1] - matrix.starts[i]
        n_columns = matrix.starts[j + 1] - matrix.starts[j]
        here = _place_of(matrix, i, j, image)
        there = _place_of(matrix, j, i, matrix.n_images - 1 - image)
        for c in range(components.shape[0]):
            row, column = components[c, 0], components[c, 1]
            element = integrals[p, components[c, 2]] * angular[p, c]
            elements[here + row * n_columns + column] += element
            if mirrored:
                elements[there + column * n_rows + row] += element


@kernel
def multiply(begin, end, matrix, phases, factors, vectors, out, products):
    """Replace ``out`` by ``a H v + b v + c out`` in the rows of some atoms.

    Parameters
    ----------
    begin, end : int
        These atoms.
    matrix : BlockRows
    phases : (images * LANES) array
        Cosines and then sines of every image, for each of the vectors.
    factors : (3,) array
        a, b and c.
    vectors, out : (orbitals * LANES) array
        Of the same type as the phases and the factors.
    products : (2 LANES,) array
        To which v times v and then v times out are added, lane by lane, of these rows.
    """
    zero = splat(vectors.dtype.type(0), LANES)
    a, b, c = (
        broadcast(factors, 0, LANES),
        broadcast(factors, 1, LANES),
        broadcast(factors, 2, LANES),
    )
    most = _most_rows(matrix.starts)
    room = room_for(LANES * (most + _TILE), vectors.dtype)
    turned = room_for(LANES * most, vectors.dtype)
    for i in range(begin, end):
        n_rows = matrix.starts[i + 1] - matrix.starts[i]
        _sum_rows(i, n_rows, matrix, phases, vectors, turned, room)
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
def _most_rows(starts):
    """Largest number of rows of an atom."""
    most = 0
    for i in range(starts.size - 1):
        most = max(most, starts[i + 1] - starts[i])
    return most


@inner_kernel
def _turn(vectors, begin, count, phases, image, out):
    """Multiply some orbitals by the phases of an image."""
    zero = splat(vectors.dtype.type(0), VECTORS)
    cosine = load(phases, image * LANES, VECTORS)
    sine = load(phases, image * LANES + VECTORS, VECTORS)
    for k in range(count):
        at = (begin + k) * LANES
        real, imaginary = load(vectors, at, VECTORS), load(vectors, at + VECTORS, VECTORS)
        store(out, k * LANES, fma(cosine, real, zero) - fma(sine, imaginary, zero))
        store(out, k * LANES + VECTORS, fma(cosine, imaginary, fma(sine, real, zero)))


@inner_kernel
def _sum_rows(i, n_rows, matrix, phases, vectors, turned, out):
    """Multiply the rows of one atom, _TILE at a time, into ``out[row * LANES + lane]``."""
    elements, zero = matrix.elements, splat(vectors.dtype.type(0), LANES)
    for tile in range(0, n_rows, _TILE):
        # A tile over the edge repeats the last row.
        last = n_rows - 1 - tile
        sum0 = sum1 = sum2 = sum3 = sum4 = zero
        for p in range(matrix.offsets[i], matrix.offsets[i + 1]):
            j = matrix.columns[p] // matrix.n_images
            image = matrix.columns[p] - j * matrix.n_images
            first, n_columns = matrix.starts[j], matrix.starts[j + 1] - matrix.starts[j]
            source = vectors
            if 2 * image + 1 != matrix.n_images:
                _turn(vectors, first, n_columns, phases, image, turned)
                source, first = turned, 0
            row0 = matrix.places[p] + tile * n_columns
            row1 = row0 + min(1, last) * n_columns
            row2 = row0 + min(2, last) * n_columns
            row3 = row0 + min(3, last) * n_columns
            row4 = row0 + min(4, last) * n_columns
            for column in range(n_columns):
                v = load(source, (first + column) * LANES, LANES)
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
