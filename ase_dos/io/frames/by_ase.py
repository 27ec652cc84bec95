"""Frames of files that ASE alone reads, as many as a fault leaves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ase import Atoms

from ase_dos.io.frames.base import Frames, Stream, library_errors, require_sound

__all__ = ["ase_frames"]

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
        yield from _read_in_parts(path, count, error)


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
