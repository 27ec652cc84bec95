"""Small band maps, and files of them as mpes, fuller, sed, NXmpes and others write them."""

import h5py
import numpy as np
import xarray as xr

KX = np.linspace(-0.8, 0.8, 9)
KY = np.linspace(-0.6, 0.6, 7)
ENERGIES = np.linspace(-2.0, 0.3, 24)


def toy_counts(seed=0):
    """Counts (kx, ky, eV) of one band below the Fermi level, of type float."""
    x, y = np.meshgrid(KX, KY, indexing="ij")
    band = -0.4 - 0.8 * (x**2 + y**2)
    rate = 1.0 + 8.0 * np.exp(-0.5 * ((ENERGIES - band[:, :, None]) / 0.1) ** 2)
    return np.random.default_rng(seed).poisson(rate * (ENERGIES < 0.1)).astype(float)


def write_mpes(path, order=("kx", "ky", "E"), values=None, axes=None):
    """File of mpes and fuller: axes by name, in no order, without units."""
    axes = {"kx": KX, "ky": KY, "E": ENERGIES} if axes is None else axes
    values = toy_counts() if values is None else values
    values = np.transpose(values, [("kx", "ky", "E").index(name) for name in order])
    with h5py.File(path, "w") as file:
        file["binned/V"] = values.astype("float32")
        for name, axis in axes.items():
            file[f"axes/{name}"] = axis.astype("float32")


def write_sed(path, scale="kinetic", names=("kx", "ky", "energy"), values=None, axes=None):
    """File of sed: numbered axes with names and units."""
    with h5py.File(path, "w") as file:
        file["binned/BinnedData"] = toy_counts() if values is None else values
        file["binned/BinnedData"].attrs.update(units="counts", long_name="photoelectron counts")
        for number, (name, axis) in enumerate(zip(names, axes or (KX, KY, ENERGIES), strict=True)):
            file[f"axes/ax{number}"] = axis
            unit = {"energy": "eV", "delay": "fs", "X": "step"}.get(name, "1/angstrom")
            file[f"axes/ax{number}"].attrs.update(name=name, unit=unit)
        if scale:
            file["metadata/energy_calibration/calibration/energy_scale"] = scale


def write_nexus(path, kind="binding", energies=None, units="1/angstrom"):
    """NXmpes: entry and data by attributes ``default``, ``signal``, ``axes``, ``type``."""
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update(NX_class="NXentry", default="data")
        entry["definition"] = "NXmpes"
        data = entry.create_group("data")
        data.attrs.update(NX_class="NXdata", signal="data", axes=["kx", "ky", "energy"])
        data["data"] = toy_counts()[:, :, ::-1] if kind == "binding" else toy_counts()
        data["data"].attrs["units"] = "counts"
        for name, axis in (("kx", KX), ("ky", KY)):
            data[name] = axis
            data[name].attrs["units"] = units
        data["energy"] = -ENERGIES[::-1] if energies is None else energies
        data["energy"].attrs["units"] = "eV"
        if kind:
            data["energy"].attrs["type"] = kind


def toy_array(**attrs):
    """`xarray.DataArray` with the names of erlab and PyARPES."""
    axes = {"kx": KX, "ky": KY, "eV": ENERGIES}
    return xr.DataArray(toy_counts(), axes, list(axes), name="spectrum", attrs=attrs)
