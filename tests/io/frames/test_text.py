"""Text files are cut into frames without parsing, and remember where frames begin."""

import bz2
import gzip
import lzma
import zlib
from contextlib import suppress

import ase.io
import numpy as np
import pytest
from toy_files import N_FRAMES, ROWS, assert_same, dump

from ase_dos.io.frames import numbered_frames, open_frames
from ase_dos.io.frames.buffer import Buffer
from ase_dos.io.frames.lammps import split_dump
from ase_dos.io.frames.xyz import split_xyz
from ase_dos.utils import packed_stream


def test_what_is_skipped_is_not_parsed(tmp_path):
    path = tmp_path / "md.dump.gz"
    bad, good = dump(["1 1 0 garbage 0"]), dump(["1 1 0 0 0"], step=3)
    path.write_bytes(gzip.compress((bad * 3 + good + bad).encode()))
    frames = open_frames(path, types=["Si"])
    assert frames.count() == 5
    assert frames[3].info["step"] == 3
    readers = dict(numbered_frames(frames, range(5), None))
    assert readers[3]().info["step"] == 3
    with pytest.raises(ValueError, match="garbage"):
        readers[4]()


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("name", ["md.extxyz", "md.dump"])
def test_cuts_do_not_depend_on_the_blocks_read(images, tmp_path, block, name):
    path = tmp_path / name
    if name == "md.dump":
        path.write_text(dump(ROWS) + dump(ROWS * 5, head="ITEM: TIME\n1\n") + dump(ROWS))
    else:
        ase.io.write(path, images)
    with open(path, "rb") as stream:
        texts = list((split_dump if name == "md.dump" else split_xyz)(Buffer(stream, block)))
    assert len(texts) == (3 if name == "md.dump" else N_FRAMES)
    assert b"".join(texts) == path.read_bytes()
    first = b"ITEM: TIME" if name == "md.dump" else b"8\n"
    assert all(text.startswith(first) for text in texts)


@pytest.mark.parametrize("n", [1, 3000, 40_000])
def test_large_frames_are_cut_by_their_lines(tmp_path, n):
    """Counting lines by pieces passes over exactly as many as the frame has."""
    path = tmp_path / "md.xyz"
    lines = "".join(f"Si {i} 0 {'1' * (i % 37)}0\n" for i in range(n))
    path.write_text(f"{n}\n\n{lines}" * 3)
    assert open_frames(path).count() == 3
    with open(path, "rb") as stream:
        assert list(split_xyz(Buffer(stream))) == [f"{n}\n\n{lines}".encode()] * 3


def test_index_beside_the_file(images, tmp_path):
    path, index = tmp_path / "md.extxyz", tmp_path / "md.extxyz.index.npz"
    ase.io.write(path, images)
    open_frames(path)[3]
    assert not index.exists()  # only when asked for
    expected = open_frames(path, cache_index=True)[3]
    assert index.exists()
    assert open_frames(path, cache_index=True)[3] == expected
    with np.load(index) as stored:  # an index that fits is taken as it is
        known = dict(stored)
    np.savez(index, **{**known, "starts": known["starts"][:3]})
    assert open_frames(path, cache_index=True).found == 2
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
        assert frames.found == N_FRAMES + 1
        assert_same(frames[4], images[4])
        with pytest.raises(ValueError, match=r"frame 5 of .*got 'garbage'"):
            frames[5]


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_every_whole_frame_before_the_cut_of_a_compressed_file_is_read(images, tmp_path, suffix):
    path = tmp_path / f"md.extxyz.{suffix}"
    ase.io.write(tmp_path / "md.extxyz", images * 400)
    pack = {"gz": gzip, "bz2": bz2, "xz": lzma}[suffix]
    data = pack.compress((tmp_path / "md.extxyz").read_bytes())
    data = data[: int(0.95 * len(data))]
    path.write_bytes(data)
    unpack = {
        "gz": lambda: zlib.decompressobj(31),
        "bz2": bz2.BZ2Decompressor,
        "xz": lzma.LZMADecompressor,
    }[suffix]
    whole = unpack().decompress(data).count(b"\n") // 10
    assert 0 < whole < 2000
    for cached in (False, True, True):
        frames = open_frames(path, cache_index=cached)
        assert_same(frames[whole - 1], images[(whole - 1) % N_FRAMES])
        assert frames.count() == frames.count() == whole + 1
        with pytest.raises(ValueError, match=rf"frame {whole} of .*compressed file is cut off"):
            frames[whole]
        with pytest.raises(IndexError):
            frames[whole + 1]


def test_a_compressed_file_that_is_cut_between_frames_says_so(images, tmp_path):
    path = tmp_path / "md.extxyz.gz"
    ase.io.write(tmp_path / "md.extxyz", images)
    pack = zlib.compressobj(wbits=31)
    data = pack.compress((tmp_path / "md.extxyz").read_bytes()) + pack.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(data)
    frames = open_frames(path)
    assert frames.count() == N_FRAMES + 1
    assert_same(frames[4], images[4])
    with pytest.raises(ValueError, match=r"frame 5 of .*compressed file is cut off"):
        frames[5]
    path.write_bytes(data[:5])
    with pytest.raises(ValueError, match=r"md\.extxyz\.gz: the compressed file is cut off"):
        open_frames(path)


@pytest.mark.parametrize("name", ["md.extxyz", "md.dump", "XDATCAR"])
def test_a_line_without_its_end_does_not_count(images, tmp_path, name):
    """1.25 may be what is left of 1.2567: one rule for all text formats."""
    path = tmp_path / name
    if name == "md.dump":
        path.write_text(dump([f"{j} Si {j} 0.25 0.5" for j in range(8)], "id element x y z") * 2)
    else:
        ase.io.write(path, images[:2])
    whole = path.read_bytes().rstrip() + b"\n"
    for text in (whole, whole + b"\n", whole + b"It"):
        path.write_bytes(text)
        assert len(open_frames(path)[1]) == 8
    path.write_bytes(whole[:-1])
    frames = open_frames(path)
    assert frames.count() == 2
    with pytest.raises(ValueError, match=r"frame 1 of .*7.* 8.*last line of the frame is cut off"):
        frames[1]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_run_packed_behind_one_that_was_killed(images, tmp_path, suffix):
    """The first ends in a line, without the end of its data."""
    pack = pytest.importorskip("zstandard").compress if suffix == "zst" else gzip.compress
    path = tmp_path / "md.extxyz"
    ase.io.write(path, images)
    whole = path.read_bytes()
    images = list(open_frames(path))
    packed = pack(whole)[: len(pack(whole)) * 2 // 3] + pack(whole)
    path = tmp_path / f"md.extxyz.{suffix}"
    path.write_bytes(packed)
    found = []
    with pytest.warns(UserWarning, match="cut off or damaged"):
        readers = list(open_frames(path).readers())
    for read in readers:
        with suppress(ValueError):
            found.append(read())
    assert found[-len(images) + 1 :] == images[1:]
    assert suffix == "zst" or len(found) > len(images)


def test_frames_packed_with_zstandard(images, tmp_path):
    zstandard = pytest.importorskip("zstandard")
    ase.io.write(tmp_path / "md.extxyz", images)
    ase.io.write(tmp_path / "XDATCAR", images)
    for name in ("md.extxyz", "XDATCAR"):
        expected = list(open_frames(tmp_path / name))
        path = tmp_path / f"{name}.zst"
        path.write_bytes(zstandard.compress((tmp_path / name).read_bytes()))
        frames = open_frames(path)
        for i in (3, 0, 4, 1):
            assert frames[i] == expected[i]
    ase.io.write(tmp_path / "md.cif", images)
    (tmp_path / "md.cif.zst").write_bytes(zstandard.compress((tmp_path / "md.cif").read_bytes()))
    with pytest.raises(ValueError, match=r"md\.cif\.zst: a file of format 'cif' that"):
        open_frames(tmp_path / "md.cif.zst")


def test_without_its_package_zstandard_names_the_file(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(packed_stream, "import_module", absent)
    (tmp_path / "md.xyz.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(ValueError, match=r"md\.xyz\.zst: .* needs the package zstandard"):
        open_frames(tmp_path / "md.xyz.zst")
