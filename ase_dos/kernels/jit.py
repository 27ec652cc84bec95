"""Decorator of all kernels."""

from __future__ import annotations

from pathlib import Path

from numba import njit

# Reassociation and fused multiply-add let LLVM vectorise sums. ``nnan`` and ``ninf`` stay
# off: a NaN that comes in has to come out, and infinities mark empty energy windows.
_FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def kernel(function=None, *, parallel: bool = False):
    """Compile a kernel at its first call and cache it on disk.

    Parameters
    ----------
    function : callable, optional
        The function to compile; absent when the decorator is called with options.
    parallel : bool
        Run ``prange`` loops on several threads. Only for the outermost kernel.
    """

    def decorate(target):
        compiled = njit(
            nogil=True, cache=True, error_model="numpy", parallel=parallel, fastmath=_FASTMATH
        )(target)
        _stamp(compiled)
        return compiled

    return decorate if function is None else decorate(function)


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
