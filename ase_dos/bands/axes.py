"""Uniform axes of momentum and energy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.checks import as_array

__all__ = ["checked_axes", "grid_points", "uniform_axis"]

# Files hold axes in single precision: kinetic energies near 100 eV in steps of 5 meV are off by
# a thousandth of a step.
_TOLERANCE = 0.01


def uniform_axis(values: ArrayLike, name: str) -> tuple[NDArray, float]:
    """Check a uniform, rising axis, and make it exactly uniform.

    Parameters
    ----------
    values : (n,) array_like
        Points of the axis, two or more; each within a hundredth of a step of its place.
    name : str
        Name of the axis in messages.

    Returns
    -------
    axis : (n,) array
        Points between the given ends, without the rounding of files.
    step : float
        Their distance.

    Raises
    ------
    ValueError
        If there are less than two points, or they do not rise, or not in equal steps.
    """
    given = as_array(values, f"axis {name}", (None,))
    if given.size < 2:
        raise ValueError(f"axis {name}: expected at least 2 points, got {given.size}")
    step = (given[-1] - given[0]) / (given.size - 1)
    steps = np.diff(given)
    if steps.min() <= 0:
        raise ValueError(f"axis {name}: expected rising values, got a step of {steps.min():g}")
    axis = np.linspace(given[0], given[-1], given.size)
    if np.abs(given - axis).max() > _TOLERANCE * step:
        raise ValueError(
            f"axis {name}: expected equal steps, got steps from {steps.min():g} to "
            f"{steps.max():g}; interpolate the map onto a uniform axis first, with "
            f"xarray's DataArray.interp for example"
        )
    return axis, float(step)


def grid_points(axes: Sequence[ArrayLike]) -> NDArray:
    """Points (*axes, number of axes) of the grid that axes span."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def checked_axes(
    momenta: tuple[NDArray, ...], names: tuple[str, ...]
) -> tuple[tuple[NDArray, ...], tuple[str, ...]]:
    """Check one or two axes of momentum and their names; name them if they have no names."""
    if len(momenta) not in (1, 2) or any(np.ndim(axis) != 1 for axis in momenta):
        raise ValueError("momenta: expected a tuple of one or two axes")
    names = tuple(names) or (("k",) if len(momenta) == 1 else ("kx", "ky"))
    if len(names) != len(momenta) or len(set(names)) != len(names):
        raise ValueError(f"momentum names: expected {len(momenta)} different ones, got {names}")
    axes = []
    for axis, name in zip(momenta, names, strict=True):
        axes.append(uniform_axis(axis, name)[0])
        axes[-1].flags.writeable = False
    return tuple(axes), names
