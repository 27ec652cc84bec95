"""Any source gives its frames in any order, to any process."""

import pickle

import ase.io
import pytest
from ase import Atoms
from ase.build import bulk
from dft_files import between, changed, saved
from paths import STATES
from toy_files import N_FRAMES, ROWS, assert_same, dump

from ase_dos.io.frames import count_frames, numbered_frames, open_frames, source_name


@pytest.mark.parametrize("name", ["md.extxyz", "md.xyz.gz", "md.traj", "XDATCAR", "md.json"])
def test_what_ase_wrote_is_what_ase_reads(images, tmp_path, name):
    ase.io.write(tmp_path / name, images)
    frames, of_ase = open_frames(tmp_path / name), ase.io.read(tmp_path / name, ":")
    for atoms, expected in zip(frames, of_ase, strict=True):
        assert_same(atoms, expected, 0)
        assert set(atoms.arrays) == set(expected.arrays)
        assert atoms.info == expected.info
    assert_same(frames[3], of_ase[3], 0)
    assert len(of_ase) == len(images)


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
    for i in (-1, -5):
        assert frames[i] == expected[i]
    with pytest.raises(IndexError, match="no frame -6, it has 5"):
        frames[-6]
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
        ("XDATCAR", {"types": ["Si"]}),
        ("md.traj", {"cache_index": True}),
        ("XDATCAR", {"topology": Atoms("Si")}),
        (None, {"types": ["Si"]}),
    ],
)
def test_an_option_without_a_use_is_refused(images, tmp_path, name, options):
    if name:
        ase.io.write(tmp_path / name, images)
    with pytest.raises(ValueError, match=f"{next(iter(options))}: not used for"):
        open_frames(tmp_path / name if name else images, **options)


@pytest.mark.parametrize(("package", "name"), [("chemfiles", "md.tng"), ("h5py", "md.h5md")])
def test_a_missing_package_is_named(images, tmp_path, monkeypatch, package, name):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(ImportError, match=rf"{package}: pip install 'ase_dos\[formats\]'"):
        open_frames(tmp_path / name, topology=images[0]).reader(0)


def test_a_fault_in_a_file_that_ase_reads_does_not_lose_the_frames_behind_it(tmp_path):
    text = (STATES / "al_vasprun.xml").read_text()
    step = between(text, " <calculation>", "</calculation>\n")
    for bad, count in (((), 6), ((2,), 6), ((0, 5), 6), ((1, 2, 4), 9)):
        steps = [step.replace("2.02000056", f"2.0{i}000056") for i in range(count)]
        for i in bad:
            steps[i] = steps[i].replace(f"2.0{i}000056", "two")
        path = saved(tmp_path / "vasprun.xml", changed(text, (step, "".join(steps))))
        lengths = []
        for read in open_frames(path).readers():
            try:
                lengths.append(round(float(read().cell.array.max()), 2))
            except ValueError:
                lengths.append(None)
        expected = [None if i in bad else round(2.0 + 0.01 * i, 2) for i in range(count)]
        assert lengths == expected


@pytest.mark.parametrize("name", ["md.md", "md.geom", "md.cif", "md.xsf"])
def test_damage_of_one_frame_costs_no_other_where_ase_parses_all_at_once(images, tmp_path, name):
    path = tmp_path / name
    for atoms in images:
        atoms.cell = images[0].cell  # that of all, in a file of one cell
    ase.io.write(path, images)
    expected = list(open_frames(path))
    text = path.read_text()
    point = text.index(".", len(text) // 2)  # in the third of five
    path.write_text(text[:point] + "x" + text[point + 1 :])
    frames = open_frames(path)
    assert frames.length() == N_FRAMES
    for i in (0, 1, 3, 4):
        assert_same(frames[i], expected[i])
    with pytest.raises(ValueError, match=rf"frame 2 of .*{name}: .*ASE cannot read it"):
        frames[2]


def test_a_file_of_one_structure_is_broken_once(tmp_path):
    ase.io.write(tmp_path / "POSCAR", bulk("Si"))
    text = (tmp_path / "POSCAR").read_text().splitlines()
    (tmp_path / "POSCAR").write_text("\n".join(text[:-1]))
    frames = open_frames(tmp_path / "POSCAR")
    with pytest.raises(ValueError, match=r"frame 0 of .*POSCAR: .*ASE cannot read it"):
        frames[0]
    with pytest.raises(IndexError, match="no frame 1, it has 1"):
        frames[1]
