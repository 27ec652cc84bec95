"""Maps of any format, with names and units of ours."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

from ase_dos.bands.arrangement import ENERGY, blocks, no_counts
from ase_dos.bands.files.energy import relative_energies
from ase_dos.bands.files.hdf5 import hdf5_format, read_hdf5
from ase_dos.bands.netcdf import import_xarray
from ase_dos.bands.units import refuse_angle, refuse_raw

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

__all__ = ["read_map"]

ENERGY_NAMES = ("eV", "E", "energy", "Energy")
# Of erlab, PyARPES, peaks, NXmpes; of mpes and sed.
ANGLE_NAMES = {
    *("alpha", "beta", "theta", "phi", "chi", "psi", "xi", "delta"),
    *("theta_par", "ana_polar", "polar", "tilt", "azi", "deflector_perp", "angular0", "angular1"),
}
RAW_NAMES = {"X", "Y", "Xm", "Ym", "t", "tm", "tof", "t_ns", "pixel_x", "pixel_y"}
_EMPTY_SHARE = 0.01  # of momenta without a count, from which on they are worth a word


def read_map(
    path: str | os.PathLike,
    *,
    energy: str | None = None,
    fermi_level: float | None = None,
    variable: str | None = None,
    dims: Sequence[str] | None = None,
    select: Mapping[str, float] | None = None,
    counts: bool | None = None,
) -> DataArray:
    """Read a map; `BandMap.read` has the same options.

    Returns
    -------
    xarray.DataArray
        With dimension ``eV`` and E - E_F, other axes under the names of the file, and the
        attribute ``counts``.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of no known format, says too little, or its axes are no
        momenta; it names the file.
    ImportError
        If a package is missing that reads the format.
    """
    with _errors_name(path):
        data = _read(Path(path), variable, dims)
        names = [str(name) for name in data.dims if name in ENERGY_NAMES]
        if len(names) == 1 and names[0] != ENERGY:
            data = data.drop_vars(ENERGY, errors="ignore").rename({names[0]: ENERGY})
        data = _selected(data, select or {})
        _refuse_uncalibrated(data)
        _refuse_more_axes(data)
        if ENERGY not in data.coords:
            raise ValueError(
                f"has no axis of energies: expected one of {', '.join(ENERGY_NAMES)}, got "
                f"{', '.join(map(str, data.dims))}"
            )
        data = relative_energies(data, energy, fermi_level)
        data.attrs["counts"] = int(_has_counts(data) if counts is None else counts)
        _warn_of_empty(data, path)
        return data


def _read(path: Path, variable: str | None, dims: Sequence[str] | None) -> DataArray:
    if not path.exists():
        raise ValueError("no such file")
    if path.is_dir():
        if any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata")):
            return _read_xarray(path, "zarr", variable)
        raise ValueError("is a directory, and no zarr store")
    with open(path, "rb") as file:
        start = file.read(8)
    if start[:3] == b"CDF":
        with open(path, "rb") as file:  # scipy itself leaves a damaged one open
            return _read_xarray(file, "scipy", variable)
    if start != b"\x89HDF\r\n\x1a\n":
        raise ValueError("is no HDF5, NetCDF or zarr file")
    h5py = _import("h5py")
    with h5py.File(path, "r") as file:
        name = hdf5_format(file)
        if name:
            return read_hdf5(file, name, dims)
    _import("h5netcdf")
    return _read_xarray(path, "h5netcdf", variable)


def _import(name: str) -> ModuleType:
    try:
        return __import__(name)
    except ImportError as error:
        raise ImportError(f"reading it needs {name}: pip install 'ase_dos[bands]'") from error


def _read_xarray(source: Path | IO[bytes], engine: str, variable: str | None) -> DataArray:
    """Map of a NetCDF file or zarr store, as xarray writes them."""
    xarray = import_xarray()
    if engine == "zarr":
        _import("zarr")
    # HDF5 files of other programs have dimensions without names, and units of no calendar.
    options: dict[str, Any] = {"decode_times": False}
    options |= {"phony_dims": "access"} if engine == "h5netcdf" else {}
    options |= {"consolidated": False} if engine == "zarr" else {}
    with xarray.open_dataset(source, engine=engine, **options) as dataset:
        return _chosen(dataset, variable).load()


def _chosen(dataset: Dataset, variable: str | None) -> DataArray:
    """Variable that is asked for, or the only one that may be a map."""
    names = [str(name) for name in dataset.data_vars]
    if variable is not None:
        if variable not in names:
            raise ValueError(f"has no variable {variable!r}, but {', '.join(names) or 'none'}")
        return dataset[variable]
    maps = [
        name
        for name in names
        if dataset[name].ndim >= 2 and any(one in dataset[name].dims for one in ENERGY_NAMES)
    ]
    if len(maps) != 1:
        dims = {name: dataset[name].dims for name in names}
        found = "; ".join(f"{name} ({', '.join(map(str, d))})" for name, d in dims.items())
        raise ValueError(
            f"has {len(maps)} variables with an axis of energies ({', '.join(ENERGY_NAMES)}); "
            f"give --variable (in Python, variable=), one of: {found or 'none'}"
        )
    return dataset[maps[0]]


def _refuse_uncalibrated(data: DataArray) -> None:
    for name in map(str, data.dims):
        unit = data[name].attrs.get("units", "") if name in data.coords else ""
        if name in ANGLE_NAMES:
            refuse_angle(name, str(unit))
        if name in RAW_NAMES:
            refuse_raw(name)


def _selected(data: DataArray, select: Mapping[str, float]) -> DataArray:
    """Choose a value of axes beyond those of a map; those of one point need no choice."""
    for name, at in select.items():
        if name not in data.dims or name not in data.coords:
            raise ValueError(f"select: no axis {name!r}, but {', '.join(map(str, data.dims))}")
        data = data.sel({name: at}, method="nearest")
    single = [name for name in data.dims if data.sizes[name] == 1 and name != ENERGY]
    return data.squeeze(single)


def _refuse_more_axes(data: DataArray) -> None:
    others = [str(name) for name in data.dims if name != ENERGY]
    if len(others) > 2:
        options = " ".join(f"--select {name}=VALUE" for name in others if name not in ("kx", "ky"))
        raise ValueError(
            f"has the axes {', '.join(others)} beside the energy, of which a map has two at most; "
            f"give {options} (in Python, select=), or add over one of them first"
        )


def _has_counts(data: DataArray) -> bool:
    """Whether the file says that values are counts, and they are integers from 0 up.

    Programs keep the unit "counts" when they normalise.
    """
    if "counts" in data.attrs:
        return bool(data.attrs["counts"])
    if str(data.attrs.get("units", "")).lower() not in ("counts", "count"):
        return False
    return not any(no_counts(block).any() for block in blocks(data.values))


def _warn_of_empty(data: DataArray, path: str | os.PathLike) -> None:
    values = data.values
    if values.dtype.kind not in "biuf":
        raise ValueError(f"expected numbers, got values of type {values.dtype}")
    empty = (values == 0).all(axis=data.get_axis_num(ENERGY))
    if not empty.all() and empty.mean() >= _EMPTY_SHARE:
        warnings.warn(
            f"{os.fspath(path)}: {int(empty.sum())} of {empty.size} momenta have zeros at all "
            f"energies; if they are outside the detector, make gaps of them with .masked()",
            stacklevel=4,
        )


@contextmanager
def _errors_name(path: str | os.PathLike) -> Iterator[None]:
    """Make every error one line that begins with the name of the file.

    Damaged files lead h5py and xarray anywhere.
    """
    name = os.fspath(path)
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{name}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {_one_line(error)}") from error
    except Exception as error:
        raise ValueError(
            f"{name}: it is damaged, or of a form that is not known "
            f"({type(error).__name__}: {_one_line(error)})"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:1000]
