"""Structures and trajectories of GROMACS in text (.gro).

https://manual.gromacs.org/current/reference-manual/file-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from ase_dos.io.frames.buffer import Buffer
from ase_dos.io.frames.elements import types_to_numbers
from ase_dos.io.frames.text import TextFormat, TextFrames, decoded
from ase_dos.utils.checks import as_array

__all__ = ["gro", "split_gro", "times_in_title"]

_TIME = re.compile(r"\bt=\s*([-+.\deE]+)")  # ps
_STEP = re.compile(r"\bstep=\s*(\d+)")
_COUNT = re.compile(rb"\s*\d+\s*\Z")
_NAMES = 20  # columns of residue, name and number before the position
_VELOCITY = units.nm / (1000.0 * units.fs)
# Elements of the nine numbers of a box, of the matrix of its vectors.
_ORDER = (0, 4, 8, 1, 2, 3, 5, 6, 7)


def gro(
    path: str,
    types: Sequence[str] | None = None,
    topology: Atoms | None = None,
    *,
    cache_index: bool = False,
) -> TextFrames:
    """Open a .gro file of one structure or many.

    Parameters
    ----------
    path : str
        The file.
    types : sequence of str, optional
        Elements of the names of atoms ("OW=O"), where these are no symbols, with digits or not.
    topology : Atoms, optional
        Structure with the elements, in place of the names.
    cache_index : bool
        As for `TextFrames`.
    """
    if types is not None and topology is not None:
        raise ValueError("elements: expected types or a topology, got both")
    numbers = None if topology is None else topology.numbers
    grammar = TextFormat(split_gro, partial(_parse, types=types, numbers=numbers))
    return TextFrames(path, grammar, cache_index=cache_index)


def split_gro(buffer: Buffer) -> Iterator[bytes]:
    """Cut by the number of atoms in the second line, if the frame then ends where one begins."""
    while buffer.line(0):
        count_line = buffer.line(len(buffer.line(0)))
        end = -1
        if _COUNT.match(count_line):
            end = buffer.after_lines(int(count_line) + 3, 0)
        if end < 0 or not _begins(buffer, end):
            end = _next_frame(buffer)
        if not buffer.data[:end].strip():
            return
        yield buffer.take(end)


def _begins(buffer: Buffer, start: int) -> bool:
    """Whether a frame begins here, or the file ends."""
    title = buffer.line(start)
    following = buffer.line(start + len(title)) if title else b""
    return not title.strip() or bool(_COUNT.match(following))


def _next_frame(buffer: Buffer) -> int:
    """Return where the next line but the first begins that a number of atoms follows."""
    start = len(buffer.line(0))
    while line := buffer.line(start):
        following = buffer.line(start + len(line))
        if _COUNT.match(following) and not _COUNT.match(line):
            return start
        start += len(line)
    return start


def _parse(text: bytes, head: bytes, types: Sequence[str] | None, numbers: NDArray | None) -> Atoms:
    title, *lines = decoded(text).splitlines()
    if not lines or not lines[0].strip().isdecimal():
        raise ValueError(f"expected the number of atoms in the second line, got {lines[:1]}")
    count = int(lines[0])
    if len(lines) < count + 2:
        raise ValueError(f"the frame ends after {max(len(lines) - 1, 0)} of {count} atoms and box")
    rows, box = lines[1 : count + 1], lines[count + 1]
    values = _columns(rows)
    if numbers is None:
        numbers = types_to_numbers([_label(row[10:15].strip(), types) for row in rows], types)
    elif len(numbers) != count:
        raise ValueError(f"the frame has {count} atoms, the topology {len(numbers)}")
    atoms = Atoms(numbers=numbers, positions=10.0 * as_array(values[:, :3], "positions"))
    if values.shape[1] == 6:
        atoms.set_velocities(as_array(values[:, 3:], "velocities") * _VELOCITY)
    cell = _cell(box)
    if cell.any():
        atoms.cell, atoms.pbc = cell, True
    atoms.info |= times_in_title(title)
    return atoms


def times_in_title(title: str) -> dict[str, float | int]:
    """Return time (fs) and step, where GROMACS has written them into a title."""
    found: dict[str, float | int] = {}
    if time := _TIME.search(title):
        found["time"] = 1000.0 * float(as_array(time[1], "time", ()))
    if step := _STEP.search(title):
        found["step"] = int(step[1])
    return found


def _label(name: str, types: Sequence[str] | None) -> str:
    """Return the name of an atom, without the digits that number it unless types name it."""
    return name if types else name.rstrip("0123456789")


def _columns(rows: Sequence[str]) -> NDArray:
    """Return positions, and velocities where all rows have them; columns are as wide as printed."""
    if not rows:
        return np.empty((0, 3))
    points = [i for i, letter in enumerate(rows[0]) if letter == "." and i >= _NAMES]
    width = points[1] - points[0] if len(points) > 1 else 8
    # Velocities have one decimal more, and so the same width.
    count = 6 if len(points) == 6 else 3
    ends = _NAMES + width * np.arange(count + 1)
    table = []
    for number, row in enumerate(rows, start=1):
        try:
            table.append([float(row[start:end]) for start, end in pairwise(ends)])
        except ValueError:
            raise ValueError(
                f"line {number} of the atoms: expected {count} numbers from column "
                f"{_NAMES + 1} on, each {width} wide, got {row[_NAMES:].strip()[:60]!r}"
            ) from None
    return np.array(table)


def _cell(box: str) -> NDArray:
    """Return the vectors (3, 3) of a box in Angstrom, zero if there is none."""
    words = box.split()
    if len(words) not in (3, 9):
        raise ValueError(f"expected a box of three or nine numbers, got {box.strip()[:60]!r}")
    cell = np.zeros(9)
    cell[list(_ORDER[: len(words)])] = as_array(words, "box", (len(words),))
    return 10.0 * cell.reshape(3, 3)
