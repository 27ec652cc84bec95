"""Trajectories of the format TNG.

Lundborg et al., J. Comput. Chem. 35, 260 (2014), doi:10.1002/jcc.23495: a file is a chain of
blocks, each with a header that says its length and the MD5 of its contents.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import IO, TYPE_CHECKING

import numpy as np

from ase_dos.io.frames.coordinates import CoordinateFrames, Coordinates
from ase_dos.io.frames.errors import library_errors

if TYPE_CHECKING:
    from chemfiles import Trajectory

__all__ = ["TNGFrames", "require_whole_blocks"]

# Lengths of the header and of the contents, and an id of 8 bytes each, MD5, then a name.
_LENGTHS, _HASH = slice(0, 24), slice(24, 40)
_LONGEST_HEADER = 4096  # bytes
_PIECE = 1 << 24


class TNGFrames(CoordinateFrames["Trajectory"]):
    """Frames of a TNG file, read by chemfiles.

    It hangs or crashes at some damaged files, and opens none that is cut off. So these are refused
    before it sees them.
    """

    def _open(self) -> tuple[Trajectory, int]:
        try:
            from chemfiles import Trajectory
        except ImportError:
            raise ImportError(
                f"{self.name}: reading it needs chemfiles: pip install 'ase_dos[formats]'"
            ) from None
        with open(self.name, "rb") as file:
            require_whole_blocks(file)
        with _chemfiles_errors():
            trajectory = Trajectory(self.name, "r", "TNG")
            return trajectory, trajectory.nsteps

    def _coordinates(self, handle: Trajectory, index: int) -> Coordinates:
        with _chemfiles_errors():
            frame = handle.read_step(index)
            self._require_count(len(frame.atoms))
            time = frame["time"] if "time" in frame.list_properties() else None  # ps
            return Coordinates(
                np.array(frame.positions),
                np.array(frame.cell.matrix).T,
                None if time is None else 1000.0 * time,
                frame.step,
            )


@contextmanager
def _chemfiles_errors() -> Iterator[None]:
    """Turn errors of chemfiles into ours; it warns of what it raises."""
    reason = "the file is whole"
    with warnings.catch_warnings(), library_errors("chemfiles", ValueError, reason=reason):
        warnings.simplefilter("ignore")
        yield


def require_whole_blocks(file: IO[bytes]) -> None:
    """Follow the blocks of a TNG file to its end, and compare their contents with their MD5.

    Raises
    ------
    ValueError
        If the file ends in a block, or one is damaged.
    """
    total, start = os.fstat(file.fileno()).st_size, 0
    while start < total:
        file.seek(start)
        head = file.read(_HASH.stop)
        header, contents = _block_lengths(head[_LENGTHS])
        where = f"the block at byte {start} of {total}"
        if not 40 < header <= _LONGEST_HEADER or contents < 0:
            raise ValueError(f"{where} is none of a TNG file, or damaged")
        if start + header + contents > total:
            raise ValueError(f"the file is cut off: {where} has {header + contents} bytes")
        file.seek(start + header)
        if any(head[_HASH]) and _md5(file, contents) != head[_HASH]:  # zeros: it was not written
            raise ValueError(f"{where} is damaged: its contents are not those of its MD5")
        start += header + contents


def _block_lengths(text: bytes) -> tuple[int, int]:
    """Lengths of header and contents, in the order of bytes in which a header is short."""
    if len(text) < 24:
        return 0, 0
    found = [np.frombuffer(text, order)[:2].tolist() for order in (">i8", "<i8")]
    header, contents = min(found, key=lambda pair: pair[0] if pair[0] > 0 else np.inf)
    return header, contents


def _md5(file: IO[bytes], length: int) -> bytes:
    digest = md5(usedforsecurity=False)
    while length and (piece := file.read(min(length, _PIECE))):
        digest.update(piece)
        length -= len(piece)
    return digest.digest()
