"""Any source gives its frames in any order, to any process."""

import pickle

import ase.io
import pytest
from ase import Atoms
from toy_files import N_FRAMES, ROWS, assert_same, dump

from ase_dos.io.frames import count_frames, numbered_frames, open_frames, source_name


@pytest.mark.parametrize("name", ["md.extxyz", "md.xyz.gz", "md.traj", "XDATCAR", "md.json"])
def test_what_ase_wrote_is_what_ase_reads(images, tmp_path, name):
    ase.io.write(tmp_path / name, images)
    frames = open_frames(tmp_path / name)
    for atoms, expected in zip(frames, ase.io.read(tmp_path / name, ":"), strict=True):
        assert_same(atoms, expected, 0)
        assert set(atoms.arrays) == set(expected.arrays)
        assert atoms.info == expected.info
    assert_same(frames[3], images[3], 1e-5)


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
