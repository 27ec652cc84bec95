"""Rotations and mirrors of the plane of momenta, and the mean of a map over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.axes import grid_points
from ase_dos.bands.interpolation import interpolate, interpolation_matrix
from ase_dos.utils.checks import as_array, as_count

__all__ = ["line_operations", "mean_over_operations", "plane_operations"]


def plane_operations(rotation: int = 1, mirror: float | None = None) -> list[NDArray]:
    """Matrices (2, 2) of an n-fold rotation axis, with or without mirror lines.

    Parameters
    ----------
    rotation : int
        Order of the axis; 1 for none.
    mirror : float, optional
        Angle (degrees) from the first momentum axis to one mirror line: 0 keeps kx and turns ky
        round. The axis makes more of it: there are as many lines as the order says.
    """
    as_count(rotation, "rotation", 1)
    angles = 2 * np.pi * np.arange(rotation) / rotation
    found = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
    if mirror is not None:
        twice = 2 * np.radians(float(as_array(mirror, "mirror", ())))
        reflection = np.array([[np.cos(twice), np.sin(twice)], [np.sin(twice), -np.cos(twice)]])
        found += [turn @ reflection for turn in found]
    return found


def line_operations(rotation: int = 1, mirror: float | None = None) -> list[NDArray]:
    """Matrices (1, 1) for maps with one momentum: a twofold axis or a mirror turns it round."""
    if rotation not in (1, 2):
        raise ValueError(
            f"rotation: a map with one momentum axis can be turned by a twofold axis only, "
            f"got {rotation}"
        )
    turned = rotation == 2 or mirror is not None
    return [np.ones((1, 1)), *([-np.ones((1, 1))] if turned else [])]


def mean_over_operations(
    axes: Sequence[NDArray], values: NDArray, operations: Sequence[NDArray], center: NDArray
) -> NDArray:
    """Mean of a map over symmetry operations about a centre.

    Parameters
    ----------
    axes : sequence of (n,) arrays
        Momentum axes.
    values : array
        Values, energies last; NaN where there are none.
    operations : sequence of (axes, axes) arrays
        A group of rotations and mirrors.
    center : (axes,) array
        Momentum that all operations leave where it is.

    Returns
    -------
    array of the shape of ``values``
        At each momentum the mean over those operations that lead to data.
    """
    points = grid_points(axes).reshape(-1, len(axes))
    flat = values.reshape(len(points), -1)
    total, number = np.zeros_like(flat), np.zeros(flat.shape, dtype=np.int32)
    for operation in operations:
        moved = interpolate(
            interpolation_matrix(axes, (points - center) @ operation.T + center), flat
        )
        there = ~np.isnan(moved)
        np.add(total, moved, out=total, where=there)
        number += there
    with np.errstate(invalid="ignore"):
        return (total / np.where(number, number, np.nan)).reshape(values.shape)
