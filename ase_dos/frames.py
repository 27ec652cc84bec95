"""Frames of a trajectory one by one: what reads each, so that memory holds one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from ase import Atoms

__all__ = [
    "Reader", "count_frames", "frame_range", "frame_readers", "numbered_frames", "progress_bar",
    "source_name",
]  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """What reads one frame; ``given`` where the source has the structure at hand anyway."""

    read: Callable[[], Atoms]
    given: bool = False

    def __call__(self) -> Atoms:
        """Read the frame."""
        return self.read()


def numbered_frames(
    source: Any, selection: range, fail: Callable[[int, Exception], None]
) -> Iterator[tuple[int, Reader]]:
    """Yield selected frames with their readers; ``fail`` gets the one that breaks the file."""
    index = -1
    try:
        for index, read in enumerate(frame_readers(source)):
            if index in selection:
                yield index, read
            if index + 1 >= selection.stop:  # what follows is not asked for, and may be broken
                return
    except Exception as error:
        fail(index + 1, error)


def frame_readers(source: Any) -> Iterator[Reader]:
    """Yield what reads each frame, one after the other."""
    if not isinstance(source, (str, os.PathLike)):
        for atoms in source:
            if not isinstance(atoms, Atoms):
                raise ValueError(f"expected Atoms, got {type(atoms).__name__}")
            yield _giving(atoms)
        return
    from ase.io import iread
    from ase.io.formats import filetype, open_with_compression

    path = os.fspath(source)
    format = filetype(path)
    if format == "extxyz":
        # ASE's reader goes back after every frame, which decompresses a file anew each time,
        # and it gives no frame of a file with one bad header.
        with open_with_compression(path, "r") as file:
            for block in _xyz_blocks(file):
                yield Reader(partial(_read_xyz, block))
    elif format == "traj":
        from ase.io.trajectory import TrajectoryReader

        with TrajectoryReader(path) as reader:
            for i in range(len(reader)):
                yield Reader(partial(reader.__getitem__, i))
    else:
        for atoms in iread(path, index=":", do_not_split_by_at_sign=True):
            yield _giving(atoms)


def _giving(atoms: Atoms) -> Reader:
    return Reader(lambda: atoms, given=True)


def _xyz_blocks(file: Any) -> Iterator[list[str]]:
    """Lines of one frame after the other."""
    line = file.readline()
    while line.strip():
        try:
            count = int(line)
        except ValueError:
            raise ValueError(f"expected the number of atoms, got {line.strip()[:60]!r}") from None
        block = [line, *islice(file, count + 1)]
        line = file.readline()
        while line.lstrip().startswith("VEC"):  # cell vectors of the older dialect
            block.append(line)
            line = file.readline()
        yield block
    for line in file:
        if line.strip():
            raise ValueError(
                "expected the number of atoms, got a blank line with more lines after it; "
                "remove blank lines between frames"
            )


def _read_xyz(block: list[str]) -> Atoms:
    from io import StringIO

    from ase.io import read

    found, expected = max(len(block) - 2, 0), int(block[0])
    if found < expected:
        raise ValueError(f"the file ends after {found} of {expected} atoms")
    atoms = read(StringIO("".join(block)), format="extxyz", index=0)
    assert isinstance(atoms, Atoms)  # what an integer index gives
    return atoms


def count_frames(source: Any) -> int | None:
    """Return the number of frames where that is known or cheap; None else."""
    if not isinstance(source, (str, os.PathLike)):
        return len(source) if hasattr(source, "__len__") else None
    try:
        # Unparsed frames are some ten times cheaper than what follows.
        return sum(1 for _ in frame_readers(source)) if _is_cheap(source) else None
    except Exception:  # the analysis itself will name the frame
        return None


def _is_cheap(path: str | os.PathLike) -> bool:
    from ase.io.formats import filetype

    return filetype(os.fspath(path)) in ("extxyz", "traj")


def source_name(frames: Any) -> str:
    """Return the name of the source, once it is clear that there is one."""
    if not isinstance(frames, (str, os.PathLike)):
        return "structures in memory"
    path = Path(frames)
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    return str(path)


def frame_range(start: int, stop: int | None, step: int) -> range:
    """Return the indices to take, as in a Python slice but without negative numbers."""
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError(
            f"frames: expected start >= 0, stop >= 0 and step >= 1, got {start}, {stop}, {step}"
        )
    return range(start, 2**62 if stop is None else stop, step)


def progress_bar(source: Any, selection: range, progress: bool) -> Any:
    """Return a bar on stderr, shown on a terminal only: batch systems collect stderr in files."""
    import sys

    from tqdm import tqdm

    shown = progress and sys.stderr.isatty()
    total = count_frames(source) if shown else None
    if total is not None:
        total = len(range(selection.start, min(total, selection.stop), selection.step))
    return tqdm(total=total, unit=" frames", disable=not shown)
