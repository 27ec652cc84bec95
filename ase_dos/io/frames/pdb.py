"""Structures and trajectories of the Protein Data Bank (.pdb).

https://www.wwpdb.org/documentation/file-format-content/format33/v3.3.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from ase_dos.io.frames.base import Reader, failing
from ase_dos.io.frames.buffer import Buffer
from ase_dos.io.frames.elements import symbols_to_numbers, types_to_numbers
from ase_dos.io.frames.gro import times_in_title
from ase_dos.io.frames.text import TextFormat, TextFrames, decoded
from ase_dos.utils.checks import as_array

__all__ = ["pdb", "split_pdb"]

_ATOMS = ("ATOM  ", "HETATM")
# May have numbers where atoms have their positions; another record with these is a damaged one.
_NO_ATOMS = ("SIGATM", "REMARK", "TITLE", "ORIGX", "SCALE", "MTRIX", "CRYST1")
_BEHIND = (b"END", b"TER", b"CONECT", b"MASTER")  # after the atoms of a frame, or blank
_CELL_COLUMNS = (6, 15, 24, 33, 40, 47, 54)
_POSITION_COLUMNS = (30, 38, 46, 54)
_POSITION = re.compile(r"(\s*-?\d+\.\d+){3}\Z")


def pdb(
    path: str,
    types: Sequence[str] | None = None,
    topology: Atoms | None = None,
    *,
    cache_index: bool = False,
) -> TextFrames:
    """Open a .pdb file of one structure or many.

    A cell that is said once, as programs do, is that of all later frames.

    Parameters
    ----------
    path : str
        The file.
    types : sequence of str, optional
        Elements of the names of atoms ("OW=O"), where a file without symbols has names that are
        none, with digits or not.
    topology : Atoms, optional
        Structure with the elements, in place of those of the file.
    cache_index : bool
        As for `TextFrames`.
    """
    if types is not None and topology is not None:
        raise ValueError("elements: expected types or a topology, got both")
    numbers = None if topology is None else topology.numbers
    grammar = TextFormat(split_pdb, partial(_parse, types=types, numbers=numbers), _head)
    return _PDBFrames(path, grammar, cache_index=cache_index)


class _PDBFrames(TextFrames):
    """Models, each with an end; one structure alone needs none."""

    def _reader_of(self, text: bytes, index: int) -> Reader:
        if (index or b"MODEL " in text) and b"\nEND" not in text:
            return failing("the frame has no line ENDMDL or END")
        return super()._reader_of(text, index)


def split_pdb(buffer: Buffer) -> Iterator[bytes]:
    """Cut behind each END or ENDMDL and what belongs to it, and before each MODEL."""
    while True:
        end = buffer.find(b"\nEND")
        model = _second_model(buffer.data, end)
        if model >= 0:
            yield buffer.take(model)  # the end of the first is damaged
            continue
        if end < 0:
            break
        end += 1
        while (line := buffer.line(end)) and (line.startswith(_BEHIND) or not line.strip()):
            end += len(line)
        yield buffer.take(end)
    if b"MODEL " in buffer.data or any(name.encode() in buffer.data for name in _ATOMS):
        yield buffer.take(len(buffer.data))


def _second_model(text: bytearray, end: int) -> int:
    """Return where a second model begins before ``end``; -1 if none does."""
    stop = end if end >= 0 else len(text)
    first = 0 if text.startswith(b"MODEL ") else text.find(b"\nMODEL ", 0, stop)
    second = text.find(b"\nMODEL ", first + 1, stop) if first >= 0 else -1
    return second + 1 if second >= 0 else -1


def _head(text: bytes) -> bytes:
    """Return the cell, which is that of later frames too."""
    return b"".join(line for line in text.splitlines(keepends=True) if line.startswith(b"CRYST1"))


def _parse(text: bytes, head: bytes, types: Sequence[str] | None, numbers: NDArray | None) -> Atoms:
    lines = decoded(text).splitlines()
    rows = _rows(lines)
    positions = _numbers(rows, _POSITION_COLUMNS, "a position")
    if numbers is None:
        numbers = _elements(rows, types)
    elif len(numbers) != len(rows):
        raise ValueError(f"the frame has {len(rows)} atoms, the topology {len(numbers)}")
    atoms = Atoms(numbers=numbers, positions=as_array(positions, "positions", (None, 3)))
    cellpar = _numbers(decoded(head).splitlines()[-1:], _CELL_COLUMNS, "a cell")
    # A file needs a cell, and says this one where there is none.
    if len(cellpar) and not np.array_equal(cellpar[0], (1, 1, 1, 90, 90, 90)):
        atoms.cell, atoms.pbc = cellpar[0], True
    for line in lines:
        if line.startswith("TITLE"):
            atoms.info |= times_in_title(line)
    return atoms


def _rows(lines: Sequence[str]) -> list[str]:
    """Return the records of atoms."""
    rows = []
    for line in lines:
        if line.startswith(_ATOMS):
            rows.append(line)
        elif _POSITION.match(line, *_POSITION_COLUMNS[::3]) and not line.startswith(_NO_ATOMS):
            raise ValueError(f"expected a record of an atom, got {line[:60]!r}")
    return rows


def _numbers(rows: Sequence[str], columns: Sequence[int], what: str) -> NDArray:
    pairs = list(pairwise(columns))
    table = []
    for row in rows:
        try:
            table.append([float(row[start:end]) for start, end in pairs])
        except ValueError:
            raise ValueError(
                f"expected {what} of {len(pairs)} numbers in columns {columns[0] + 1} to "
                f"{columns[-1]}, got {row[:60]!r}"
            ) from None
    return np.array(table).reshape(-1, len(pairs))


def _elements(rows: Sequence[str], types: Sequence[str] | None) -> NDArray:
    """Atomic numbers by the symbols in columns 77 and 78, or where these lack by the names."""
    if types:
        return types_to_numbers([row[12:16].strip() for row in rows], types)
    symbols = [row[76:78].strip() for row in rows]
    if not all(symbols):
        symbols = [_symbol_in_name(row[12:16]) for row in rows]
    return symbols_to_numbers(symbols)


def _symbol_in_name(name: str) -> str:
    """Symbol of an element in columns 13 and 14, to the right: " CA " is carbon, "CA  " calcium.

    Names of four letters of hydrogen begin in column 13, or with a digit.
    """
    symbol = name[:2].strip().lstrip("0123456789")
    is_hydrogen = name.startswith("H") and len(name.strip()) == 4
    return symbol[:1] if is_hydrogen or symbol.capitalize() not in atomic_numbers else symbol
