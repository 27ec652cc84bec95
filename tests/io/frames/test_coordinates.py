"""Coordinates without elements: DCD, XTC, TRR, NetCDF and MDAnalysis."""

import struct

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_binaries import dcd, netcdf, trr, xtc
from toy_files import N_FRAMES

from ase_dos.io.frames import open_frames

STEPS = 50 * np.arange(N_FRAMES)
TIMES = 0.5 * np.arange(N_FRAMES)  # ps


def write(path, images):
    """The same run in each format."""
    if path.suffix in (".nc", ".ncdf"):
        netcdf(path, images, TIMES)
    elif path.suffix == ".dcd":
        path.write_bytes(dcd(images, interval=50))
    else:
        path.write_bytes({".xtc": xtc, ".trr": trr}[path.suffix](images, STEPS, TIMES))
    return path


def assert_near(atoms, expected, tolerance=6e-3):
    """To the precision of XTC; some formats keep lengths and angles of the cell only."""
    np.testing.assert_array_equal(atoms.numbers, expected.numbers)
    np.testing.assert_allclose(atoms.positions, expected.positions, atol=tolerance)
    np.testing.assert_allclose(atoms.cell.cellpar(), expected.cell.cellpar(), atol=tolerance)
    assert atoms.pbc.all()


@pytest.mark.parametrize("size", [1, 2])  # XTC packs more than nine atoms
@pytest.mark.parametrize("name", ["md.dcd", "md.xtc", "md.trr", "md.nc", "md.ncdf"])
def test_coordinates_with_a_topology(images, tmp_path, name, size):
    images = [atoms.repeat((size, 1, 1)) for atoms in images]
    path = write(tmp_path / name, images)
    with pytest.raises(ValueError, match=r"no elements.*--topology"):
        open_frames(path)[0]
    ase.io.write(tmp_path / "start.extxyz", images[0])
    frames = open_frames(path, topology=tmp_path / "start.extxyz")
    assert frames.count() == N_FRAMES
    for i in (3, 0, 4, -1):
        assert_near(frames[i], images[i])
    with pytest.raises(ValueError, match=rf"frame 0 of .* {8 * size} atoms, the topology 1"):
        open_frames(path, topology=Atoms("Si"))[0]


@pytest.mark.parametrize("name", ["md.xtc", "md.trr", "md.nc"])
def test_times_of_the_file_are_in_fs(images, tmp_path, name):
    frames = open_frames(write(tmp_path / name, images), topology=images[0])
    assert frames.times_in_fs
    np.testing.assert_allclose([a.info["time"] for a in frames], 500.0 * np.arange(N_FRAMES))
    if name != "md.nc":
        assert [a.info["step"] for a in frames] == STEPS.tolist()


def test_dcd_has_steps_and_a_time_only_of_namd(images, tmp_path):
    """The header has the length of a step in units that it does not name."""
    path = tmp_path / "md.dcd"
    path.write_bytes(dcd(images, first=1000, interval=250, step=2.0, title=b"by LAMMPS"))
    frames = open_frames(path, topology=images[0])
    assert [a.info for a in frames] == [{"step": 1000 + 250 * i} for i in range(N_FRAMES)]
    path.write_bytes(
        dcd(
            images,
            first=1000,
            interval=1000,
            step=0.020454828,
            title=b"FILENAME=md.dcd CREATED BY NAMD",
        )
    )
    times = [a.info["time"] for a in open_frames(path, topology=images[0])]
    np.testing.assert_allclose(times, 1000.0 * np.arange(1, N_FRAMES + 1), rtol=1e-6)
    path.write_bytes(dcd(images, interval=0))
    assert open_frames(path, topology=images[0])[2].info == {}


@pytest.mark.parametrize(
    "options", [{"order": ">"}, {"mark": "q"}, {"order": ">", "mark": "q"}, {"fixed": (2, 5)}]
)
def test_dialects_of_dcd(images, tmp_path, options):
    path = tmp_path / "md.dcd"
    path.write_bytes(dcd(images, **options))
    frames = open_frames(path, topology=images[0])
    for atoms, expected in zip(frames, images, strict=True):
        moving = [i for i in range(8) if i not in options.get("fixed", ())]
        np.testing.assert_allclose(atoms.positions[moving], expected.positions[moving], atol=1e-5)
        if "fixed" in options:
            np.testing.assert_allclose(atoms.positions[2], images[0].positions[2], atol=1e-5)


def test_cells_of_dcd_as_cosines_and_as_a_matrix(images, tmp_path):
    path = tmp_path / "md.dcd"
    data = bytearray(dcd(images[:1]))
    place = data.index(struct.pack("<id", 48, images[0].cell.lengths()[0])) + 4
    a, gamma, b, beta, alpha, c = struct.unpack_from("<6d", data, place)
    cosines = np.cos(np.radians([gamma, beta, alpha]))
    struct.pack_into("<6d", data, place, a, cosines[0], b, *cosines[1:], c)
    path.write_bytes(data)
    assert_near(open_frames(path, topology=images[0])[0], images[0])
    data = bytearray(dcd(images[:1], version=35))
    struct.pack_into("<6d", data, place, 6.0, 0.5, 7.0, 0.25, 0.125, 8.0)
    path.write_bytes(data)
    cell = open_frames(path, topology=images[0])[0].cell.array
    np.testing.assert_array_equal(cell, [[6, 0.5, 0.25], [0.5, 7, 0.125], [0.25, 0.125, 8]])


def test_trr_in_double_precision_and_without_positions(images, tmp_path):
    path = tmp_path / "md.trr"
    double = trr(images, STEPS, TIMES, "d")
    path.write_bytes(double + trr(images[:1], [7], [0.7], positions=False))
    frames = open_frames(path, topology=images[0])
    for atoms, expected in zip(list(frames.readers())[:N_FRAMES], images, strict=True):
        np.testing.assert_allclose(atoms().positions, expected.positions, atol=1e-12)
        np.testing.assert_allclose(atoms().cell.array, expected.cell.array, atol=1e-12)
    with pytest.raises(ValueError, match=r"frame 5 of .* no positions, only velocities"):
        frames[5]


def test_units_of_netcdf(images, tmp_path):
    """LAMMPS writes the units of its input, ASE and LAMMPS columns of types."""
    path = tmp_path / "md.nc"
    netcdf(path, images, TIMES, "nanometer", "femtosecond")
    atoms = open_frames(path, topology=images[0])[2]
    np.testing.assert_allclose(atoms.positions, 10 * images[2].positions, rtol=1e-5)
    np.testing.assert_allclose(atoms.cell.lengths(), 10 * images[2].cell.lengths(), rtol=1e-5)
    assert atoms.info["time"] == 1.0
    netcdf(path, images, TIMES, time="")
    assert open_frames(path, topology=images[0])[2].info == {}
    netcdf(path, images, TIMES, "lj")
    with pytest.raises(ValueError, match=r"frame 2 of .* lengths in lj"):
        open_frames(path, topology=images[0])[2]


def test_elements_of_netcdf(images, tmp_path):
    """Atomic numbers of ASE and types of LAMMPS have one name."""
    path = tmp_path / "md.nc"
    netcdf(path, images, TIMES, program="ASE", atom_types=images[0].numbers)
    assert_near(open_frames(path)[1], images[1])
    types = np.where(images[0].numbers == 14, 1, 2)
    netcdf(path, images, TIMES, program="LAMMPS", atom_types=types)
    assert_near(open_frames(path, types=["Si", "Ge"])[1], images[1])
    with pytest.raises(ValueError, match=r"types 1 to 2 and no elements.*--types"):
        open_frames(path)[1]


@pytest.mark.parametrize("name", ["md.dcd", "md.xtc", "md.trr", "md.nc"])
def test_frames_before_the_cut_are_read(images, tmp_path, name):
    path = write(tmp_path / name, images)
    path.write_bytes(path.read_bytes()[:-40])
    frames = open_frames(path, topology=images[0])
    assert frames.count() == N_FRAMES
    for i in range(N_FRAMES - 1):
        assert_near(frames[i], images[i])
    with pytest.raises(ValueError, match=r"frame 4 of .*md\..*ends before"):
        frames[-1]


@pytest.mark.parametrize("name", ["md.xtc", "md.trr"])
def test_frames_after_a_cut_are_read(images, tmp_path, name):
    """A killed run with its continuation behind it."""
    path = write(tmp_path / name, images)
    path.write_bytes(path.read_bytes()[:-40] + path.read_bytes())
    frames = open_frames(path, topology=images[0])
    assert frames.count() == 2 * N_FRAMES
    for i in (0, 3, 5, 9):
        assert_near(frames[i], images[i % N_FRAMES])
    with pytest.raises(ValueError, match=r"frame 4 of"):
        frames[4]


@pytest.mark.parametrize("name", ["md.dcd", "md.xtc", "md.trr", "md.tng", "md.h5md", "md.nc"])
def test_what_is_no_such_file_says_so(images, tmp_path, name):
    package = {".tng": "chemfiles", ".h5md": "h5py"}.get((tmp_path / name).suffix)
    if package:
        pytest.importorskip(package)
    (tmp_path / name).write_bytes(b"CDFgarbage" if name == "md.nc" else b"garbage")
    with pytest.raises(ValueError, match=r"md\."):
        open_frames(tmp_path / name, topology=images[0])[0]


@pytest.mark.filterwarnings("ignore")  # of MDAnalysis, about what the structures do not have
def test_universe(images, tmp_path):
    mda = pytest.importorskip("MDAnalysis")
    from MDAnalysis.coordinates.memory import MemoryReader

    universe = mda.Universe.empty(8, trajectory=False)
    universe.load_new(
        np.array([a.positions for a in images], dtype=np.float32),
        format=MemoryReader,
        dimensions=np.array([a.cell.cellpar() for a in images]),
    )
    with pytest.raises(ValueError, match="add_TopologyAttr"):
        open_frames(universe)
    universe.add_TopologyAttr("types", np.where(images[0].numbers == 14, "1", "2"))
    by_types = open_frames(universe, types=["Si", "Ge"])
    assert by_types.count() == N_FRAMES
    universe.add_TopologyAttr("elements", images[0].get_chemical_symbols())
    for frames in (by_types, open_frames(universe.atoms)):
        assert_near(frames[3], images[3])
        assert frames[3].info == {}  # 1 ps a frame is MDAnalysis' own
    assert len(open_frames(universe.select_atoms("element Ge"))[0]) == 2
    for name in ("md.xtc", "md.dcd"):
        universe.load_new(str(write(tmp_path / name, images)))
        info = open_frames(universe)[3].info
        assert info == ({"time": pytest.approx(1500.0), "step": 150} if name == "md.xtc" else {})


def test_a_topology_is_read_as_a_trajectory_is(images, tmp_path):
    """ASE drops the cell of i-PI, whose lengths are in bohr."""
    from ase.units import Bohr

    text = ""
    for step, atoms in enumerate(images):
        cell = " ".join(f"{x:.6f}" for x in [*atoms.cell.lengths() / Bohr, *atoms.cell.angles()])
        text += f"8\n# CELL(abcABC): {cell} Step: {step} Bead: 0 positions{{atomic_unit}}\n"
        rows = zip(atoms.symbols, atoms.positions / Bohr, strict=True)
        text += "".join(f"{symbol} {x:.6f} {y:.6f} {z:.6f}\n" for symbol, (x, y, z) in rows)
    (tmp_path / "ipi.xyz").write_text(text)
    write(tmp_path / "md.xtc", [Atoms(a.symbols, a.positions) for a in images])
    found = open_frames(tmp_path / "md.xtc", topology=tmp_path / "ipi.xyz")[0]
    assert (found.numbers == images[-1].numbers).all()
    np.testing.assert_allclose(found.cell.cellpar(), images[-1].cell.cellpar(), atol=1e-4)
    assert found.pbc.all()
    (tmp_path / "ipi.xyz").write_text(text[:40])
    with pytest.raises(ValueError, match=r"ipi\.xyz \(topology\): "):
        open_frames(tmp_path / "md.xtc", topology=tmp_path / "ipi.xyz")
