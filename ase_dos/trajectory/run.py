"""Electronic structure along a trajectory: frames in, rows of one data set on disk out.

Large frames are read, predicted and stored one at a time, small ones some at a time, here or in
several processes. `ase_dos.results.variables` lists the stored variables.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from ase import Atoms
from numpy.typing import ArrayLike

from ase_dos.density.interface import DensityProvider
from ase_dos.io.frames import (
    FrameSource,
    Reader,
    frame_range,
    progress_bar,
    source_name,
    times_in_fs,
)
from ase_dos.io.frames.units import names_time_unit
from ase_dos.model.blocks import predict_in_blocks
from ase_dos.model.interface import DOSPredictor
from ase_dos.results.result import TrajectoryResult
from ase_dos.results.store import Store
from ase_dos.results.variables import FINISHED
from ase_dos.trajectory.density import DensityAnalysis
from ase_dos.trajectory.frame import TOGETHER_ATOMS, FrameAnalysis, FrameResult
from ase_dos.trajectory.jobs import Broken, FrameAt, Job, copied, jobs_of, read_now
from ase_dos.utils.checks import as_count
from ase_dos.utils.digests import fingerprint
from ase_dos.utils.parallel import Backend, parallel_map
from ase_dos.utils.structure_errors import check_on_error
from ase_dos.utils.warnings import WarningCounter

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["analyze_trajectory"]

TASK_FRAMES = 32  # at once, and no more atoms than are analysed together
LONGEST_WAIT = 1.0  # s; frames that take longer are not waited for
_SELECTION = ("start", "stop", "step")


def analyze_trajectory(
    frames: FrameSource,
    model: str | os.PathLike | DOSPredictor | None = None,
    temperatures: ArrayLike = (300.0,),
    output: str | os.PathLike | None = None,
    *,
    density_model: str | os.PathLike | DensityProvider | None = None,
    charge: float = 0.0,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    local: bool = False,
    members: int | None = None,
    on_error: str = "raise",
    backend: Backend = None,
    block_atoms: int | None = None,
    command: str = "analyze_trajectory",
    progress: bool = True,
) -> TrajectoryResult:
    """Predict the DOS, the electronic quantities and the dipole moment of every frame.

    A run that was stopped, in whatever way, continues after its finished frames when it is called
    again. Its arrays are then those of a run that was never stopped.

    Parameters
    ----------
    frames : str, path, iterable of Atoms, MDAnalysis.Universe or Frames
        Trajectory in any format that `ase_dos.open_frames` knows, also compressed (.gz,
        .bz2, .xz), or structures. Where elements of types, or a topology, have to be given, pass
        what that function returns.
    model : str, path or DOSPredictor, optional
        Name of a shipped model, path of a model file, or any model with the interface of
        `ase_dos.model.interface.DOSPredictor`. Without one there is no DOS, but dipole moments and
        charges by a density model.
    temperatures : (m,) array_like
        Electronic temperatures (K), zero or above.
    output : str or path, optional
        Directory of the results in zarr's format, which one run writes at a time. Finished
        frames found there are not computed again; the first and the last of them must still be
        the structures they were computed for, and so must all where that needs no parsing of a
        file. Without it, results live in memory.
    density_model : str, path or DensityProvider, optional
        Model of the electron density of molecules, given in the same ways. Then the results have
        the dipole moment and the partial charges of every frame.
    charge : float
        Total charge of every frame (e), for the density model.
    start, stop, step : int
        Frames to take, as in a Python slice: negative numbers count from the end.
    local : bool
        Store the local DOS of every atom too, as mode coefficients in single precision.
    members : int, optional
        Also store the quantities of this many members of the ensemble of each model. They give
        the error of the model, for every frame and for all averages.
    on_error : {"raise", "skip"}
        At a frame that cannot be read or predicted, end the run, or record the frame in
        ``missing`` and go on as far as the file can be read.
    backend : None, int, str or distributed.Client
        Where frames are analysed: here, in a number of processes of this machine, or on the
        workers of a dask cluster, given the address of its scheduler or a client. Workers read
        the frames themselves where the number of frames is known without parsing them.
    block_atoms : int, optional
        For frames too large for one worker: cut each into spatial blocks of at most this many
        atoms, with a halo of one cutoff, and analyse the blocks of each frame on the backend.
    command : str
        How the run was called, for the attributes of the results.
    progress : bool
        Show a progress bar on stderr where that is a terminal.

    Returns
    -------
    TrajectoryResult

    Raises
    ------
    ValueError
        If an argument is out of range, the trajectory is missing or empty, a frame is bad (the
        message names its index; the frames before it stay stored), ``output`` has results
        of another model, trajectory or choice of options (the message says which), another run
        is writing there, or the trajectory ends before the last finished frame.
    ImportError
        If xarray or zarr are missing, or dask where it is asked for.
    ChildProcessError
        If a worker process was ended from outside.

    Warns
    -----
    UserWarning
        Once for each kind of warning, with the number of frames that gave it; see
        `ase_dos.electrons.smearing.SmearingWarning`,
        `ase_dos.electrons.negative_dos.NegativeDOSWarning` and
        `ase_dos.spectra.local_dos.NoveltyWarning`.
    """
    check_on_error(on_error)
    name = source_name(frames)
    selection = frame_range(frames, start, stop, step)
    if start < 0 or (stop is not None and stop < 0):  # which frames these are changes if it grows
        start, stop = selection.start, selection.stop
    density = None
    if density_model is not None:
        density = DensityAnalysis.of(density_model, charge, members)
    analysis = FrameAnalysis.of(model, temperatures, local=local, members=members, density=density)
    if block_atoms is not None:
        if analysis.model is None:
            raise ValueError("block_atoms: takes a DOS model (--model), got a density model alone")
        predict = partial(
            predict_in_blocks,
            analysis.model,
            size=as_count(block_atoms, "block_atoms", 1),
            map_blocks=partial(parallel_map, backend=backend),
        )
        analysis, backend = replace(analysis, predict=predict), None
    options = {**analysis.options, "start": start, "stop": stop, "step": step}
    about = {"source": name, "command": command, **analysis.about}
    with ExitStack() as stack:
        path = stack.enter_context(TemporaryDirectory()) if output is None else output
        with progress_bar(frames, selection, progress) as bar:
            run = _Run(Store(path), options, about, frames, selection, on_error == "skip", bar)
            try:
                run.go(analysis, backend)
            finally:
                run.close()
        result = TrajectoryResult.load(path)
        return TrajectoryResult(result.dataset.load()) if output is None else result


class _Run:
    """One pass over a trajectory: rows that are finished, frames that failed, warnings."""

    def __init__(
        self,
        store: Store,
        options: dict[str, Any],
        about: dict[str, Any],
        source: FrameSource,
        selection: range,
        skip: bool,
        bar: tqdm,
    ) -> None:
        self.store, self.options, self.about = store, options, about
        self.selection, self.skip, self.bar = selection, skip, bar
        self.name, self.source = about["source"], source
        self.opened = False
        self.finished: set[int] = set()  # rows of earlier runs
        self.last_finished = -1
        self.missing_before: dict[int, str] = {}
        self.seen, self.reached = 0, -1
        self.task_frames = 1
        self.warnings = WarningCounter()

    def go(self, analysis: FrameAnalysis, backend: Backend) -> None:
        """Analyse the frames that are not finished."""
        elsewhere = backend is not None
        jobs = self._jobs(jobs_of(self.source, self.selection, elsewhere), elsewhere)
        for results in parallel_map(analysis, self._tasks(jobs), backend):
            for result in results:
                self._store(result)
                self.bar.update()
        if not self.seen:
            chosen = ", ".join(f"{name}={self.options[name]}" for name in _SELECTION)
            raise ValueError(f"{self.name}: no frame among {chosen}")
        if self.reached < self._index(self.last_finished):
            self._refuse(
                f"{self.name}: ends after frame {self.reached}, but {self.store.path} has "
                f"results up to frame {self._index(self.last_finished)} of a longer trajectory"
            )
        if FINISHED not in self.store.status:
            first = next(iter(self.store.missing.values()))
            raise ValueError(f"no frame could be analysed: {first}")

    def close(self) -> None:
        """Commit what is done; give each kind of warning once."""
        if self.opened:
            self.store.close()
        self.warnings.give_summary(self.seen, "frames", stacklevel=3)

    def _jobs(self, frames: Iterator[Job], elsewhere: bool) -> Iterator[Job]:
        """Yield the frames that are not finished, once the store is open."""
        waiting: list[Job] = []
        for index, read in frames:
            self.seen += 1
            self.reached = index
            if not self.opened or (elsewhere and not isinstance(read.read, FrameAt)):
                read = read_now(read)
            waiting.append((index, read))
            if not self.opened:
                if isinstance(read.read, Broken):
                    if not self.skip:
                        self._fail(index, read.read.why)
                    continue
                self._open(read())
            yield from self._unfinished(waiting)
            waiting.clear()
        for index, read in waiting:  # none could be read
            self._fail(index, cast(Broken, read.read).why)

    def _unfinished(self, frames: Iterable[Job]) -> Iterator[Job]:
        for index, read in frames:
            row = self._row(index)
            if row is None or row not in self.finished:
                yield index, read
                continue
            if read.in_memory or row == self.last_finished:
                self._require_same(index, row, read)
            self.bar.update()

    def _tasks(self, jobs: Iterator[Job]) -> Iterator[list[Job]]:
        """Put frames together, unless they take long to come."""
        for job in jobs:  # from the first one on it is known how large frames are
            begun = time.monotonic()
            task = [self._waiting(*job)]
            while len(task) < self.task_frames and time.monotonic() < begun + LONGEST_WAIT:
                if (following := next(jobs, None)) is None:
                    break
                task.append(self._waiting(*following))
            yield task

    def _waiting(self, index: int, read: Reader) -> Job:
        """Job that waits for others, if tasks are of several frames."""
        return index, copied(read) if self.task_frames > 1 else read

    def _open(self, atoms: Atoms) -> None:
        if times_in_fs(self.source) or names_time_unit(atoms.info):
            self.store.time_unit = "fs"
        first = f"{fingerprint(atoms):016x}"
        self.store.open({**self.options, "first_frame": first}, self.about)
        self.opened = True
        self.finished = {i for i, status in enumerate(self.store.status) if status == FINISHED}
        self.last_finished = max(self.finished, default=-1)
        self.missing_before = dict(self.store.missing)
        self.task_frames = min(max(TOGETHER_ATOMS // max(len(atoms), 1), 1), TASK_FRAMES)

    def _store(self, result: FrameResult) -> None:
        index, row = result.index, self._row(result.index)
        if result.record is None or row is None:
            return self._fail(index, result.error)
        self.warnings.add(f"frame {index}", result.warnings)
        try:
            self.store.put(row, index, result.record)
        except ValueError as error:
            self._fail(index, str(error))
        return None

    def _fail(self, index: int, why: str) -> None:
        """End the run at a bad frame, or record it."""
        message = f"frame {index} of {self.name}: {why}"
        self.store.put_missing(self._row(index), index, message)
        if not self.skip:
            raise ValueError(message)

    def _require_same(self, index: int, row: int, read: Reader) -> None:
        """Refuse a frame that is not the one whose result is stored."""
        try:
            same = fingerprint(read()) == self.store.fingerprints[row]
        except Exception:  # it was readable when it was analysed
            same = False
        if not same:
            self._refuse(
                f"frame {index} of {self.name} is not the structure whose result is in "
                f"{self.store.path}"
            )

    def _refuse(self, message: str) -> None:
        """End a run whose trajectory is not that of the stored results, and store nothing of it."""
        for index, why in self.missing_before.items():
            self.store.put_missing(self._row(index), index, why)
        raise ValueError(f"{message}; choose another output directory")

    def _row(self, index: int) -> int | None:
        """Row of a frame; None if it was not asked for."""
        return self.selection.index(index) if index in self.selection else None

    def _index(self, row: int) -> int:
        return self.selection[row] if row >= 0 else -1
