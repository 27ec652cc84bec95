"""Format of a trajectory, by the name of its file and by how it begins."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from ase_dos.io.frames.buffer import COMPRESSED, Buffer, open_binary

__all__ = ["UnknownFormatError", "frame_format"]

_SUFFIXES = {
    ".dcd": "dcd",
    ".xtc": "xtc",
    ".trr": "trr",
    ".tng": "tng",
    ".h5md": "h5md",
    ".h5": "h5md",
}
_PEEK = 1 << 16  # bytes
KNOWN = (
    "LAMMPS dump (text), extended xyz, XDATCAR, ASE .traj, H5MD (.h5md, .h5), .dcd, .xtc, .trr, "
    ".tng, .gro, .pdb, AMBER NetCDF (.nc, .ncdf) and all that ASE reads; text also as .gz, .bz2, "
    ".xz or .zst"
)
# ASE opens other files by itself.
_UNPACKED_HERE = ("extxyz", "gromacs", "proteindatabank", "vasp-xdatcar")


class UnknownFormatError(ValueError):
    """Nothing reads a file."""


def frame_format(path: str) -> str:
    """Return the name of a format, for those of ASE the name that ASE has.

    Raises
    ------
    UnknownFormatError
        If nothing reads the file.
    ValueError
        If it is packed in a way in which its format is not read.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    inner = Path(Path(path).stem).suffix.lower()
    if suffix in COMPRESSED and inner in (*_SUFFIXES, ".nc", ".ncdf", ".traj"):
        raise ValueError(f"{path}: a compressed {inner} file is not read; decompress it first")
    begin = b"" if os.path.isdir(path) else _begin_of(path)
    if begin.lstrip(b"\xef\xbb\xbf").startswith(b"ITEM: "):
        return "lammps-dump-text"
    if begin.startswith(b"CDF"):
        return "netcdf"
    return _format_of_ase(path, begin, suffix)


def _begin_of(path: str) -> bytes:
    with open_binary(path) as stream:
        buffer = Buffer(stream, _PEEK)
        while len(buffer.data) < _PEEK and buffer.more():
            pass
        if buffer.fault and not buffer.data:
            raise ValueError(f"{path}: {buffer.fault}, nothing of it is left")
        return bytes(buffer.data)


def _format_of_ase(path: str, begin: bytes, suffix: str) -> str:
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    file = BytesIO(begin)
    # ASE knows all of these endings but the last.
    file.name = path.removesuffix(".zst")  # type: ignore[attr-defined]
    try:
        name = filetype(path if os.path.isdir(path) else file)  # type: ignore[arg-type]
    except UnknownFileTypeError:
        name = ""
    if name not in ioformats or not ioformats[name].can_read:
        known = f"the format of this file is not known{f' ({suffix})' if suffix else ''}"
        raise UnknownFormatError(f"{path}: {known}; known are {KNOWN}")
    if suffix == ".zst" and name not in _UNPACKED_HERE:
        raise ValueError(
            f"{path}: a file of format {name!r} that is compressed with Zstandard is not read; "
            "unpack it first"
        )
    return name
