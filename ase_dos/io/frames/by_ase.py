"""Frames of files that ASE alone reads, as many as a fault leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from io import StringIO
from itertools import pairwise

from ase import Atoms

from ase_dos.io.frames.base import Frames, Stream, require_sound
from ase_dos.io.frames.buffer import Buffer, open_binary
from ase_dos.io.frames.errors import library_errors
from ase_dos.io.frames.formats import frame_format
from ase_dos.io.frames.text import decoded

__all__ = ["ase_frames"]

# Where the frames of text formats begin that ASE parses all at once, behind a header for each.
_CASTEP = r"^[ \t]*\n(?!\s*END)(?=[ \t]+\S)"
_BEGINNINGS = {
    "castep-geom": _CASTEP,
    "castep-md": _CASTEP,
    "cif": r"^data_",
    "xsf": r"^[ \t]*(PRIMVEC[ \t]+\d+[ \t]*\n(.*\n){3})?[ \t]*PRIMCOORD[ \t]+\d+",
}
_GIVE_UP = 3  # frames in a row that cannot be read: the rest is lost, or there is none


def ase_frames(path: str) -> Frames:
    """Open a file of a format that ASE reads."""
    return Stream(partial(_read, path), path)


def _read(path: str) -> Iterator[Atoms | ValueError]:
    """Read all frames, and at a fault go on part by part."""
    count = 0
    try:
        for atoms in _read_slice(path, slice(None)):
            yield atoms
            count += 1
    except ValueError as error:
        frames = _cut_frames(path) if count == 0 else []
        if len(frames) > 1:
            yield from map(partial(_read_text, frame_format(path)), frames)
        else:
            yield from _read_in_parts(path, count, error)


def _cut_frames(path: str) -> list[str]:
    """Return the text of every frame with the header of the file; none of other formats."""
    beginning = _BEGINNINGS.get(frame_format(path))
    if beginning is None:
        return []
    with open_binary(path) as stream:
        buffer = Buffer(stream)
        while buffer.more():
            pass
    text = decoded(bytes(buffer.data)).replace("\r\n", "\n")
    starts = [found.start() for found in re.finditer(beginning, text, re.MULTILINE)]
    head = re.sub(r"^(\s*ANIMSTEPS)\s+\d+", r"\1 1", text[: starts[0]] if starts else "")
    return [
        head + text[start:end].rstrip() + "\n\n" for start, end in pairwise([*starts, len(text)])
    ]


def _read_text(name: str, text: str) -> Atoms | ValueError:
    from ase.io import read

    try:
        with library_errors("ASE"):
            return require_sound(read(StringIO(text), format=name))  # type: ignore[arg-type]
    except ValueError as error:
        return error


def _read_slice(path: str, chosen: slice) -> Iterator[Atoms]:
    from ase.io import iread

    with library_errors("ASE"):
        for atoms in iread(path, index=chosen, do_not_split_by_at_sign=True):
            yield require_sound(atoms)


def _read_in_parts(path: str, start: int, error: ValueError) -> Iterator[Atoms | ValueError]:
    """Read frames from one on, some of which are broken, as an error said.

    ASE need not parse frames of many formats that are not asked for. How many are asked for
    together doubles with each success, and is one again after a fault.
    """
    place, size = start, 1
    waiting: list[ValueError] = []  # some formats fail at indices behind the last frame
    found_fault = False
    while len(waiting) < _GIVE_UP:
        try:
            images = list(_read_slice(path, slice(place, place + size)))
        except ValueError as one:
            if size == 1:
                waiting.append(one)
                place += 1
            size = 1
            continue
        found_fault |= bool(waiting)
        yield from waiting
        yield from images
        if not images:
            break
        waiting.clear()
        place += len(images)
        size *= 2
    if not found_fault:
        yield error
