"""Loops over flat arrays, in place of numba's assignment of slices, which compiles for seconds."""

from __future__ import annotations

from ase_dos.kernels.jit import inner_kernel


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
