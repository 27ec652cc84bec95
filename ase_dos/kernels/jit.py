"""Decorator of all kernels."""

from __future__ import annotations

from pathlib import Path

from numba import njit
from numba.extending import register_jitable

# Reassociation and fused multiply-add let LLVM vectorise sums. ``nnan`` and ``ninf`` stay
# off: a NaN that comes in has to come out, and infinities mark empty energy windows.
_FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


_OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": _FASTMATH}


def kernel(function):
    """Compile a kernel that Python calls, at its first call, and cache it on disk."""
    compiled = njit(cache=True, **_OPTIONS)(function)
    _stamp(compiled)
    return compiled


def inner_kernel(function):
    """Let kernels call a function, compiled into them; for Python it stays as it is.

    It has no code of its own that Python could call, and none in the cache: kernels keep what they
    are made of.
    """
    return register_jitable(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)


def _sources() -> tuple:
    """Name, size and date of all files with kernels."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime) for file in files)


_SOURCES = _sources()


def _stamp(compiled) -> None:
    """Let the cache of a kernel go stale when any file with kernels changes.

    Numba looks at the kernel's own file only, and would go on using old code that was compiled
    into it from another file.
    """
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = (file._source_stamp, _SOURCES)
