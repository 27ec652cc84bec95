"""Differences of the atoms of two structures, for the search of the nearest ones."""

from __future__ import annotations

import numpy as np

from ase_dos.kernels.jit import kernel


@kernel
def squared_differences(some, kinds, others, other_kinds, limit, out):
    """Squared differences of the rows of two matrices, and the mean of the smallest of each.

    Parameters
    ----------
    some : (n, p) array
    kinds : (n,) int array
        Rows of different kinds differ by infinity.
    others, other_kinds : (k, p), (k,) array
    limit : float
        Nothing more is computed once the mean is certain to be above it.
    out : (n, k) array
        Becomes the squared differences; not complete where the mean is above the limit.

    Returns
    -------
    float
        Mean over the rows of ``some`` of the smallest squared difference; infinite above the limit.
    """
    total = 0.0
    n = some.shape[0]
    for i in range(n):
        smallest = np.inf
        for j in range(others.shape[0]):
            squared = np.inf
            if kinds[i] == other_kinds[j]:
                squared = 0.0
                for k in range(some.shape[1]):
                    squared += (some[i, k] - others[j, k]) ** 2
            out[i, j] = squared
            smallest = min(smallest, squared)
        total += smallest
        if total > limit * n:
            return np.inf
    return total / n
