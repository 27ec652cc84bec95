"""Sources of frames, and the reader of each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ase import Atoms

from ase_dos.io.frames.base import Chain, Frames, Images, IndexedFrames, Reader, Stream
from ase_dos.io.frames.coordinates import CoordinateFrames
from ase_dos.io.frames.elements import Topology
from ase_dos.io.frames.h5md import H5MDFrames
from ase_dos.io.frames.lammps import lammps_dump
from ase_dos.io.frames.universe import UniverseFrames, is_universe
from ase_dos.io.frames.xyz import xyz

if TYPE_CHECKING:
    from ase.io.trajectory import TrajectoryReader
    from MDAnalysis import AtomGroup, Universe
    from tqdm import tqdm

__all__ = [
    "FrameSource",
    "count_frames",
    "frame_range",
    "frame_readers",
    "numbered_frames",
    "open_frames",
    "progress_bar",
    "source_name",
]

FrameSource: TypeAlias = "str | os.PathLike | Iterable[Atoms] | Universe | AtomGroup"

_SUFFIXES = {
    ".dcd": "coordinates",
    ".xtc": "coordinates",
    ".trr": "coordinates",
    ".tng": "coordinates",
    ".h5md": "h5md",
    ".h5": "h5md",
}


def open_frames(
    source: FrameSource,
    *,
    types: Sequence[str] | None = None,
    topology: Topology | None = None,
    cache_index: bool = False,
) -> Frames:
    """Open a trajectory: its frames by index, each read when it is asked for.

    Parameters
    ----------
    source : str, path, iterable of Atoms, MDAnalysis.Universe or Frames
        A file of any format below; a pattern with ``*`` for several files, taken in the order of
        the numbers in their names; structures; or frames that this function returned.
    types : sequence of str, optional
        Elements of the types of atoms, from type 1 on.
    topology : Atoms, str or path, optional
        Structure with the elements, or the cell, that the trajectory lacks.
    cache_index : bool
        Store where the frames of a text file begin in ``<file>.index.npz`` beside it.

    Returns
    -------
    Frames

    Raises
    ------
    ValueError
        If there is no such file, it is empty, or an option does not apply to its format.

    Notes
    -----
    =====================================  ===============================  ================
    format                                 elements                         reached directly
    =====================================  ===============================  ================
    LAMMPS dump (text)                     column, or ``types``             yes, not parsed
    extended xyz, xyz, CP2K xyz + .cell    column                           yes, not parsed
    ASE .traj                              in the file                      yes
    H5MD                                   in the file, ``types``           yes
    DCD, XTC, TRR, TNG, AMBER NetCDF       ``topology``                     yes
    all else that ASE reads                in the file                      no
    =====================================  ===============================  ================

    Text files may be compressed (.gz, .bz2, .xz): everything before a frame is decompressed then.
    """
    options = {"types": types, "topology": topology, "cache_index": cache_index}
    options = {n: value for n, value in options.items() if value is not None and value is not False}
    if isinstance(source, Frames):
        return _open(lambda: source, "frames that are open", (), options)
    if is_universe(source):
        return _open(partial(UniverseFrames, source), "a Universe", ("types",), options)
    if isinstance(source, (str, os.PathLike)):
        source_name(source)
        files = _matches(source)
        if len(files) == 1:
            return _open_file(files[0], options)
        return Chain([_open_file(file, options) for file in files], os.fspath(source))
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return _open(
            partial(Images, cast(Sequence[Atoms], source)), "structures in memory", (), options
        )
    start = partial(iter, source) if iter(source) is not source else _once(source)
    stream = partial(Stream, start, "structures in memory")
    return _open(stream, "structures in memory", (), options)


def _open_file(path: str, options: dict[str, Any]) -> Frames:
    format = _format(path, "topology" in options)
    if format == "lammps-dump-text":
        return _open(partial(lammps_dump, path), path, ("types", "cache_index"), options)
    if format == "extxyz":
        return _open(partial(xyz, path), path, ("topology", "cache_index"), options)
    if format == "traj":
        return _open(partial(_TrajFrames, path), path, (), options)
    if format == "coordinates":
        return _open(partial(CoordinateFrames, path), path, ("topology",), options)
    if format == "h5md":
        return _open(partial(H5MDFrames, path), path, ("types", "topology"), options)
    from ase.io import iread

    start = partial(iread, path, index=":", do_not_split_by_at_sign=True)
    return _open(partial(Stream, start, path), path, (), options)


def _open(
    opener: Callable[..., Frames], what: str, takes: tuple[str, ...], options: dict[str, Any]
) -> Frames:
    for name in options:
        if name not in takes:
            raise ValueError(f"{name}: not used for {what}; leave it out")
    return opener(**options)


def _format(path: str, has_topology: bool) -> str:
    suffix = Path(path).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix in (".nc", ".ncdf") and (has_topology or not _netcdf_has_elements(path)):
        return "coordinates"
    from ase.io.formats import filetype

    return filetype(path)


def _netcdf_has_elements(path: str) -> bool:
    """Whether ASE wrote this file; of those without elements its reader makes hydrogen."""
    with open(path, "rb") as file:
        return b"atom_types" in file.read(1 << 16)  # the names of variables come first


def _matches(source: str | os.PathLike) -> list[str]:
    """Files of a name that may be a pattern, in the order of the numbers in their names."""
    path = os.fspath(source)
    if os.path.exists(path):
        return [path]

    def by_number(name: str) -> list[str | int]:
        parts = re.split(r"(\d+)", name)
        return [int(part) if i % 2 else part for i, part in enumerate(parts)]

    return sorted(glob(path), key=by_number)


class _TrajFrames(IndexedFrames["TrajectoryReader"]):
    """ASE's own format."""

    def _open(self) -> tuple[TrajectoryReader, int]:
        from ase.io.trajectory import TrajectoryReader

        reader = TrajectoryReader(self.name)
        return reader, len(reader)

    def _read(self, handle: TrajectoryReader, index: int) -> Atoms:
        return handle[index]


def _once(iterator: Iterator[Atoms]) -> Callable[[], Iterable[Atoms]]:
    """Return a function that starts an iterator, once."""
    left = [iterator]

    def start() -> Iterator[Atoms]:
        if not left:
            raise ValueError("the structures come from an iterator, which cannot go back")
        return left.pop()

    return start


def numbered_frames(
    source: FrameSource, selection: range, fail: Callable[[int, Exception], None]
) -> Iterator[tuple[int, Reader]]:
    """Yield selected frames with their readers; ``fail`` gets the one that breaks the file."""
    frames = None
    for index in selection:
        try:
            frames = frames or open_frames(source)
            reader = frames.reader(index)
        except IndexError:
            return
        except Exception as error:
            fail(0 if frames is None else min(index, frames.found), error)
            return
        yield index, reader


def frame_readers(source: FrameSource) -> Iterator[Reader]:
    """Yield the reader of each frame, one after the other."""
    return open_frames(source).readers()


def count_frames(source: FrameSource) -> int | None:
    """Return the number of frames where that is known or cheap; None else."""
    try:
        # Counting is some ten times cheaper than the analysis.
        return open_frames(source).count()
    except Exception:  # the analysis itself will name the frame
        return None


def source_name(source: FrameSource) -> str:
    """Return the name of the source, once it is clear that there is one."""
    if isinstance(source, Frames):
        return source.name
    if is_universe(source):
        return str(source.universe.trajectory.filename)
    if not isinstance(source, (str, os.PathLike)):
        return "structures in memory"
    files = [Path(name) for name in _matches(source)]
    if not files:
        raise ValueError(f"{os.fspath(source)}: no such file")
    for file in files:
        if file.is_file() and file.stat().st_size == 0:
            raise ValueError(f"{file}: the file is empty")
    return os.fspath(source)


def frame_range(start: int, stop: int | None, step: int) -> range:
    """Return the indices to take, as in a Python slice but without negative numbers."""
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError(
            f"frames: expected start >= 0, stop >= 0 and step >= 1, got {start}, {stop}, {step}"
        )
    return range(start, 2**62 if stop is None else stop, step)


def progress_bar(source: FrameSource, selection: range, progress: bool) -> tqdm:
    """Return a bar on stderr, shown on a terminal only: batch systems collect stderr in files."""
    import sys

    from tqdm import tqdm

    shown = progress and sys.stderr.isatty()
    total = count_frames(source) if shown else None
    if total is not None:
        total = len(range(selection.start, min(total, selection.stop), selection.step))
    return tqdm(total=total, unit=" frames", disable=not shown)
