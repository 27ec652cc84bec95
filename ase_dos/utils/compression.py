"""Files that may be compressed: gzip, xz, bzip2 or Zstandard, recognised by their first bytes."""

from __future__ import annotations

import bz2
import io
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ase_dos.utils.packed_stream import open_gzip, open_zstandard

__all__ = ["SUFFIXES", "open_plain", "read_bytes", "read_text"]

SUFFIXES = (".gz", ".xz", ".bz2", ".zst")
_PIECE = 2**16


_OPENERS: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", open_gzip),
    (b"\xfd7zXZ\x00", lzma.open),
    (b"BZh", bz2.open),
    (b"\x28\xb5\x2f\xfd", open_zstandard),
)


class _Pieces(io.RawIOBase):
    """Stream that ends where a compressed file is cut off, with all that stands before."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # Small pieces: of the last one, which is not whole, nothing comes.
            piece = self._packed.read(min(len(buffer), 512))
        except EOFError:
            return 0
        except Exception as error:  # each package has errors of its own
            raise ValueError(f"the compressed file is damaged ({error})") from error
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading its bytes, decompressed on the way if it is compressed.

    Parameters
    ----------
    path : pathlib.Path
        The file. Its first bytes tell how it is compressed, not its name.

    Yields
    ------
    binary file
        A compressed file that is cut off ends there, as one that is not compressed does.

    Raises
    ------
    ValueError
        If the compressed data are damaged, or need a package that is not installed.
    """
    with path.open("rb") as file:
        head = file.read(6)
        opener = next((opener for magic, opener in _OPENERS if head.startswith(magic)), None)
        if opener is None:
            file.seek(0)
            yield file
            return
    with opener(path) as packed:
        yield io.BufferedReader(_Pieces(packed), _PIECE)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file, as `open_plain` gives them."""
    with open_plain(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return the text of a file, as `open_plain` gives it.

    Line ends of any system become newlines, and bytes that are no UTF-8 the replacement character.
    """
    return read_bytes(path).decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
