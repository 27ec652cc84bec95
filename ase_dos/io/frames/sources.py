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

from ase_dos.io.frames.base import (
    Chain,
    Frames,
    Images,
    Reader,
    Stream,
    failing,
)
from ase_dos.io.frames.by_ase import ase_frames
from ase_dos.io.frames.dcd import DCDFrames
from ase_dos.io.frames.formats import frame_format
from ase_dos.io.frames.gro import gro
from ase_dos.io.frames.h5md import H5MDFrames
from ase_dos.io.frames.lammps import lammps_dump
from ase_dos.io.frames.netcdf import NetCDFFrames
from ase_dos.io.frames.pdb import pdb
from ase_dos.io.frames.tng import TNGFrames
from ase_dos.io.frames.topology import Topology, read_topology
from ase_dos.io.frames.traj import TrajFrames
from ase_dos.io.frames.universe import UniverseFrames, is_universe
from ase_dos.io.frames.xdatcar import xdatcar
from ase_dos.io.frames.xdr import TRRFrames, XTCFrames
from ase_dos.io.frames.xyz import xyz

if TYPE_CHECKING:
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
    "readers_to_the_end",
    "source_name",
    "times_in_fs",
]

FrameSource: TypeAlias = "str | os.PathLike | Iterable[Atoms] | Universe | AtomGroup"


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
        Elements of the types of atoms, from type 1 on; or ``type=element`` for types of any name
        ("CA=C", "29=Cu").
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
    extended xyz, xyz, CP2K xyz + .cell    column, or ``types``             yes, not parsed
    XDATCAR                                in the file                      yes, not parsed
    GROMACS .gro                           names, ``types``, ``topology``   yes, not parsed
    PDB                                    in the file, or as for .gro      yes, not parsed
    ASE .traj                              in the file                      yes
    H5MD                                   in the file, ``types``           yes
    AMBER NetCDF                           in the file, ``types``           yes
    DCD, XTC, TRR, TNG                     ``topology``                     yes
    all else that ASE reads                in the file                      no
    =====================================  ===============================  ================

    Text files may be compressed (.gz, .bz2, .xz, .zst): everything before a frame is decompressed
    then. Behind a member of .gz or .zst that a kill has cut, the next one is read.

    ``atoms.info`` has ``time`` and ``step`` where the file says them. The time is in fs where the
    file names its unit (`Frames.times_in_fs`). Extended xyz and .traj name none: theirs is left as
    it is. Other formats have no time without a unit.
    """
    options = {"types": types, "topology": topology, "cache_index": cache_index}
    options = {n: value for n, value in options.items() if value is not None and value is not False}
    if topology is not None and not _is_cp2k_cell(topology):
        options["topology"] = read_topology(topology, open_frames)
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
    start = _once(iter(source)) if _is_iterator(source) else partial(iter, source)
    stream = partial(Stream, start, "structures in memory")
    return _open(stream, "structures in memory", (), options)


# Opener of each format, and the options it has a use for.
_OPENERS: dict[str, tuple[Callable[..., Frames], tuple[str, ...]]] = {
    "lammps-dump-text": (lammps_dump, ("types", "cache_index")),
    "extxyz": (xyz, ("types", "topology", "cache_index")),
    "vasp-xdatcar": (xdatcar, ("cache_index",)),
    "gromacs": (gro, ("types", "topology", "cache_index")),
    "proteindatabank": (pdb, ("types", "topology", "cache_index")),
    "traj": (TrajFrames, ()),
    "dcd": (DCDFrames, ("topology",)),
    "xtc": (XTCFrames, ("topology",)),
    "trr": (TRRFrames, ("topology",)),
    "tng": (TNGFrames, ("topology",)),
    "netcdf": (NetCDFFrames, ("types", "topology")),
    "h5md": (H5MDFrames, ("types", "topology")),
}


def _open_file(path: str, options: dict[str, Any]) -> Frames:
    opener, takes = _OPENERS.get(frame_format(path), (ase_frames, ()))
    return _open(partial(opener, path), path, takes, options)


def _is_cp2k_cell(topology: Topology) -> bool:
    """Whether a file has the cell of every step of a run of CP2K."""
    return not isinstance(topology, Atoms) and os.fspath(topology).endswith(".cell")


def _open(
    opener: Callable[..., Frames], what: str, takes: tuple[str, ...], options: dict[str, Any]
) -> Frames:
    for name in options:
        if name not in takes:
            raise ValueError(f"{name}: not used for {what}; leave it out")
    return opener(**options)


def _matches(source: str | os.PathLike) -> list[str]:
    """Files of a name that may be a pattern, in the order of the numbers in their names."""
    path = os.fspath(source)
    if os.path.exists(path):
        return [path]

    def by_number(name: str) -> list[str | int]:
        parts = re.split(r"(\d+)", name)
        return [int(part) if i % 2 else part for i, part in enumerate(parts)]

    return sorted(glob(path), key=by_number)


def _is_iterator(source: FrameSource) -> bool:
    """Whether a source can be gone through once only."""
    of_files = isinstance(source, (str, os.PathLike, Frames)) or is_universe(source)
    return not of_files and iter(cast(Iterable[Atoms], source)) is source


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


def readers_to_the_end(source: Frames) -> Iterator[tuple[int, Reader]]:
    """Yield all frames with their readers; that of one that breaks the file fails, and is last."""
    broken: list[tuple[int, Reader]] = []

    def fail(index: int, error: Exception) -> None:
        broken.append((index, failing(str(error))))

    yield from numbered_frames(source, range(2**62), fail)
    yield from broken


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


def times_in_fs(source: FrameSource) -> bool:
    """Whether the times of a source are in fs: it names their unit."""
    try:
        return open_frames(source).times_in_fs
    except (ValueError, ImportError):  # the analysis itself will say why
        return False


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


def frame_range(source: FrameSource, start: int, stop: int | None, step: int) -> range:
    """Return the indices to take, as in a Python slice with a positive step.

    Negative indices count from the end, so the frames are counted for them.

    Raises
    ------
    ValueError
        If the step is below 1, or an index is negative and the source an iterator.
    """
    if step < 1:
        raise ValueError(f"step: expected 1 or more, got {step}")
    if start < 0 or (stop is not None and stop < 0):
        if _is_iterator(source):
            raise ValueError(
                f"frames: expected start >= 0 and stop >= 0 for an iterator, whose length is not "
                f"known, got {start}, {stop}"
            )
        start, stop, step = slice(start, stop, step).indices(open_frames(source).length())
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
