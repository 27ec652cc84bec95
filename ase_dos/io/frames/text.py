"""Text trajectories: cut into frames without parsing, so that any frame is reached cheaply."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from ase_dos.io.frames.base import Frames, Reader
from ase_dos.io.frames.buffer import Buffer, open_binary
from ase_dos.utils.files import replace_arrays

__all__ = ["TextFormat", "TextFrames", "decoded", "table"]

_MARK = b"\xef\xbb\xbf"  # that some editors write before the text


def _no_head(text: bytes) -> bytes:
    return b""


class TextFormat(NamedTuple):
    """Grammar of a text format.

    Attributes
    ----------
    split : callable
        Takes a `Buffer` at the beginning of a frame and yields the text of one frame after the
        other, all bytes of the file together. A frame that is broken is one by itself, and does
        not take those after it along.
    parse : callable
        Turns the text of a frame, and the head that is valid for it, into Atoms.
    head : callable
        Returns the part of the text of a frame that is valid for the frames after it too, until
        one brings another; empty where there is none.
    names_times : callable, optional
        Returns whether the text of a frame has its time in a known unit; without it, all have.
    """

    split: Callable[[Buffer], Iterator[bytes]]
    parse: Callable[[bytes, bytes], Atoms]
    head: Callable[[bytes], bytes] = _no_head
    names_times: Callable[[bytes], bool] | None = None


class TextFrames(Frames):
    """A text file, compressed or not, that is cut into frames as far as they are asked for.

    A line without its line end does not count: it may be cut off.

    Parameters
    ----------
    path : str
        The file; .gz, .bz2 and .xz are decompressed on the way.
    grammar : TextFormat
        How it is cut and parsed.
    cache_index : bool
        Store where the frames begin in a file ``<path>.index.npz``, and use it as long as size and
        date of the trajectory do not change.
    """

    def __init__(self, path: str, grammar: TextFormat, *, cache_index: bool = False) -> None:
        self.name = path
        self._grammar = grammar
        self._starts = [0]  # of every frame found, and where the last of them ends
        # Heads, and the frame from which on each is valid; first that of a file before this one.
        self._heads, self._head_starts = [b""], [0]
        self._fault = ""  # why the file ends too early, once that is found
        self._scan: Iterator[bytes] | None = None
        self._file: IO[bytes] | None = None
        if cache_index:
            self._use_index(Path(f"{path}.index.npz"))

    @property
    def times_in_fs(self) -> bool:  # type: ignore[override]
        """Whether that is so in the first frame."""
        names_times = self._grammar.names_times
        if names_times is None:
            return True
        try:
            self.reader(0)
            return names_times(self._text(0))
        except (ValueError, IndexError):
            return False

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

    def follow(self, before: Frames) -> None:
        """Take over the head that is valid at the end of the file before this one."""
        if isinstance(before, TextFrames):
            self._heads[0] = before._heads[-1]

    def _reader(self, index: int) -> Reader:
        if index < self.found:
            return self._reader_of(self._text(index), index)
        while True:
            text = self._advance()
            if index < self.found:
                return self._reader_of(text, index)

    def _reader_of(self, text: bytes, index: int) -> Reader:
        head = self._heads[bisect_right(self._head_starts, index) - 1]
        return Reader(partial(_parsed, self._grammar.parse, text, head, self._fault))

    def _advance(self) -> bytes:
        """Find the next frame and return its text."""
        if self._scan is None:
            if self._fault:
                raise IndexError(self.found)
            self._scan = self._frames_from(self._starts[-1])
        try:
            text = next(self._scan)
        except StopIteration:
            self._scan = None  # another call looks again: the file may grow
            raise IndexError(self.found) from None
        except Exception:
            self._scan = None
            raise
        head = self._grammar.head(text)
        if head and head != self._heads[-1]:
            self._heads.append(head)
            self._head_starts.append(self.found)
        self._starts.append(self._starts[-1] + len(text))
        return text

    def _frames_from(self, start: int) -> Iterator[bytes]:
        text = b""
        with open_binary(self.name) as stream:
            stream.seek(start)
            buffer = Buffer(stream)
            for text in self._grammar.split(buffer):
                self._fault = buffer.fault
                yield text
        self._fault = buffer.fault
        # The frame in which the file ends is missing, also if not one byte of it is there.
        if buffer.fault and (not text or self._is_whole(text)):
            yield b""

    def _is_whole(self, text: bytes) -> bool:
        try:
            self._reader_of(text, self.found - 1)()
        except ValueError:
            return False
        return True

    def _text(self, index: int) -> bytes:
        if self._file is None:
            self._file = open_binary(self.name)
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
                    heads, starts = index["heads"].tolist(), index["head_starts"].tolist()
                    self._fault, self._starts = str(index["fault"]), index["starts"].tolist()
                    self._heads, self._head_starts = heads, starts
                    return
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            pass  # absent or damaged: it is made anew
        with suppress(Exception):  # of a broken file, which will say so when it is used
            self.count()
        arrays: dict[str, Any] = {
            "stamp": stamp,
            "starts": np.array(self._starts),
            "heads": np.array(self._heads),
            "head_starts": np.array(self._head_starts),
            "fault": np.array(self._fault),
        }
        replace_arrays(path, arrays)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scan": None, "_file": None}

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()


def _parsed(parse: Callable[[bytes, bytes], Atoms], text: bytes, head: bytes, fault: str) -> Atoms:
    """Parse a frame, whatever its line ends are, without a line that has none."""
    if not text:
        raise ValueError(fault)
    whole = text[: text.rfind(b"\n") + 1].removeprefix(_MARK).replace(b"\r\n", b"\n")
    try:
        return parse(whole, head.replace(b"\r\n", b"\n"))
    except ValueError as error:
        if text.endswith(b"\n"):
            raise
        why = fault or "it has no line end (add one if the file is whole)"
        raise ValueError(f"{error}; the last line of the frame is cut off: {why}") from error


def decoded(text: bytes) -> str:
    """Return text of any encoding: bytes that are no UTF-8 are taken for Latin-1."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def table(text: bytes, columns: Sequence[tuple[str, DTypeLike]], count: int) -> NDArray:
    """Parse rows of numbers and words into a structured array.

    Parameters
    ----------
    text : bytes
        ``count`` rows; words beyond the columns are left out.
    columns : sequence of (str, data-type)
        Name and type of each.
    count : int
        Expected number of rows.

    Raises
    ------
    ValueError
        If there are fewer or more rows, or a row is short or does not parse.
    """
    from io import BytesIO

    text = text.rstrip()
    lines = text.count(b"\n") + bool(text)
    if lines < count:
        raise ValueError(f"the frame ends after {lines} of {count} atoms")
    if lines > count:
        raise ValueError(
            f"the frame has {lines} lines of atoms, but its number of atoms is {count}"
        )
    if count == 0:
        return np.empty(0, list(columns))
    try:
        rows = np.loadtxt(
            BytesIO(text),
            dtype=list(columns),
            comments=None,
            ndmin=1,
            usecols=tuple(range(len(columns))),
            encoding="latin-1",
        )
    except ValueError as error:
        raise ValueError(_bad_row(text, columns) or str(error)) from None
    if len(rows) < count:
        raise ValueError(f"{count - len(rows)} of the {count} lines of atoms are blank")
    return rows


def _bad_row(text: bytes, columns: Sequence[tuple[str, DTypeLike]]) -> str:
    """Return what is wrong with the first row that does not parse."""
    for number, line in enumerate(text.split(b"\n"), start=1):
        words = line.split()
        if words and len(words) < len(columns):
            return f"line {number} of the atoms has {len(words)} of {len(columns)} columns"
        for word, (name, kind) in zip(words, columns, strict=False):
            try:
                np.array(decoded(word)).astype(kind)
            except ValueError:
                expected = "an integer" if np.dtype(kind).kind == "i" else "a number"
                return (
                    f"line {number} of the atoms: expected {expected} in column {name}, "
                    f"got {decoded(word)[:40]!r}"
                )
    return ""
