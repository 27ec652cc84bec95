"""XTC and TRR of GROMACS, https://manual.gromacs.org/current/reference-manual/file-formats.html .

Frames are found by their heads, so that those before and after a damaged one are read, and no array
is made whose size the head and the file do not agree on.
"""

from __future__ import annotations

import mmap
import os
import struct
from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from ase_dos.io.frames.coordinates import CoordinateFrames, Coordinates
from ase_dos.kernels.xtc import RANGES, unpack_coordinates

__all__ = ["TRRFrames", "XTCFrames"]

_NM = 10.0  # Angstrom
_PS = 1000.0  # fs
_UNPACKED = 9  # atoms, up to which XTC stores plain numbers
_XTC_MARKS = (1995, 2023)  # 32 and 64 bits for the size of the packed coordinates
_XTC_HEAD = 56  # bytes up to the second number of atoms
_XTC_PACKED = 32  # bytes of what packing needs: precision, ranges, smallest size
_TRR_MARK = struct.pack(">3i", 1993, 13, 12) + b"GMX_trn_file"


class _Map:
    """Bytes of a file."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115
        try:
            self.data = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except BaseException:
            self._file.close()
            raise
        self.size = os.fstat(self._file.fileno()).st_size
        self.starts: list[int] = []

    def take(self, start: int, size: int) -> bytes:
        """Return bytes; ValueError where the file ends before."""
        if size < 0 or start + size > self.size:
            raise ValueError("the file ends before the end of the frame")
        return self.data[start : start + size]

    def close(self) -> None:
        """Close the file."""
        self.data.close()
        self._file.close()


class _XDRFrames(CoordinateFrames[_Map]):
    """Frames that are found by their heads."""

    _format: str

    @abstractmethod
    def _marks(self) -> tuple[bytes, ...]:
        """Return how a frame may begin."""

    @abstractmethod
    def _end(self, file: _Map, start: int) -> int:
        """Return where a frame ends; ValueError if its head is damaged."""

    def _open(self) -> tuple[_Map, int]:
        file = _Map(self.name)
        try:
            if file.data[:4] not in {mark[:4] for mark in self._marks()}:
                raise ValueError(f"this is no {self._format} file, or its beginning is damaged")
            start = 0
            while start < file.size:
                file.starts.append(start)
                start = self._next(file, start)
        except BaseException:
            file.close()
            raise
        return file, len(file.starts)

    def _next(self, file: _Map, start: int) -> int:
        """Return where the following frame begins, searched if it is not where it should be."""
        try:
            end = self._end(file, start)
            if end == file.size or (end > start and self._begins(file, end)):
                return end
        except (ValueError, struct.error):
            pass
        places = [file.data.find(mark, start + 4) for mark in self._marks()]
        return min((place for place in places if place >= 0), default=file.size)

    def _extent(self, file: _Map, index: int) -> tuple[int, int]:
        """Return where a frame begins and ends, if its head says the same."""
        start, *following = file.starts[index : index + 2]
        end = self._end(file, start)
        if end > file.size:
            raise ValueError("the file ends before the end of the frame")
        if end != (following or [file.size])[0]:
            raise ValueError(
                "the frame has not the size that its head says, it is cut off or damaged"
            )
        return start, end

    def _begins(self, file: _Map, at: int) -> bool:
        return any(file.data[at : at + len(mark)] == mark for mark in self._marks())


class XTCFrames(_XDRFrames):
    """Frames of an XTC file."""

    _format = "XTC"

    def _marks(self) -> tuple[bytes, ...]:
        return tuple(struct.pack(">2i", mark, len(self._topology)) for mark in _XTC_MARKS)

    def _end(self, file: _Map, start: int) -> int:
        mark, count = struct.unpack(">2i", file.take(start, 8))
        (again,) = struct.unpack(">i", file.take(start + _XTC_HEAD - 4, 4))
        if mark not in _XTC_MARKS or count < 0 or count != again:
            raise ValueError("the head of the frame is damaged")
        at = start + _XTC_HEAD
        if count <= _UNPACKED:
            return at + 12 * count
        kind = _size_kind(file.take(start, 4))
        (size,) = struct.unpack(kind, file.take(at + _XTC_PACKED, struct.calcsize(kind)))
        if not 0 <= size <= file.size:
            raise ValueError("the size of the frame is damaged")
        return at + _XTC_PACKED + struct.calcsize(kind) + -(-size // 4) * 4

    def _coordinates(self, handle: _Map, index: int) -> Coordinates:
        _, count = struct.unpack(">2i", handle.take(handle.starts[index], 8))
        self._require_count(count)
        start, end = self._extent(handle, index)
        data = handle.take(start, end - start)
        step, time = struct.unpack_from(">if", data, 8)
        box = np.frombuffer(data, ">f4", 9, 16).reshape(3, 3)
        return Coordinates(_NM * _unpacked(data, count), _NM * box, _PS * time, step)


def _unpacked(data: bytes, count: int) -> NDArray:
    """Positions (nm) of a frame."""
    if count <= _UNPACKED:
        return np.frombuffer(data, ">f4", 3 * count, _XTC_HEAD).reshape(-1, 3).astype(float)
    precision, *ranges, small = struct.unpack_from(">f7i", data, _XTC_HEAD)
    low, high = np.array(ranges, np.int64).reshape(2, 3)
    packed = np.frombuffer(data, np.uint8, offset=_XTC_HEAD + _XTC_PACKED)
    size = struct.calcsize(_size_kind(data))
    out = np.zeros((count, 3), np.int64)
    if not precision > 0 or not unpack_coordinates(packed[size:], low, high, small, RANGES, out):
        raise ValueError("the packed coordinates of the frame are damaged")
    return out / precision


def _size_kind(data: bytes) -> str:
    """Return the kind of the number that is the size of the packed coordinates."""
    return ">q" if data[:4] == struct.pack(">i", _XTC_MARKS[1]) else ">i"


class TRRFrames(_XDRFrames):
    """Frames of a TRR file; those that have velocities or forces only are refused."""

    _format = "TRR"

    def _marks(self) -> tuple[bytes, ...]:
        return (_TRR_MARK,)

    def _end(self, file: _Map, start: int) -> int:
        sizes, _, at, _ = self._head(file, start)
        return at + sum(sizes)

    def _head(self, file: _Map, start: int) -> tuple[tuple[int, ...], int, int, str]:
        """Sizes of the parts, step, where the parts begin, and kind of the numbers."""
        if file.take(start, len(_TRR_MARK)) != _TRR_MARK:
            raise ValueError("the head of the frame is damaged")
        *sizes, count, step, _ = struct.unpack(">13i", file.take(start + len(_TRR_MARK), 52))
        if min(sizes) < 0 or sum(sizes) > file.size:
            raise ValueError("the sizes of the frame are damaged")
        box, positions = sizes[2], sizes[7]
        numbers = 9 if box else 3 * count
        bytes_each = (box or max(sizes[7:10])) / max(numbers, 1)
        if bytes_each not in (4, 8) or positions not in (0, 3 * count * bytes_each):
            raise ValueError("the sizes of the frame are damaged")
        self._require_count(count)
        at = start + len(_TRR_MARK) + 52 + 2 * int(bytes_each)
        return tuple(sizes), step, at, f">f{int(bytes_each)}"

    def _coordinates(self, handle: _Map, index: int) -> Coordinates:
        self._extent(handle, index)
        sizes, step, at, kind = self._head(handle, handle.starts[index])
        if not sizes[7]:
            raise ValueError("the frame has no positions, only velocities or forces")
        size = int(kind[-1])
        time = np.frombuffer(handle.take(at - 2 * size, size), kind)[0]
        box = _numbers(handle, at + sum(sizes[:2]), sizes[2], kind)
        positions = _numbers(handle, at + sum(sizes[:7]), sizes[7], kind).reshape(-1, 3)
        cell = _NM * box.reshape(3, 3) if box.size else None
        return Coordinates(_NM * positions, cell, _PS * float(time), step)


def _numbers(file: _Map, start: int, size: int, kind: str) -> NDArray:
    return np.frombuffer(file.take(start, size), kind).astype(float)
