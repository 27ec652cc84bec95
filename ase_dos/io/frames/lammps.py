"""LAMMPS text dumps (``dump custom`` and ``dump atom``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames.elements import symbols_to_numbers, types_to_numbers
from ase_dos.io.frames.text import Buffer, TextFrames, table
from ase_dos.utils.checks import as_array

__all__ = ["lammps_dump", "split_dump"]

_ITEM = b"ITEM: "
_FIRST = (b"UNITS", b"TIME\n", b"TIME\r", b"TIMESTEP")
# Columns of positions in the order of preference, and whether they are fractions of the box.
_POSITIONS = {"x": False, "xs": True, "xu": False, "xsu": True}
_INTEGERS = ("id", "type", "mol", "proc", "ix", "iy", "iz")
_FEMTOSECONDS = {"metal": 1000.0, "real": 1.0}


def lammps_dump(
    path: str, types: Sequence[str] | None = None, *, cache_index: bool = False
) -> TextFrames:
    """Open a LAMMPS text dump.

    Atoms are sorted by ``id`` where there is one. Elements come from the column ``element`` or,
    by ``types``, from the column ``type``. Columns other than positions, ``id`` and ``element``
    become arrays of their own name, in the units of the file. Positions stay where LAMMPS had
    them; the origin of the box is ``celldisp``.

    Parameters
    ----------
    path : str
        The dump.
    types : sequence of str, optional
        Element of each LAMMPS type, the first being that of type 1.
    cache_index : bool
        As for `TextFrames`.
    """
    return TextFrames(path, split_dump, partial(_parse, types=types), cache_index=cache_index)


def split_dump(buffer: Buffer) -> Iterator[bytes]:
    """Cut where the items begin that come before the atoms.

    A frame that was cut off by the end of a run, with another run appended, is one by itself.
    """
    previous, at = b"", buffer.find(_ITEM)
    while at >= 0:
        name = buffer.line(at)[len(_ITEM) :]
        starts = name.startswith(_FIRST) and not previous.startswith(_FIRST[:3])
        if starts and previous:
            yield buffer.take(at)
            at = 0
        previous = name
        at = buffer.find(b"\n" + _ITEM, at + 1) + 1 or -1
    if buffer.data.strip() or buffer.more():
        if not previous:
            raise ValueError("expected a line 'ITEM: TIMESTEP', found none")
        yield buffer.take(len(buffer.data))


def _parse(text: bytes, types: Sequence[str] | None) -> Atoms:
    head, atoms, rest = text.partition(b"ITEM: ATOMS")
    if not atoms:
        raise ValueError("the frame ends before its atoms, there is no line 'ITEM: ATOMS'")
    items = _items(head.decode())
    titles, _, rows = rest.partition(b"\n")
    columns = titles.decode().split()
    count = int(items["NUMBER OF ATOMS"][0])
    data = _rows(rows, columns, count)
    cell, origin, pbc = _box(items)
    positions = _positions(data, columns)
    if _scaled(columns):
        positions = _cartesian(positions, cell) + origin
    frame = Atoms(
        numbers=_numbers(data, columns, types),
        positions=positions,
        cell=cell,
        celldisp=origin,
        pbc=pbc,
        info=_info(items),
    )
    used = {"id", "element", *_coordinates(columns)}
    for name in columns:
        if name not in used:
            frame.new_array(name, data[name])
    return frame


def _items(head: str) -> dict[str, list[str]]:
    """Lines of each item under its name; the flags of the box are its first line."""
    items: dict[str, list[str]] = {}
    for part in head.split("ITEM: ")[1:]:
        title, *lines = part.splitlines()
        if title.startswith("BOX BOUNDS"):
            title, lines = "BOX BOUNDS", [title.removeprefix("BOX BOUNDS"), *lines]
        items[title.strip()] = lines
    for name, length in (("TIMESTEP", 1), ("NUMBER OF ATOMS", 1), ("BOX BOUNDS", 4)):
        if len(items.get(name, ())) < length:
            raise ValueError(f"the frame has no complete 'ITEM: {name}'")
    return items


def _rows(text: bytes, columns: list[str], count: int) -> NDArray:
    """Rows of the atoms in the order of their ids."""
    if count and not text.endswith(b"\n"):
        raise ValueError("the last line of the frame is cut off")
    kinds = [
        (name, "U8" if name == "element" else int if name in _INTEGERS else float)
        for name in columns
    ]
    data = table(text, kinds, count)
    if "id" not in columns:
        return data
    ids = data["id"]
    if (np.diff(ids) > 0).all():
        return data
    order = np.argsort(ids)
    twice = np.flatnonzero(np.diff(ids[order]) == 0)
    if twice.size:
        raise ValueError(f"atom id {ids[order][twice[0]]} occurs twice")
    return data[order]


def _box(items: dict[str, list[str]]) -> tuple[NDArray, NDArray, list[bool]]:
    """Cell, origin and periodicity; https://docs.lammps.org/Howto_triclinic.html ."""
    flags, *lines = items["BOX BOUNDS"]
    rows = as_array([line.split() for line in lines[:3]], "box bounds")
    words = flags.split()
    pbc = ["p" in word for word in words[-3:]] if len(words) >= 3 else [False] * 3
    if words[:1] == ["abc"]:  # general triclinic: vectors and origin
        return rows[:, :3], rows[:, 3], pbc
    low, high = rows[:, 0].copy(), rows[:, 1].copy()
    xy, xz, yz = rows[:, 2] if rows.shape[1] == 3 else (0.0, 0.0, 0.0)
    # The bounds enclose the tilted box.
    low[0] -= min(0.0, xy, xz, xy + xz)
    high[0] -= max(0.0, xy, xz, xy + xz)
    low[1] -= min(0.0, yz)
    high[1] -= max(0.0, yz)
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, low, pbc


def _cartesian(scaled: NDArray, cell: NDArray) -> NDArray:
    """Positions of fractions of the box.

    Not by a matrix product, whose last bits depend on the processor: stored results recognise
    their structures by all bits.
    """
    a, b, c = cell
    return scaled[:, :1] * a + scaled[:, 1:2] * b + scaled[:, 2:] * c


def _coordinates(columns: list[str]) -> list[str]:
    for x in _POSITIONS:
        if x in columns:
            names = [x, x.replace("x", "y"), x.replace("x", "z")]
            missing = [name for name in names if name not in columns]
            if missing:
                raise ValueError(f"the dump has a column {x}, but no {' and no '.join(missing)}")
            return names
    raise ValueError(f"expected columns {', '.join(_POSITIONS)}, ..., got {' '.join(columns)}")


def _scaled(columns: list[str]) -> bool:
    return _POSITIONS[_coordinates(columns)[0]]


def _positions(data: NDArray, columns: list[str]) -> NDArray:
    return as_array(np.stack([data[name] for name in _coordinates(columns)], axis=1), "positions")


def _numbers(data: NDArray, columns: list[str], types: Sequence[str] | None) -> NDArray:
    if "element" in columns:
        numbers = symbols_to_numbers(data["element"].tolist())
        if types and "type" in columns:
            wanted = types_to_numbers(data["type"], types)
            if (wrong := np.flatnonzero(wanted != numbers)).size:
                raise ValueError(
                    f"atoms of type {data['type'][wrong[0]]} are {data['element'][wrong[0]]} in "
                    f"the column element, but types names {' '.join(types)}"
                )
        return numbers
    if "type" not in columns:
        raise ValueError(f"expected a column element or type, got {' '.join(columns)}")
    return types_to_numbers(data["type"], types)


def _info(items: dict[str, list[str]]) -> dict[str, Any]:
    """Step, and time in fs where the dump has it."""
    info: dict[str, Any] = {"step": int(items["TIMESTEP"][0])}
    units = items.get("UNITS", ["metal"])[0].strip()
    if units not in _FEMTOSECONDS:
        raise ValueError(
            f"the dump is in units {units}, expected one of {', '.join(_FEMTOSECONDS)}: "
            "lengths must be in Angstrom"
        )
    if "TIME" in items:
        info["time"] = float(items["TIME"][0]) * _FEMTOSECONDS[units]
    return info
