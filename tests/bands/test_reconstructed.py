"""Value of reconstructed bands: arrays, path, density of states, file."""

import json

import numpy as np
import pytest
from ase.cell import Cell
from toy_bands import square_bands

from ase_dos.bands import ReconstructedBands
from ase_dos.bands.line_profile import LineProfile

pytest.importorskip("h5netcdf")
pytest.importorskip("xarray")

A = 3.0  # Angstrom
CELL = Cell.new([A, A, 20.0])
KX, KY = np.linspace(-1.3, 1.3, 53), np.linspace(-1.2, 1.2, 41)


def bands(**changed):
    theory = square_bands(KX[:, None], KY, A)
    values = {
        "energies": theory - 0.1 + 0.05 * np.cos(KX)[:, None],
        "theory": theory,
        "momenta": (KX, KY),
        "amplitudes": np.ones_like(theory),
        "std": np.full_like(theory, 0.01),
        "profile": LineProfile(0.03, 0.02),
        "gap": [1e-6, np.nan],
        "eta": 0.05,
        "shift": -0.1,
        "settings": {"prior": "correction", "etas": [0.01, 0.02]},
    }
    return ReconstructedBands(**{**values, **changed})


def test_correction_is_what_was_found_minus_theory():
    found = bands()
    expected = -0.1 + 0.05 * np.cos(KX)[:, None] + 0 * KY
    np.testing.assert_allclose(found.correction, [expected] * 2, atol=1e-12)
    assert (found.n_bands, found.mask.all(), found.momentum_names) == (2, True, ("kx", "ky"))


def test_it_is_frozen_and_takes_copies():
    theory = square_bands(KX[:, None], KY, A)
    found = bands(theory=theory)
    theory[:] = 0
    assert found.theory.std() > 0.1
    with pytest.raises(ValueError, match="read-only"):
        found.energies[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        found.momenta[0][0] = 1


def test_path_of_ase_meets_the_closed_form():
    """2 pi: the zone boundary X of a cell of 3 Angstrom lies at 1.047 / Angstrom."""
    path = CELL.bandpath("GXMG", npoints=60, pbc=(True, True, False))
    structure = bands(energies=square_bands(KX[:, None], KY, A)).to_ase(path)
    kx, ky = 2 * np.pi * path.cartesian_kpts()[:, :2].T
    assert np.hypot(kx, ky).max() == pytest.approx(np.sqrt(2) * np.pi / A)
    assert structure.energies.shape == (1, 60, 2)
    np.testing.assert_allclose(structure.energies[0].T, square_bands(kx, ky, A), atol=1e-4)
    assert structure.reference == 0.0


def test_turned_crystal():
    """What the map shows along kx is the direction of 90 degrees of a cell turned by -90."""
    tilted = bands(energies=np.stack([np.outer(KX, 0 * KY + 1), np.outer(0 * KX + 1, KY)]))
    path = CELL.bandpath("GX", npoints=5, pbc=(True, True, False))  # along b1 or b2
    k = 2 * np.pi * path.cartesian_kpts()[:, :2]
    turned = tilted.to_ase(path, azimuth=90.0).energies[0]
    np.testing.assert_allclose(turned, np.stack([-k[:, 1], k[:, 0]], axis=1), atol=1e-9)


def test_path_off_the_map_or_its_plane():
    cell = Cell.new([2.0, 2.0, 20.0])
    with pytest.raises(ValueError, match=r"20 points are off the map .* the first at kx"):
        bands().to_ase(cell.bandpath("GX", npoints=20, pbc=(True, True, False)))
    with pytest.raises(ValueError, match=r"kz goes from 0\.000 to 1\.047"):
        bands().to_ase(Cell.new([3.0, 3.0, 3.0]).bandpath("GR", npoints=9))
    line = ReconstructedBands(
        np.zeros((1, 5)), np.zeros((1, 5)), (np.arange(5.0),), np.ones((1, 5)), std_refused="no"
    )
    with pytest.raises(ValueError, match="needs bands over kx and ky; these have the axis k"):
        line.to_ase(CELL.bandpath("GX", npoints=5))


def test_unknown_points_stay_unknown():
    energies = square_bands(KX[:, None], KY, A)
    energies[0, :10] = np.nan
    found = bands(energies=energies)
    assert not found.mask[0, :10].any()
    assert found.mask[0, 10:].all()
    there = found.at([[KX[9] + 0.01, 0.0], [KX[10] + 0.01, 0.0]])
    assert np.isnan(there[0]).tolist() == [True, False]
    np.testing.assert_allclose(there[0, 1], square_bands(KX[10] + 0.01, 0.0, A)[0], atol=1e-4)


def test_dos_holds_the_states_of_the_bands():
    found = bands()
    dos = found.dos(width=0.04)
    step = dos.energies[1] - dos.energies[0]
    below = (found.energies <= 0).mean(axis=(1, 2))
    assert dos.n_electrons == pytest.approx(2 * below.sum())
    assert dos.values.sum() * step == pytest.approx(4.0, abs=1e-9)
    assert dos.label == "mapped bands, sum over k_parallel at one kz"
    assert dos.plot().lines[0].get_label() == dos.label
    assert dos.to_ase().info["label"] == dos.label
    assert dos.valid_to == 0.0
    # its mean energy is that of the bands
    assert (dos.energies * dos.values).sum() * step / 4 == pytest.approx(found.energies.mean())


def test_dos_of_a_zone():
    found = bands()
    zone = np.hypot(KX[:, None], KY) < 0.3
    dos = found.dos(width=0.02, zone=zone)
    step = dos.energies[1] - dos.energies[0]
    assert (dos.energies * dos.values).sum() * step / 4 == pytest.approx(
        found.energies[:, zone].mean()
    )
    with pytest.raises(ValueError, match="zone: expected booleans of shape"):
        found.dos(zone=zone[1:])
    with pytest.raises(ValueError, match=r"bands 0, 1 .*no data"):
        found.dos(zone=np.zeros_like(zone))
    with pytest.raises(ValueError, match="no state of these bands lies below"):
        bands(energies=found.energies + 20).dos()


@pytest.mark.parametrize("refused", [True, False])
def test_file_gives_everything_back(tmp_path, refused):
    changed = {"std": None, "std_refused": "no counts", "profile": None} if refused else {}
    mask = np.ones((2, KX.size, KY.size), bool)
    mask[1, 3] = False
    first = bands(mask=mask, **changed)
    first.to_netcdf(tmp_path / "bands.nc")
    second = ReconstructedBands.load(tmp_path / "bands.nc")
    for name, value in vars(first).items():
        again = getattr(second, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(again, value)
            assert again.dtype == value.dtype
        elif name == "momenta":
            np.testing.assert_array_equal(again[0], KX)
            np.testing.assert_array_equal(again[1], KY)
        else:
            assert again == value


def test_other_and_damaged_files(tmp_path):
    import xarray

    path = tmp_path / "bands.nc"
    with pytest.raises(FileNotFoundError):
        ReconstructedBands.load(path)
    path.write_bytes(b"CDF nonsense")
    with pytest.raises(ValueError, match=r"bands.nc: no NetCDF file, or a damaged one"):
        ReconstructedBands.load(path)
    bands().to_netcdf(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"bands.nc: no NetCDF file, or a damaged one"):
        ReconstructedBands.load(path)
    path.write_bytes(whole)
    data = xarray.load_dataset(path, engine="h5netcdf")
    data.drop_vars("mask").to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match=r"bands.nc: damaged, it has no .*mask"):
        ReconstructedBands.load(path)
    data.attrs["ase_dos_reconstructed_bands"] = 99
    data.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match="of format 1, got format 99 of ase_dos"):
        ReconstructedBands.load(path)
    xarray.Dataset({"map": (("x",), [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(ValueError, match="got a file with map"):
        ReconstructedBands.load(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "bands.nc"
    bands().to_netcdf(path)
    before = path.read_bytes()
    with pytest.raises(OSError, match="nowhere"):
        bands().to_netcdf(tmp_path / "nowhere" / "bands.nc")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"momenta": (KX,)}, r"energies: expected shape \(bands, 53\) on the axes k, got"),
        ({"momenta": (KX, KY**3)}, "axis ky: expected equal steps"),
        ({"momenta": ()}, "one or two axes"),
        ({"momentum_names": ("kx",)}, "expected 2 different ones"),
        ({"theory": np.zeros((3, 53, 41))}, r"theory: expected shape \(2, 53, 41\), got \(3"),
        ({"std": None}, "std_refused with the reason"),
        ({"std_refused": "both"}, "std_refused with the reason"),
        ({"std": np.full((2, 53, 41), -1.0)}, "deviations >= 0"),
        ({"amplitudes": np.full((2, 53, 41), np.inf)}, "amplitudes: 4346 values are infinite"),
        ({"mask": np.ones((53, 40), bool)}, "mask: expected booleans of shape"),
        ({"mask": np.ones((53, 41))}, "mask: expected booleans"),
        ({"energies": np.full((2, 53, 41), np.nan), "mask": np.ones((53, 41), bool)}, "is True"),
        ({"gap": [1.0]}, "gap: expected shape"),
        ({"shift": np.nan}, "shift"),
        ({"settings": {"f": print}}, "what JSON can write"),
    ],
)
def test_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        bands(**changed)


def test_settings_are_copied():
    settings = {"etas": [1.0]}
    found = bands(settings=settings)
    settings["etas"].append(2.0)
    assert json.dumps(found.settings) == '{"etas": [1.0]}'
