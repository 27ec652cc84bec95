"""Frames of a source by index, each read only when it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from ase import Atoms
from ase.data import chemical_symbols

from ase_dos.io.frames.errors import plain_errors
from ase_dos.utils.checks import as_array

__all__ = [
    "Chain",
    "Frames",
    "Images",
    "IndexedFrames",
    "Reader",
    "Stream",
    "failing",
    "require_sound",
]

Handle = TypeVar("Handle")  # an open file, of the library that reads it


@dataclass(frozen=True)
class Reader:
    """Reader of one frame; ``in_memory`` where the structure is in memory already."""

    read: Callable[[], Atoms]
    in_memory: bool = False

    def __call__(self) -> Atoms:
        """Read the frame.

        Raises
        ------
        ValueError
            If the frame is broken.
        ImportError
            If a package is missing that reads the format.
        """
        with plain_errors():
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
    times_in_fs : bool
        Whether ``time`` in the ``info`` of its frames is in fs. Else the source names no unit.
    """

    name: str
    found: int
    times_in_fs: bool = False

    @abstractmethod
    def _reader(self, index: int) -> Reader:
        """Return the reader of a frame; IndexError if the source ends before it."""

    def reader(self, index: int) -> Reader:
        """Return the reader of a frame; nothing is parsed yet.

        Raises
        ------
        IndexError
            If the source ends before that frame.
        ValueError
            If the source is broken before that frame.
        ImportError
            If a package is missing that reads the format.
        """
        with plain_errors(IndexError):
            return self._reader(index)

    @abstractmethod
    def count(self) -> int | None:
        """Return the number of frames, None where only reading all of them would tell."""

    def length(self) -> int:
        """Return the number of frames, read through all of them if need be.

        Raises
        ------
        ValueError
            If the file is broken in such a way that its frames cannot be counted.
        """
        try:
            count = self.count()
            return sum(1 for _ in self.readers()) if count is None else count
        except ValueError as error:
            raise ValueError(f"frame {self.found} of {self.name}: {error}") from error

    def follow(self, before: Frames) -> None:  # noqa: B027
        """Take over what the file before this one, of the same run, says about both."""

    def __getitem__(self, index: int) -> Atoms:
        """Read one frame; negative indices count from the end.

        Raises
        ------
        IndexError
            If there is no such frame.
        ValueError
            If the frame is broken; the message names it.
        """
        place = index if index >= 0 else index + self.length()
        try:
            reader = self._reader_or_none(place)
            if reader is not None:
                return reader()
        except ValueError as error:
            raise ValueError(f"frame {place} of {self.name}: {error}") from error
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

    times_in_fs = True

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

    def _reader(self, index: int) -> Reader:
        handle = self._opened()
        if not 0 <= index < self.found:
            raise IndexError(index)
        return Reader(partial(self._read, handle, index))

    def _opened(self) -> Handle:
        if self._handle is None:
            with plain_errors():
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

    def _reader(self, index: int) -> Reader:
        if not 0 <= index < self.found:
            raise IndexError(index)
        return reader_of(self._images[index])


class Stream(Frames):
    """Structures that come one after the other.

    Parameters
    ----------
    start : callable
        Returns an iterator from the first structure on; in place of a structure that is broken it
        gives a ValueError.
    name : str
        How messages call the source.
    """

    def __init__(self, start: Callable[[], Iterable[Atoms | ValueError]], name: str) -> None:
        self.name, self._start = name, start
        self._iterator: Iterator[Atoms | ValueError] | None = None
        self._next = self.found = 0

    def count(self) -> None:
        """Return None: only reading all of them would tell."""
        return None

    def _reader(self, index: int) -> Reader:
        """Return the reader of a structure; those before it have been read."""
        if self._iterator is None or index < self._next:
            self._iterator, self._next = iter(self._start()), 0
        for found in self._iterator:
            self._next += 1
            self.found = max(self.found, self._next)
            if self._next > index:
                return failing(str(found)) if isinstance(found, ValueError) else reader_of(found)
        raise IndexError(index)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_iterator": None, "_next": 0}


class Chain(Frames):
    """Frames of several files, one file after the other.

    Where a file breaks so that no frame after that place can be reached, one frame is broken, and
    the next file follows.
    """

    def __init__(self, parts: Sequence[Frames], name: str) -> None:
        self.name, self._parts = name, parts
        self._starts = [0]  # index of the first frame of each file that was reached

    @property
    def times_in_fs(self) -> bool:  # type: ignore[override]
        """Whether that is so in all files."""
        return all(part.times_in_fs for part in self._parts)

    @property
    def found(self) -> int:  # type: ignore[override]
        """Number of frames found so far."""
        reached = len(self._starts) - 1
        return self._starts[-1] + (self._parts[reached].found if reached < len(self._parts) else 0)

    def count(self) -> int | None:
        """Return the number of frames, where each file can tell its own."""
        while (file := len(self._starts) - 1) < len(self._parts):
            part = self._parts[file]
            try:
                count = part.count()
            except ValueError:
                count = part.found + 1
            if count is None:
                return None
            self._go_on(count)
        return self._starts[-1]

    def _reader(self, index: int) -> Reader:
        while True:
            file = bisect_right(self._starts, index) - 1
            if file >= len(self._parts):
                raise IndexError(index)
            part, place = self._parts[file], index - self._starts[file]
            try:
                reader = part.reader(place)
            except IndexError:
                self._go_on(part.found)
                continue
            except ValueError as error:
                if file == len(self._starts) - 1:
                    self._go_on(place + 1)
                reader = failing(str(error))
            return replace(reader, read=partial(_read_of, reader, part.name))

    def _go_on(self, count: int) -> None:
        """Go on to the next file, once the last one that was reached has so many frames."""
        file = len(self._starts) - 1
        self._starts.append(self._starts[-1] + count)
        if file + 1 < len(self._parts):
            self._parts[file + 1].follow(self._parts[file])


def _read_of(reader: Reader, name: str) -> Atoms:
    """Read a frame of one of several files, and name that file if it is broken."""
    try:
        return reader()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def failing(message: str) -> Reader:
    """Return the reader of a frame that is broken."""
    return Reader(partial(_fail, message))


def _fail(message: str) -> Atoms:
    raise ValueError(message)


def require_sound(atoms: Atoms) -> Atoms:
    """Return a structure that a library read, unless numbers in it are none of a structure."""
    as_array(atoms.positions, "positions", (None, 3))
    as_array(atoms.cell.array, "cell", (3, 3))
    wrong = (atoms.numbers < 0) | (atoms.numbers >= len(chemical_symbols))
    if wrong.any():
        raise ValueError(f"expected atomic numbers, got {atoms.numbers[wrong][0]}")
    return atoms


def reader_of(atoms: Atoms) -> Reader:
    """Return the reader of a structure in memory; one of pymatgen becomes one of ASE."""
    if hasattr(atoms, "to_ase_atoms"):
        atoms = Atoms(atoms.to_ase_atoms())
    if not isinstance(atoms, Atoms):
        raise ValueError(f"expected Atoms, got {type(atoms).__name__}")
    return Reader(partial(_given, atoms), in_memory=True)


def _given(atoms: Atoms) -> Atoms:
    return atoms
