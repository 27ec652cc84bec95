"""Short vectors of floating-point numbers for kernels: the one place that knows about SIMD.

LLVM does not turn a loop over a few lanes inside a loop over sums into vector registers that
stay put: it keeps the sums in memory and checks the arrays for overlap each time round. So the
innermost loops name the vectors themselves. Each function here becomes LLVM instructions on vectors
of numbers (`vector_code` and `lane_code` beside this module), which the compiler splits into
whatever registers the processor has; so do the operators ``+ - * / < > == &`` of vectors. Outside
compiled code the same functions work on numpy arrays: they are their own plain twins.

Indices are not checked; the type of the elements is that of the array. The number of lanes has
to be a constant of the module; in `load`, `splat` and `broadcast` a vector stands for its own.
"""

from __future__ import annotations

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import config

from ase_dos.kernels import lane_code
from ase_dos.kernels import vector_code as code
from ase_dos.kernels.vector_code import LINE, compiles_to

__all__ = [
    "LINE",
    "LONG",
    "REGISTER",
    "WIDTH",
    "add_groups",
    "add_parts",
    "broadcast",
    "cast",
    "compiles_for",
    "count",
    "floor",
    "fma",
    "get",
    "interleave",
    "lanes_of",
    "load",
    "minimum",
    "pack",
    "prefetch",
    "put",
    "registers",
    "repeat",
    "rising",
    "smallest",
    "splat",
    "sqrt",
    "store",
    "store_parts",
    "zero_register",
]

# Numbers that most kernels take at a time.
WIDTH = 8


def compiles_for(feature):
    """Return whether numba compiles for a processor with this feature, such as "avx512f".

    Without ``NUMBA_CPU_FEATURES`` these are the features of the host, whatever
    ``NUMBA_CPU_NAME`` says, but for "generic".
    """
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    if features is None:
        return bool(get_host_cpu_features().get(feature))
    return f"+{feature}" in features.split(",")


# Bytes of a vector register: sizes of blocks that have to stay in registers follow from it.
REGISTER = 64 if compiles_for("avx512f") else 32
# Numbers that fill one register in single precision, and two in double. Four sums of so many are
# then at most eight registers, which stay there where a processor has only sixteen.
LONG = REGISTER // 4


@compiles_to(code.get)
def get(array, index):
    """Read one number of a flat array.

    Brackets do the same, but ask each time whether the index counts from the end, unless the
    compiler sees that it cannot: often more work than what is done with the number.
    """
    return array[index]


@compiles_to(code.put)
def put(array, index, number):
    """Write one number to a flat array, see `get`."""
    array[index] = number


def _registers(size):
    """Count the registers that LONG numbers of so many bytes take."""
    return LONG * size // REGISTER


@compiles_to(code.constant(_registers))
def registers(array):
    """Count the registers that LONG numbers of an array take: a constant of its type."""
    return _registers(array.itemsize)


@compiles_to(code.lanes_of)
def lanes_of(vector):
    """Count the numbers of a vector."""
    return len(vector)


def _count_of(lanes):
    """Lanes that a number says, or those of a vector."""
    return np.size(lanes) if np.ndim(lanes) else lanes


@compiles_to(code.load, prefer_literal=True)
def load(array, index, lanes):
    """Read numbers of a flat array from ``index`` on."""
    return array[index : index + _count_of(lanes)].copy()


@compiles_to(code.store)
def store(array, index, vector):
    """Write a vector to a flat array from ``index`` on."""
    array[index : index + len(vector)] = vector


@compiles_to(lane_code.store_parts, prefer_literal=True)
def store_parts(array, index, step, vector, lanes):
    """Write a vector to a flat array in parts of ``lanes`` numbers, which begin ``step`` apart."""
    for i, part in enumerate(vector.reshape(-1, lanes)):
        store(array, index + i * step, part)


@compiles_to(code.splat, prefer_literal=True)
def splat(number, lanes):
    """Repeat one number."""
    return np.full(_count_of(lanes), number)


@compiles_to(code.broadcast, prefer_literal=True)
def broadcast(array, index, lanes):
    """Repeat one number of a flat array."""
    return np.full(_count_of(lanes), array[index])


@compiles_to(code.prefetch)
def prefetch(array, index):
    """Have a number of a flat array at hand that will be read soon; it may be beyond the end."""


@compiles_to(code.zeros(REGISTER))
def zero_register(array):
    """Return zeros, as many as a register holds numbers of the array."""
    return np.zeros(REGISTER // array.itemsize, array.dtype)


@compiles_to(lane_code.repeat, prefer_literal=True)
def repeat(array, index, count, lanes):
    """Repeat some numbers of a flat array, from ``index`` on, in turn."""
    return np.resize(array[index : index + count], lanes)


@compiles_to(lane_code.interleave)
def interleave(a, b):
    """Return the numbers of two vectors in turn, in a vector twice as long."""
    return np.stack([a, b], axis=1).ravel()


@compiles_to(lane_code.add_groups, prefer_literal=True)
def add_groups(vector, count):
    """Return the sum of the first ``count`` numbers, of the next ones, and so on.

    ``count`` is a power of two, as is the number of parts in `add_parts`.
    """
    return vector.reshape(-1, count).sum(axis=1)


@compiles_to(lane_code.add_parts, prefer_literal=True)
def add_parts(vector, lanes):
    """Return the sum of all parts of ``lanes`` numbers."""
    return vector.reshape(-1, lanes).sum(axis=0)


@compiles_to(lane_code.rising, prefer_literal=True)
def rising(first, lanes):
    """Return the numbers ``first``, ``first`` + 1 and so on, in double precision."""
    return first + np.arange(float(lanes))


@compiles_to(lane_code.count)
def count(chosen):
    """Count what is true in the result of a comparison."""
    return np.count_nonzero(chosen)


@compiles_to(lane_code.pack(avx512=REGISTER == 64, avx2=compiles_for("avx2")))
def pack(array, index, vector, chosen):
    """Write those numbers that are chosen to a flat array, one after the other.

    ``chosen`` is the result of a comparison. The array has room for all of them: behind the last
    one chosen there may be any numbers.
    """
    store(array, index, vector[chosen])


@compiles_to(code.fma)
def fma(a, b, c):
    """Return ``a * b + c``, rounded once in compiled code."""
    return a * b + c


@compiles_to(code.sqrt)
def sqrt(vector):
    """Return the square roots."""
    return np.sqrt(vector)


@compiles_to(code.floor)
def floor(vector):
    """Return the largest whole numbers that are not above."""
    return np.floor(vector)


@compiles_to(code.cast)
def cast(vector, array):
    """Give numbers the type of those of an array."""
    return vector.astype(array.dtype)


@compiles_to(code.minimum)
def minimum(a, b):
    """Return the lesser of each two numbers; those of ``b`` where there is a NaN."""
    return np.where(a < b, a, b)


@compiles_to(lane_code.smallest)
def smallest(vector):
    """Return the least number of a vector without NaN, whose lanes are a power of two."""
    return vector.min()
