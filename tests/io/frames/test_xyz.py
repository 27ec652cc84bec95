"""Dialects of xyz give what ASE's reader gives; broken files say where and why."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_files import assert_same

from ase_dos.io.frames import open_frames


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
