"""Jobs of a trajectory: indices of frames, and their readers, here or in another process."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from ase import Atoms

from ase_dos.io.frames import Frames, FrameSource, Images, Reader, numbered_frames, open_frames
from ase_dos.io.frames.base import reader_of
from ase_dos.trajectory.frame import error_text
from ase_dos.utils.warnings import CollectedWarning, collect_warnings

__all__ = ["Broken", "FrameAt", "Job", "copied", "jobs_of", "read_now"]

Job: TypeAlias = tuple[int, Reader]


@dataclass(frozen=True)
class FrameAt:
    """Reader of one frame of a file, in any process; each opens the file for itself."""

    frames: Frames
    index: int

    def __call__(self) -> Atoms:
        """Read the frame."""
        return self.frames.reader(self.index)()


@dataclass(frozen=True, eq=False)
class Known:
    """Reader of a frame that was read, with the warnings of that."""

    atoms: Atoms
    warnings: tuple[CollectedWarning, ...]

    def __call__(self) -> Atoms:
        """Return the frame; give its warnings again."""
        for text, category in self.warnings:
            warnings.warn(text, category, stacklevel=2)
        return self.atoms


@dataclass(frozen=True)
class Broken:
    """Reader of a frame that cannot be read."""

    why: str

    def __call__(self) -> Atoms:
        """Raise the error."""
        raise ValueError(self.why)


def jobs_of(source: FrameSource, selection: range, elsewhere: bool) -> Iterator[Job]:
    """Yield the selected frames, and the one that breaks the file.

    Parameters
    ----------
    source : path, iterable of Atoms, Universe or Frames
        The trajectory.
    selection : range
        Indices of the frames to take.
    elsewhere : bool
        Whether other processes read the frames, where these can be counted without parsing.
    """
    if elsewhere and (frames := _countable_frames(source)) is not None:
        for index in range(selection.start, min(frames.found, selection.stop), selection.step):
            yield index, Reader(FrameAt(frames, index))
        return
    broken: list[tuple[int, Exception]] = []
    yield from numbered_frames(source, selection, lambda *where: broken.append(where))
    for index, error in broken:
        yield index, Reader(Broken(error_text(error)))


def read_now(read: Reader) -> Reader:
    """Read a frame; return a reader that gives it, or raises the error."""
    try:
        with collect_warnings() as found:
            atoms = read()
        reader_of(atoms)  # refuses what is no structure
        return Reader(Known(atoms, tuple(found)), read.in_memory)
    except Exception as error:
        return Reader(Broken(error_text(error)))


def copied(read: Reader) -> Reader:
    """Copy a structure that is there already: a simulation may change it while it waits."""
    return replace(reader_of(read().copy()), in_memory=True) if read.in_memory else read


def _countable_frames(source: FrameSource) -> Frames | None:
    """Frames that any process can read by index, where their number can be known."""
    if not isinstance(source, (str, os.PathLike, Frames)) or isinstance(source, Images):
        return None
    try:
        frames = open_frames(source)
        return None if frames.count() is None else frames
    except Exception:  # the frame that breaks the file will be named
        return None
