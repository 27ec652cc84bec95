"""Electronic structure along a trajectory: frames in, one small result file per frame out.

Frames are read, predicted and stored one at a time; `ase_dos.results` says what is stored.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.checks import as_temperature
from ase_dos.frames import Reader, count_frames, numbered_frames, source_name
from ase_dos.results import FORMAT, Store, TrajectoryResult
from ase_dos.thermo import functional_weights

__all__ = ["analyze_frame", "analyze_trajectory"]


def analyze_trajectory(
    frames: str | os.PathLike | Iterable[Atoms],
    model: Any = "silicon",
    temperatures: ArrayLike = (300.0,),
    output: str | os.PathLike | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    local: bool = False,
    on_error: str = "raise",
    progress: bool = True,
) -> TrajectoryResult:
    """Predict the DOS of every frame and what the electrons make of it.

    Parameters
    ----------
    frames : str, path, iterable of Atoms, MDAnalysis.Universe or Frames
        Trajectory in any format that `ase_dos.open_frames` knows, also compressed (.gz,
        .bz2, .xz), or structures. What that function returns is taken too, where the elements
        of types, or a topology, have to be named.
    model : str or DOSModel
        Name of a shipped model, path of a model file, or a model.
    temperatures : (m,) array_like
        Electronic temperatures (K), zero or above.
    output : str or path, optional
        Directory of the results, for one process at a time. Finished frames found there are
        not computed again; the first and the last of them must still be the structures they
        were computed for, and so must all where that needs no parsing of a file. Without it,
        results live in memory.
    start, stop, step : int
        Frames to take, as in a Python slice but without negative numbers.
    local : bool
        Keep the mode coefficients of every atom too (float32): the local DOS of each atom.
    on_error : {"raise", "skip"}
        What a frame that cannot be read or described does: end the run, or be recorded in
        ``missing`` while the run goes on as far as the file can be read.
    progress : bool
        Show a progress bar on stderr where that is a terminal.

    Returns
    -------
    TrajectoryResult

    Raises
    ------
    ValueError
        If an argument is out of range, the trajectory is missing or empty, a frame is bad (the
        message names its index; the frames before it stay stored), ``output`` holds results
        of another model, trajectory or choice of options (the message says which), or the
        trajectory ends before the last finished frame.

    Warns
    -----
    UserWarning
        Once, with the number of frames, for each kind of doubt that thermodynamics voiced.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error: expected 'raise' or 'skip', got {on_error!r}")
    temperatures = np.unique(as_temperature(np.atleast_1d(temperatures), "temperatures"))
    if not temperatures.size:
        raise ValueError("temperatures: expected at least one, got none")
    selection = _selection(start, stop, step)
    name = source_name(frames)
    model = _load(model)
    options = {
        "format": FORMAT,
        "model": model.info["hash"],
        "temperatures": temperatures.tolist(),
        "start": start, "stop": stop, "step": step,
        "local": bool(local),
    }  # fmt: skip
    run = _Run(Store(output), model, options, name, on_error == "skip")
    try:
        with _progress_bar(frames, selection, progress) as bar:
            for frame in numbered_frames(frames, selection, run.fail):
                run.take(*frame)
                bar.update()
    finally:
        run.close()
    if not run.seen and not run.missing:
        raise ValueError(f"{name}: no frame among start={start}, stop={stop}, step={step}")
    run.require_all_finished()
    if not run.store.indices():
        raise ValueError(f"no frame could be analysed: {next(iter(run.missing.values()))}")
    return TrajectoryResult.from_store(run.store)


def analyze_frame(
    atoms: Atoms, model: Any, temperatures: NDArray, *, local: bool = False
) -> dict[str, NDArray]:
    """Results of one frame under the names of `TrajectoryResult`, per cell.

    Raises
    ------
    ValueError
        If the model cannot describe the structure, or a temperature exceeds its energy window.
    """
    if len(atoms) == 0:
        raise ValueError("the frame has no atoms")
    predicted = model.predict(atoms)
    dos = predicted.total()
    gas = dos.electron_gas(np.append(0.0, temperatures))
    fermi = float(gas.fermi_level[0])
    at_fermi = functional_weights(dos.energies, fermi, 0.0)
    per_atom = predicted.project(np.stack([at_fermi.dos_at_fermi_level, at_fermi.electrons]))
    record = {
        "n_atoms": len(atoms),
        "n_electrons": dos.n_electrons,
        "volume": atoms.cell.volume,
        "time": _number(atoms.info, "time"),
        "md_step": _number(atoms.info, "step"),
        "energies": dos.energies,
        "dos": dos.values,
        "fermi_level": fermi,
        "band_bottom": dos.band_bottom,
        "dos_at_fermi_level": float(dos.at(fermi)),
        "chemical_potential": gas.fermi_level[1:] - fermi,
        "entropy": gas.entropy[1:],
        "free_energy": gas.free_energy[1:] - gas.free_energy[0],
        "heat_capacity": gas.heat_capacity[1:],
        "local_dos_at_fermi_level": per_atom[:, 0].astype(np.float32),
        # The factor makes the charges of an insulator sum to zero, as its electrons do.
        "local_charge": (
            predicted.valence - np.ravel(gas.valence_factor)[0] * per_atom[:, 1]
        ).astype(np.float32),
    }
    if local:
        record["coefficients"] = predicted.coefficients.astype(np.float32)
        record["basis"] = predicted.basis
    return {key: np.asarray(value) for key, value in record.items()}


class _Run:
    """One pass over a trajectory: what is stored, what failed, what was warned of."""

    def __init__(
        self, store: Store, model: Any, options: dict[str, Any], name: str, skip: bool
    ) -> None:
        self.store, self.model, self.options, self.name = store, model, options, name
        self.skip = skip
        self.opened = False
        self.last_finished = -1  # by earlier runs
        self.reached = -1
        self.seen = 0
        self.added: list[int] = []
        self.missing: dict[int, str] = {}
        self.warned: dict[str, tuple[list[int], warnings.WarningMessage]] = {}

    def take(self, index: int, read: Reader) -> None:
        """Analyse and store one frame, unless that is done."""
        self.seen += 1
        self.reached = index
        if self.opened and (finished := self.store.read(index)) is not None:
            if read.given or index == self.last_finished:
                self._require_same(index, read, finished)
            return None
        # Readers raise anything on a broken file; a model raises ValueError on a bad frame,
        # and any other exception of it is a defect that must not pass for one.
        try:
            atoms = read()
        except Exception as error:
            return self.fail(index, error)
        if not self.opened:
            self._open(atoms)
            if self.store.read(index) is not None:
                return None
        try:
            record = self._analyze(index, atoms)
        except ValueError as error:
            return self.fail(index, error)
        self.store.write(index, record)
        self.added.append(index)
        return None

    def fail(self, index: int, error: Exception) -> None:
        """End the run at a bad frame, or record it."""
        message = f"frame {index} of {self.name}: {str(error) or type(error).__name__}"
        self.missing[index] = message
        if not self.skip:
            raise ValueError(message) from error

    def require_all_finished(self) -> None:
        """Refuse a trajectory that ends before frames that are finished."""
        if self.reached < self.last_finished:
            self._refuse(
                f"{self.name}: ends after frame {self.reached}, but {self.store.path} holds "
                f"results up to frame {self.last_finished} of a longer trajectory"
            )

    def close(self) -> None:
        """Write down what is missing; say once what was warned of."""
        if self.opened:
            self.store.write_json("missing", self.missing)
        for frames, first in self.warned.values():
            warnings.warn(
                f"{len(frames)} of {self.seen} frames, the first is frame {frames[0]}: "
                f"{first.message}", first.category, stacklevel=3,
            )  # fmt: skip

    def _open(self, atoms: Atoms) -> None:
        self.store.open(
            {**self.options, "first_frame": _fingerprint(atoms)},
            {"source": self.name, "ase_dos": __version__, "model_info": self.model.info},
        )
        self.opened = True
        self.last_finished = max(self.store.indices(), default=-1)

    def _require_same(self, index: int, read: Reader, finished: dict[str, NDArray]) -> None:
        """Refuse a frame that is not the one its stored result speaks of."""
        try:
            same = _fingerprint(read()) == str(finished["fingerprint"])
        except Exception:  # it was readable when it was analysed
            same = False
        if not same:
            self._refuse(
                f"frame {index} of {self.name} is not the structure whose result "
                f"{self.store.path} holds"
            )

    def _refuse(self, message: str) -> None:
        """End a run whose trajectory is not that of the stored results; keep nothing of it."""
        for index in self.added:
            self.store.discard(index)
        self.opened = False
        raise ValueError(f"{message}; choose another output directory")

    def _analyze(self, index: int, atoms: Atoms) -> dict[str, NDArray]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            record = analyze_frame(
                atoms, self.model, np.array(self.options["temperatures"]),
                local=self.options["local"],
            )  # fmt: skip
        for kind in {(one.filename, one.lineno): one for one in caught}.items():
            frames, _ = self.warned.setdefault(str(kind[0]), ([], kind[1]))
            frames.append(index)
        return {**record, "fingerprint": np.array(_fingerprint(atoms))}


def _progress_bar(source: Any, selection: range, progress: bool) -> Any:
    """Return a bar on stderr, shown on a terminal only: batch systems collect stderr in files."""
    import sys

    from tqdm import tqdm

    shown = progress and sys.stderr.isatty()
    total = count_frames(source) if shown else None
    if total is not None:
        total = len(range(selection.start, min(total, selection.stop), selection.step))
    return tqdm(total=total, unit=" frames", disable=not shown)


def _selection(start: int, stop: int | None, step: int) -> range:
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError(
            f"frames: expected start >= 0, stop >= 0 and step >= 1, got {start}, {stop}, {step}"
        )
    return range(start, 2**62 if stop is None else stop, step)


def _load(model: Any) -> Any:
    if hasattr(model, "predict"):
        return model
    from ase_dos.model import DOSModel

    return DOSModel.load(model)


def _fingerprint(atoms: Atoms) -> str:
    """Hash of a structure, to recognise its trajectory."""
    digest = hashlib.sha256()
    for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _number(info: dict[str, Any], name: str) -> float:
    value: Any = info.get(name, info.get(name.capitalize()))
    plain = np.isscalar(value) and not isinstance(value, str)
    return float(value) if plain else np.nan
