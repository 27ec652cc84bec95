"""Bands along a path of k-points, on a uniform axis."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

if TYPE_CHECKING:
    from ase.dft.kpoints import BandPath

__all__ = ["bands_along_path"]

_STILL = 1e-6  # 1/Angstrom: points of a path closer than this are one
_TURN = 1e-3  # of a direction: more than this is a corner


def bands_along_path(
    path: BandPath, energies: NDArray, origin: str | float, n: int | None
) -> tuple[NDArray, NDArray]:
    """Interpolate energies (kpoints, bands) onto a uniform axis along a path.

    Returns
    -------
    axis : (n,) array
        Length along the path from its origin in 1/Angstrom, with the factor 2 pi.
    energies : (n, bands) array
        By a cubic spline in each straight piece of the path: bands turn sharply at corners.
    """
    if "," in path.path:
        raise ValueError(
            f"path {path.path}: it has jumps; a map shows momenta without any. Take a part of it"
        )
    points = 2 * np.pi * np.asarray(path.cartesian_kpts())
    moved = np.append(True, np.linalg.norm(np.diff(points, axis=0), axis=1) > _STILL)
    points, values = points[moved], np.sort(energies[moved], axis=1)
    if len(points) < 2:
        raise ValueError(f"path {path.path}: expected at least 2 different points")
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    distance = np.append(0.0, np.cumsum(lengths))
    directions = steps / lengths[:, None]
    turns = np.linalg.norm(np.diff(directions, axis=0), axis=1) > _TURN
    corners = [0, *(np.flatnonzero(turns) + 1), len(points) - 1]
    axis = np.linspace(0.0, distance[-1], 2 * len(points) - 1 if n is None else n)
    result = np.empty((len(axis), values.shape[1]))
    for first, last in pairwise(corners):
        piece = slice(first, last + 1)
        spline = make_interp_spline(distance[piece], values[piece], k=min(3, last - first))
        here = (axis >= distance[first]) & (axis <= distance[last])
        result[here] = spline(axis[here])
    return axis - _origin(path, points, distance, origin), result


def _origin(path: BandPath, points: NDArray, distance: NDArray, origin: str | float) -> float:
    """Return the distance along the path of a special point."""
    if not isinstance(origin, str):
        return float(origin)
    if origin not in path.special_points:
        raise ValueError(
            f"origin: the path {path.path} has the special points "
            f"{', '.join(sorted(path.special_points))}, not {origin!r}"
        )
    place = 2 * np.pi * np.asarray(path.special_points[origin]) @ np.asarray(path.icell)
    apart = np.linalg.norm(points - place, axis=1)
    if apart.min() > _STILL:
        raise ValueError(f"origin: the path {path.path} does not go through {origin}")
    return float(distance[apart.argmin()])
