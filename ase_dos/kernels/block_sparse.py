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
from ase_dos.kernels.vector import broadcast, cast, fma, load, prefetch, splat, store

# Vectors that a matrix is multiplied by at a time, and the numbers of each orbital.
VECTORS = 8
LANES = 2 * VECTORS
# Rows of a block whose sums stay in registers.
_TILE = 5
# Columns whose elements are read once for all rows, and how far ahead they are asked for.
_STRIP = 48
_AHEAD = 512


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
        Where the elements of a block begin, column by column.
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
            elements[here + column * n_rows + row] += element
            if mirrored:
                elements[there + row * n_columns + column] += element


@kernel
def multiply(begin, end, matrix, phases, factors, vectors, others, out, products):
    """Replace ``out`` by ``a M v + b v + c w + d out`` in the rows of some atoms.

    Parameters
    ----------
    begin, end : int
        These atoms.
    matrix : BlockRows
        M.
    phases : (images * LANES) array
        Cosines and then sines of every image, for each of the vectors.
    factors : (4,) array
        a, b, c and d.
    vectors, others, out : (orbitals * LANES) array
        v, w and out, of the same type as the phases and the factors.
    products : (2 LANES,) array
        To which v times w and then v times out are added, lane by lane, of these rows.
    """
    zero = splat(vectors.dtype.type(0), LANES)
    a, b = broadcast(factors, 0, LANES), broadcast(factors, 1, LANES)
    c, d = broadcast(factors, 2, LANES), broadcast(factors, 3, LANES)
    most = _most_rows(matrix.starts)
    seen = room_for(LANES * most * _most_rows(matrix.offsets), vectors.dtype)
    sums = room_for(LANES * (most + _TILE), vectors.dtype)
    for i in range(begin, end):
        width = _gather(i, matrix, phases, vectors, seen)
        n_rows = matrix.starts[i + 1] - matrix.starts[i]
        _sum_rows(matrix.elements, matrix.places[matrix.offsets[i]], n_rows, width, seen, sums)
        overlaps = mixed = zero
        for row in range(n_rows):
            at = (matrix.starts[i] + row) * LANES
            v, w = load(vectors, at, LANES), load(others, at, LANES)
            before = fma(b, v, fma(c, w, fma(d, load(out, at, LANES), zero)))
            after = fma(a, load(sums, row * LANES, LANES), before)
            store(out, at, after)
            overlaps, mixed = fma(v, w, overlaps), fma(v, after, mixed)
        store(products, 0, load(products, 0, LANES) + cast(overlaps, products))
        store(products, LANES, load(products, LANES, LANES) + cast(mixed, products))


@inner_kernel
def _most_rows(starts):
    """Largest number of rows of an atom."""
    most = 0
    for i in range(starts.size - 1):
        most = max(most, starts[i + 1] - starts[i])
    return most


@inner_kernel
def _gather(i, matrix, phases, vectors, out):
    """Write what the rows of an atom are multiplied by, with its phases, one after the other."""
    zero = splat(vectors.dtype.type(0), VECTORS)
    to = 0
    for p in range(matrix.offsets[i], matrix.offsets[i + 1]):
        j = matrix.columns[p] // matrix.n_images
        image = matrix.columns[p] - j * matrix.n_images
        first, last = matrix.starts[j] * LANES, matrix.starts[j + 1] * LANES
        if 2 * image + 1 == matrix.n_images:
            for at in range(first, last, LANES):
                store(out, to, load(vectors, at, LANES))
                to += LANES
            continue
        cosine = load(phases, image * LANES, VECTORS)
        sine = load(phases, image * LANES + VECTORS, VECTORS)
        for at in range(first, last, LANES):
            real, imaginary = load(vectors, at, VECTORS), load(vectors, at + VECTORS, VECTORS)
            store(out, to, fma(cosine, real, zero) - fma(sine, imaginary, zero))
            store(out, to + VECTORS, fma(cosine, imaginary, fma(sine, real, zero)))
            to += LANES
    return to // LANES


@inner_kernel
def _sum_rows(elements, place, n_rows, width, vectors, out):
    """Multiply the rows of one atom into ``out[row * LANES + lane]``.

    Elements come from memory in the order in which they stand there, at an even pace: _TILE rows of
    _STRIP columns at a time.
    """
    for row in range(n_rows + _TILE):
        store(out, row * LANES, splat(vectors.dtype.type(0), LANES))
    for begin in range(0, width, _STRIP):
        end = min(begin + _STRIP, width)
        for tile in range(0, n_rows, _TILE):
            # A tile over the edge repeats the last row.
            last = n_rows - 1 - tile
            row1, row2, row3, row4 = min(1, last), min(2, last), min(3, last), min(4, last)
            to = tile * LANES
            sum0, sum1 = load(out, to, LANES), load(out, to + LANES, LANES)
            sum2, sum3 = load(out, to + 2 * LANES, LANES), load(out, to + 3 * LANES, LANES)
            sum4 = load(out, to + 4 * LANES, LANES)
            for column in range(begin, end):
                at = place + column * n_rows + tile
                prefetch(elements, at + _AHEAD)
                v = load(vectors, column * LANES, LANES)
                sum0 = fma(broadcast(elements, at, LANES), v, sum0)
                sum1 = fma(broadcast(elements, at + row1, LANES), v, sum1)
                sum2 = fma(broadcast(elements, at + row2, LANES), v, sum2)
                sum3 = fma(broadcast(elements, at + row3, LANES), v, sum3)
                sum4 = fma(broadcast(elements, at + row4, LANES), v, sum4)
            store(out, to, sum0)
            store(out, to + LANES, sum1)
            store(out, to + 2 * LANES, sum2)
            store(out, to + 3 * LANES, sum3)
            store(out, to + 4 * LANES, sum4)
