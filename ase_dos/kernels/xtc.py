"""Packed coordinates of XTC files.

Integers of known ranges, joined to numbers of as few bits as hold them; atoms near to the one
before as differences of a range that grows and shrinks on the way. See the reference manual of
GROMACS, "xtc file format".
"""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel, kernel

__all__ = ["FIRST_RANGE", "RANGES", "unpack_coordinates"]

FIRST_RANGE = 9  # index of the smallest range of differences
_WIDEST = 1 << 24  # range above which the three axes are not joined
_MOST_BITS = 72  # of three joined numbers

# Powers of the cube root of two, three of which are not exact in any file.
RANGES = np.floor(2.0 ** (np.arange(73) / 3) + 1e-9).astype(np.int64)
RANGES[:FIRST_RANGE] = 0
RANGES[[37, 57, 69]] = 5060, 524287, 8388607


@inner_kernel
def _bits(data, at, count):
    """Return so many bits, the highest first."""
    value = 0
    for i in range(at, at + count):
        value = (value << 1) | ((data[i >> 3] >> (7 - (i & 7))) & 1)
    return value


@inner_kernel
def _joined(data, at, count, sizes, digits, out):
    """Take three integers apart, below sizes (3,), that are joined to a number of so many bits.

    The number is stored in bytes, the lowest first.
    """
    length = 0
    while count > 8:
        digits[length] = _bits(data, at, 8)
        at, count, length = at + 8, count - 8, length + 1
    if count > 0:
        digits[length] = _bits(data, at, count)
        length += 1
    for axis in (2, 1):
        rest = 0
        for i in range(length - 1, -1, -1):
            rest = (rest << 8) | digits[i]
            digits[i] = rest // sizes[axis]
            rest -= digits[i] * sizes[axis]
        out[axis] = rest
    first = 0
    for i in range(min(length, 7) - 1, -1, -1):
        first = (first << 8) | digits[i]
    out[0] = first


@inner_kernel
def _length_in_bits(number):
    bits = 0
    while number > 0:
        number >>= 1
        bits += 1
    return bits


@inner_kernel
def _length_of_product(sizes, digits):
    """Return how many bits the product of sizes (3,) has, which may be more than 64."""
    digits[:] = 0
    digits[0] = 1
    for axis in range(3):
        carry = 0
        for i in range(digits.size):
            carry += digits[i] * sizes[axis]
            digits[i] = carry & 255
            carry >>= 8
    for i in range(digits.size - 1, -1, -1):
        if digits[i] > 0:
            return 8 * i + _length_in_bits(digits[i])
    return 0


@kernel
def unpack_coordinates(data, low, high, small, ranges, out):
    """Fill out (n, 3) with integers; return whether the data are sound.

    Parameters
    ----------
    data : (m,) array of uint8
        Packed coordinates.
    low, high : (3,) arrays of int
        Smallest and largest integer of each axis.
    small : int
        Index of the first range of differences.
    ranges : (73,) array of int
        `RANGES`.
    out : (n, 3) array of int
        Coordinates in units of the precision.
    """
    atoms, end = out.shape[0], 8 * data.size
    sizes, widths = np.empty(3, np.int64), np.empty(3, np.int64)
    digits, here, before = np.zeros(12, np.int64), np.empty(3, np.int64), np.empty(3, np.int64)
    small_sizes = np.empty(3, np.int64)
    apart = False
    for axis in range(3):
        sizes[axis] = high[axis] - low[axis] + 1
        if sizes[axis] < 1:
            return False
        widths[axis] = _length_in_bits(sizes[axis])
        apart = apart or sizes[axis] >= _WIDEST
    together = _length_of_product(sizes, digits)
    if not apart and together > _MOST_BITS:
        return False
    at, run, atom = 0, 0, 0
    while atom < atoms:
        needed = widths[0] + widths[1] + widths[2] if apart else together
        if at + needed + 1 > end:
            return False
        if apart:
            for axis in range(3):
                here[axis] = _bits(data, at, widths[axis])
                at += widths[axis]
        else:
            _joined(data, at, together, sizes, digits, here)
            at += together
        change = 0
        flag = _bits(data, at, 1)
        at += 1
        if flag:
            if at + 5 > end:
                return False
            run = _bits(data, at, 5)
            at += 5
            change = run % 3 - 1
            run //= 3
        if atom + run + 1 > atoms or small < FIRST_RANGE or small >= ranges.size:
            return False
        if at + run * small > end:
            return False
        for axis in range(3):
            before[axis] = here[axis] + low[axis]
            # The first atom of a run stands behind the second one.
            out[atom + (1 if run > 0 else 0), axis] = before[axis]
        small_sizes[:] = ranges[small]
        for i in range(run):
            _joined(data, at, small, small_sizes, digits, here)
            at += small
            place = atom if i == 0 else atom + i + 1
            for axis in range(3):
                before[axis] += here[axis] - ranges[small] // 2
                out[place, axis] = before[axis]
        atom += run + 1
        small += change
    return True
