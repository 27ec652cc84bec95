"""Linear interpolation between the momenta of a map, in which a missing value stays missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = ["interpolate", "interpolation_matrix"]

# Of a step: points this near to one of the grid are on it, so that turning and mirroring a grid
# onto itself is exact.
_SNAP = 1e-6


def interpolation_matrix(axes: Sequence[NDArray], points: NDArray) -> csr_array:
    """Make the weights of linear interpolation on a grid of one or two uniform axes.

    Parameters
    ----------
    axes : sequence of (n,) arrays
        Axes of the grid.
    points : (points, axes) array
        Where to interpolate, in the units of the axes.

    Returns
    -------
    (points, grid points) sparse array
        Weights of the grid points, in C order. Rows of points outside the grid are empty.
    """
    flat = np.zeros(len(points), dtype=np.int64)[:, None]
    weights = np.ones((len(points), 1))
    inside = np.ones(len(points), dtype=bool)
    for axis, at in zip(axes, points.T, strict=True):
        place = (at - axis[0]) / (axis[1] - axis[0])
        nearest = np.round(place)
        place = np.where(np.abs(place - nearest) < _SNAP, nearest, place)
        inside &= (place >= 0) & (place <= axis.size - 1)
        low = np.clip(place.astype(np.int64), 0, axis.size - 2)
        upper = np.clip(place - low, 0.0, 1.0)
        corners = np.stack([low, low + 1], axis=1)
        shares = np.stack([1.0 - upper, upper], axis=1)
        flat = (flat[:, :, None] * axis.size + corners[:, None, :]).reshape(len(points), -1)
        weights = (weights[:, :, None] * shares[:, None, :]).reshape(len(points), -1)
    weights *= inside[:, None]
    used = weights > 0
    rows = np.broadcast_to(np.arange(len(points))[:, None], flat.shape)
    size = int(np.prod([axis.size for axis in axes]))
    return csr_array((weights[used], (rows[used], flat[used])), shape=(len(points), size))


def interpolate(matrix: csr_array, values: NDArray) -> NDArray:
    """Apply `interpolation_matrix` to the values of a map.

    Parameters
    ----------
    matrix : (points, grid points) sparse array
        Weights.
    values : (grid points, energies) array
        Values; NaN where there are none.

    Returns
    -------
    (points, energies) array
        NaN outside the grid, and where a value with a weight is missing.
    """
    missing = np.isnan(values)
    found = matrix @ np.where(missing, 0.0, values)
    if missing.any():
        found[(matrix @ missing.astype(float)) > 0] = np.nan
    found[np.diff(matrix.indptr) == 0] = np.nan
    return found
