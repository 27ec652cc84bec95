"""The one decorator of all kernels."""

from __future__ import annotations

from numba import njit

# Reassociation and fused multiply-add let LLVM vectorise sums. ``nnan`` and ``ninf`` stay
# off: a NaN that comes in has to come out, and infinities mark empty energy windows.
_FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def kernel(function=None, *, parallel: bool = False, fastmath: bool = True):
    """Compile a kernel at its first call and cache it on disk.

    Parameters
    ----------
    function : callable, optional
        The function to compile; absent when the decorator is called with options.
    parallel : bool
        Run ``prange`` loops on several threads. Only for the outermost kernel.
    fastmath : bool
        Allow reassociation of floating-point sums (never the removal of NaN or infinity).
    """

    def decorate(target):
        return njit(
            nogil=True,
            cache=True,
            error_model="numpy",
            parallel=parallel,
            fastmath=_FASTMATH if fastmath else False,
        )(target)

    return decorate if function is None else decorate(function)
