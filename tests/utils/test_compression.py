"""Compressed files: read as if they were not, cut off or damaged."""

import bz2
import gzip
import lzma

import numpy as np
import pytest

from ase_dos.utils import packed_stream
from ase_dos.utils.compression import open_plain, read_bytes, read_text

PACKERS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}
DATA = np.random.default_rng(0).integers(48, 122, 300_000, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("name", PACKERS)
def test_compressed_files_are_read_by_their_content(tmp_path, name):
    path = tmp_path / "without a suffix"
    path.write_bytes(PACKERS[name](DATA))
    assert read_bytes(path) == DATA
    with open_plain(path) as file:
        assert file.read(10) == DATA[:10]
        assert file.readline() == (DATA[10:] + b"\n").split(b"\n")[0]


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("share", [0.2, 0.7, 0.999])
def test_what_stands_before_a_cut_is_read(tmp_path, name, share):
    packed = PACKERS[name](DATA)
    path = tmp_path / f"cut.{name}"
    path.write_bytes(packed[: int(share * len(packed))])
    found = read_bytes(path)
    assert DATA.startswith(found)
    # xz and bzip2 give whole blocks only
    assert len(found) > share * len(DATA) - (2e3 if name == "gz" else 3e5)


@pytest.mark.parametrize("name", PACKERS)
def test_damaged_data_are_an_error(tmp_path, name):
    packed = bytearray(PACKERS[name](DATA))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / f"damaged.{name}"
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="compressed file is damaged"):
        read_bytes(path)


def test_plain_text_of_any_system(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"a\r\nb\rc\n\xe9\n")
    assert read_text(path) == "a\nb\nc\n\N{REPLACEMENT CHARACTER}\n"


def test_zstandard_is_read_where_its_package_is(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "file.zst"
    path.write_bytes(zstandard.compress(DATA))
    assert read_bytes(path) == DATA


def test_without_the_package_zstandard_says_what_to_do(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(packed_stream, "import_module", absent)
    path = tmp_path / "file.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(ValueError, match=r"needs the package zstandard .*ase_dos\[formats\]"):
        read_bytes(path)
