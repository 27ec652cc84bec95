"""Loops over flat arrays, in place of functions of numpy that numba compiles for long."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import inner_kernel
from ase_dos.kernels.vector_code import LINE


@inner_kernel
def room_for(count, kind):
    """Give a flat array without values, which begins at a cache line.

    No vector is longer than a line, and one that crosses it is read twice.
    """
    room = np.empty(count + LINE, kind)
    skip = -room.ctypes.data % LINE // room.itemsize
    return room[skip : skip + count]


@inner_kernel
def fill(out, count, value):
    """Set the first ``count`` numbers."""
    for i in range(count):
        out[i] = value


@inner_kernel
def copy(values, count, out):
    """Copy the first ``count`` numbers, to another type where ``out`` has one."""
    for i in range(count):
        out[i] = values[i]


@inner_kernel
def first_not_below(values, limit):
    """Place of the first of rising numbers that is not below a limit; their count if all are."""
    low, high = 0, values.size
    while low < high:
        middle = (low + high) // 2
        if values[middle] < limit:
            low = middle + 1
        else:
            high = middle
    return low
