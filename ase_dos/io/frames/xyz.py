"""Extended xyz as ASE reads it, several times faster, and the xyz files of CP2K."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.io.extxyz import parse_properties, set_calc_and_arrays
from numpy.typing import NDArray

from ase_dos.io.frames.buffer import Buffer
from ase_dos.io.frames.elements import (
    symbols_to_numbers,
    types_to_numbers,
)
from ase_dos.io.frames.errors import library_errors
from ase_dos.io.frames.text import TextFormat, TextFrames, decoded, table
from ase_dos.io.frames.xyz_comment import read_comment
from ase_dos.io.frames.xyz_resync import count_of, find_next_frame, is_row
from ase_dos.utils.checks import as_array

__all__ = ["split_xyz", "xyz"]

# One cell for all frames, or that of each step.
Cells: TypeAlias = "Cell | dict[int, NDArray] | None"
_PROPERTIES = "species:S:1:pos:R:3"


def xyz(
    path: str,
    types: Sequence[str] | None = None,
    topology: Atoms | str | os.PathLike | None = None,
    *,
    cache_index: bool = False,
) -> TextFrames:
    """Open an xyz file, plain or extended.

    Parameters
    ----------
    path : str
        The file.
    types : sequence of str, optional
        Elements, where the file has types of atoms in place of symbols; see `types_to_numbers`.
    topology : Atoms or path, optional
        Where the cell is that the file lacks: a structure, or the .cell file of a CP2K run,
        which has one for each step.
    cache_index : bool
        As for `TextFrames`.
    """
    cells: Cells = None
    if topology is not None:
        cells = topology.cell if isinstance(topology, Atoms) else _cp2k_cells(topology)
    parse = partial(_parse, types=types, cells=cells)
    grammar = TextFormat(split_xyz, parse, names_times=_names_times)
    return TextFrames(path, grammar, cache_index=cache_index)


def split_xyz(buffer: Buffer) -> Iterator[bytes]:
    """Cut by the number of atoms that comes first, if the frame then ends where another begins.

    Where it does not, the frame is broken, and ends where the next one is found.
    """
    while True:
        at = _after_blank_lines(buffer, 0)
        line = buffer.line(at)
        if not line:
            buffer.take(len(buffer.data))
            return
        end = -1
        if (count := count_of(line)) is not None:
            end = buffer.after_lines(count + 2, at)
            while end >= 0 and buffer.line(end).lstrip().startswith(b"VEC"):
                end = buffer.after_lines(1, end)  # cell vectors of the older dialect
        following = buffer.line(_after_blank_lines(buffer, end)) if end >= 0 else b""
        if end < 0 or (following and count_of(following) is None):
            begin = find_next_frame(buffer, at)
            # What is no row after the last atom does not belong to the frame.
            if end < 0 or begin < end or is_row(following):
                end = begin
        yield buffer.take(end)


def _after_blank_lines(buffer: Buffer, start: int) -> int:
    while (line := buffer.line(start)) and not line.strip():
        start += len(line)
    return start


def _parse(text: bytes, head: bytes, types: Sequence[str] | None, cells: Cells) -> Atoms:
    first, _, rest = text.lstrip().partition(b"\n")
    if (count := count_of(first)) is None:
        raise ValueError(f"expected the number of atoms, got {decoded(first.strip()[:60])!r}")
    line, _, rows = rest.partition(b"\n")
    comment = read_comment(decoded(line))
    if _is_numeric(comment.info, rows):
        atoms = _build(comment.info, rows, count, types)
    else:
        atoms = _read_by_ase(text, count)
    atoms.positions *= comment.scale
    cell: Cell | NDArray | None = comment.cell
    if cells is not None:
        cell = cells if not isinstance(cells, dict) else _cell_of_step(cells, atoms)
    if cell is not None:
        atoms.cell, atoms.pbc = cell, True
    return atoms


def _names_times(text: bytes) -> bool:
    return read_comment(decoded(text.lstrip().split(b"\n", 2)[1])).in_fs


def _is_numeric(info: dict[str, Any], rows: bytes) -> bool:
    """Whether the columns are numbers after an optional one of symbols."""
    fields = str(info.get("Properties", _PROPERTIES)).split(":")
    words = [name for name, kind in zip(fields[::3], fields[1::3], strict=False) if kind in "SL"]
    return words in ([], ["species"]) and "move_mask" not in fields and b"\nVEC" not in rows


def _build(info: dict[str, Any], rows: bytes, count: int, types: Sequence[str] | None) -> Atoms:
    """Atoms of a frame, put together as ASE does, with a faster table."""
    properties, names, dtype, _ = parse_properties(info.pop("Properties", _PROPERTIES))
    kinds = [(name, dtype[name]) for name in dtype.names or ()]
    # Words of fixed length: objects are slow, and longer words are no symbols.
    data = table(rows, [(name, "U8" if kind.hasobject else kind) for name, kind in kinds], count)
    arrays = {}
    for name in names:
        ase_name, columns = properties[name]
        arrays[ase_name] = (
            data[name]
            if columns == 1
            else np.stack([data[f"{name}{i}"] for i in range(columns)], axis=1)
        )
    numbers = arrays.pop("numbers", None)
    symbols = arrays.pop("symbols", None)
    if numbers is None:
        if symbols is None:
            raise ValueError("expected a column species or Z, got neither")
        of_types = types or (count and symbols[0].isdecimal())
        numbers = (
            types_to_numbers(symbols, types) if of_types else symbols_to_numbers(symbols.tolist())
        )
    if "positions" not in arrays:
        raise ValueError("expected columns pos, got none")
    cell, pbc = _lattice(info)
    atoms = Atoms(
        numbers=numbers,
        positions=as_array(arrays.pop("positions"), "positions", (count, 3)),
        charges=arrays.pop("initial_charges", None),
        cell=cell,
        pbc=pbc,
        info=info,
    )
    set_calc_and_arrays(atoms, arrays)
    return atoms


def _lattice(info: dict[str, Any]) -> tuple[NDArray | None, Any]:
    """Take cell and periodicity out of the comment; a file with a cell is periodic."""
    pbc = info.pop("pbc", None)
    if "Lattice" not in info:
        return None, pbc
    lattice = as_array(info.pop("Lattice"), "Lattice", (3, 3))
    return lattice.T, True if pbc is None else pbc


def _read_by_ase(text: bytes, count: int) -> Atoms:
    from io import StringIO

    from ase.io import read

    lines = [line for line in text.rstrip().splitlines()[2:] if not line.startswith(b"VEC")]
    if len(lines) != count:
        raise ValueError(
            f"the frame has {len(lines)} lines of atoms, its number of atoms is {count}"
        )
    with library_errors("ASE"):
        atoms = read(StringIO(decoded(text)), format="extxyz", index=0)
    assert isinstance(atoms, Atoms)  # what an integer index gives
    return atoms


def _cp2k_cells(path: str | os.PathLike) -> dict[int, NDArray]:
    """Cell of each step: columns step, time (fs), nine components (Angstrom), volume."""
    try:
        rows = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: expected the .cell file of a CP2K run: {error}") from None
    if rows.shape[1] != 12:
        raise ValueError(
            f"{path}: expected the .cell file of a CP2K run, with 12 columns, got {rows.shape[1]}"
        )
    return {int(row[0]): row[2:11].reshape(3, 3) for row in rows}


def _cell_of_step(cells: dict[int, NDArray], atoms: Atoms) -> NDArray:
    if "step" not in atoms.info:
        raise ValueError("the comment line has no step (i = ...), which the .cell file needs")
    step = int(atoms.info["step"])
    if step not in cells:
        raise ValueError(
            f"the .cell file has no step {step}; write cell and positions at the same steps"
        )
    return cells[step]
