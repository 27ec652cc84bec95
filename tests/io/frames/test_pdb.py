"""Structures and trajectories of the Protein Data Bank."""

import gzip

import ase.io
import numpy as np
import pytest
from toy_files import N_FRAMES

from ase_dos.io.frames import open_frames

CELL = "CRYST1    5.430    5.430    5.430  90.00  90.00  90.00 P 1\n"


def atom(number, name, x, symbol=""):
    return f"ATOM  {number:5d} {name:<4s} MOL     1    {x:8.3f}{x:8.3f}{0:8.3f}{symbol:>24s}\n"


def frame(i, begin="MODEL     {}\n", end="ENDMDL\n"):
    return begin.format(i + 1) + atom(1, "SI1", 0.1 * i, "SI") + atom(2, "SI2", 1.0, "SI") + end


def read_each(path):
    """Positions of the first atom along x, None for a broken frame."""
    found = []
    for read in open_frames(path).readers():
        try:
            found.append(round(read().positions[0, 0], 3))
        except ValueError:
            found.append(None)
    return found


def test_frames_are_as_ase_reads_them(images, tmp_path):
    ase.io.write(tmp_path / "md.pdb", images)
    expected = ase.io.read(tmp_path / "md.pdb", ":")
    packed = tmp_path / "md.pdb.gz"
    packed.write_bytes(gzip.compress((tmp_path / "md.pdb").read_bytes()))
    for path in (tmp_path / "md.pdb", packed):
        frames = open_frames(path)
        assert frames.length() == N_FRAMES
        for i in (3, 0, 4):
            assert list(frames[i].symbols) == list(expected[i].symbols)
            np.testing.assert_allclose(frames[i].positions, expected[i].positions, atol=1e-9)
            np.testing.assert_allclose(frames[i].cell, expected[i].cell, atol=1e-9)
            assert frames[i].pbc.all()


def test_a_cell_that_is_said_once_is_that_of_all_frames(tmp_path):
    """And the END behind the last model is no empty frame: ASE finds one, and two clusters."""
    path = tmp_path / "md.pdb"
    path.write_text("REMARK\n" + CELL + "".join(map(frame, range(3))) + "MASTER\nEND\n")
    frames = open_frames(path)
    assert frames.length() == 3
    for atoms in frames:
        assert atoms.cell.lengths().tolist() == [5.43] * 3
        assert atoms.pbc.all()
    wider = CELL.replace("5.430", "5.500", 1)
    path.write_text(CELL + frame(0) + wider + frame(1) + frame(2))
    assert [atoms.cell[0, 0] for atoms in open_frames(path)] == [5.43, 5.5, 5.5]
    path.write_text("CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1\n" + frame(0))
    assert not open_frames(path)[0].pbc.any()


def test_times_of_titles(tmp_path):
    titles = [f"TITLE     melt t= {0.5 * i:9.5f} step= {250 * i}\nMODEL {{}}\n" for i in range(3)]
    (tmp_path / "md.pdb").write_text("".join(frame(i, title) for i, title in enumerate(titles)))
    frames = open_frames(tmp_path / "md.pdb")
    assert frames.times_in_fs
    assert frames[2].info == {"time": 1000.0, "step": 500}


@pytest.mark.parametrize("marks", [{}, {"begin": "REMARK\n", "end": "END\n"}], ids=["MODEL", "END"])
def test_broken_frames_do_not_take_others_along(marks, tmp_path):
    texts = [frame(i, **marks) for i in range(7)]
    texts[1] = texts[1].replace("1.000", "1.0x0", 1)
    texts[3] = texts[3].replace("ATOM  ", "AT M  ", 1)
    texts[6] = texts[6][: texts[6].rindex("END")]  # killed
    path = tmp_path / "md.pdb"
    path.write_text("".join(texts))
    assert read_each(path) == [0.0, None, 0.2, None, 0.4, 0.5, None]
    with pytest.raises(ValueError, match=r"frame 1 of .*md.pdb: expected a position of 3 numbers"):
        open_frames(path)[1]
    with pytest.raises(ValueError, match=r"frame 3 of .*md.pdb: expected a record of an atom, got"):
        open_frames(path)[3]
    with pytest.raises(ValueError, match=r"frame 6 of .* the frame has no line ENDMDL or END"):
        open_frames(path)[6]


def test_a_damaged_end_does_not_join_two_models(tmp_path):
    texts = [frame(i) for i in range(3)]
    texts[1] = texts[1].replace("ENDMDL", "XNDMDL")
    (tmp_path / "md.pdb").write_text("".join(texts))
    assert read_each(tmp_path / "md.pdb") == [0.0, None, 0.2]


def test_elements_by_symbol_name_type_or_topology(tmp_path, images):
    path = tmp_path / "a.pdb"
    path.write_text(frame(0, "", ""))  # one structure needs no end
    assert open_frames(path)[0].get_chemical_formula() == "Si2"
    names = [" CA ", "CA  ", "SI12", " H1 ", "HG11", "1HD2", "OH", "FE  "]
    path.write_text("".join(atom(i, name, i) for i, name in enumerate(names)))
    assert list(open_frames(path)[0].symbols) == ["C", "Ca", "Si", "H", "H", "H", "O", "Fe"]
    path.write_text("HEADER\n" + atom(1, "QX", 0.0) + atom(2, " CA ", 1.0) + "END\n")
    with pytest.raises(ValueError, match="expected the symbol of an element, got 'Q'"):
        open_frames(path)[0]
    assert open_frames(path, types=["CA=C", "QX=Si"])[0].get_chemical_formula() == "CSi"
    assert open_frames(path, topology=images[0][:2])[0].get_chemical_formula() == "GeSi"
    with pytest.raises(ValueError, match="frame has 2 atoms, the topology 8"):
        open_frames(path, topology=images[0])[0]
    with pytest.raises(ValueError, match="expected types or a topology, got both"):
        open_frames(path, types=["Si"], topology=images[0])
