"""Arrangement of measured intensities: order and direction of axes, units, what may be in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ase_dos.bands.axes import uniform_axis
from ase_dos.bands.units import MOMENTUM_NAMES, axis_factor, energy_factor
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from xarray import DataArray

__all__ = ["ENERGY", "arranged", "blocks", "check_values", "no_counts"]

ENERGY = "eV"
_LARGEST_COUNT = 2**53  # integers beyond it are not exact in float64
_BLOCK = 2**20  # values


def blocks(values: NDArray) -> Iterator[NDArray]:
    """Parts of an array along its first axis, so that what is made of them takes little memory."""
    rows = max(1, _BLOCK // max(1, values.size // len(values)))
    return (values[i : i + rows] for i in range(0, len(values), rows))


def arranged(data: DataArray, *, copy: bool = True) -> DataArray:
    """Map with dimensions in order, axes rising and in our units, values as float64.

    Without ``copy``, values that are so already are not copied.
    """
    names = [str(name) for name in data.dims if name != ENERGY]
    if ENERGY not in data.dims or len(names) not in (1, 2):
        raise ValueError(
            f"band map: expected the dimension {ENERGY} and one or two more, as kx and ky, got "
            f"{', '.join(map(str, data.dims))}"
        )
    order = [*sorted(names, key=lambda name: (name == "ky", name != "kx")), ENERGY]
    data = data.transpose(*order)
    axes = {}
    for name in order:
        if name not in data.coords:
            raise ValueError(f"axis {name}: has no values; give it coordinates")
        unit = data[name].attrs.get("units", data[name].attrs.get("unit"))
        factor = (energy_factor if name == ENERGY else axis_factor)(name, unit)
        axis = as_array(data[name].values, f"axis {name}", (None,)) * factor
        if axis.size > 1 and axis[0] > axis[-1]:
            axis, data = axis[::-1], data.isel({name: slice(None, None, -1)})
        axes[name] = uniform_axis(axis, name)[0]
    if data.dtype.kind not in "biuf":
        raise ValueError(f"band map: expected numbers, got values of type {data.dtype}")
    convert = np.array if copy else np.asarray
    values = convert(data.values, dtype=float, order="C")
    kept = {
        name: one.copy()
        for name, one in data.coords.items()
        if name not in axes and one.ndim <= 1 and one.dtype.kind in "biuf"
    }
    found = data.copy(data=values).drop_vars(list(data.coords)).assign_coords({**axes, **kept})
    for name in axes:
        known = {"units": "1/angstrom"} if name in MOMENTUM_NAMES else data[name].attrs
        found[name].attrs = {"units": "eV"} if name == ENERGY else dict(known)
    return found


def check_values(values: NDArray, counts: bool) -> None:
    """Check intensities, and whether counts are counts.

    Raises
    ------
    ValueError
        If they are not, a value is infinite, or none is above zero.
    """
    infinite = sum(int(np.isinf(block).sum()) for block in blocks(values))
    if infinite:
        raise ValueError(
            f"band map: {infinite} values are infinite; NaN marks what was not measured"
        )
    if not any((block > 0).any() for block in blocks(values)):
        what = "only NaN" if np.isnan(values).all() else "no value above zero"
        raise ValueError(f"band map: there is {what} in it; is it the right array of the file?")
    if not counts:
        return
    wrong = np.concatenate([block[no_counts(block)] for block in blocks(values)])
    if wrong.size:
        raise ValueError(
            f"band map: {wrong.size} of {np.isfinite(values).sum()} values are no counts, the "
            f"first is {wrong[0]:g}; raw counts are integers from 0 up. If it was normalised, "
            f"corrected or smoothed, give --intensities (in Python, counts=False)"
        )


def no_counts(values: NDArray) -> NDArray[np.bool_]:
    """Where values are no counts; gaps may be."""
    return (
        (values < 0) | (values > _LARGEST_COUNT) | (values != np.floor(values)) & ~np.isnan(values)
    )
