"""DCD, as CHARMM, NAMD, LAMMPS and others write it.

Records of Fortran: a header of 21 words, a title, the number of atoms, and in each frame the cell,
x, y and z (the source of the ``dcdplugin`` of VMD is the reference). Header and records are checked
against the size of the file.

The header has the length of a time step, but not its unit: that of CHARMM and NAMD is 48.88821 fs,
LAMMPS takes the one of its input. So frames have a step, and only those of NAMD, which signs its
files, a time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ase_dos.io.frames.coordinates import CoordinateFrames, Coordinates, cell_of
from ase_dos.utils.checks import as_array

__all__ = ["DCDFrames"]

_AKMA = 48.88821  # fs, of the units Angstrom, kcal/mol and atomic mass
_WORDS = 21
_LONGEST_TITLE = 1 << 20
_LENGTHS_AND_ANGLES = 25  # the last version of CHARMM with these


class _Header(NamedTuple):
    first: int  # step of the first frame
    interval: int
    fixed: int  # atoms that only the first frame has
    duration: float  # of a step
    has_cell: bool
    has_fourth: bool  # a fourth coordinate of each atom
    is_matrix: bool  # the cell is a symmetric matrix, in place of lengths and angles


@dataclass
class _File:
    """Open file, and where its frames are."""

    file: IO[bytes]
    word: str  # integers, with their byte order
    mark: int  # bytes of the length before and after a record
    header: _Header = field(default_factory=lambda: _Header(0, 0, 0, 0.0, False, False, False))
    title: bytes = b""
    atoms: int = 0
    free: NDArray = field(default_factory=lambda: np.zeros(0, int))  # indices of those that move
    begin: int = 0  # of the first frame
    sizes: tuple[int, int] = (0, 0)  # bytes of the first frame, and of the others

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class DCDFrames(CoordinateFrames[_File]):
    """Frames of a DCD file."""

    def _open(self) -> tuple[_File, int]:
        file = open(self.name, "rb")  # noqa: SIM115
        try:
            handle = _read_header(file, len(self._topology))
        except BaseException:
            file.close()
            raise
        # The number in the header is wrong where a run was killed. A frame that is cut off counts.
        rest = os.fstat(file.fileno()).st_size - handle.begin
        first, other = handle.sizes
        return handle, 0 if rest <= 0 else 1 + max(0, -(-(rest - first) // other))

    def _coordinates(self, handle: _File, index: int) -> Coordinates:
        cell, positions = self._at(handle, index)
        if index > 0 and handle.header.fixed:
            moved, (_, positions) = positions, self._at(handle, 0)
            positions[handle.free] = moved
        header, step, time = handle.header, None, None
        if header.interval > 0:
            step = header.first + index * header.interval
            if b"CREATED BY NAMD" in handle.title.upper():
                time = step * header.duration * _AKMA
        return Coordinates(positions, cell, time, step)

    def _at(self, handle: _File, index: int) -> tuple[NDArray | None, NDArray]:
        """Cell and positions that stand in a frame."""
        first, other = handle.sizes
        handle.file.seek(handle.begin + (first + (index - 1) * other if index else 0))
        cell = None
        if handle.header.has_cell:
            values = np.frombuffer(_record(handle, 48), handle.word[0] + "f8")
            cell = _matrix(values) if handle.header.is_matrix else _cell(values)
        count = handle.atoms if index == 0 else len(handle.free)
        axes = [np.frombuffer(_record(handle, 4 * count), handle.word[0] + "f4") for _ in range(3)]
        return cell, np.stack(axes, axis=1).astype(float)


def _matrix(values: NDArray) -> NDArray:
    return as_array(values, "cell", (6,))[[0, 1, 3, 1, 2, 4, 3, 4, 5]].reshape(3, 3)


def _cell(values: NDArray) -> NDArray | None:
    """Cell of A, gamma, B, beta, alpha, C; angles in degrees, or as their cosines."""
    a, gamma, b, beta, alpha, c = as_array(values, "cell", (6,))
    angles = np.array([alpha, beta, gamma])
    if not np.any([a, b, c]):
        return None
    if (np.abs(angles) <= 1).all():
        angles = np.degrees(np.arccos(angles))
    return cell_of([a, b, c], angles)


def _record(handle: _File, size: int) -> bytes:
    """Read a record of known size."""
    marks = np.dtype(handle.word[0] + f"i{handle.mark}")
    data = handle.file.read(size + 2 * handle.mark)
    if len(data) < size + 2 * handle.mark:
        raise ValueError("the file ends before the end of the frame")
    lengths = np.frombuffer(data[: handle.mark] + data[-handle.mark :], marks)
    if (lengths != size).any():
        raise ValueError(f"expected a record of {size} bytes, got one of {lengths.tolist()}")
    return data[handle.mark : -handle.mark]


def _read_header(file: IO[bytes], expected: int) -> _File:
    begin = file.read(12)
    kinds = (
        (order, mark)
        for order in "<>"
        for mark in (4, 8)
        if begin[mark : mark + 4] == b"CORD"
        and np.frombuffer(begin[:mark], f"{order}i{mark}")[0] == 4 * _WORDS
    )
    order, mark = next(kinds, ("", 0))
    if not mark:
        raise ValueError("this is no DCD file, or its beginning is damaged")
    handle = _File(file, f"{order}i4", mark)
    file.seek(0)
    words = _record(handle, 4 * _WORDS)[4:]
    header = _header_of(words, handle.word)
    title_size = int(np.frombuffer(_peek(file, mark), f"{order}i{mark}")[0])
    if not 0 <= title_size <= _LONGEST_TITLE:
        raise ValueError(f"expected a title, got a record of {title_size} bytes")
    handle.title = _record(handle, title_size)
    atoms = int(np.frombuffer(_record(handle, 4), handle.word)[0])
    if atoms != expected:
        raise ValueError(f"the frame has {atoms} atoms, the topology {expected}")
    if not 0 <= header.fixed < max(atoms, 1):
        raise ValueError(f"expected fewer fixed atoms than {atoms}, got {header.fixed}")
    free = np.arange(atoms)
    if header.fixed:
        count = atoms - header.fixed
        free = np.frombuffer(_record(handle, 4 * count), handle.word).astype(int) - 1
        if free.min() < 0 or free.max() >= atoms:
            raise ValueError("the indices of the atoms that move are damaged")
    handle.header, handle.atoms, handle.free, handle.begin = header, atoms, free, file.tell()
    handle.sizes = (_frame_size(handle, atoms), _frame_size(handle, len(free)))
    return handle


def _header_of(words: bytes, kind: str) -> _Header:
    numbers = np.frombuffer(words, kind).tolist()
    if numbers[19]:  # the version of CHARMM: its layout of the words after the ninth
        duration = float(np.frombuffer(words[36:40], kind[0] + "f4")[0])
        return _Header(
            first=numbers[1],
            interval=numbers[2],
            fixed=numbers[8],
            duration=duration,
            has_cell=numbers[10] != 0,
            has_fourth=numbers[11] == 1,
            is_matrix=numbers[19] > _LENGTHS_AND_ANGLES,
        )
    duration = float(np.frombuffer(words[36:44], kind[0] + "f8")[0])
    return _Header(numbers[1], numbers[2], numbers[8], duration, False, False, False)


def _frame_size(handle: _File, atoms: int) -> int:
    axes = 4 if handle.header.has_fourth else 3
    cell = 48 + 2 * handle.mark if handle.header.has_cell else 0
    return cell + axes * (4 * atoms + 2 * handle.mark)


def _peek(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("the file ends in its header")
    file.seek(-size, os.SEEK_CUR)
    return data
