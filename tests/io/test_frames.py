"""Every format gives what ASE's reader gives; frames are reached by index; broken files say so."""

import gzip
import pickle
import shutil
import subprocess

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from ase_dos.io.frames import count_frames, numbered_frames, open_frames, source_name
from ase_dos.io.frames import lammps as lammps_module
from ase_dos.io.frames import text as text_module

N_FRAMES = 5


@pytest.fixture
def images():
    """Two species, sheared, moving, with arrays of their own."""
    images = []
    for i in range(N_FRAMES):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(atoms.cell.array + np.array([[0, 0, 0], [0.7, 0, 0], [-0.4, 0.3, 0]]), True)
        atoms.symbols[[1, 4]] = "Ge"
        atoms.rattle(0.1, seed=i)
        atoms.arrays["coordination"] = np.arange(8.0) + i
        atoms.info["step"] = 10 * i
        images.append(atoms)
    return images


def assert_same(atoms, expected, tolerance=1e-7):
    np.testing.assert_array_equal(atoms.numbers, expected.numbers)
    np.testing.assert_allclose(atoms.positions, expected.positions, atol=tolerance)
    np.testing.assert_allclose(atoms.cell.array, expected.cell.array, atol=tolerance)
    np.testing.assert_array_equal(atoms.pbc, expected.pbc)


def assert_same_modulo_cell(atoms, expected, tolerance=1e-5):
    """The same crystal: a rotation of the cell, and whole cells between atoms, do not matter."""
    np.testing.assert_array_equal(atoms.numbers, expected.numbers)
    np.testing.assert_allclose(atoms.cell.cellpar(), expected.cell.cellpar(), atol=tolerance)
    offsets = [
        np.linalg.solve(a.cell.array.T, (a.positions - a.positions[0]).T) for a in (atoms, expected)
    ]
    difference = offsets[0] - offsets[1]
    np.testing.assert_allclose(difference, np.round(difference), atol=tolerance)


# -- LAMMPS ------------------------------------------------------------------------------------

LAMMPS = """
units metal
box tilt large
read_data start.data
mass 1 28.0855
mass 2 72.64
pair_style zero 4.0
pair_coeff * *
velocity all create 3000 1
fix 1 all nve
compute 1 all property/atom xu
timestep 0.002
dump a all custom 5 a.dump id type x y z vx c_1
dump b all custom 5 b.dump.gz id type element xs ys zs
dump_modify b element Si Ge
dump c all custom 5 c.dump type xu yu zu id
dump_modify c format float %.12g
dump d all custom 5 d.dump element id xsu ysu zsu
dump_modify d element Si Ge units yes time yes format float %.12g
dump e all atom 5 e.dump
run 20
"""
DUMPS = ("a.dump", "b.dump.gz", "c.dump", "d.dump", "e.dump")


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """Dumps of one run of LAMMPS, in which atoms leave the box, and ids are out of order."""
    if shutil.which("lmp") is None:
        pytest.skip("LAMMPS is not installed")
    here = tmp_path_factory.mktemp("lammps")
    atoms = bulk("Si", cubic=True).repeat(2)
    atoms.set_cell(atoms.cell.array + np.array([[0, 0, 0], [3.0, 0, 0], [-2.0, 1.0, 0]]), True)
    atoms.symbols[::3] = "Ge"
    ase.io.write(here / "start.data", atoms, format="lammps-data", specorder=["Si", "Ge"])
    (here / "in").write_text(LAMMPS)
    subprocess.run(
        ["lmp", "-in", "in", "-screen", "none", "-log", "log"], cwd=here, check=True, timeout=60
    )
    return here


@pytest.mark.parametrize("name", DUMPS)
def test_lammps_dump_is_what_ase_reads(dumps, name):
    types = ["Si", "Ge"]
    frames = open_frames(dumps / name, types=types)
    expected = ase.io.read(dumps / name, ":", format="lammps-dump-text", specorder=types)
    assert frames.count() == len(expected) == N_FRAMES
    for atoms, other in zip(frames, expected, strict=True):
        assert_same(atoms, other)
        assert atoms.info["step"] == other.info["timestep"]


@pytest.mark.parametrize("name", DUMPS[1:])
def test_all_columns_of_positions_are_one_structure(dumps, name):
    frames = open_frames(dumps / name, types=["Si", "Ge"])
    reference = open_frames(dumps / "c.dump", types=["Si", "Ge"])
    for i in range(N_FRAMES):
        assert_same_modulo_cell(frames[i], reference[i], tolerance=2e-5)


def test_lammps_keeps_other_columns_and_the_time(dumps):
    frames = open_frames(dumps / "a.dump", types=["Si", "Ge"])
    assert set(frames[2].arrays) == {"numbers", "positions", "type", "vx", "c_1"}
    unwrapped = open_frames(dumps / "c.dump", types=["Si", "Ge"])
    np.testing.assert_allclose(frames[2].arrays["c_1"], unwrapped[2].positions[:, 0], rtol=1e-5)
    times = [atoms.info["time"] for atoms in open_frames(dumps / "d.dump")]
    np.testing.assert_allclose(times, 10.0 * np.arange(N_FRAMES))


def dump(rows, columns="id type x y z", box="pp pp pp\n0 5\n0 5\n0 5", count=None, step=0, head=""):
    return (
        f"{head}ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{count or len(rows)}\n"
        f"ITEM: BOX BOUNDS {box}\nITEM: ATOMS {columns}\n" + "".join(f"{row}\n" for row in rows)
    )


ROWS = ["2 1 1.5 1.25 1.75", "1 2 0.5 0.25 0.75"]


def test_dump_by_hand(tmp_path):
    path = tmp_path / "md.dump"
    path.write_text(dump(ROWS, box="pp ff sp\n-1 4\n0 5\n0 5", step=7))
    atoms = open_frames(path, types=["O", "Si"])[0]
    assert atoms.symbols.get_chemical_formula() == "OSi"
    np.testing.assert_array_equal(atoms.numbers, [14, 8])  # in the order of the ids
    np.testing.assert_array_equal(atoms.positions[0], [0.5, 0.25, 0.75])
    np.testing.assert_array_equal(atoms.cell.array, 5 * np.eye(3))
    np.testing.assert_array_equal(atoms.get_celldisp().ravel(), [-1, 0, 0])
    np.testing.assert_array_equal(atoms.pbc, [True, False, True])
    assert atoms.info == {"step": 7}


@pytest.mark.parametrize("tilt", [(1.0, -0.5, 0.7), (-1.0, -0.5, -0.7), (0.3, 0.9, 0.1)])
def test_triclinic_bounds_enclose_the_box(tmp_path, tilt):
    xy, xz, yz = tilt
    cell = np.array([[6.0, 0, 0], [xy, 5.0, 0], [xz, yz, 4.0]])
    origin = np.array([0.3, -0.2, 0.1])
    corners = origin + np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ cell
    bounds = np.column_stack([corners.min(axis=0), corners.max(axis=0), tilt])
    lines = "\n".join(" ".join(map(repr, row)) for row in bounds.tolist())
    fractions = np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]])
    rows = [f"{i + 1} 1 " + " ".join(map(str, f)) for i, f in enumerate(fractions)]
    path = tmp_path / "restricted.dump"
    path.write_text(dump(rows, "id type xs ys zs", f"xy xz yz pp pp pp\n{lines}"))
    general = tmp_path / "general.dump"
    vectors = "\n".join(
        " ".join(map(repr, row)) for row in np.column_stack([cell, origin]).tolist()
    )
    general.write_text(dump(rows, "id type xs ys zs", f"abc origin pp pp pp\n{vectors}"))
    for file in (path, general):
        atoms = open_frames(file, types=["Si"])[0]
        np.testing.assert_allclose(atoms.cell.array, cell, atol=1e-12)
        np.testing.assert_allclose(atoms.positions, fractions @ cell + origin, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (dump(ROWS), {}, "types 1 to 2 and no elements.*--types"),
        (dump(ROWS), {"types": ["Si"]}, "types 1 to 2, but types names 1: Si"),
        (dump(ROWS), {"types": ["Si", "Xy"]}, "symbol of an element, got 'Xy'"),
        (dump(ROWS, count=3), {"types": ["Si", "O"]}, "ends after 2 of 3 atoms"),
        (dump(ROWS)[:-1], {"types": ["Si", "O"]}, "last line of the frame is cut off"),
        (dump(ROWS)[:-8], {"types": ["Si", "O"]}, "cut off"),
        (dump(ROWS)[:60], {"types": ["Si", "O"]}, "ends before its atoms"),
        (dump([ROWS[0], ROWS[0]]), {"types": ["Si", "O"]}, "atom id 2 occurs twice"),
        (dump(["1 1 0 nan 0"]), {"types": ["Si"]}, "positions: 1 of 3 values are NaN"),
        (dump(["1 1 0 zero 0"]), {"types": ["Si"]}, "zero"),
        (dump(["1 1 0 0"]), {"types": ["Si"]}, "column"),
        (dump(["1 1 0 0"], "id type x y"), {"types": ["Si"]}, "column x, but no z"),
        (dump(["1 1 5"], "id type q"), {"types": ["Si"]}, "expected columns x, xs, xu, xsu"),
        (dump(["1 0 0 0"], "id x y z"), {"types": ["Si"]}, "column element or type"),
        (dump(["1 1 0 0 0"], head="ITEM: UNITS\nlj\n"), {"types": ["Si"]}, "units lj"),
        (dump(["1 1 0 0 0"], box="pp pp pp\n0 5\n0 5"), {"types": ["Si"]}, "complete.*BOX BOUNDS"),
        (
            dump(["1 1 C 0 0 0"], "id type element x y z"),
            {"types": ["Si"]},
            "type 1 are C in the column element, but types names Si",
        ),
        ("ITEM: TIMESTEP\n", {"types": ["Si"]}, "ends before its atoms"),
    ],
)
def test_bad_dump_names_the_frame_and_the_fault(tmp_path, text, options, message):
    path = tmp_path / "md.dump"
    good = dump(["1 1 0 0 0"]) if "element x" not in text else ""
    path.write_text(good + text)
    index = 1 if good else 0
    with pytest.raises(ValueError, match=f"frame {index} of .*md.dump: .*{message}"):
        open_frames(path, **options)[index]


def test_dump_goes_on_after_a_frame_that_was_cut_off(tmp_path):
    """A killed run, and its continuation appended."""
    path = tmp_path / "md.dump"
    path.write_text(
        dump(ROWS, step=0, head="ITEM: UNITS\nmetal\nITEM: TIME\n0\n")
        + dump(ROWS, step=1, head="ITEM: TIME\n0.5\n")[:-30]
        + "\n"
        + dump(ROWS, step=2, head="ITEM: UNITS\nmetal\nITEM: TIME\n1\n")
    )
    frames = open_frames(path, types=["O", "Si"])
    assert frames.count() == 3
    assert (frames[0].info, frames[2].info) == (
        {"step": 0, "time": 0.0},
        {"step": 2, "time": 1000.0},
    )
    with pytest.raises(ValueError, match="frame 1 of"):
        frames[1]


# -- other formats -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["md.extxyz", "md.xyz.gz", "md.traj", "XDATCAR", "md.json"])
def test_what_ase_wrote_is_what_ase_reads(images, tmp_path, name):
    ase.io.write(tmp_path / name, images)
    frames = open_frames(tmp_path / name)
    for atoms, expected in zip(frames, ase.io.read(tmp_path / name, ":"), strict=True):
        assert_same(atoms, expected, 0)
        assert set(atoms.arrays) == set(expected.arrays)
        assert atoms.info == expected.info
    assert_same(frames[3], images[3], 1e-5)


@pytest.mark.parametrize("pbc", [True, False, (True, False, True)])
def test_extxyz_has_all_that_ase_reads(images, tmp_path, pbc):
    from ase.calculators.singlepoint import SinglePointCalculator

    rng = np.random.default_rng(0)
    for atoms in images:
        atoms.pbc = pbc
        atoms.set_tags(range(8))
        atoms.set_initial_charges(rng.normal(size=8))
        atoms.set_momenta(rng.normal(size=(8, 3)))
        atoms.arrays["spread"] = rng.normal(size=(8, 2))
        atoms.info["label"] = "a b"
        atoms.calc = SinglePointCalculator(
            atoms, energy=-1.5, forces=rng.normal(size=(8, 3)), stress=rng.normal(size=6)
        )
    path = tmp_path / "md.extxyz"
    ase.io.write(path, images)
    for atoms, expected in zip(open_frames(path), ase.io.read(path, ":"), strict=True):
        assert_same(atoms, expected, 0)
        assert set(atoms.arrays) == set(expected.arrays)
        for name, array in expected.arrays.items():
            np.testing.assert_array_equal(atoms.arrays[name], array)
            assert atoms.arrays[name].dtype == array.dtype
        assert atoms.info == expected.info
        for name, result in expected.calc.results.items():
            np.testing.assert_array_equal(atoms.calc.results[name], result)


@pytest.mark.parametrize(
    ("comment", "rows"),
    [
        ("", "Si 0 0 0\nO 1 1 1\n"),
        ("a comment", "si 0 0 0 extra\nO 1.0e-1 1 1 words\n"),
        ("Properties=Z:I:1:pos:R:3", "14 0 0 0\n8 1 1 1\n"),
        ("Properties=species:S:1:pos:R:3:frozen:L:1", "Si 0 0 0 T\nO 1 1 1 F\n"),
        ("Properties=species:S:1:pos:R:3:kind:S:1", "Si 0 0 0 network\nO 1 1 1 bridge\n"),
        ("Properties=species:S:1:pos:R:3:move_mask:L:1", "Si 0 0 0 T\nO 1 1 1 F\n"),
        ('Lattice="2 0 0 0 3 0 1 0 4"', "Si 0 0 0\nO 1 1 1\n"),
    ],
)
def test_dialects_of_xyz(tmp_path, comment, rows):
    path = tmp_path / "md.xyz"
    path.write_text(f"2\n{comment}\n{rows}" * 2)
    expected = ase.io.read(path, ":")
    frames = list(open_frames(path))
    assert len(frames) == 2
    for atoms, other in zip(frames, expected, strict=True):
        assert_same(atoms, other, 0)
        assert set(atoms.arrays) == set(other.arrays)
        assert len(atoms.constraints) == len(other.constraints)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2\n\nSi 0 0 0\n", "ends after 1 of 2 atoms"),
        ("1\n\nSi 0 inf 0\n", "NaN or infinite"),
        ("1\n\nXy 0 0 0\n", "symbol of an element, got 'Xy'"),
        ("1\nLattice=garbage\nSi 0 0 0\n", "Lattice"),
        ("1\nProperties=pos:R:3\n0 0 0\n", "species or Z"),
        ("1\nProperties=species:S:1\nSi\n", "columns pos"),
        ("one\n\nSi 0 0 0\n", "number of atoms, got 'one'"),
    ],
)
def test_bad_xyz_names_the_frame_and_the_fault(tmp_path, text, message):
    path = tmp_path / "md.xyz"
    path.write_text("1\n\nSi 0 0 0\n" + text)
    with pytest.raises(ValueError, match=f"frame 1 of .*md.xyz: .*{message}"):
        open_frames(path)[1]


def test_cp2k(tmp_path):
    """Positions and cells as CP2K prints them."""
    path, cells = tmp_path / "run-pos-1.xyz", tmp_path / "run-1.cell"
    path.write_text(
        "".join(
            f"       2\n i ={10 * i:9d}, time ={5.0 * i:13.3f}, E ={-17.2:21.10f}\n"
            f"  Si         0.0000000000        0.0000000000        0.{i}000000000\n"
            f"   O         1.5000000000        0.0000000000        0.0000000000\n"
            for i in range(3)
        )
    )
    cells.write_text(
        "#   Step   Time [fs]       Ax [Angstrom]       Ay [Angstrom]  ...  Volume [Angstrom^3]\n"
        + "".join(f"{5 * i} {2.5 * i} {4 + i} 0 0 0.5 4 0 0 0 4 {16 * (4 + i)}\n" for i in range(5))
    )
    atoms = open_frames(path, topology=cells)[1]
    assert atoms.get_chemical_formula() == "OSi"
    np.testing.assert_array_equal(atoms.cell.array, [[6, 0, 0], [0.5, 4, 0], [0, 0, 4]])
    assert atoms.pbc.all()
    assert atoms.info == {"step": 10, "time": 5.0}
    fixed = open_frames(path, topology=Atoms(cell=[7, 8, 9]))[2]
    np.testing.assert_array_equal(fixed.cell.lengths(), [7, 8, 9])
    cells.write_text("0 0 4 0 0 0 4 0 0 0 4 64\n")
    with pytest.raises(ValueError, match=r"frame 1 of .*\.cell file has no step 10"):
        open_frames(path, topology=cells)[1]
    cells.write_text("0 0 4\n")
    with pytest.raises(ValueError, match=r"expected the .cell file of a CP2K run, with 12"):
        open_frames(path, topology=cells)


@pytest.mark.parametrize("suffix", ["dcd", "xtc", "trr", "nc"])
@pytest.mark.filterwarnings("ignore")  # of MDAnalysis, about what the structures do not have
def test_coordinates_with_a_topology(images, tmp_path, suffix):
    pytest.importorskip("chemfiles")
    mda = pytest.importorskip("MDAnalysis")
    if suffix == "nc":
        pytest.importorskip("netCDF4")
    path = tmp_path / f"md.{suffix}"
    universe = mda.Universe.empty(8, trajectory=True)
    with mda.Writer(str(path), 8) as writer:
        for i, atoms in enumerate(images):
            universe.atoms.positions = atoms.positions
            universe.dimensions = atoms.cell.cellpar()
            universe.trajectory.ts.time = universe.trajectory.ts.frame = i
            writer.write(universe.atoms)
    with pytest.raises(ValueError, match=r"no elements.*--topology"):
        open_frames(path)
    ase.io.write(tmp_path / "start.extxyz", images[0])
    frames = open_frames(path, topology=tmp_path / "start.extxyz")
    assert frames.count() == N_FRAMES
    for i in (3, 0, 4):
        # These formats keep lengths and angles of the cell, so the crystal may be turned.
        np.testing.assert_array_equal(frames[i].numbers, images[i].numbers)
        np.testing.assert_allclose(frames[i].positions, images[i].positions, atol=2e-2)
        np.testing.assert_allclose(frames[i].cell.cellpar(), images[i].cell.cellpar(), atol=2e-2)
        assert frames[i].pbc.all()
    with pytest.raises(ValueError, match=r"frame 0 of .* 8 atoms, the topology 1"):
        open_frames(path, topology=Atoms("Si"))[0]


@pytest.fixture
def h5md(images, tmp_path):
    """As the standard has it, in nanometres."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "md.h5md"
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        steps = np.arange(N_FRAMES) * 10
        for name, values, unit in (
            ("position", [a.positions / 10 for a in images], "nm"),
            ("box/edges", [a.cell.array / 10 for a in images], "nm"),
            ("species", [np.where(a.numbers == 14, 1, 2) for a in images], None),
        ):
            group[f"{name}/value"] = np.array(values)
            group[f"{name}/step"], group[f"{name}/time"] = steps, steps * 0.002
            group[f"{name}/time"].attrs["unit"] = "ps"
            if unit:
                group[f"{name}/value"].attrs["unit"] = unit
        group["box"].attrs["dimension"] = 3
        group["box"].attrs["boundary"] = ["periodic", "periodic", "none"]
    return path


def test_h5md(images, h5md):
    frames = open_frames(h5md, types=["Si", "Ge"])
    assert frames.count() == N_FRAMES
    for atoms, expected in zip(frames, images, strict=True):
        expected.pbc = [True, True, False]
        assert_same(atoms, expected, 1e-12)
    assert frames[2].info == {"step": 20, "time": pytest.approx(40.0)}
    assert_same(open_frames(h5md, topology=images[0])[1], images[1], 1e-12)
    with pytest.raises(ValueError, match=r"frame 0 of .* no elements.*--types"):
        open_frames(h5md)[0]
    with pytest.raises(ValueError, match="8 atoms, the topology 1"):
        open_frames(h5md, topology=Atoms("Si"))[0]


def test_h5md_variants(images, h5md):
    """Species by symbol and for all frames, a fixed box, particles out of order."""
    import h5py

    order = np.random.default_rng(0).permutation(8)
    with h5py.File(h5md, "a") as file:
        group = file["particles/all"]
        del group["species"], group["box/edges"]
        kind = h5py.enum_dtype({"Si": 7, "Ge": 9})
        species = np.where(images[0].numbers[order] == 14, 7, 9)
        group.create_dataset("species", data=species, dtype=kind)
        group["box/edges"] = [0.5, 0.6, 0.7]
        group["box/edges"].attrs["unit"] = "nm"
        group["position/value"][...] = group["position/value"][()][:, order]
        group["id/value"] = np.tile(order, (N_FRAMES, 1))
        del group["position/step"], group["position/time"]
        group["position/step"], group["position/time"] = 100, 0.5  # intervals
        group["position/step"].attrs["offset"] = 7
    atoms = open_frames(h5md)[1]
    np.testing.assert_array_equal(atoms.numbers, images[1].numbers)
    np.testing.assert_allclose(atoms.positions, images[1].positions)
    np.testing.assert_allclose(atoms.cell.array, np.diag([5.0, 6.0, 7.0]))
    assert atoms.info == {"step": 107, "time": 500.0}
    with h5py.File(h5md, "a") as file:
        file["particles/all/position/value"].attrs["unit"] = "furlong"
    with pytest.raises(ValueError, match="position/value is in furlong"):
        open_frames(h5md)[0]
    with h5py.File(h5md, "a") as file:
        file.move("particles", "other")
    with pytest.raises(ValueError, match="one group of particles, got none"):
        open_frames(h5md)[0]


@pytest.mark.filterwarnings("ignore")  # of MDAnalysis, about what the structures do not have
def test_universe(images):
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
        np.testing.assert_array_equal(frames[3].numbers, images[0].numbers)
        np.testing.assert_allclose(frames[3].positions, images[3].positions, atol=1e-5)
        np.testing.assert_allclose(frames[3].cell.cellpar(), images[3].cell.cellpar(), atol=1e-5)
    assert len(open_frames(universe.select_atoms("element Ge"))[0]) == 2


# -- frames by index ---------------------------------------------------------------------------


@pytest.fixture(params=["md.extxyz", "md.extxyz.gz", "md.dump", "md.traj", "XDATCAR", "list"])
def source(request, images, tmp_path):
    if request.param == "list":
        return images
    path = tmp_path / request.param
    if request.param == "md.dump":
        path.write_text(
            "".join(
                dump([f"{j} Si {j} {i} 0.5" for j in range(8)], "id element x y z", step=10 * i)
                for i in range(N_FRAMES)
            )
        )
    else:
        ase.io.write(path, images)
    return path


def test_any_order(source):
    expected = list(open_frames(source))
    frames = open_frames(source)
    for i in (3, 0, 4, 4, 1, 2):
        assert frames[i] == expected[i]
        assert frames.found > i
    with pytest.raises(IndexError, match="no frame 5, it has 5"):
        frames[5]
    with pytest.raises(IndexError, match="no frame -1"):
        frames[-1]
    assert frames.count() in (5, None)
    assert count_frames(source) in (5, None)
    assert frames[0] == expected[0]


def test_other_processes_open_the_file_for_themselves(source):
    frames = open_frames(source)
    expected = frames[2]
    other = pickle.loads(pickle.dumps(frames))
    assert other[2] == expected
    assert other[4] == frames[4]


def test_ranges(source):
    def fail(index, error):
        raise error

    expected = list(open_frames(source))
    for selection in (range(0, 2**62), range(1, 4), range(0, 5, 2), range(3, 99, 1), range(7, 9)):
        got = list(numbered_frames(source, selection, fail))
        assert [i for i, _ in got] == list(
            range(5)[selection.start : selection.stop : selection.step]
        )
        for i, read in got:
            assert read() == expected[i]


def test_what_is_skipped_is_not_parsed(tmp_path, monkeypatch):
    path = tmp_path / "md.dump.gz"
    bad, good = dump(["1 1 0 garbage 0"]), dump(["1 1 0 0 0"], step=3)
    path.write_bytes(gzip.compress((bad * 3 + good + bad).encode()))
    assert open_frames(path, types=["Si"])[3].info["step"] == 3
    parsed = []
    table = lammps_module.table
    monkeypatch.setattr(lammps_module, "table", lambda *a: parsed.append(1) or table(*a))
    frames = open_frames(path, types=["Si"])
    assert frames.count() == 5
    readers = list(numbered_frames(frames, range(3, 4), None))
    assert not parsed
    readers[0][1]()
    assert len(parsed) == 1


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("name", ["md.extxyz", "md.dump"])
def test_cuts_do_not_depend_on_the_blocks_read(images, tmp_path, monkeypatch, block, name):
    path = tmp_path / name
    if name == "md.dump":
        path.write_text(dump(ROWS) + dump(ROWS * 5, head="ITEM: TIME\n1\n") + dump(ROWS))
    else:
        ase.io.write(path, images)
    monkeypatch.setattr(text_module, "_BLOCK", block)
    content = path.read_bytes()
    frames = open_frames(path)
    cuts = frames._starts if frames.count() else []
    assert len(cuts) == (4 if name == "md.dump" else N_FRAMES + 1)
    first = b"ITEM: TIME" if name == "md.dump" else b"8\n"
    assert cuts[-1] == len(content)
    assert all(content[cut:].startswith(first) for cut in cuts[:-1])


@pytest.mark.parametrize("n", [1, 3000, 40_000])
def test_large_frames_are_cut_by_their_lines(tmp_path, n):
    """Counting lines by pieces passes over exactly as many as the frame has."""
    path = tmp_path / "md.xyz"
    lines = "".join(f"Si {i} 0 {'1' * (i % 37)}0\n" for i in range(n))
    path.write_text(f"{n}\n\n{lines}" * 3)
    frames = open_frames(path)
    assert frames.count() == 3
    np.testing.assert_array_equal(np.diff(frames._starts), len(f"{n}\n\n{lines}"))


def test_index_beside_the_file(images, tmp_path, monkeypatch):
    path, index = tmp_path / "md.extxyz", tmp_path / "md.extxyz.index.npz"
    ase.io.write(path, images)
    open_frames(path)[3]
    assert not index.exists()  # only when asked for
    expected = open_frames(path, cache_index=True)[3]
    assert index.exists()
    with monkeypatch.context() as patch:  # nothing is looked for
        patch.setattr("ase_dos.io.frames.xyz._split", None)
        assert open_frames(path, cache_index=True)[3] == expected
        assert open_frames(path, cache_index=True).found == N_FRAMES
    ase.io.write(path, images[2:])
    assert_same(open_frames(path, cache_index=True)[1], images[3])  # of another size: made anew
    for damage in (b"", index.read_bytes()[:100], b"nonsense"):
        index.write_bytes(damage)
        assert_same(open_frames(path, cache_index=True)[1], images[3])


def test_index_of_a_broken_file_has_its_good_frames(images, tmp_path):
    path = tmp_path / "md.extxyz"
    ase.io.write(path, images)
    path.write_text(path.read_text() + "garbage\n")
    for _ in range(2):
        frames = open_frames(path, cache_index=True)
        assert frames.found == N_FRAMES
        assert_same(frames[4], images[4])
        with pytest.raises(ValueError, match=r"frame 5 of .*got 'garbage'"):
            frames[5]


def test_files_of_a_pattern_come_in_the_order_of_their_numbers(tmp_path):
    for step in (0, 90, 1000):
        (tmp_path / f"md.{step}.dump").write_text(dump(ROWS, step=step) * 2)
    pattern = tmp_path / "md.*.dump"
    frames = open_frames(pattern, types=["Si", "O"])
    assert [atoms.info["step"] for atoms in frames] == [0, 0, 90, 90, 1000, 1000]
    assert frames.count() == frames.found == 6
    assert open_frames(pattern, types=["Si", "O"])[4].info["step"] == 1000
    assert source_name(pattern).endswith("md.*.dump")
    with pytest.raises(IndexError):
        frames[6]
    with pytest.raises(ValueError, match="no such file"):
        open_frames(tmp_path / "other.*.dump")


def test_an_iterator_cannot_go_back(images):
    frames = open_frames(iter(images))
    assert frames[2] == images[2]
    assert frames[3] == images[3]
    with pytest.raises(ValueError, match="cannot go back"):
        frames[1]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("md.extxyz", {"types": ["Si"]}),
        ("md.traj", {"cache_index": True}),
        ("XDATCAR", {"topology": Atoms("Si")}),
        (None, {"types": ["Si"]}),
    ],
)
def test_an_option_without_a_use_is_refused(images, tmp_path, name, options):
    if name:
        ase.io.write(tmp_path / name, images)
    with pytest.raises(ValueError, match=f"{next(iter(options))}: .*has no use for it"):
        open_frames(tmp_path / name if name else images, **options)


@pytest.mark.parametrize(("package", "name"), [("chemfiles", "md.dcd"), ("h5py", "md.h5md")])
def test_a_missing_package_is_named(images, tmp_path, monkeypatch, package, name):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(ImportError, match=rf"{package}: pip install 'ase_dos\[formats\]'"):
        open_frames(tmp_path / name, topology=images[0]).reader(0)


def test_command_line_names_types(images, tmp_path, capsys, toy_model):
    from ase_dos.cli.main import main

    toy_model.save(tmp_path / "toy.npz")
    path = tmp_path / "md.dump"
    atoms = bulk("Si", cubic=True)
    rows = [f"{i + 1} 1 {x} {y} {z}" for i, (x, y, z) in enumerate(atoms.positions)]
    path.write_text(dump(rows, box="pp pp pp\n" + "0 5.43\n" * 2 + "0 5.43"))
    command = ["trajectory", str(path), "--model", str(tmp_path / "toy.npz"), "-q"]
    main([*command, "-o", str(tmp_path / "out"), "--cache-index", "--types", "Si"])
    assert "1 frames" in capsys.readouterr().out
    assert (tmp_path / "md.dump.index.npz").exists()
    with pytest.raises(SystemExit):
        main([*command, "-o", str(tmp_path / "other")])
    assert "--types" in capsys.readouterr().err
