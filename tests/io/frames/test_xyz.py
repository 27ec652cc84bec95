"""Dialects of xyz give what ASE's reader gives; broken files say where and why."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_files import assert_same

from ase_dos.io.frames import open_frames
from ase_dos.io.frames.units import clock_of


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


ROWS = ["Si 0.5 0.25 0.75", "O 1.5 1.25 1.75"]


def frames_of(tmp_path, *texts, **options):
    (tmp_path / "md.xyz").write_bytes("".join(texts).encode())
    return open_frames(tmp_path / "md.xyz", **options)


def frame(comment="", rows=ROWS):
    return f"{len(rows)}\n{comment}\n" + "".join(f"{row}\n" for row in rows)


BOHR = 0.52917721067


@pytest.mark.parametrize(
    ("units", "cell", "positions"),
    [
        (" positions{angstrom}  cell{atomic_unit}", BOHR, 1.0),
        (" positions{atomic_unit}  cell{angstrom}", 1.0, BOHR),
        (" Traj: x_centroid{angstrom} cell{nanometer}", 10.0, 1.0),
        ("", BOHR, BOHR),  # i-PI's default
    ],
)
def test_units_of_ipi(tmp_path, units, cell, positions):
    comment = "# CELL(abcABC): 8.0 9.0 10.0 90.0 90.0 60.0  Step:  40  Bead:  0" + units
    atoms = frames_of(tmp_path, frame(comment))[0]
    np.testing.assert_allclose(atoms.positions[1], positions * np.array([1.5, 1.25, 1.75]))
    lengths = cell * np.array([8.0, 9.0, 10.0])
    np.testing.assert_allclose(atoms.cell.cellpar(), [*lengths, 90.0, 90.0, 60.0])
    assert atoms.pbc.all()
    assert atoms.info == {"step": 40}


@pytest.mark.parametrize("kind", ["H", "GENH"])
def test_cell_of_ipi_has_its_vectors_in_columns(tmp_path, kind):
    comment = f"# CELL{{{kind}}}: 8 1 2 0 9 3 0 0 10 cell{{angstrom}} positions{{angstrom}}"
    atoms = frames_of(tmp_path, frame(comment))[0]
    np.testing.assert_array_equal(atoms.cell.array, [[8, 0, 0], [1, 9, 0], [2, 3, 10]])


def test_what_is_no_position_is_refused(tmp_path):
    cell = "# CELL(abcABC): 8.0 9.0 10.0 90.0 90.0 90.0 cell{angstrom} "
    with pytest.raises(ValueError, match=r"frame 0 of .* has forces of i-PI, expected positions"):
        frames_of(tmp_path, frame(cell + "forces{atomic_unit}"))[0]
    with pytest.raises(ValueError, match="length in furlong, which is not known"):
        frames_of(tmp_path, frame(cell + "positions{furlong}"))[0]
    for comment in ("distances in bohr", "units=Bohr E=-3"):
        with pytest.raises(ValueError, match="speaks of bohr, xyz files are read in Angstrom"):
            frames_of(tmp_path, frame(comment))[0]
    assert len(frames_of(tmp_path, frame("forces in hartree/bohr"))[0]) == 2


@pytest.mark.parametrize(
    ("comment", "clock", "in_fs"),
    [
        (" i =       10, time =        5.000, E =       -17.2", {"step": 10, "time": 5.0}, True),
        (" i =       10, E =       -17.2", {"step": 10}, True),
        ("Atoms. Timestep: 100", {"step": 100}, False),
        ("Atoms. Timestep: 100 Time: 0.2", {"step": 100}, False),  # of a unit that is not named
        ("MD iter: 10", {"step": 10}, False),
        (
            "# AIMD Position Step 30, t=15.00 fs, E_Pot=-76.1 Hartree",
            {"step": 30, "time": 15.0},
            True,
        ),
        ("Step: 3 Time = 0.5 ps", {"step": 3, "time": 500.0}, True),
        ("time=2.5 step=7", {"step": 7, "time": 2.5}, False),
        ("some words, 8 of them", {}, False),
    ],
)
def test_step_and_time_of_a_comment(tmp_path, comment, clock, in_fs):
    frames = frames_of(tmp_path, frame(comment))
    found = clock_of(frames[0].info)
    assert {n: v for n, v in found.items() if not np.isnan(v)} == clock
    assert frames.times_in_fs == in_fs


def test_types_in_place_of_symbols(tmp_path):
    """As LAMMPS writes xyz."""
    rows = ["1 0.5 0.25 0.75", "2 1.5 1.25 1.75"]
    text = frame("Atoms. Timestep: 100", rows)
    assert str(frames_of(tmp_path, text, types=["Si", "O"])[0].symbols) == "SiO"
    assert str(frames_of(tmp_path, text, types=["1=O", "2=Si"])[0].symbols) == "OSi"
    with pytest.raises(ValueError, match=r"types 1 to 2 and no elements.*--types"):
        frames_of(tmp_path, text)[0]
    with pytest.raises(ValueError, match="types 1 to 2, but types has 1 elements"):
        frames_of(tmp_path, text, types=["Si"])[0]
    numbers = frame("", ["14 0.5 0.25 0.75", "8 1.5 1.25 1.75"])
    assert str(frames_of(tmp_path, numbers, types=["O", "Si"])[0].symbols) == "SiO"
    with pytest.raises(ValueError, match="type O, but types names Si"):
        frames_of(tmp_path, frame(), types=["Si"])[0]


@pytest.mark.parametrize("extended", [True, False])
def test_windows_line_ends_and_bytes_of_any_encoding(tmp_path, extended):
    words = 'Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 ' if extended else ""
    text = frame(words + "note=\u00c5ngstr\u00f6m").replace("\n", "\r\n").encode("latin-1")
    (tmp_path / "md.xyz").write_bytes(b"\xef\xbb\xbf" + 2 * text)
    frames = open_frames(tmp_path / "md.xyz")
    assert frames.count() == 2
    for atoms in frames:
        np.testing.assert_array_equal(atoms.positions, [[0.5, 0.25, 0.75], [1.5, 1.25, 1.75]])
        assert atoms.info["note"] == "\u00c5ngstr\u00f6m"


COMMENTS = (
    'Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3',
    " i = 10, time = 5.0, E = -17.2",
    "# CELL(abcABC): 8 9 10 90 90 90 Step: 40 positions{angstrom} cell{angstrom}",
    "Atoms. Timestep: 100",
    "",
    "5.43 5.43 5.43 90 90 90",
    "100",
)


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("lines", [1, 2, 3, 7, 9, 10])  # of twelve
@pytest.mark.parametrize("cut", ["", "1.", "Si 0.5 0.2", "Si 0.5 0.25 0.7"])
def test_a_run_that_was_killed_and_continued(tmp_path, comment, lines, cut):
    """Frames before and after the broken one are kept, also if its last line was cut."""
    if (comment, lines) == ("100", 2):
        pytest.skip("a comment that looks like a number of atoms, and nothing behind it")
    rows = [f"Si {i}.5 0.25 0.75" for i in range(10)]
    text = frame(comment, rows)
    broken = "".join(text.splitlines(keepends=True)[:lines]) + cut
    if lines == 1 and cut:
        broken = "10\nLat"  # within the comment
    frames = frames_of(tmp_path, text, broken, text, text)
    assert frames.count() == 4
    for i in (0, 2, 3):
        np.testing.assert_array_equal(frames[i].positions[:, 0], np.arange(10) + 0.5)
    with pytest.raises(ValueError, match=r"frame 1 of .*md\.xyz"):
        frames[1]
