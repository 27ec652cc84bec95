"""Compressed files of several members, whole, cut and damaged."""

import gzip

import numpy as np
import pytest

from ase_dos.utils.packed_stream import open_gzip, open_zstandard

RNG = np.random.default_rng(1)
# Digits pack to half their size; three pieces of the file and more.
PARTS = [RNG.integers(48, 58, n, dtype=np.uint8).tobytes() for n in (400_000, 90_000, 300)]


def zstd(data):
    return pytest.importorskip("zstandard").ZstdCompressor(write_checksum=True).compress(data)


KINDS = {"gz": (gzip.compress, open_gzip), "zst": (zstd, open_zstandard)}


@pytest.fixture(params=KINDS)
def packer(request):
    return KINDS[request.param]


def read_all(stream):
    """Read to the end; return what came and why it ended."""
    found = bytearray()
    try:
        while piece := stream.read1(7000):
            found += piece
    except (EOFError, OSError) as error:
        return bytes(found), error
    return bytes(found), None


def test_members_follow_each_other(tmp_path, packer):
    pack, opener = packer
    packed = b"".join(map(pack, PARTS))
    (tmp_path / "file").write_bytes(packed)
    with opener(tmp_path / "file") as stream:
        assert stream.read() == b"".join(PARTS)
        assert stream.read() == b""
        for place in (450_000, 10, 0, 399_999):
            assert stream.seek(place) == place == stream.tell()
            assert stream.read(40_000) == b"".join(PARTS)[place : place + 40_000]
    assert read_all(opener(tmp_path / "file")) == (b"".join(PARTS), None)


def test_padding_is_no_member(tmp_path):
    (tmp_path / "file").write_bytes(gzip.compress(PARTS[2]) + bytes(500) + gzip.compress(b"abc"))
    assert read_all(open_gzip(tmp_path / "file")) == (PARTS[2] + b"abc", None)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9999])
def test_a_cut_file_gives_what_is_there_and_says_so(tmp_path, packer, share):
    pack, opener = packer
    packed = pack(PARTS[0])
    (tmp_path / "file").write_bytes(packed[: int(share * len(packed))])
    found, error = read_all(opener(tmp_path / "file"))
    assert isinstance(error, EOFError)
    assert PARTS[0].startswith(found)
    assert len(found) > (share - 0.5) * len(PARTS[0])  # Zstandard has blocks of 128 kB


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9999])
def test_a_member_behind_one_that_was_cut_is_read(tmp_path, packer, share):
    pack, opener = packer
    packed = pack(PARTS[0])
    packed = packed[: int(share * len(packed))] + pack(PARTS[1]) + pack(PARTS[2])
    (tmp_path / "file").write_bytes(packed)
    with pytest.warns(UserWarning, match=r"file: a part .* is cut off or damaged .*next part"):
        found, error = read_all(opener(tmp_path / "file"))
    assert error is None
    assert found.endswith(PARTS[1] + PARTS[2])
    with pytest.warns(UserWarning, match="cut off"):
        assert opener(tmp_path / "file").read() == found  # whatever pieces it is read in
    lost = len(PARTS[0]) - len(np.frombuffer(found[: -len(PARTS[1] + PARTS[2])], np.uint8))
    if opener is open_gzip:
        assert lost < (1 - share) * len(PARTS[0]) + 2000


def test_damage_without_a_member_behind_it_ends_the_file(tmp_path, packer):
    pack, opener = packer
    packed = bytearray(pack(PARTS[0]))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "file").write_bytes(bytes(packed))
    found, error = read_all(opener(tmp_path / "file"))
    assert isinstance(error, OSError)
    (tmp_path / "file").write_bytes(pack(PARTS[2]) + b"no member of it")
    found, error = read_all(opener(tmp_path / "file"))
    assert found == PARTS[2]
    assert isinstance(error, OSError)
