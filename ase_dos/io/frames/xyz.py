"""Extended xyz as ASE reads it, several times faster, and the xyz files of CP2K."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.io.extxyz import key_val_str_to_dict, parse_properties, set_calc_and_arrays
from numpy.typing import NDArray

from ase_dos.io.frames.elements import Topology, read_topology, symbols_to_numbers
from ase_dos.io.frames.text import Buffer, TextFrames, table
from ase_dos.utils.checks import as_array

__all__ = ["split_xyz", "xyz"]

# One cell for all frames, or that of each step.
Cells: TypeAlias = "Cell | dict[int, NDArray] | None"
_PROPERTIES = "species:S:1:pos:R:3"
_CP2K = re.compile(rb"\s*i =\s*(\d+),\s*time =\s*([-+.\dEe]+),")


def xyz(path: str, topology: Topology | None = None, *, cache_index: bool = False) -> TextFrames:
    """Open an xyz file, plain or extended.

    Parameters
    ----------
    path : str
        The file.
    topology : Atoms, str or path, optional
        Where the cell is that the file lacks: a structure, or the .cell file of a CP2K run,
        which has one for each step.
    cache_index : bool
        As for `TextFrames`.
    """
    cells: Cells = None
    if topology is not None:
        if not isinstance(topology, Atoms) and os.fspath(topology).endswith(".cell"):
            cells = _cp2k_cells(topology)
        else:
            cells = read_topology(topology).cell
    return TextFrames(path, split_xyz, partial(_parse, cells=cells), cache_index=cache_index)


def split_xyz(buffer: Buffer) -> Iterator[bytes]:
    """Cut by the number of atoms that comes first."""
    while line := buffer.line(0).strip():
        try:
            count = int(line)
        except ValueError:
            raise ValueError(
                f"expected the number of atoms, got {line[:60].decode(errors='replace')!r}"
            ) from None
        end = buffer.after_lines(count + 2, 0)
        while buffer.line(end).lstrip().startswith(b"VEC"):  # cell vectors of the older dialect
            end = buffer.after_lines(1, end)
        yield buffer.take(end)
    while buffer.data or buffer.more():
        if buffer.data.strip():
            raise ValueError(
                "expected the number of atoms, got a blank line with more lines after it; "
                "remove blank lines between frames"
            )
        buffer.take(len(buffer.data))


def _parse(text: bytes, cells: Cells) -> Atoms:
    first, _, rest = text.partition(b"\n")
    count = int(first)
    comment, _, rows = rest.partition(b"\n")
    cp2k = _CP2K.match(comment)
    if cp2k:
        info = {"step": int(cp2k[1]), "time": float(cp2k[2])}
        atoms = _build(info, rows, count)
    else:
        info = key_val_str_to_dict(comment.decode()) if comment.strip() else {}
        simple = _is_numeric(info, rows)
        atoms = _build(info, rows, count) if simple else _read_by_ase(text, count)
    if cells is not None:
        atoms.cell = cells if not isinstance(cells, dict) else _cell_of_step(cells, atoms)
        atoms.pbc = True
    return atoms


def _is_numeric(info: dict[str, Any], rows: bytes) -> bool:
    """Whether the columns are numbers after an optional one of symbols."""
    fields = str(info.get("Properties", _PROPERTIES)).split(":")
    words = [name for name, kind in zip(fields[::3], fields[1::3], strict=False) if kind in "SL"]
    return words in ([], ["species"]) and "move_mask" not in fields and b"\nVEC" not in rows


def _build(info: dict[str, Any], rows: bytes, count: int) -> Atoms:
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
        numbers = symbols_to_numbers(symbols.tolist())
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

    found = max(len(text.splitlines()) - 2, 0)
    if found < count:
        raise ValueError(f"the frame ends after {found} of {count} atoms")
    atoms = read(StringIO(text.decode()), format="extxyz", index=0)
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
