"""Chain of blocks of a TNG file: what is damaged is refused before a library reads it."""

import hashlib

import numpy as np
import pytest

from ase_dos.io.frames import open_frames
from ase_dos.io.frames.tng import require_whole_blocks


def block(name, contents, order="big", hashed=True):
    header = 40 + len(name) + 1 + 8
    digest = hashlib.md5(contents, usedforsecurity=False).digest() if hashed else bytes(16)
    numbers = b"".join(n.to_bytes(8, order) for n in (header, len(contents), 2))
    return numbers + digest + name + b"\0" + (1).to_bytes(8, order) + contents


def check(path):
    with open(path, "rb") as file:
        require_whole_blocks(file)


BLOCKS = ((b"GENERAL INFO", bytes(range(90))), (b"POSITIONS", bytes(range(200)) * 3), (b"BOX", b""))


def write(path, **options):
    path.write_bytes(b"".join(block(*one, **options) for one in BLOCKS))
    return path


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("hashed", [True, False])
def test_whole_blocks_pass(tmp_path, order, hashed):
    check(write(tmp_path / "md.tng", order=order, hashed=hashed))


def test_each_damaged_byte_of_the_contents_is_found(tmp_path):
    path = write(tmp_path / "md.tng")
    data = path.read_bytes()
    start = len(block(*BLOCKS[0]))
    for place in range(start + 60, start + 660, 37):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(ValueError, match=f"the block at byte {start} of"):
            check(path)


def test_cut_files_and_other_files_are_refused(tmp_path):
    path = write(tmp_path / "md.tng")
    data = path.read_bytes()
    for length in range(30, len(data) - 1, 41):
        if length in np.cumsum([len(block(*one)) for one in BLOCKS]):
            continue
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"the file is cut off|the block at byte"):
            check(path)
    for seed in range(4):
        path.write_bytes(np.random.default_rng(seed).bytes(3000))
        with pytest.raises(ValueError, match="the block at byte 0 of 3000 is none of a TNG file"):
            check(path)


def test_a_damaged_file_is_refused_before_chemfiles_reads_it(tmp_path, images):
    pytest.importorskip("chemfiles")
    path = write(tmp_path / "md.tng")
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match=r"frame 0 of .*md\.tng: the file is cut off"):
        open_frames(path, topology=images[0]).length()
