"""ASE's own trajectories (.traj), checked before arrays are made, and read on if cut off."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import ulm
from ase.io.trajectory import TrajectoryReader
from numpy.typing import NDArray

from ase_dos.io.frames.base import IndexedFrames, require_sound
from ase_dos.io.frames.errors import library_errors

__all__ = ["TrajFrames"]

_BLOCK = 1 << 20  # bytes searched at a time
_WORD = 8  # bytes of the length before each item
_LOST = -1  # place of an item that is not in the file
_HEADER = 48  # bytes: mark, tag, version, number of items, place of the table of them
_LONGEST = 1 << 30  # bytes of the text of an item


class TrajFrames(IndexedFrames["TrajectoryReader"]):
    """Frames of a .traj file."""

    times_in_fs = False

    def _open(self) -> tuple[TrajectoryReader, int]:
        with library_errors("ASE"):
            reader = _Reader(self.name)
            return reader, len(reader)

    def _read(self, handle: TrajectoryReader, index: int) -> Atoms:
        with library_errors("ASE"):
            atoms = handle[index]
        return require_sound(atoms)


class _Reader(TrajectoryReader):
    def _open(self, filename: str) -> None:
        self.backend = _Items(filename)
        try:
            self._read_header()
        except BaseException:
            self.backend.close()
            raise


class _Items(ulm.Reader):
    """Items of a file; where its table of them is lost, those that are found in it."""

    def __init__(self, path: str) -> None:
        file = open(path, "rb")  # noqa: SIM115
        try:
            self._bytes = os.fstat(file.fileno()).st_size
            count, table = _offsets(file, self._bytes)
            offsets = _search(file, self._bytes) if table is None else table.tolist()
            if table is None and len(offsets) < count:
                offsets.append(_LOST)  # however many there were: the file is cut off there
            self._fd, self._offsets, self._nitems = file, offsets, len(offsets)
            self._tag, self._index, self.must_close_fd = "ASE-Trajectory", 0, True
            self._parse_data(self._read_data(0) if self._nitems else {})
        except BaseException:
            file.close()
            raise

    def _read_data(self, index: int) -> dict[str, Any]:
        offset = int(self._offsets[index])
        if not 0 <= offset <= self._bytes - _WORD:
            raise ValueError("the file ends before the frame")
        self._fd.seek(offset)
        size = int(np.frombuffer(self._fd.read(_WORD), "<i8")[0])
        if not 0 < size <= self._bytes - offset - _WORD:
            raise ValueError("the file ends before the frame")
        _require_inside(json.loads(self._fd.read(size)), self._bytes)
        return super()._read_data(index)

    def __getitem__(self, index: int) -> ulm.Reader:
        data = self._read_data(index)
        return ulm.Reader(self._fd, index, data, self._little_endian)


def _offsets(file: Any, size: int) -> tuple[int, NDArray | None]:
    """Return how many items there were and where they begin, None if the table of it is lost."""
    begin = file.read(_HEADER)
    if len(begin) < _HEADER or begin[:8] not in (b"- of Ulm", b"AFFormat"):
        raise ValueError("this is no file of ASE, or its beginning is damaged")
    if begin[8:24].rstrip() != b"ASE-Trajectory":
        raise ValueError("this is no trajectory of ASE")
    _, count, place = np.frombuffer(begin[24:], "<i8").tolist()
    if not (0 <= count <= size // _WORD and 0 <= place <= size - count * _WORD):
        return count, None
    file.seek(place)
    return count, np.frombuffer(file.read(count * _WORD), "<i8")


def _search(file: Any, size: int) -> list[int]:
    """Find items by their text: its length stands before it."""
    found, start = [], 0
    while start < size:
        file.seek(start)
        for match in re.finditer(rb'\{"', file.read(_BLOCK)):
            offset = start + match.start() - _WORD
            if _is_item(file, offset, size):
                found.append(offset)
        start += _BLOCK - 1
    return found


def _is_item(file: Any, offset: int, size: int) -> bool:
    if offset < 0:
        return False
    file.seek(offset)
    length = int(np.frombuffer(file.read(_WORD), "<i8")[0])
    if not 0 < length <= min(size - offset - _WORD, _LONGEST):
        return False
    try:
        return "positions." in json.loads(file.read(length))
    except ValueError:
        return False


def _require_inside(value: Any, size: int) -> None:
    """Refuse arrays that are larger than the file."""
    if isinstance(value, list):
        for part in value:
            _require_inside(part, size)
    elif isinstance(value, dict):
        if "ndarray" in value:
            shape, kind, offset = value["ndarray"]
            if isinstance(offset, int):
                count = 1
                for length in shape:
                    count *= int(length)
                if min(shape, default=0) < 0 or offset + count * np.dtype(kind).itemsize > size:
                    raise ValueError(f"the file ends before an array of shape {shape}")
                return
        for part in value.values():
            _require_inside(part, size)
