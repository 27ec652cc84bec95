"""NetCDF files of xarray's values, complete or absent if a run is killed."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ase_dos.utils.files import replaced_path

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["import_xarray", "marks_of", "plain_attributes", "read_netcdf", "write_netcdf"]


def import_xarray() -> ModuleType:
    """Import xarray.

    Raises
    ------
    ImportError
        If it is not installed; it names the extra that has it.
    """
    try:
        import xarray
    except ImportError as error:
        raise ImportError("band maps need xarray: pip install 'ase_dos[bands]'") from error
    return xarray


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as NetCDF takes them: texts, numbers and lists of one kind; others as JSON."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        array = np.asarray(value) if not isinstance(value, (dict, type(None))) else None
        if isinstance(value, bool) or array is None or array.dtype.kind not in "iufU":
            found[name] = json.dumps(value, default=str)
        else:
            found[name] = value
    return found


def write_netcdf(dataset: Dataset, path: str | os.PathLike) -> None:
    """Write a NetCDF4 file with h5netcdf; its arrays of numbers are compressed.

    Raises
    ------
    ImportError
        If h5netcdf is not installed.
    OSError
        If the file cannot be written; it names the file.
    """
    try:
        import h5netcdf  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{os.fspath(path)}: writing it needs h5netcdf: pip install 'ase_dos[bands]'"
        ) from error
    squeezed = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding = {name: squeezed for name, array in dataset.data_vars.items() if array.ndim}
    with replaced_path(path) as partial:
        dataset.to_netcdf(partial, engine="h5netcdf", encoding=encoding)


def read_netcdf(path: str | os.PathLike, mark: str, version: int, what: str) -> Dataset:
    """Read a file of ours that has an attribute ``mark`` with the version of its format.

    Raises
    ------
    ValueError
        If it is damaged or another file; it names the file and ``what`` was expected.
    """
    with open(path, "rb") as file:
        content = io.BytesIO(file.read())
    try:
        data = import_xarray().load_dataset(content, engine="h5netcdf")
    except ImportError:
        raise
    except Exception as error:  # of h5py, of many kinds
        raise ValueError(f"{os.fspath(path)}: no NetCDF file, or a damaged one") from error
    if data.attrs.get(mark) != version:
        raise ValueError(
            f"{os.fspath(path)}: expected {what} of format {version}, got "
            + (
                f"format {data.attrs[mark]} of ase_dos {data.attrs.get('ase_dos_version')}"
                if mark in data.attrs
                else f"a file with {', '.join(map(str, data.variables)) or 'nothing in it'}"
            )
        )
    return data


def marks_of(path: str | os.PathLike) -> list[str]:
    """Names of the attributes of an HDF5 file; none if it is no such file."""
    try:
        import h5py

        with h5py.File(path, "r") as file:
            return [str(name) for name in file.attrs]
    except (ImportError, OSError):  # what reads the file then says what is wrong with it
        return []
