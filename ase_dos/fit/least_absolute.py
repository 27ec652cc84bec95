"""Linear fit by least absolute deviations: a few wrong values do not move it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import eye_array, hstack

__all__ = ["least_absolute"]


def least_absolute(matrix: NDArray, values: NDArray) -> NDArray:
    """Coefficients ``x`` that minimise ``sum_i |(A x - y)_i|``.

    The fit goes through as many values as there are coefficients, and through all that agree with
    each other if they are enough against the rest. It is a linear programme: ``A x + p - m = y``
    with ``p, m >= 0`` and the least ``sum(p + m)`` (Charnes, Cooper, Ferguson, Manage. Sci. 1,
    138 (1955)).

    Parameters
    ----------
    matrix : (n, m) array
        ``A``.
    values : (n,) array
        ``y``.

    Returns
    -------
    (m,) array
    """
    # Equal rows are one row that counts for more.
    rows, counts = np.unique(np.column_stack([matrix, values]), axis=0, return_counts=True)
    one = eye_array(len(rows))
    size = matrix.shape[1]
    solution = linprog(
        np.concatenate([np.zeros(size), counts, counts]),
        A_eq=hstack([rows[:, :size], one, -one]),
        b_eq=rows[:, size],
        bounds=[(None, None)] * size + [(0, None)] * (2 * len(rows)),
    )
    if not solution.success:
        raise ValueError(f"least absolute deviations: no solution found ({solution.message})")
    return solution.x[:size]
