"""Decorators of all kernels: those that Python calls, and what they are made of."""

from __future__ import annotations

from typing import Any

from numba import njit
from numba.extending import register_jitable

from ase_dos.kernels.cache import disk_cache
from ase_dos.kernels.inlined import InlinedCompiler
from ase_dos.kernels.progress import announce

__all__ = ["inner_kernel", "kernel"]

# Reassociation and fused multiply-add let LLVM vectorise sums. ``nnan`` and ``ninf`` stay
# off: a NaN that comes in has to come out, and infinities mark empty energy windows.
_FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}
_OPTIONS: Any = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": _FASTMATH,
    "no_cfunc_wrapper": True,
}

announce()


def kernel(function):
    """Compile a kernel that Python calls, at its first call, and keep it on disk."""
    compiled = njit(**_OPTIONS)(function)
    cache = disk_cache(function)
    if cache is not None:
        compiled._cache = cache
    return compiled


def inner_kernel(function):
    """Let kernels call a function, compiled into them; for Python it stays as it is.

    It has no code of its own that Python could call, and none in the cache: kernels keep what they
    are made of.
    """
    # With the very options of kernels: for others, what both call would be compiled once more.
    options = _OPTIONS | {"pipeline_class": InlinedCompiler, "no_cpython_wrapper": False}
    return register_jitable(**options)(function)
