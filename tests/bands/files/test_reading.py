"""Maps of every format: the numbers, the sign of energies, units, and what is asked for."""

import warnings

import h5py
import numpy as np
import pytest
from map_files import (
    ENERGIES,
    KX,
    KY,
    toy_array,
    toy_counts,
    write_mpes,
    write_nexus,
    write_sed,
)

from ase_dos.bands import BandMap

SIGN = (
    r"does not say what they are, give one of energy='relative' \(E - E_F, .*'binding'.*'kinetic'"
)


def check(band_map, *, counts):
    assert band_map.momentum_names == ("kx", "ky")
    for axis, expected in zip(
        (*band_map.momenta, band_map.energies), (KX, KY, ENERGIES), strict=True
    ):
        np.testing.assert_allclose(axis, expected, atol=1e-6)
    np.testing.assert_array_equal(band_map.values, toy_counts())
    assert band_map.counts is counts


@pytest.mark.parametrize("order", [("kx", "ky", "E"), ("E", "kx", "ky"), ("kx", "E", "ky")])
def test_mpes(tmp_path, order):
    path = tmp_path / "map.h5"
    write_mpes(path, order)
    check(BandMap.read(path, energy="relative"), counts=False)
    check(BandMap.read(path, energy="relative", counts=True), counts=True)
    with pytest.raises(ValueError, match=r"map\.h5: energies from -2 to 0\.3 eV: the file " + SIGN):
        BandMap.read(path)


def test_mpes_asks_for_the_order_where_lengths_leave_it_open(tmp_path):
    path = tmp_path / "map.h5"
    axes = {"kx": KX, "ky": KX, "E": ENERGIES}
    values = np.random.default_rng(0).poisson(3.0, (9, 9, 24))
    write_mpes(path, values=values, axes=axes)
    np.testing.assert_array_equal(BandMap.read(path, energy="relative").values, values)
    axes["E"] = np.linspace(-1, 0, 9)
    write_mpes(path, values=values[:, :, :9], axes=axes)
    message = r"does not say which axis .* shape \(9, 9, 9\), .* --dims kx,ky,E "
    with pytest.raises(ValueError, match=message):
        BandMap.read(path, energy="relative")
    given = BandMap.read(path, energy="relative", dims=("E", "ky", "kx"))
    np.testing.assert_array_equal(given.values, values[:, :, :9].transpose(2, 1, 0))


def test_sed(tmp_path):
    path = tmp_path / "map.h5"
    write_sed(path)
    message = (
        r"energies from -2 to 0\.3 eV are kinetic: give --fermi-level .* 0 if they are counted"
    )
    with pytest.raises(ValueError, match=message):
        BandMap.read(path)
    check(BandMap.read(path, fermi_level=0.0), counts=True)
    shifted = BandMap.read(path, fermi_level=0.1)
    np.testing.assert_allclose(shifted.energies, ENERGIES - 0.1, atol=1e-12)
    write_sed(path, scale=None)
    with pytest.raises(ValueError, match=SIGN):
        BandMap.read(path)
    write_sed(path, values=toy_counts() / 3)  # normalised, and still called counts
    assert not BandMap.read(path, fermi_level=0).counts


def test_a_fourth_axis_needs_a_choice(tmp_path):
    path = tmp_path / "map.h5"
    values = np.stack([toy_counts(seed) for seed in range(3)])
    delays = np.array([-100.0, 0.0, 100.0])
    write_sed(
        path, names=("delay", "kx", "ky", "energy"), values=values, axes=(delays, KX, KY, ENERGIES)
    )
    message = r"has the axes delay, kx, ky beside the energy, .* give --select delay=VALUE"
    with pytest.raises(ValueError, match=message):
        BandMap.read(path, fermi_level=0)
    check(BandMap.read(path, fermi_level=0, select={"delay": -90}), counts=True)
    with pytest.raises(ValueError, match=r"select: no axis 'dealy', but delay, kx, ky, eV"):
        BandMap.read(path, fermi_level=0, select={"dealy": 0})
    write_sed(
        path,
        names=("delay", "kx", "ky", "energy"),
        values=values[:1],
        axes=(delays[:1], KX, KY, ENERGIES),
    )
    check(BandMap.read(path, fermi_level=0), counts=True)


def test_nexus(tmp_path):
    path = tmp_path / "map.nxs"
    write_nexus(path)
    check(BandMap.read(path), counts=True)
    write_nexus(path, kind="kinetic", energies=ENERGIES + 16.8)
    with pytest.raises(ValueError, match=r"energies from 14\.8 to 17\.1 eV are kinetic: give"):
        BandMap.read(path)
    check(BandMap.read(path, fermi_level=16.8), counts=True)
    write_nexus(path, kind=None)
    with pytest.raises(ValueError, match=SIGN):
        BandMap.read(path)
    with h5py.File(path, "a") as file:
        del file["entry/data"].attrs["axes"]
    message = r"/entry/data: attribute 'axes' has 0 names for 3 dimensions"
    with pytest.raises(ValueError, match=message):
        BandMap.read(path, energy="relative")
    with h5py.File(path, "a") as file:
        del file["entry"].attrs["default"]
        file.copy("entry/data", "entry/other")
    message = r"/entry: has 2 groups of class NXdata: data, other, and no attribute 'default'"
    with pytest.raises(ValueError, match=message):
        BandMap.read(path, energy="relative")


def test_a_stated_sign_that_cannot_be_is_refused(tmp_path):
    """As in files whose converter calls every axis one of binding energies."""
    path = tmp_path / "map.nxs"
    write_nexus(path, kind="binding", energies=np.linspace(-2.3, -0.1, 24))
    message = "taken as binding with the Fermi level at 0 put the whole map above the Fermi level"
    with pytest.raises(ValueError, match=message):
        BandMap.read(path)
    assert BandMap.read(path, energy="relative").energies[0] == pytest.approx(-2.3)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4", "scipy", "zarr"])
def test_netcdf_and_zarr(tmp_path, engine):
    path = tmp_path / f"map.{engine}"
    array = toy_array(energy_scale="Binding")  # of the spectrometer, as PyARPES keeps it
    if engine == "zarr":
        array.to_dataset().to_zarr(path, consolidated=False)
    else:
        pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine))
        array.to_netcdf(path, engine=engine)
    with pytest.raises(ValueError, match=SIGN):
        BandMap.read(path)
    check(BandMap.read(path, energy="relative"), counts=False)
    assert BandMap.read(path, energy="relative").data.attrs["energy_scale"] == "Binding"
    positive = array.assign_coords(eV=-ENERGIES)
    if engine == "h5netcdf":
        positive.to_netcdf(path, engine=engine)
        check(BandMap.read(path, energy="binding", counts=True), counts=True)


def test_own_files_need_no_options(tmp_path):
    values = toy_counts()
    values[0] = np.nan
    attrs = {"sample": "WSe2", "settings": {"a": [1, None]}, "flag": True, "hv": 21.7}
    made = BandMap.from_arrays(values, ENERGIES, kx=KX, ky=KY, counts=True, attrs=attrs)
    path = tmp_path / "map.nc"
    made.to_netcdf(path)
    found = BandMap.read(path)
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.energies, made.energies)
    assert found.counts
    assert found.data.attrs["sample"] == "WSe2"
    assert found.data.attrs["hv"] == 21.7
    cut = found.smoothed(kx=0.1).path([(0, 0), (0.5, 0.5)], 9)
    cut.to_netcdf(path)
    again = BandMap.read(path)
    assert not again.counts
    assert again.history == cut.history
    np.testing.assert_allclose(again.data["kx"], np.linspace(0, 0.5, 9), atol=1e-15)
    np.testing.assert_allclose(again.data.attrs["corners"], cut.data.attrs["corners"])


def test_several_variables_need_a_name(tmp_path):
    path = tmp_path / "map.nc"
    dataset = toy_array().to_dataset(name="up")
    dataset["down"] = dataset["up"] + 1
    dataset["temperature"] = 20.0
    dataset.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(
        ValueError, match=r"has 2 variables with an axis .* one of: up \(kx, ky, eV\)"
    ):
        BandMap.read(path, energy="relative")
    check(BandMap.read(path, energy="relative", variable="up"), counts=False)
    with pytest.raises(ValueError, match="has no variable 'upp', but up, down, temperature"):
        BandMap.read(path, energy="relative", variable="upp")


def test_angles_and_pixels_are_no_momenta(tmp_path):
    path = tmp_path / "map.nc"
    toy_array().rename(kx="phi").to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match=r"map\.nc: axis phi: is an angle, not a momentum"):
        BandMap.read(path, energy="relative")
    line = BandMap.read(path, energy="relative", select={"phi": 0.21})
    np.testing.assert_array_equal(line.values, toy_counts()[5])
    write_nexus(path, units="degree")
    with pytest.raises(ValueError, match=r"map\.nc: axis kx: is an angle \(degree\), not a mom"):
        BandMap.read(path)
    write_sed(path, names=("X", "ky", "energy"))
    with pytest.raises(ValueError, match="axis X: is a raw coordinate of the detector"):
        BandMap.read(path, fermi_level=0)
    write_sed(path, names=("kx", "ky", "tof"))
    with pytest.raises(ValueError, match="axis tof: is a raw coordinate of the detector"):
        BandMap.read(path, fermi_level=0)


def test_zeros_outside_the_detector_are_told_of(tmp_path):
    values = toy_counts()
    values[0] = 0.0
    path = tmp_path / "map.h5"
    write_sed(path, values=values)
    with pytest.warns(
        UserWarning, match=r"map\.h5: 7 of 63 momenta have zeros at all energies; .*masked"
    ):
        found = BandMap.read(path, fermi_level=0)
    assert found.mask.all()
    assert found.masked().mask.sum() == 56


def test_files_that_are_no_maps(tmp_path):
    cases = {"absent.h5": "no such file", "folder": "is a directory, and no zarr store"}
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.h5").write_text("kx ky E")
    cases["text.h5"] = "is no HDF5, NetCDF or zarr file"
    (tmp_path / "empty.h5").write_bytes(b"")
    cases["empty.h5"] = "is no HDF5, NetCDF or zarr file"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["positions"] = np.zeros((3, 3))
    cases["other.h5"] = r"has 0 variables with an axis of energies \(eV, E, energy, Energy\)"
    with h5py.File(tmp_path / "half.h5", "w") as file:
        file["axes/ax0"] = KX
        file.create_group("binned")
    cases["half.h5"] = "has no /binned/BinnedData"
    with h5py.File(tmp_path / "many.h5", "w") as file:
        file["axes/kx"] = KX
        file["binned/V0"] = file["binned/V1"] = np.zeros(3)
    cases["many.h5"] = r"has one map for each value of a fourth axis"
    write_sed(tmp_path / "short.h5", axes=(KX[:-1], KY, ENERGIES))
    cases["short.h5"] = r"the map has the shape \(9, 7, 24\), its axes are kx \(8\), ky"
    write_sed(tmp_path / "bent.h5", axes=(KX**3, KY, ENERGIES))
    cases["bent.h5"] = "axis kx: expected equal steps"
    for name, message in cases.items():
        with pytest.raises(ValueError, match=rf"{name}: {message}"):
            BandMap.read(tmp_path / name, fermi_level=0)


def test_nothing_is_warned_of_without_reason(tmp_path):
    path = tmp_path / "map.h5"
    write_sed(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BandMap.read(path, fermi_level=0)
