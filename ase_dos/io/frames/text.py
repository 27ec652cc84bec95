"""Text trajectories: cut into frames without parsing, so that any frame is reached cheaply."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.io.frames.base import Frames, Reader
from ase_dos.utils.files import replace_file

__all__ = ["Buffer", "TextFrames", "table"]

BLOCK = 1 << 20  # bytes read at a time


class Buffer:
    """Window of a binary stream: the part that was read and not yet taken."""

    def __init__(self, stream: IO[bytes], block: int = BLOCK) -> None:
        self.stream, self.block = stream, block
        self.data = bytearray()

    def more(self) -> bool:
        """Read a block; False at the end of the stream."""
        block = self.stream.read(self.block)
        self.data += block
        return bool(block)

    def find(self, what: bytes, start: int = 0) -> int:
        """Return where ``what`` begins, reading on as needed; -1 if it never comes."""
        while (found := self.data.find(what, start)) < 0:
            start = max(start, len(self.data) - len(what) + 1)
            if not self.more():
                return -1
        return found

    def line(self, start: int) -> bytes:
        """Return the line that begins at ``start``, with its end where it has one."""
        end = self.find(b"\n", start)
        return bytes(self.data[start : end + 1 if end >= 0 else len(self.data)])

    def after_lines(self, count: int, start: int) -> int:
        """Return where the line begins that ``count`` lines follow, or the end of the stream."""
        piece = 1 << 16  # large enough to be counted fast, small enough to be searched slowly
        while count:
            lines = self.data.count(b"\n", start, start + piece)
            if lines < count and start + piece <= len(self.data):
                count, start = count - lines, start + piece
            elif lines >= count:
                for _ in range(count):
                    start = self.data.find(b"\n", start) + 1
                return start
            elif not self.more():
                return len(self.data)
        return start

    def take(self, end: int) -> bytes:
        """Return and forget everything before ``end``."""
        taken = bytes(self.data[:end])
        del self.data[:end]
        return taken


class TextFrames(Frames):
    """A text file, compressed or not, that is cut into frames as far as they are asked for.

    Parameters
    ----------
    path : str
        The file; .gz, .bz2 and .xz are decompressed on the way.
    split : callable
        Takes a `Buffer` at the beginning of a frame and yields the text of one frame after the
        other, all bytes of the file together.
    parse : callable
        Turns the text of a frame into Atoms.
    cache_index : bool
        Store where the frames begin in a file ``<path>.index.npz``, and use it as long as size and
        date of the trajectory do not change.
    """

    def __init__(
        self,
        path: str,
        split: Callable[[Buffer], Iterator[bytes]],
        parse: Callable[[bytes], Atoms],
        *,
        cache_index: bool = False,
    ) -> None:
        self.name = path
        self._split, self._parse = split, parse
        self._starts = [0]  # of every frame found, and where the last of them ends
        self._scan: Iterator[bytes] | None = None
        self._file: IO[bytes] | None = None
        if cache_index:
            self._use_index(Path(f"{path}.index.npz"))

    @property
    def found(self) -> int:  # type: ignore[override]
        """Number of frames found so far."""
        return len(self._starts) - 1

    def count(self) -> int:
        """Return the number of frames: the rest of the file is read, not parsed."""
        try:
            while True:
                self._advance()
        except IndexError:
            return self.found

    def reader(self, index: int) -> Reader:
        """Return the reader of a frame; its text is read, frames before it are not parsed."""
        if index < self.found:
            return Reader(partial(self._parse, self._text(index)))
        while True:
            text = self._advance()
            if index < self.found:
                return Reader(partial(self._parse, text))

    def _advance(self) -> bytes:
        """Find the next frame and return its text."""
        if self._scan is None:
            self._scan = self._frames_from(self._starts[-1])
        try:
            text = next(self._scan)
        except StopIteration:
            self._scan = None  # another call looks again: the file may grow
            raise IndexError(self.found) from None
        except Exception:
            self._scan = None
            raise
        self._starts.append(self._starts[-1] + len(text))
        return text

    def _frames_from(self, start: int) -> Iterator[bytes]:
        with _open_binary(self.name) as stream:
            stream.seek(start)
            yield from self._split(Buffer(stream))

    def _text(self, index: int) -> bytes:
        if self._file is None:
            self._file = _open_binary(self.name)
        start, end = self._starts[index : index + 2]
        self._file.seek(start)
        return self._file.read(end - start)

    def _use_index(self, path: Path) -> None:
        """Know the frames of an index that is there and fits; write one otherwise."""
        status = os.stat(self.name)
        stamp = np.array([status.st_size, status.st_mtime_ns])
        try:
            # Opened here, for numpy leaves a damaged file open.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as index:
                if np.array_equal(index["stamp"], stamp):
                    self._starts = index["starts"].tolist()
                    return
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            pass  # absent or damaged: it is made anew
        with suppress(Exception):  # of a broken file, which will say so when it is used
            self.count()
        starts = np.array(self._starts)
        replace_file(path, lambda file: np.savez(file, stamp=stamp, starts=starts))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scan": None, "_file": None}

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()


def _open_binary(path: str) -> IO[bytes]:
    from ase.io.formats import open_with_compression

    return open_with_compression(path, "rb")


def table(text: bytes, columns: Sequence[tuple[str, DTypeLike]], count: int) -> NDArray:
    """Parse rows of numbers and words into a structured array.

    Parameters
    ----------
    text : bytes
        At least ``count`` rows; words beyond the columns are left out.
    columns : sequence of (str, data-type)
        Name and type of each.
    count : int
        Expected number of rows.

    Raises
    ------
    ValueError
        If there are fewer rows, or a row is short or does not parse.
    """
    from io import BytesIO

    if count == 0:
        return np.empty(0, list(columns))
    if not text.strip():
        raise ValueError(f"the frame ends after 0 of {count} atoms")
    rows = np.loadtxt(
        BytesIO(text),
        dtype=list(columns),
        comments=None,
        ndmin=1,
        max_rows=count,
        usecols=tuple(range(len(columns))),
    )
    if len(rows) < count:
        raise ValueError(f"the frame ends after {len(rows)} of {count} atoms")
    return rows
