"""Observer of running molecular dynamics, which stores the results of its frames."""

from __future__ import annotations

import os
import weakref

from ase import Atoms, units
from ase.optimize.optimize import Dynamics
from numpy.typing import ArrayLike

from ase_dos.model.interface import DOSPredictor
from ase_dos.results.result import TrajectoryResult
from ase_dos.results.store import Store
from ase_dos.trajectory.frame import FrameAnalysis
from ase_dos.utils.digests import fingerprint
from ase_dos.utils.structure_errors import check_on_error
from ase_dos.utils.warnings import WarningCounter

__all__ = ["DOSObserver"]


class DOSObserver:
    """Analyse the structure of a running simulation whenever it is called.

    ``dyn.attach(observer, interval=10)`` makes ASE call it every tenth step, with the atoms as
    they are at that step. Its results are those of `ase_dos.trajectory.run.analyze_trajectory` for
    the trajectory of these frames, and can be read while the simulation runs. Frames are written
    to disk in groups, at the latest ten seconds after the first of them if more are coming, and
    all of them at the end of the ``with`` block, or of the program.

    An observer with the path of earlier results appends to them. If a simulation is restarted from
    its last frame, that frame is not repeated, and time and step continue from it.

    Parameters
    ----------
    dyn : Dynamics or Atoms
        The simulation, or only its atoms; then no time and step are known.
    model : str, path or DOSPredictor
        Name of a shipped model, path of a model file, or any model with the interface of
        `ase_dos.model.interface.DOSPredictor`.
    path : str or path
        Directory of the results in zarr's format.
    temperatures : (m,) array_like
        Electronic temperatures (K), zero or above.
    local : bool
        Store the local DOS of every atom too, as mode coefficients in single precision.
    members : int, optional
        Also store the quantities of this many members of the model's ensemble.
    on_error : {"raise", "skip"}
        At a structure that the model cannot predict, end the simulation, or record the frame as
        missing.

    Raises
    ------
    ValueError
        If an argument is out of range, there are results of another kind at the path, or another
        run is writing there.
    ImportError
        If xarray or zarr are missing.
    """

    def __init__(
        self,
        dyn: Dynamics | Atoms,
        model: str | os.PathLike | DOSPredictor,
        path: str | os.PathLike,
        temperatures: ArrayLike = (300.0,),
        *,
        local: bool = False,
        members: int | None = None,
        on_error: str = "raise",
    ) -> None:
        check_on_error(on_error)
        self.path, self.on_error = path, on_error
        self._dyn = None if isinstance(dyn, Atoms) else dyn
        self._atoms: Atoms = dyn if isinstance(dyn, Atoms) else dyn.atoms
        self._analysis = FrameAnalysis.of(model, temperatures, local=local, members=members)
        self._warnings = WarningCounter()
        self._store = Store(path, time_unit="fs")
        about = {"source": "molecular dynamics", "command": "DOSObserver"}
        self._store.open(
            {**self._analysis.options, "observer": True}, {**about, **self._analysis.about}
        )
        self._before = len(self._store.status)  # frames of earlier runs
        self._shift = {"time": 0.0, "md_step": 0.0}  # of a simulation that was restarted
        self._close = weakref.finalize(self, self._store.close)

    def __call__(self) -> None:
        """Analyse the atoms as they are now.

        Raises
        ------
        ValueError
            If the model cannot describe them, unless that is to be skipped; or the observer is
            closed.
        """
        if not self._close.alive:
            raise ValueError(f"{self.path}: the observer is closed")
        row = len(self._store.status)
        clock = self._clock()
        if row and row == self._before:
            self._before = -1
            if self._store.fingerprints[-1] == fingerprint(self._atoms):
                for name, value in clock.items():
                    self._shift[name] = float(self._store.read(name)[-1]) - value
                return
        result = self._analysis.analyze_frame(row, lambda: self._atoms)
        if result.record is not None:
            self._warnings.add(f"frame {row}", result.warnings)
            shifted = {name: value + self._shift[name] for name, value in clock.items()}
            self._store.put(row, row, {**result.record, **shifted})
            return
        message = f"frame {row} of the simulation: {result.error}"
        self._store.put_missing(row, row, message)
        if self.on_error == "raise":
            raise ValueError(message)

    def flush(self) -> None:
        """Write the frames analysed so far to disk."""
        self._store.commit()

    def close(self) -> None:
        """Write the frames analysed so far to disk, and release the directory."""
        if self._close.alive:
            self._close()
            self._warnings.give_summary(len(self._store.status), "frames", stacklevel=2)

    def result(self) -> TrajectoryResult:
        """Return the results so far, those of earlier runs included.

        Raises
        ------
        ValueError
            If there is no frame yet.
        """
        if self._close.alive:
            self.flush()
        return TrajectoryResult.load(self.path)

    def __enter__(self) -> DOSObserver:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _clock(self) -> dict[str, float]:
        """Time (fs) and step of the simulation."""
        clock = {}
        if (get_time := getattr(self._dyn, "get_time", None)) is not None:  # not of optimizers
            clock["time"] = get_time() / units.fs
        if (step := getattr(self._dyn, "nsteps", None)) is not None:
            clock["md_step"] = float(step)
        return clock
