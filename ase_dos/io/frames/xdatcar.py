"""XDATCAR of VASP, https://www.vasp.at/wiki/index.php/XDATCAR ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from ase_dos.io.frames.buffer import Buffer
from ase_dos.io.frames.elements import symbols_to_numbers
from ase_dos.io.frames.text import TextFormat, TextFrames, decoded, table
from ase_dos.utils.checks import as_array

__all__ = ["split_xdatcar", "xdatcar"]

_MARK = b"Direct configuration="
_HEADER = 6  # lines between the title and the first configuration: scale, cell, symbols, counts


def xdatcar(path: str, *, cache_index: bool = False) -> TextFrames:
    """Open an XDATCAR.

    Its frames have neither time nor step: the file numbers its configurations only.

    Parameters
    ----------
    path : str
        The file.
    cache_index : bool
        As for `TextFrames`.
    """
    grammar = TextFormat(split_xdatcar, _parse, _head)
    return TextFrames(path, grammar, cache_index=cache_index)


def split_xdatcar(buffer: Buffer) -> Iterator[bytes]:
    """Cut before each configuration, or before the header that stands before it."""
    at = buffer.find(_MARK)
    while at >= 0:
        following = buffer.find(_MARK, at + 1)
        if following < 0:
            break
        end = _before_header(bytes(buffer.data[:following]))
        yield buffer.take(end if end > at else following)
        at = buffer.find(_MARK)
    if buffer.data.strip() or buffer.more():
        yield buffer.take(len(buffer.data))


def _before_header(text: bytes) -> int:
    """Return where the header at the end of a text begins, without its title; else its length."""
    start = len(text)
    for _ in range(_HEADER):
        start = text.rfind(b"\n", 0, max(start - 1, 0)) + 1
    lines = text[start:].splitlines()
    if len(lines) != _HEADER or not text.endswith(b"\n"):
        return len(text)
    try:
        [float(line) for line in lines[:1]]
        cell = [list(map(float, line.split())) for line in lines[1:4]]
        counts = list(map(int, lines[5].split()))
    except ValueError:
        return len(text)
    if not counts or any(len(vector) != 3 for vector in cell):
        return len(text)
    title = text.rfind(b"\n", 0, max(start - 1, 0)) + 1
    return start if _is_position(text[title:start]) else title


def _is_position(line: bytes) -> bool:
    """Whether a line begins as a position does: one that was cut, with the title behind it."""
    words = line.split()
    try:
        float(words[0])
    except (IndexError, ValueError):
        return False
    return b"." in words[0]


def _head(text: bytes) -> bytes:
    """Return the header of a frame, which is that of the frames after it too."""
    return b"".join(text.partition(_MARK)[0].splitlines(keepends=True)[-_HEADER:])


def _parse(text: bytes, head: bytes) -> Atoms:
    _, mark, rest = text.partition(_MARK)
    if not mark:
        raise ValueError(f"the frame has no line {_MARK.decode()!r}")
    lines = decoded(head).splitlines()
    if len(lines) < _HEADER:
        raise ValueError("the file has no complete header: scale, cell, symbols and counts")
    scale = float(as_array(lines[0].split(), "scale", (1,))[0])
    cell = as_array([line.split() for line in lines[1:4]], "cell", (3, 3))
    if scale < 0:  # the volume
        scale = (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
    symbols = [word.split("_")[0].split("/")[0] for word in lines[4].split()]
    counts = [int(word) if word.isdecimal() else -1 for word in lines[5].split()]
    if len(symbols) != len(counts) or min(counts, default=-1) < 0:
        raise ValueError(
            f"expected a line of symbols and one of their counts, got {lines[4]!r}, {lines[5]!r}"
        )
    total = sum(counts)
    if total > len(rest):
        raise ValueError(f"the frame ends before its {total} atoms")
    rows = rest.split(b"\n", total + 1)[1 : total + 1]  # behind it, a header may have been cut off
    data = table(b"\n".join(rows), [("x", float), ("y", float), ("z", float)], total)
    atoms = Atoms(numbers=np.repeat(symbols_to_numbers(symbols), counts), cell=cell * scale)
    atoms.pbc = True
    positions = np.stack([data["x"], data["y"], data["z"]], axis=1)
    atoms.set_scaled_positions(as_array(positions, "positions", (None, 3)))
    return atoms
