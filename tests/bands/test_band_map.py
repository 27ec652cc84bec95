"""Band maps as frozen values: what is taken, what is refused, and what methods give back."""

import numpy as np
import pytest
import xarray as xr

from ase_dos.bands import BandMap

KX = np.linspace(-1.0, 1.0, 9)
KY = np.linspace(-0.6, 0.6, 7)
E = np.linspace(-2.0, 0.5, 26)


def counts(seed=0, mean=5.0):
    return np.random.default_rng(seed).poisson(mean, (9, 7, 26)).astype(float)


def counted(values=None):
    return BandMap.from_arrays(counts() if values is None else values, E, kx=KX, ky=KY, counts=True)


def test_dimensions_come_in_any_order_and_direction():
    values = counts()
    array = xr.DataArray(values, {"kx": KX, "ky": KY, "eV": E}, ["kx", "ky", "eV"])
    other = array.transpose("eV", "ky", "kx")[::-1, :, ::-1]
    assert other["eV"][0] > other["eV"][1]
    for band_map in (BandMap(array), BandMap(other)):
        assert band_map.momentum_names == ("kx", "ky")
        np.testing.assert_array_equal(band_map.values, values)
        np.testing.assert_allclose(band_map.energies, E, atol=1e-15)
        np.testing.assert_allclose(band_map.momenta[0], KX, atol=1e-15)
    line = BandMap.from_arrays(values[0], E, temperature=np.arange(7.0))
    assert line.momentum_names == ("temperature",)
    assert line.shape == (7, 26)


def test_nothing_changes_the_data_of_the_caller_and_nothing_changes_a_map():
    values = counts()
    array = xr.DataArray(values, {"kx": KX, "ky": KY, "eV": E}, ["kx", "ky", "eV"], attrs={"a": 1})
    before = array.copy(deep=True)
    band_map = BandMap(array, counts=True)
    kept = band_map.values.copy()
    band_map.smoothed(kx=0.2)
    band_map.symmetrized(mirror=0)
    band_map.equalized()
    band_map.masked()
    band_map.thinned(0.5, 1)
    assert array.identical(before)
    array[:] = 0.0
    np.testing.assert_array_equal(band_map.values, kept)
    with pytest.raises(ValueError, match="read-only"):
        band_map.values[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        band_map.data.values[0] = 1.0
    band_map.data["kx"] = 2 * KX
    band_map.data.attrs["counts"] = 0
    np.testing.assert_allclose(band_map.momenta[0], KX)
    assert band_map.data.attrs["counts"] == 1
    with pytest.raises(AttributeError):
        band_map.counts = False


def test_units_are_obeyed():
    array = xr.DataArray(counts(), {"kx": KX, "ky": KY, "eV": 1000 * E}, ["kx", "ky", "eV"])
    array["eV"].attrs["units"] = "meV"
    for unit, factor in {
        "1/angstrom": 1.0,
        "1/A": 1.0,
        "Å^-1": 1.0,
        "Å⁻¹": 1.0,
        "1 / angstrom": 1.0,
        "angstrom**-1": 1.0,
        "1/nm": 0.1,
    }.items():
        array["kx"].attrs["units"] = unit
        band_map = BandMap(array)
        np.testing.assert_allclose(band_map.momenta[0], factor * KX, err_msg=unit)
        np.testing.assert_allclose(band_map.energies, E)
    assert band_map.data["kx"].attrs["units"] == "1/angstrom"
    array["kx"].attrs["units"] = "degree"
    with pytest.raises(ValueError, match=r"axis kx: is an angle \(degree\).* convert the map"):
        BandMap(array)
    array["kx"].attrs["units"] = "px"
    with pytest.raises(ValueError, match="axis kx: is a raw coordinate of the detector"):
        BandMap(array)
    array["kx"].attrs["units"] = "furlong"
    with pytest.raises(ValueError, match="axis kx: expected a unit such as 1/angstrom, got 'furl"):
        BandMap(array)
    array["kx"].attrs["units"] = "1/A"
    array["eV"].attrs["units"] = "ns"
    with pytest.raises(ValueError, match="axis eV: expected energies in eV or meV, got 'ns'"):
        BandMap(array)


def test_other_coordinates_of_numbers_stay():
    array = xr.DataArray(counts()[0], {"k": KY, "eV": E, "hv": 21.7, "run": "a"}, ["k", "eV"])
    array["kx"] = ("k", 2 * KY)
    found = BandMap(array).binned(k=2).smoothed(eV=0.1)
    assert found.data["hv"] == 21.7
    np.testing.assert_allclose(found.data["kx"], 2 * found.momenta[0])


def test_bad_input_is_named():
    good = xr.DataArray(counts(), {"kx": KX, "ky": KY, "eV": E}, ["kx", "ky", "eV"])
    cases = {
        "expected an xarray.DataArray, got ndarray; arrays go": counts(),
        "expected the dimension eV and one or two more": good.rename(eV="energy"),
        "axis kx: has no values": good.drop_vars("kx"),
        "axis ky: expected equal steps": good.assign_coords(ky=KY**3),
        "axis ky: 1 of 7 values are NaN": good.assign_coords(ky=np.where(KY > 0.5, np.nan, KY)),
        "26 values are infinite": good.where(good["kx"] + good["ky"] < 1.5, np.inf),
        "there is no value above zero in it": 0.0 * good,
        "there is only NaN in it": np.nan * good,
        "expected numbers, got values of type complex": 1j * good,
        "axis kx: expected at least 2 points, got 1": good[:1],
    }
    for message, array in cases.items():
        with pytest.raises(ValueError, match=message):
            BandMap(array)
    with pytest.raises(ValueError, match=r"values: expected shape \(kx, ky, eV\) = \(9, 7, 26\)"):
        BandMap.from_arrays(counts()[:-1], E, kx=KX, ky=KY)
    for bad in (counts() + 0.25, np.where(counts() > 0, counts(), -1.0)):
        with pytest.raises(ValueError, match=r"of 1638 values are no counts, .* counts=False"):
            counted(bad)


def test_gaps_are_masks():
    values = counts() + 1
    values[0, 0] = np.nan
    values[1, 1, 3] = np.nan
    band_map = counted(values)
    assert band_map.mask.sum() == 62
    assert band_map.valid.sum() == values.size - 27
    values = counts() + 1
    values[:2] = 0.0
    masked = counted(values).masked()
    assert masked.mask.sum() == 49
    assert masked.counts
    one = np.zeros((9, 7), dtype=bool)
    one[4, 4] = True
    assert counted().masked(one).mask.sum() == 1
    with pytest.raises(ValueError, match=r"mask: expected true or false for momenta \(9, 7\)"):
        counted().masked(one[:3])


def test_cropping_and_binning():
    band_map = counted()
    part = band_map.cropped(kx=(-0.5, 0.5), eV=(-1.0, 0.0))
    np.testing.assert_allclose(part.momenta[0], KX[2:7])
    assert part.energies[0] == pytest.approx(-1.0)
    assert part.energies[-1] == pytest.approx(0.0)
    np.testing.assert_array_equal(part.values, band_map.values[2:7, :, 10:21])
    with pytest.raises(ValueError, match=r"kx: 0 points are left from 3 to 4, .* from -1 to 1"):
        band_map.cropped(kx=(3, 4))
    with pytest.raises(ValueError, match="no axis kz: expected one of kx, ky, eV"):
        band_map.cropped(kz=(0, 1))

    coarse = band_map.binned(kx=2, eV=3)
    assert coarse.counts
    assert coarse.shape == (4, 7, 8)
    assert coarse.values.sum() == band_map.values[:8, :, :24].sum()
    np.testing.assert_allclose(coarse.momenta[0], (KX[:8:2] + KX[1:8:2]) / 2)
    gap = band_map.values.copy()
    gap[0, 0, 0] = np.nan
    assert np.isnan(counted(gap).binned(kx=2).values).sum() == 1
    mean = BandMap.from_arrays(gap, E, kx=KX, ky=KY).binned(kx=2)
    assert mean.values[0, 0, 0] == gap[1, 0, 0]
    assert mean.values[1, 1, 1] == gap[2:4, 1, 1].mean()
    with pytest.raises(ValueError, match="ky: 7 points make less than 2 bins of 4"):
        band_map.binned(ky=4)
    with pytest.raises(ValueError, match=r"kx: expected an integer >= 1, got 1\.5"):
        band_map.binned(kx=1.5)


def test_smoothing_is_a_gaussian_and_does_not_see_gaps():
    flat = np.full((9, 7, 26), 3.0)
    flat[2:4, 3] = np.nan
    smooth = BandMap.from_arrays(flat, E, kx=KX, ky=KY).smoothed(kx=0.3, eV=0.2)
    np.testing.assert_array_equal(np.isnan(smooth.values), np.isnan(flat))
    np.testing.assert_allclose(smooth.values[~np.isnan(flat)], 3.0, rtol=1e-12)
    energies = np.linspace(-3.0, 3.0, 601)
    line = np.exp(-0.5 * (energies / 0.2) ** 2)[None].repeat(3, axis=0)
    wide = BandMap.from_arrays(line, energies, k=np.arange(3.0)).smoothed(eV=0.15)
    exact = 0.2 / 0.25 * np.exp(-0.5 * (energies / 0.25) ** 2)
    np.testing.assert_allclose(wide.values[1], exact, atol=1e-8)
    assert not counted().smoothed(kx=0.1).counts
    with pytest.raises(ValueError, match="kx: expected a number >= 0, got -1"):
        counted().smoothed(kx=-1)
    with pytest.raises(ValueError, match="expected a number for at least one of the axes"):
        counted().smoothed()


def test_thinning_keeps_every_electron_and_gives_independent_poisson_maps():
    values = np.full((40, 40, 26), 4.0)
    values[3] = np.nan
    rng = np.random.default_rng(3)
    values[4:] = rng.poisson(6.0, (36, 40, 26))
    band_map = BandMap.from_arrays(
        values, E, kx=np.linspace(-1, 1, 40), ky=np.linspace(-1, 1, 40), counts=True
    )
    first, second = band_map.thinned(0.3, seed=7)
    np.testing.assert_array_equal(first.values + second.values, values)
    assert first.counts
    assert second.counts
    a, b = first.values[4:].ravel(), second.values[4:].ravel()
    n = a.size
    assert abs(a.mean() - 1.8) < 5 * np.sqrt(1.8 / n)
    assert abs(a.var() / a.mean() - 1) < 5 * np.sqrt(2 / n) + 5 / np.sqrt(1.8 * n)
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(n)
    again, _ = band_map.thinned(0.3, seed=7)
    np.testing.assert_array_equal(again.values, first.values)
    with pytest.raises(ValueError, match="needs raw counts"):
        band_map.smoothed(kx=0.1).thinned(0.5, 0)
    with pytest.raises(ValueError, match="fraction: expected a number between 0 and 1, got 2"):
        band_map.thinned(2, 0)


def test_equalised_maps_show_weak_features():
    rng = np.random.default_rng(0)
    k, e = np.linspace(-1, 1, 48), np.linspace(-2, 0, 64)
    bright = np.exp(-0.5 * ((e - (-0.3 - 0.3 * k[:, None] ** 2)) / 0.05) ** 2)
    weak = 0.05 * np.exp(-0.5 * ((e - (-1.5 + 0.2 * k[:, None] ** 2)) / 0.05) ** 2)
    values = bright + weak + 0.001 * rng.random((48, 64))
    values[:3] = np.nan
    band_map = BandMap.from_arrays(values, e, k=k)
    even = band_map.equalized(clip_limit=0.05)
    np.testing.assert_array_equal(even.valid, band_map.valid)
    ratio = [np.nanmax(m.values[:, e < -1]) / np.nanmax(m.values) for m in (band_map, even)]
    assert ratio[1] > 5 * ratio[0]
    assert not even.counts
    with pytest.raises(ValueError, match="the same value 2 everywhere"):
        BandMap.from_arrays(np.full((48, 64), 2.0), e, k=k).equalized()


def test_cuts():
    band_map = counted()
    curve = band_map.edc(kx=0.26, ky=0.0)
    np.testing.assert_array_equal(curve.values, band_map.values[5, 3])
    np.testing.assert_array_equal(band_map.edc().values, band_map.values.sum(axis=(0, 1)))
    np.testing.assert_array_equal(band_map.edc(ky=0.0).values, band_map.values[:, 3].sum(axis=0))
    with pytest.raises(ValueError, match="kx: 5 is outside the map, -1 to 1"):
        band_map.edc(kx=5)
    with pytest.raises(ValueError, match="no axis eV: expected one of kx, ky"):
        band_map.edc(eV=0)
    surface = band_map.constant_energy(-1.0)
    np.testing.assert_array_equal(surface.values, band_map.values[:, :, 10])
    wide = band_map.constant_energy(-1.0, 0.2)
    np.testing.assert_array_equal(wide.values, band_map.values[:, :, 9:12].sum(axis=2))
    gap = band_map.values.copy()
    gap[4, 3] = np.nan
    assert np.isnan(counted(gap).constant_energy(-1.0).values).sum() == 1


def test_a_path_interpolates_and_keeps_its_momenta():
    kx, ky = np.meshgrid(KX, KY, indexing="ij")
    values = (3 + kx + 2 * ky)[:, :, None] * np.ones(26)
    band_map = BandMap.from_arrays(values, E, kx=KX, ky=KY)
    corners = [(0.0, 0.0), (0.9, 0.0), (0.9, 0.5)]
    cut = band_map.path(corners, 57)
    assert cut.momentum_names == ("k",)
    assert cut.momenta[0][-1] == pytest.approx(1.4)
    along = cut.data["kx"].values, cut.data["ky"].values
    np.testing.assert_allclose(cut.values[:, 0], 3 + along[0] + 2 * along[1], atol=1e-12)
    np.testing.assert_allclose(cut.data.attrs["corners"], [0.0, 0.9, 1.4])
    np.testing.assert_allclose(cut.binned(k=3).data["kx"][:3], along[0][1:9:3])
    out = band_map.path([(0.0, 0.0), (2.0, 0.0)], 21)
    np.testing.assert_array_equal(out.mask, out.data["kx"].values <= 1.0)
    for bad in ([(0, 0), (0, 0)], [(0, 0)]):
        with pytest.raises(ValueError, match="points: expected at least 2 momenta, each other"):
            band_map.path(bad, 5)
    with pytest.raises(ValueError, match="the path has no data on it"):
        band_map.path([(5, 5), (6, 6)], 5)
    with pytest.raises(ValueError, match="needs a map with two momentum axes"):
        cut.path(corners, 5)


def test_the_history_says_what_was_done():
    done = counted().binned(kx=2).smoothed(eV=0.1)
    assert done.history == ["binned(kx=2)", "smoothed(eV=0.1)"]
    assert repr(done).startswith("<BandMap kx -0.875 to 0.625 (4), ky -0.6 to 0.6 (7), eV -2 to")
