"""Cubic splines of bands over one or two momentum axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import NdBSpline, RegularGridInterpolator, make_interp_spline
from scipy.ndimage import distance_transform_edt

from ase_dos.bands.axes import grid_points

__all__ = ["MomentumSpline"]

_ROUNDING = 1e-9  # of the length of an axis: its last point is not off it


class MomentumSpline:
    """Cubic spline through bands on a grid of momenta, NaN wherever they are not known.

    Parameters
    ----------
    axes : sequence of (n,) arrays
        One or two rising axes.
    values : (bands, *momenta) array
        Bands (or anything else) on the grid. NaN marks points that are not known; what is
        interpolated from one of them is NaN.

    Notes
    -----
    A tensor product of one-dimensional splines with not-a-knot ends, so that polynomials up to the
    third degree come out exact. Axes of two or three points have splines of a lower degree.
    """

    def __init__(self, axes: Sequence[NDArray], values: NDArray) -> None:
        self._axes = [np.asarray(axis, dtype=float) for axis in axes]
        coefficients = np.moveaxis(np.asarray(values, dtype=float), 0, -1)
        unknown = np.isnan(coefficients)
        self._unknown = unknown if unknown.any() else None
        if self._unknown is not None:
            coefficients = _filled(coefficients, unknown)
        knots, degrees = [], []
        for i, axis in enumerate(self._axes):
            spline = make_interp_spline(axis, coefficients, k=min(3, len(axis) - 1), axis=i)
            coefficients = np.moveaxis(spline.c, 0, i)
            knots.append(spline.t)
            degrees.append(spline.k)
        self._spline = NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), tuple(degrees))

    def at(self, points: ArrayLike) -> NDArray:
        """Return the bands (bands, *points) at momenta of shape (*points, axes)."""
        points = np.asarray(points, dtype=float)
        flat = points.reshape(-1, len(self._axes))
        inside = np.ones(len(flat), dtype=bool)
        clipped = np.empty_like(flat)
        for i, axis in enumerate(self._axes):
            margin = _ROUNDING * (axis[-1] - axis[0])
            inside &= (flat[:, i] >= axis[0] - margin) & (flat[:, i] <= axis[-1] + margin)
            clipped[:, i] = np.clip(flat[:, i], axis[0], axis[-1])
        values = self._spline(clipped)
        if self._unknown is not None:
            touched = RegularGridInterpolator(tuple(self._axes), self._unknown.astype(float))
            values[touched(clipped) > _ROUNDING] = np.nan
        values[~inside] = np.nan
        return np.moveaxis(values, -1, 0).reshape(-1, *points.shape[:-1])

    def on(self, axes: Sequence[NDArray]) -> NDArray:
        """Return the bands (bands, *momenta) on a grid with these axes."""
        return self.at(grid_points(axes))


def _filled(values: NDArray, unknown: NDArray) -> NDArray:
    """Give unknown points the value of the nearest known one, band by band (the last axis)."""
    filled = values.copy()
    for band in range(values.shape[-1]):
        missing = unknown[..., band]
        if missing.all():
            filled[..., band] = 0.0
        elif missing.any():
            nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
            filled[..., band] = values[(*nearest, band)]
    return filled
