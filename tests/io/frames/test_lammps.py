"""LAMMPS dumps give what ASE's reader gives; broken ones say where and why."""

import pickle
import shutil
import subprocess

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from toy_files import N_FRAMES, ROWS, assert_same, assert_same_modulo_cell, dump

from ase_dos.io.frames import open_frames

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
        (dump(ROWS), {"types": ["Si"]}, "types 1 to 2, but types has 1 elements: Si"),
        (dump(ROWS), {"types": ["Si", "Xy"]}, "symbol of an element, got 'Xy'"),
        (dump(ROWS, count=3), {"types": ["Si", "O"]}, "ends after 2 of 3 atoms"),
        (dump(ROWS)[:-1], {"types": ["Si", "O"]}, "last line of the frame is cut off"),
        (dump(ROWS)[:-8], {"types": ["Si", "O"]}, "cut off"),
        (dump(ROWS)[:60], {"types": ["Si", "O"]}, "cut off"),
        (dump(ROWS).split("ITEM: ATOMS")[0], {"types": ["Si", "O"]}, "ends before its atoms"),
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


def frames_of(tmp_path, text, **options):
    (tmp_path / "md.dump").write_bytes(text.encode())
    return open_frames(tmp_path / "md.dump", **options)


def run_of(units, steps=(0, 5, 10), times=(0.0, 0.01, 0.02)):
    """A run of LAMMPS, which names its units before the first frame only."""
    head = f"ITEM: UNITS\n{units}\n"
    return head + "".join(
        dump(ROWS, head=f"ITEM: TIME\n{time}\n", step=step)
        for step, time in zip(steps, times, strict=True)
    )


TYPES = {"types": ["O", "Si"]}


@pytest.mark.parametrize(
    ("units", "angstrom", "fs"),
    [("metal", 1.0, 1e3), ("real", 1.0, 1.0), ("nano", 10.0, 1e6), ("electron", 0.52917721, 1.0)],
)
def test_units_of_the_first_frame_are_those_of_all(tmp_path, units, angstrom, fs):
    frames = frames_of(tmp_path, run_of(units), **TYPES)
    assert frames.times_in_fs
    for i in (2, 0, 1):
        assert frames[i].info["time"] == pytest.approx(0.01 * i * fs)
        assert frames[i].info["step"] == 5 * i
        np.testing.assert_allclose(frames[i].positions[1], angstrom * np.array([1.5, 1.25, 1.75]))
        np.testing.assert_allclose(frames[i].cell.lengths(), 5 * angstrom)


def test_every_frame_of_reduced_units_is_refused(tmp_path):
    for order in ((0, 1, 2), (2, 1, 0)):
        frames = frames_of(tmp_path, run_of("lj"), **TYPES)
        for i in order:
            with pytest.raises(ValueError, match=f"frame {i} of .*units lj"):
                frames[i]


def test_an_appended_run_brings_its_own_units(tmp_path):
    text = run_of("real") + run_of("metal") + run_of("lj")
    times = [0.0, 0.01, 0.02, 0.0, 10.0, 20.0]
    for cached in (False, True, True):  # made anew, and read from the index beside the file
        frames = frames_of(tmp_path, text, **TYPES, cache_index=cached)
        assert frames.count() == 9
        for i in (5, 0, 4, 2, 1, 3):
            assert frames[i].info["time"] == pytest.approx(times[i])
        with pytest.raises(ValueError, match="units lj"):
            frames[7]
        other = pickle.loads(pickle.dumps(frames))
        assert other[4].info["time"] == pytest.approx(10.0)


def test_later_files_of_a_pattern_have_the_units_of_the_first(tmp_path):
    first = run_of("lj", (0,), (0.0,))
    (tmp_path / "md.0.dump").write_text(first)
    (tmp_path / "md.5.dump").write_text(dump(ROWS, step=5))
    frames = open_frames(tmp_path / "md.*.dump", **TYPES)
    with pytest.raises(ValueError, match=r"frame 1 of .*md\.5\.dump: .*units lj"):
        frames[1]


def test_a_time_without_units_is_left_out(tmp_path):
    frames = frames_of(tmp_path, dump(ROWS, head="ITEM: TIME\n0.5\n", step=3), **TYPES)
    assert frames[0].info == {"step": 3}


@pytest.mark.parametrize("kept", [17, 40, 60, 80, 105, 122, 130, 139, 140])
def test_a_run_that_was_killed_within_a_line_and_continued(tmp_path, kept):
    """Its last frame is broken, those before and after are whole."""
    last = dump(ROWS, step=1)
    assert kept < len(last)
    frames = frames_of(tmp_path, run_of("real") + last[:kept] + run_of("real"), **TYPES)
    assert frames.count() == 7
    for i in (0, 1, 2, 4, 5, 6):
        np.testing.assert_array_equal(frames[i].positions[0], [0.5, 0.25, 0.75])
    with pytest.raises(ValueError, match=r"frame 3 of .*md\.dump"):
        frames[3]


@pytest.mark.parametrize("kept", range(1, 7))
def test_a_fragment_of_the_next_frame_does_no_harm(tmp_path, kept):
    text = run_of("real") + "ITEM: "[:kept]
    frames = frames_of(tmp_path, text + run_of("real"), **TYPES)
    assert [a.info["step"] for a in frames] == [0, 5, 10, 0, 5, 10]
    assert frames_of(tmp_path, text, **TYPES)[2].info == {"step": 10, "time": 0.02}


def test_windows_line_ends(tmp_path):
    frames = frames_of(tmp_path, run_of("metal").replace("\n", "\r\n"), **TYPES)
    assert [a.info for a in frames] == [
        {"step": 5 * i, "time": pytest.approx(10.0 * i)} for i in range(3)
    ]
    assert frames[1].get_chemical_formula() == "OSi"


def test_a_column_that_is_there_twice(tmp_path):
    frames = frames_of(tmp_path, dump(["1 1 0 1 2 0"], "id type x y z x"), types=["Si"])
    np.testing.assert_array_equal(frames[0].positions, [[0, 1, 2]])
    frames = frames_of(tmp_path, dump(["1 1 0 1 2 3"], "id type x y z x"), types=["Si"])
    with pytest.raises(ValueError, match="column x is there twice, with different values"):
        frames[0]


def test_types_may_be_labels(tmp_path):
    rows = ["1 Si 0 0 0", "2 O 1 1 1"]
    assert str(frames_of(tmp_path, dump(rows))[0].symbols) == "SiO"
    rows = ["1 CA 0 0 0", "2 HW 1 1 1"]
    with pytest.raises(ValueError, match=r"type 'CA', which is no element.*--types CA=Si"):
        frames_of(tmp_path, dump(rows))[0]
    assert str(frames_of(tmp_path, dump(rows), types=["HW=H", "CA=C"])[0].symbols) == "CH"
    with pytest.raises(ValueError, match="type HW, but types names only CA=C"):
        frames_of(tmp_path, dump(rows), types=["CA=C"])[0]
    with pytest.raises(ValueError, match="expected elements, or type=element for each"):
        frames_of(tmp_path, dump(rows), types=["CA=C", "H"])[0]


def test_a_bad_number_is_named_with_its_line(tmp_path):
    frames = frames_of(tmp_path, dump(["1 1 0 0 0", "2 1 0 zero 0"]), types=["Si"])
    with pytest.raises(ValueError, match=r"line 2 of the atoms: .* number in column y, got 'zero'"):
        frames[0]
    frames = frames_of(tmp_path, dump(["1 1 0 0 0", "2 1.5 0 0 0"]), types=["Si"])
    with pytest.raises(ValueError, match=r"an integer in column type, got '1\.5'"):
        frames[0]
    frames = frames_of(tmp_path, dump(["1 1 0 0 0", "2 1 0 0 0"], count=1), types=["Si"])
    with pytest.raises(ValueError, match="2 lines of atoms, but its number of atoms is 1"):
        frames[0]


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
