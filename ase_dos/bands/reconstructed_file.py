"""NetCDF file of reconstructed bands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ase_dos._version import __version__
from ase_dos.bands.line_profile import LineProfile
from ase_dos.bands.netcdf import import_xarray, read_netcdf, write_netcdf

__all__ = ["read", "write"]

MARK, FORMAT = "ase_dos_reconstructed_bands", 1
_BANDS = {  # name: unit
    "energies": "eV",
    "theory": "eV",
    "std": "eV",
    "amplitudes": "counts or intensity",
}


def write(path: str | os.PathLike, bands: Mapping[str, Any]) -> None:
    """Write the attributes of `ReconstructedBands`; a kill leaves the old file or the new one."""
    xarray = import_xarray()
    dims = ("band", *bands["momentum_names"])
    variables: dict[str, Any] = {
        name: (dims, bands[name], {"units": unit})
        for name, unit in _BANDS.items()
        if bands[name] is not None
    }
    variables["mask"] = (dims, bands["mask"].astype(np.int8))
    variables["gap"] = (("band",), bands["gap"])
    attributes: dict[str, Any] = {
        MARK: FORMAT,
        "ase_dos_version": __version__,
        "momentum_names": json.dumps(bands["momentum_names"]),
        "std_refused": bands["std_refused"],
        "eta": bands["eta"],
        "shift": bands["shift"],
        "settings": json.dumps(bands["settings"]),
    }
    if bands["profile"] is not None:
        attributes["profile_gaussian"] = bands["profile"].gaussian
        attributes["profile_lorentzian"] = bands["profile"].lorentzian
    axes = dict(zip(bands["momentum_names"], bands["momenta"], strict=True))
    write_netcdf(xarray.Dataset(variables, coords=axes, attrs=attributes), path)


def read(path: str | os.PathLike) -> dict[str, Any]:
    """Return the arguments of `ReconstructedBands` that a file holds."""
    data = read_netcdf(path, MARK, FORMAT, "reconstructed bands")
    attributes = data.attrs
    try:
        names = tuple(json.loads(attributes["momentum_names"]))
        values: dict[str, Any] = {
            name: data[name].values if name in data else None for name in _BANDS
        }
        values |= {"mask": data["mask"].values.astype(bool), "gap": data["gap"].values}
        values |= {"momenta": tuple(data[name].values for name in names), "momentum_names": names}
        values |= {name: float(attributes[name]) for name in ("eta", "shift")}
        values["std_refused"] = str(attributes["std_refused"])
        values["settings"] = json.loads(attributes["settings"])
        if "profile_gaussian" in attributes:
            widths = attributes["profile_gaussian"], attributes["profile_lorentzian"]
            values["profile"] = LineProfile(*map(float, widths))
    except KeyError as error:
        raise ValueError(f"{os.fspath(path)}: damaged, it has no {error}") from error
    return values
