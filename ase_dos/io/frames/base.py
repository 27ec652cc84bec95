"""Frames of a source by index, each read only when it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from ase import Atoms

__all__ = ["Chain", "Frames", "Images", "IndexedFrames", "Reader", "Stream"]

Handle = TypeVar("Handle")  # an open file, of the library that reads it


@dataclass(frozen=True)
class Reader:
    """Reader of one frame; ``in_memory`` where the structure is in memory already."""

    read: Callable[[], Atoms]
    in_memory: bool = False

    def __call__(self) -> Atoms:
        """Read the frame."""
        return self.read()


class Frames(ABC):
    """Frames of one source by index, starting at 0.

    Frames of files can be pickled: each process then opens the file for itself, and knows the
    frames that were found before.

    Attributes
    ----------
    name : str
        How messages call the source.
    found : int
        Frames that are known to be there.
    """

    name: str
    found: int

    @abstractmethod
    def reader(self, index: int) -> Reader:
        """Return the reader of a frame; nothing is parsed yet.

        Raises
        ------
        IndexError
            If the source ends before that frame.
        Exception
            Any, if the source is broken before that frame.
        """

    @abstractmethod
    def count(self) -> int | None:
        """Return the number of frames, None where only reading all of them would tell."""

    def __getitem__(self, index: int) -> Atoms:
        """Read one frame.

        Raises
        ------
        IndexError
            If there is no such frame.
        ValueError
            If the frame is broken; the message names it.
        """
        try:
            reader = self._reader_or_none(index)
            if reader is not None:
                return reader()
        except Exception as error:
            raise ValueError(f"frame {index} of {self.name}: {error}") from error
        raise IndexError(f"{self.name}: no frame {index}, it has {self.found}")

    def _reader_or_none(self, index: int) -> Reader | None:
        try:
            return self.reader(index) if index >= 0 else None
        except IndexError:
            return None

    def readers(self) -> Iterator[Reader]:
        """Yield the reader of each frame, one after the other."""
        index = 0
        while (reader := self._reader_or_none(index)) is not None:
            yield reader
            index += 1

    def __iter__(self) -> Iterator[Atoms]:
        """Read all frames, one after the other."""
        return (read() for read in self.readers())


class IndexedFrames(Frames, Generic[Handle]):
    """A file whose reader finds any frame by itself.

    A subclass opens its file in ``_open`` and reads a frame in ``_read``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.found = 0
        self._handle: Handle | None = None

    @abstractmethod
    def _open(self) -> tuple[Handle, int]:
        """Open the file; return it with its number of frames."""

    @abstractmethod
    def _read(self, handle: Handle, index: int) -> Atoms:
        """Read one frame of the open file."""

    def count(self) -> int:
        """Return the number of frames."""
        self._opened()
        return self.found

    def reader(self, index: int) -> Reader:
        """Return the reader of a frame."""
        handle = self._opened()
        if not 0 <= index < self.found:
            raise IndexError(index)
        return Reader(partial(self._read, handle, index))

    def _opened(self) -> Handle:
        if self._handle is None:
            self._handle, self.found = self._open()
        return self._handle

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}

    def __del__(self) -> None:
        close = getattr(self._handle, "close", None)
        if close is not None:
            close()


class Images(Frames):
    """Structures in memory: a list, or anything with a length and an index."""

    def __init__(self, images: Sequence[Atoms]) -> None:
        self.name = "structures in memory"
        self._images = images
        self.found = len(images)

    def count(self) -> int:
        """Return the number of structures."""
        return self.found

    def reader(self, index: int) -> Reader:
        """Return the reader of a structure."""
        if not 0 <= index < self.found:
            raise IndexError(index)
        return reader_of(self._images[index])


class Stream(Frames):
    """Structures that come one after the other.

    Parameters
    ----------
    start : callable
        Returns an iterator from the first structure on.
    name : str
        How messages call the source.
    """

    def __init__(self, start: Callable[[], Iterable[Atoms]], name: str) -> None:
        self.name, self._start = name, start
        self._iterator: Iterator[Atoms] | None = None
        self._next = self.found = 0

    def count(self) -> None:
        """Return None: only reading all of them would tell."""
        return None

    def reader(self, index: int) -> Reader:
        """Return the reader of a structure; those before it have been read."""
        if self._iterator is None or index < self._next:
            self._iterator, self._next = iter(self._start()), 0
        for atoms in self._iterator:
            self._next += 1
            self.found = max(self.found, self._next)
            if self._next > index:
                return reader_of(atoms)
        raise IndexError(index)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_iterator": None, "_next": 0}


class Chain(Frames):
    """Frames of several files, one file after the other."""

    def __init__(self, parts: Sequence[Frames], name: str) -> None:
        self.name, self._parts = name, parts
        self._starts = [0]  # index of the first frame of each file that was reached

    @property
    def found(self) -> int:  # type: ignore[override]
        """Number of frames found so far."""
        reached = len(self._starts) - 1
        return self._starts[-1] + (self._parts[reached].found if reached < len(self._parts) else 0)

    def count(self) -> int | None:
        """Return the number of frames, where each file can tell its own."""
        counts = [part.count() for part in self._parts]
        return None if None in counts else sum(count or 0 for count in counts)

    def reader(self, index: int) -> Reader:
        """Return the reader of a frame."""
        while True:
            file = bisect_right(self._starts, index) - 1
            if file >= len(self._parts):
                raise IndexError(index)
            try:
                return self._parts[file].reader(index - self._starts[file])
            except IndexError:
                self._starts.append(self._starts[file] + self._parts[file].found)


def reader_of(atoms: Atoms) -> Reader:
    """Return the reader of a structure in memory."""
    if not isinstance(atoms, Atoms):
        raise ValueError(f"expected Atoms, got {type(atoms).__name__}")
    return Reader(partial(_given, atoms), in_memory=True)


def _given(atoms: Atoms) -> Atoms:
    return atoms
