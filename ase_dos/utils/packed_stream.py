"""Stream of a compressed file of one or several members, which goes on behind a member that is cut.

A killed program leaves a member without its end, and a restart may append another one to it.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["open_gzip", "open_zstandard"]

_PIECE = 1 << 16  # bytes of the file read at a time
_SMALL = 1 << 10  # of a decompressor that cannot be copied: of a faulty piece nothing is left
_BLOCK = 1 << 18  # bytes; more than a block of a member has
_PROOF = 1 << 12  # bytes of a member that have to unpack, where one is looked for
_GZIP = (b"\x1f\x8b\x08",)
# Also members that hold no data, as parallel programs write.
_ZSTANDARD = (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + i, 0x2A, 0x4D, 0x18]) for i in range(16)))


class _PackedStream(io.RawIOBase):
    """Bytes of the members of a file.

    Parameters
    ----------
    path : str or path
        The file.
    marks : tuple of bytes
        Beginnings of a member.
    decoder : callable
        Returns a decompressor of a member, with ``decompress``, ``eof`` and ``unused_data``.
    piece : int
        Bytes of the file that are read at a time.

    Raises
    ------
    EOFError
        By `read`, once all is read, if the last member is cut off.
    OSError
        If data are damaged and no member follows them.

    Warns
    -----
    UserWarning
        If a member follows them.
    """

    def __init__(
        self,
        path: str | Path,
        marks: tuple[bytes, ...],
        decoder: Callable[[], Any],
        piece: int = _PIECE,
    ) -> None:
        self._path, self._file = path, open(path, "rb")  # noqa: SIM115
        self._marks, self._new, self._piece = marks, decoder, piece
        self._begin()

    def _begin(self) -> None:
        self._file.seek(0)
        self._decoder = self._new()
        self._started = False  # whether the decoder has taken anything
        self._packed, self._out = b"", b""
        self._taken = self._place = 0  # of ``_out``, and of all
        self._kept = bytearray()  # the last that the decoder has taken of this member
        self._fault: Exception | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 2:
            raise io.UnsupportedOperation("seek from the end of a compressed file")
        target = offset + (self._place if whence else 0)
        if target < self._place:
            self._begin()
        while self._place < target and self.read1(min(target - self._place, 1 << 20)):
            pass
        return self._place

    def close(self) -> None:
        self._file.close()
        super().close()

    def read1(self, size: int = -1) -> bytes:
        """Read up to so many bytes, at least one but at the end."""
        while self._taken == len(self._out):
            if self._fault is not None:
                raise self._fault
            if not self._advance():
                return b""
        end = len(self._out) if size < 0 else self._taken + size
        piece = self._out[self._taken : end]
        self._taken += len(piece)
        self._place += len(piece)
        return piece

    def read(self, size: int | None = -1) -> bytes:
        """Read so many bytes, fewer at the end."""
        left = -1 if size is None else size
        pieces: list[bytes] = []
        while left:
            try:
                piece = self.read1(left)
            except (EOFError, OSError):
                if not pieces:
                    raise
                break
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece) if left > 0 else 0
        return b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        piece = self.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def _advance(self) -> bool:
        """Unpack a piece; False at the end of the file."""
        self._out, self._taken = b"", 0
        if not self._packed:
            self._packed = self._file.read(self._piece)
        if not self._packed:
            if not self._started:
                return False
            return self._go_on(EOFError("it ends before its end mark"))
        if not self._started:
            self._packed = self._packed.lstrip(b"\0")  # padding
            if not self._packed:
                return True
            while len(self._packed) < 4 and (more := self._file.read(self._piece)):
                self._packed += more
            if not self._packed.startswith(self._marks):
                return self._go_on(OSError("data behind its end"))
        if not self._started:
            self._kept.clear()
        self._started = True
        packed, self._packed = self._packed, b""
        before = self._decoder.copy() if hasattr(self._decoder, "copy") else None
        try:
            self._out = self._decoder.decompress(packed)
        except Exception as error:  # each package has its own
            self._packed = packed
            if before is not None:
                self._out = _as_far_as_possible(before, packed)
            return self._go_on(OSError(str(error)))
        self._kept += packed
        if len(self._kept) > 2 * _BLOCK:
            del self._kept[:-_BLOCK]
        if self._decoder.eof:
            self._packed = self._decoder.unused_data
            self._decoder, self._started = self._new(), False
        return True

    def _go_on(self, fault: Exception) -> bool:
        """Begin again at the next member, behind data that do not unpack.

        A block that is cut takes what follows it for its own, so it is looked for there too.
        """
        if self._started:
            self._packed = bytes(self._kept) + self._packed
        self._decoder, self._started = self._new(), False
        place = 1  # behind the beginning of the member itself
        while True:
            found = [at for mark in self._marks if (at := self._packed.find(mark, place)) >= 0]
            if found:
                place = min(found)
                while len(self._packed) < place + _PROOF and (more := self._file.read(self._piece)):
                    self._packed += more
                if _unpacks(self._new(), self._packed[place : place + _PROOF]):
                    self._packed = self._packed[place:]
                    warnings.warn(
                        f"{self._path}: a part of the compressed file is cut off or damaged "
                        f"({fault}); it is read on from the next part",
                        UserWarning,
                        stacklevel=2,
                    )
                    return True
                place += 1
                continue
            more = self._file.read(self._piece)
            if not more:
                self._packed = b""
                self._fault = fault
                return True
            place = max(len(self._packed) - 3, 1)
            self._packed += more


def _as_far_as_possible(decoder: Any, packed: bytes) -> bytes:
    """Unpack byte by byte up to a fault."""
    out = bytearray()
    try:
        for i in range(len(packed)):
            out += decoder.decompress(packed[i : i + 1])
    except zlib.error:
        pass
    return bytes(out)


def _unpacks(decoder: Any, packed: bytes) -> bool:
    try:
        decoder.decompress(packed)
    except Exception:
        return False
    return True


def open_gzip(path: str | Path) -> io.RawIOBase:
    """Open a gzip file for reading what is packed in it."""
    return _PackedStream(path, _GZIP, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))


def open_zstandard(path: str | Path) -> io.RawIOBase:
    """Open a Zstandard file for reading what is packed in it.

    Raises
    ------
    ValueError
        If no package can.
    """
    try:  # part of Python since 3.14
        decoder = import_module("compression.zstd").ZstdDecompressor
    except ImportError:
        try:
            module = import_module("zstandard")
        except ImportError:
            raise ValueError(
                "it is compressed with Zstandard, which needs the package zstandard "
                '(pip install "ase_dos[formats]"); install it, or unpack the file first'
            ) from None

        def decoder() -> Any:
            return module.ZstdDecompressor().decompressobj()

    return _PackedStream(path, _ZSTANDARD, decoder, _SMALL)
