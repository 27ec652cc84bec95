"""A format that nothing reads is said to be unknown, with those that are known."""

import gzip

import pytest

from ase_dos.io.frames import open_frames
from ase_dos.io.frames.formats import frame_format


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("md.abc", b"garbage"),
        ("md.dump", b"no item\n"),
        ("md.lammpstrj", b"no item\n"),
        ("md", b"\x00\x01\x02"),
    ],
)
def test_unknown_formats(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    suffix = f" ({(tmp_path / name).suffix})" if "." in name else ""
    with pytest.raises(ValueError, match="is not known") as error:
        open_frames(tmp_path / name)
    assert f"{name}: the format of this file is not known{suffix}; known are" in str(error.value)
    assert "LAMMPS dump (text), extended xyz" in str(error.value)


def test_formats_are_found_by_their_beginning(tmp_path):
    for name, content, expected in (
        ("a.txt", b"ITEM: UNITS\r\nmetal\r\n", "lammps-dump-text"),
        ("a.dump.gz", gzip.compress(b"ITEM: TIMESTEP\n"), "lammps-dump-text"),
        ("a.nc", b"CDF\x01", "netcdf"),
        ("a.xyz", b"1\n\nSi 0 0 0\n", "extxyz"),
        ("XDATCAR_2", b"a\n1\n", "vasp-xdatcar"),
    ):
        (tmp_path / name).write_bytes(content)
        assert frame_format(str(tmp_path / name)) == expected


@pytest.mark.parametrize("name", ["md.xtc.gz", "md.traj.bz2", "md.nc.xz", "md.nc.zst"])
def test_compressed_binary_files_are_not_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(ValueError, match="decompress it first"):
        open_frames(tmp_path / name)
