"""LAMMPS text dumps (``dump custom`` and ``dump atom``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from ase import Atoms
from ase.units import Bohr
from numpy.typing import DTypeLike, NDArray

from ase_dos.io.frames.buffer import Buffer
from ase_dos.io.frames.elements import symbols_to_numbers, types_to_numbers
from ase_dos.io.frames.text import TextFormat, TextFrames, decoded, table
from ase_dos.utils.checks import as_array

__all__ = ["lammps_dump", "split_dump"]

_ITEM = b"ITEM: "
# Items that come before the number of atoms, in their order, and the place of all others.
_PLACES = {b"UNITS": 0, b"TIME": 1, b"TIMESTEP": 2}
_LATER = 3
# Columns of positions in the order of preference, and whether they are fractions of the box.
_POSITIONS = {"x": False, "xs": True, "xu": False, "xsu": True}
_INTEGERS = ("id", "type", "mol", "proc", "ix", "iy", "iz")
# Units of length (Angstrom) and time (fs), https://docs.lammps.org/units.html ; lj has none.
_UNITS = {
    "metal": (1.0, 1e3),
    "real": (1.0, 1.0),
    "electron": (Bohr, 1.0),
    "nano": (10.0, 1e6),
    "micro": (1e4, 1e9),
    "cgs": (1e8, 1e15),
    "si": (1e10, 1e15),
}


def lammps_dump(
    path: str, types: Sequence[str] | None = None, *, cache_index: bool = False
) -> TextFrames:
    """Open a LAMMPS text dump.

    Atoms are sorted by ``id`` where there is one. Elements come from the column ``element`` or,
    by ``types``, from the column ``type``. Columns other than positions, ``id`` and ``element``
    become arrays of their own name, in the units of the file. Positions stay where LAMMPS had
    them; the origin of the box is ``celldisp``. Lengths and times are in the units that
    ``ITEM: UNITS`` names, which LAMMPS writes before the first frame of a run only. Where it is
    absent lengths are in Angstrom, and times are not known.

    Parameters
    ----------
    path : str
        The dump.
    types : sequence of str, optional
        Element of each LAMMPS type, the first being that of type 1; see `types_to_numbers`.
    cache_index : bool
        As for `TextFrames`.
    """
    grammar = TextFormat(split_dump, partial(_parse, types=types), _head)
    return TextFrames(path, grammar, cache_index=cache_index)


def split_dump(buffer: Buffer) -> Iterator[bytes]:
    """Cut where an item comes that belongs before the one before it.

    A frame that was cut off by the end of a run, with another run appended, is one by itself, also
    if it was cut within a line.
    """
    place, at = -1, buffer.find(_ITEM)
    while at >= 0:
        item = _PLACES.get(buffer.line(at)[len(_ITEM) :].strip(), _LATER)
        if item < _LATER and place >= item:
            yield buffer.take(at)
            at = 0
        place = item
        at = buffer.find(_ITEM, at + 1)
    if buffer.data.strip() or buffer.more():
        if place < 0:
            raise ValueError("expected a line 'ITEM: TIMESTEP', found none")
        yield buffer.take(len(buffer.data))


def _head(text: bytes) -> bytes:
    """Return the units of a frame, which are those of the frames after it too."""
    before = text[: text.find(b"ITEM: TIMESTEP")]
    _, found, units = before.partition(b"ITEM: UNITS")
    lines = units.splitlines(keepends=True)
    return lines[1] if found and len(lines) > 1 and lines[1].endswith(b"\n") else b""


def _parse(text: bytes, head: bytes, types: Sequence[str] | None) -> Atoms:
    before, atoms, rest = text.partition(b"ITEM: ATOMS")
    if not atoms:
        raise ValueError("the frame ends before its atoms, there is no line 'ITEM: ATOMS'")
    items = _items(decoded(before))
    length, duration = _units(decoded(head).strip())
    titles, _, rows = rest.partition(b"\n")
    columns = decoded(titles).split()
    data = _rows(rows, columns, _integer(items, "NUMBER OF ATOMS"))
    cell, origin, pbc = _box(items, length)
    positions = _positions(data, columns)
    positions = _cartesian(positions, cell) + origin if _scaled(columns) else positions * length
    frame = Atoms(
        numbers=_numbers(data, columns, types),
        positions=positions,
        cell=cell,
        celldisp=origin,
        pbc=pbc,
        info={"step": _integer(items, "TIMESTEP")},
    )
    if "TIME" in items and duration is not None:
        frame.info["time"] = float(as_array(items["TIME"][0], "ITEM: TIME", ())) * duration
    used = {"id", "element", *_coordinates(columns)}
    for name in dict.fromkeys(columns):
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
    if "TIME" in items and not items["TIME"]:
        raise ValueError("the frame has no complete 'ITEM: TIME'")
    return items


def _integer(items: dict[str, list[str]], name: str) -> int:
    word = items[name][0].strip()
    if not word.isdecimal():
        raise ValueError(f"ITEM: {name}: expected a number, got {word[:40]!r}")
    return int(word)


def _units(name: str) -> tuple[float, float | None]:
    """Return the units of length (Angstrom) and of time (fs), None where that is not known."""
    if not name:
        return 1.0, None
    if name not in _UNITS:
        raise ValueError(
            f"the dump is in units {name}, expected one of {', '.join(_UNITS)}: a length in "
            "Angstrom must follow from it"
        )
    return _UNITS[name]


def _rows(text: bytes, columns: list[str], count: int) -> NDArray:
    """Rows of the atoms in the order of their ids."""
    first = text.partition(b"\n")[0].split()
    kinds: dict[str, DTypeLike] = {}
    for title, word in zip(columns, [*first, *[b""] * len(columns)], strict=False):
        # A column that was asked for twice is there twice, with one name; a type may be a label.
        name = f"{title} again {len(kinds)}" if title in kinds else title
        is_word = title == "element" or (title == "type" and not word.isdigit())
        kinds[name] = "U16" if is_word else int if title in _INTEGERS else float
    data = table(text, list(kinds.items()), count)
    for name, title in zip(kinds, columns, strict=True):
        if name != title and (data[name] != data[title]).any():
            raise ValueError(f"column {title} is there twice, with different values")
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


def _box(items: dict[str, list[str]], length: float) -> tuple[NDArray, NDArray, list[bool]]:
    """Cell, origin and periodicity; https://docs.lammps.org/Howto_triclinic.html ."""
    flags, *lines = items["BOX BOUNDS"]
    rows = length * as_array([line.split() for line in lines[:3]], "box bounds", (3, None))
    words = flags.split()
    expected = (4,) if words[:1] == ["abc"] else (2, 3)
    if rows.shape[1] not in expected:
        raise ValueError(f"box bounds: expected {expected[-1]} numbers a line, got {rows.shape[1]}")
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
