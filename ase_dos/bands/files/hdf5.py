"""Maps in HDF5 files: of mpes and fuller, of sed, and NeXus (NXmpes).

What is where was looked up in the sources of mpes-kit/mpes and mpes-kit/fuller (``summary2hdf``,
``readBinnedhdf5``), OpenCOMPES/sed (``io/hdf5.py``) and FAIRmat's NXmpes (``NXdata_mpes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from ase_dos.bands.netcdf import import_xarray

if TYPE_CHECKING:
    from h5py import Dataset, File, Group
    from xarray import DataArray

__all__ = ["hdf5_format", "read_hdf5"]


def hdf5_format(file: File) -> str | None:
    """Name the format of an open HDF5 file: "sed", "mpes", "nexus", or None."""
    if "binned" in file and "axes" in file:
        return "sed" if "ax0" in file["axes"] else "mpes"
    if any(_nexus_class(file[name]) == "NXentry" for name in file):
        return "nexus"
    return None


def read_hdf5(file: File, name: str, dims: Sequence[str] | None) -> DataArray:
    """Read the map of an open file of a format that `hdf5_format` names.

    Returns
    -------
    xarray.DataArray
        With names and values as they are in the file, ``units`` of axes where they are stated, and
        ``type`` of the energies ("kinetic", "binding") where it is.

    Raises
    ------
    ValueError
        If something is missing.
    """
    readers: dict[str, Callable[..., DataArray]] = {
        "sed": _read_sed,
        "mpes": _read_mpes,
        "nexus": _read_nexus,
    }
    return readers[name](file, dims)


def _read_sed(file: File, dims: Sequence[str] | None) -> DataArray:
    """Axes are ax0, ax1, ..., each with the attribute ``name``; most have ``unit``."""
    signal = _dataset(file, "binned/BinnedData")
    # In the order of their numbers, which is not that of the letters from ax10 on.
    numbers = sorted(int(key[2:]) for key in file["axes"] if key[2:].isdigit())
    axes = [_dataset(file, f"axes/ax{number}") for number in numbers]
    names = dims or [_text(axis.attrs.get("name", f"ax{n}")) for n, axis in enumerate(axes)]
    scale = file.get("metadata/energy_calibration/calibration/energy_scale")
    data = _data_array(signal, names, axes)
    if scale is not None and "energy" in data.coords:
        data["energy"].attrs["type"] = _text(scale[()])
    return data


def _read_mpes(file: File, dims: Sequence[str] | None) -> DataArray:
    """Axes go by their names, and do not say which dimension they belong to."""
    if "binned/V" not in file and "binned/V0" in file:
        raise ValueError(
            "has one map for each value of a fourth axis (V0, V1, ...); store the one that is "
            "wanted as binned/V"
        )
    signal = _dataset(file, "binned/V")
    sizes = {name: axis.size for name, axis in file["axes"].items()}
    orders = [tuple(dims)] if dims else permutations(sizes)
    fits = [
        order
        for order in orders
        if set(order) == set(sizes) and signal.shape == tuple(sizes[name] for name in order)
    ]
    # Both programs put kx before ky, so axes of one length are no riddle if they are these.
    if not dims and {"kx", "ky"} <= set(sizes):
        fits = [order for order in fits if order.index("kx") < order.index("ky")]
    if len(fits) != 1:
        axes = ", ".join(f"{name} ({size})" for name, size in sizes.items())
        raise ValueError(
            f"does not say which axis belongs to which dimension: the map has the shape "
            f"{signal.shape}, the axes are {axes}; give their order: --dims kx,ky,E (in Python, "
            f"dims=('kx', 'ky', 'E'))"
        )
    (order,) = fits
    return _data_array(signal, order, [file["axes"][name] for name in order])


def _read_nexus(file: File, dims: Sequence[str] | None) -> DataArray:
    """Follow ``default`` from the file to the entry and to its NXdata, and ``signal`` there."""
    entry = _default_group(file, "NXentry")
    group = _default_group(entry, "NXdata")
    signal = _dataset(group, _text(group.attrs.get("signal", "data")))
    names = dims or [_text(one) for one in np.atleast_1d(group.attrs.get("axes", []))]
    if len(names) != signal.ndim or "." in names:
        raise ValueError(
            f"{group.name}: attribute 'axes' has {len(names)} names for {signal.ndim} dimensions; "
            f"give their order with --dims (in Python, dims=)"
        )
    return _data_array(signal, names, [_dataset(group, name) for name in names])


def _data_array(signal: Dataset, names: Sequence[str], axes: Sequence[Dataset]) -> DataArray:
    """Make a value of what a file has."""
    if tuple(axis.size for axis in axes) != signal.shape:
        found = ", ".join(f"{name} ({axis.size})" for name, axis in zip(names, axes, strict=False))
        raise ValueError(f"the map has the shape {signal.shape}, its axes are {found}")
    data = import_xarray().DataArray(
        signal[()],
        {name: axis[()] for name, axis in zip(names, axes, strict=True)},
        list(names),
        attrs=_attributes(signal, "units", "long_name"),
    )
    for name, axis in zip(names, axes, strict=True):
        stated = _attributes(axis, "units", "unit", "type")
        if "unit" in stated:
            stated.setdefault("units", stated.pop("unit"))
        data[name].attrs = stated
    return data


def _attributes(dataset: Dataset, *names: str) -> dict[str, str]:
    return {name: _text(dataset.attrs[name]) for name in names if name in dataset.attrs}


def _text(value: Any) -> str:
    """Text of an attribute, which may be bytes or an array of one."""
    one = np.asarray(value).reshape(-1)
    if one.size != 1:
        raise ValueError(f"expected one text, got {value!r}")
    return one[0].decode(errors="replace") if isinstance(one[0], bytes) else str(one[0])


def _nexus_class(group: Group | Dataset) -> str:
    return _text(group.attrs.get("NX_class", ""))


def _default_group(parent: Group, kind: str) -> Group:
    """Group that the attribute ``default`` names, or the only one of its class."""
    found = [name for name in parent if _nexus_class(parent[name]) == kind]
    default = _text(parent.attrs.get("default", ""))
    if default in parent:
        return parent[default]
    if len(found) != 1:
        names = f": {', '.join(found)}" if found else ""
        raise ValueError(
            f"{parent.name}: has {len(found)} groups of class {kind}{names}, and no attribute "
            f"'default' that names one"
        )
    return parent[found[0]]


def _dataset(group: Group, name: str) -> Dataset:
    """Numbers that must be there."""
    import h5py

    found = group.get(name)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"has no {group.name.rstrip('/')}/{name}")
    return found
