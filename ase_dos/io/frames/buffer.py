"""Window of a binary stream, plain or compressed, which may end too early."""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ase_dos.utils.packed_stream import open_gzip, open_zstandard

__all__ = ["COMPRESSED", "Buffer", "open_binary"]

BLOCK = 1 << 20  # bytes read at a time
_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": open_gzip,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": open_zstandard,
}
COMPRESSED = tuple(_OPENERS)


class Buffer:
    """Part of a stream that was read and not yet taken.

    Attributes
    ----------
    fault : str
        Why the stream ended too early; empty if it did not. What came before is there.
    """

    def __init__(self, stream: IO[bytes], block: int = BLOCK) -> None:
        self.stream, self.block = stream, block
        self.data = bytearray()
        self.fault = ""
        # Gives what is there, where `read` would give nothing if a block is cut off.
        self._read = getattr(stream, "read1", stream.read)

    def more(self) -> bool:
        """Read a block; False at the end of the stream."""
        block = b""
        try:
            if not self.fault:
                block = self._read(self.block)
        except EOFError:
            self.fault = "the compressed file is cut off"
        except (OSError, zlib.error, lzma.LZMAError) as error:
            self.fault = f"the file cannot be read on from here ({error})"
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
        """Return where the line begins that ``count`` lines follow; -1 if there are fewer."""
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
                return -1
        return start

    def take(self, end: int) -> bytes:
        """Return and forget everything before ``end``."""
        taken = bytes(self.data[:end])
        del self.data[:end]
        return taken


def open_binary(path: str | os.PathLike) -> IO[bytes]:
    """Open a file for reading, decompressed by the ending of its name.

    Raises
    ------
    ValueError
        If a package is missing that decompresses it.
    """
    opener = _OPENERS.get(Path(path).suffix.lower())
    if opener is None:
        return open(path, "rb")
    try:
        return opener(path)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error
