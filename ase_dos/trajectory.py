"""Electronic structure along a trajectory: frames in, one small result file per frame out.

Frames are read, predicted and stored one at a time. A directory of results holds ``run.json``
(what was asked, of which model), ``frames/<index>.npz`` (the result of one frame, complete or
absent) and ``missing.json`` (frames that could not be done, and why).
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import kB
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.checks import as_temperature
from ase_dos.statistics import Estimate, estimate_mean
from ase_dos.thermo import functional_weights

__all__ = ["TrajectoryResult", "analyze_frame", "analyze_trajectory"]

FORMAT = 1
FEW_SAMPLES = 10
Frame = tuple[int, Callable[[], Atoms]]  # index and what reads it


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
    frames : str, path or iterable of Atoms
        Trajectory in any format that ASE reads, also compressed (.gz, .bz2, .xz), or structures.
        Memory holds one frame at a time of extended xyz and .traj files, compressed or not.
    model : str or DOSModel
        Name of a shipped model, path of a model file, or a model.
    temperatures : (m,) array_like
        Electronic temperatures (K), zero or above.
    output : str or path, optional
        Directory of the results, for one process at a time. Finished frames found there are
        not computed again. Without it, results live in memory.
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
        message names its index; the frames before it stay stored), or ``output`` holds results
        of another model, trajectory or choice of options (the message says which).

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
    name = _name(frames)
    model = _load(model)
    options = {
        "format": FORMAT,
        "model": model.info["hash"],
        "temperatures": temperatures.tolist(),
        "start": start, "stop": stop, "step": step,
        "local": bool(local),
    }  # fmt: skip
    run = _Run(_Store(output), model, options, name, on_error == "skip")
    try:
        with _progress_bar(frames, selection, progress) as bar:
            for frame in _numbered(frames, selection, run.fail):
                run.take(*frame)
                bar.update()
    finally:
        run.close()
    if not run.seen and not run.missing:
        raise ValueError(f"{name}: no frame among start={start}, stop={stop}, step={step}")
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
        self, store: _Store, model: Any, options: dict[str, Any], name: str, skip: bool
    ) -> None:
        self.store, self.model, self.options, self.name = store, model, options, name
        self.skip = skip
        self.opened = False
        self.seen = 0
        self.missing: dict[int, str] = {}
        self.warned: dict[str, tuple[list[int], warnings.WarningMessage]] = {}

    def take(self, index: int, read: Callable[[], Atoms]) -> None:
        """Analyse and store one frame, unless that is done."""
        self.seen += 1
        if self.opened and self.store.read(index) is not None:
            return
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
        return self.store.write(index, record)

    def fail(self, index: int, error: Exception) -> None:
        """End the run at a bad frame, or record it."""
        message = f"frame {index} of {self.name}: {str(error) or type(error).__name__}"
        self.missing[index] = message
        if not self.skip:
            raise ValueError(message) from error

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
        return record


class _Store:
    """Results by frame index, in a directory or, without one, in memory."""

    def __init__(self, path: str | os.PathLike | None) -> None:
        self.path = None if path is None else Path(path)
        self.memory: dict[Any, Any] = {}

    def open(self, options: dict[str, Any], about: dict[str, Any]) -> None:
        """Begin results with these options, or go on with those that have the same."""
        if self.path is not None:
            begun = (self.path / "run.json").exists()
            for orphan in self.path.glob("frames/*.partial"):  # of a killed run
                orphan.unlink()
            if begun and self.indices():
                _require_equal(self.path, self.read_json("run")["options"], options)
                return
            occupied = self.path.is_dir() and any(self.path.iterdir()) and not begun
            if occupied or (self.path.exists() and not self.path.is_dir()):
                raise ValueError(f"{self.path}: exists and holds no results of a trajectory")
            (self.path / "frames").mkdir(parents=True, exist_ok=True)
        self.write_json("run", {"options": options, **about})

    def indices(self) -> list[int]:
        """Return the indices of the finished frames, rising."""
        if self.path is None:
            return sorted(key for key in self.memory if isinstance(key, int))
        return sorted(int(file.stem) for file in (self.path / "frames").glob("*.npz"))

    def read(self, index: int) -> dict[str, NDArray] | None:
        """Return the result of a frame; None if there is none, or its file is damaged."""
        if self.path is None:
            return self.memory.get(index)
        try:
            # Given a path, numpy leaves a damaged file open.
            with (
                open(self._frame(index), "rb") as file,
                np.load(file, allow_pickle=False) as arrays,
            ):
                return {name: arrays[name] for name in arrays.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error):
            return None

    def write(self, index: int, record: dict[str, NDArray]) -> None:
        """Store the result of a frame: wholly or not at all."""
        if self.path is None:
            self.memory[index] = record
        else:
            _replace(self._frame(index), lambda file: np.savez_compressed(file, **record))

    def read_json(self, name: str) -> dict[str, Any]:
        if self.path is None:
            return self.memory.get(name, {})
        try:
            return json.loads((self.path / f"{name}.json").read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.path}: not the results of a trajectory ({error})") from error

    def write_json(self, name: str, content: dict) -> None:
        text = json.dumps(content, indent=1)
        if self.path is None:
            self.memory[name] = json.loads(text)
        else:
            _replace(self.path / f"{name}.json", lambda file: file.write(text.encode()))

    def _frame(self, index: int) -> Path:
        assert self.path is not None
        return self.path / "frames" / f"{index:08d}.npz"


def _replace(path: Path, write: Callable[[Any], Any]) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            write(file)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _require_equal(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    different = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if different:
        changes = "; ".join(f"{key} was {old.get(key)}, is {new.get(key)}" for key in different)
        raise ValueError(
            f"{path}: holds results of another run ({changes}); choose another output directory"
        )


@dataclass(frozen=True, eq=False)
class TrajectoryResult:
    """Electronic structure of the frames of a trajectory; quantities are per cell.

    Attributes
    ----------
    frames : (n,) array of int
        Index of each frame in its trajectory.
    temperatures : (m,) array
        Electronic temperatures (K), rising.
    n_atoms, n_electrons, volume : (n,) array
        Atoms, electrons, and volume (Angstrom^3) of the cell.
    time, md_step : (n,) array
        ``info["time"]`` and ``info["step"]`` of the frames; NaN where there are none.
    energies : (k,) array
        Energies of the model (eV).
    dos : (n, k) array
        Density of states (states/eV) on ``energies``.
    fermi_level : (n,) array
        E_F at T = 0 (eV) on ``energies``; `aligned_dos` puts it at zero.
    band_bottom : (n,) array
        Energy (eV) below which 0.5 % of the electrons lie, on ``energies``.
    dos_at_fermi_level : (n,) array
        g(E_F) (states/eV).
    chemical_potential : (n, m) array
        mu(T) - E_F (eV).
    entropy, heat_capacity : (n, m) array
        S and C_el at fixed electron number (eV/K).
    free_energy : (n, m) array
        F(T) - F(0) (eV).
    about : dict
        What was run: options, source, version, header of the model.
    missing : dict of int to str
        Frames that could not be done, and why.
    """

    frames: NDArray
    temperatures: NDArray
    n_atoms: NDArray
    n_electrons: NDArray
    volume: NDArray
    time: NDArray
    md_step: NDArray
    energies: NDArray
    dos: NDArray
    fermi_level: NDArray
    band_bottom: NDArray
    dos_at_fermi_level: NDArray
    chemical_potential: NDArray
    entropy: NDArray
    free_energy: NDArray
    heat_capacity: NDArray
    about: dict[str, Any]
    missing: dict[int, str]
    _store: _Store = field(repr=False)

    @classmethod
    def load(cls, path: str | os.PathLike) -> TrajectoryResult:
        """Read a directory of results, finished or not.

        Raises
        ------
        ValueError
            If it is no such directory, holds no finished frame, or a frame file is damaged.
        """
        return cls.from_store(_Store(path))

    @classmethod
    def from_store(cls, store: _Store) -> TrajectoryResult:
        """Collect what a store holds, without the arrays over atoms."""
        about = store.read_json("run")
        if about["options"]["format"] != FORMAT:
            raise ValueError(
                f"{store.path}: format {about['options']['format']} of ase_dos "
                f"{about['ase_dos']}, this release ({__version__}) reads format {FORMAT}"
            )
        indices = store.indices()
        if not indices:
            raise ValueError(f"{store.path}: holds no finished frame")
        columns: dict[str, list[NDArray]] = {}
        for index in indices:
            record = store.read(index)
            if record is None:
                raise ValueError(f"{store.path}: frame {index} is damaged; run the analysis again")
            for name in _COLUMNS:
                columns.setdefault(name, []).append(record[name])
            energies = record["energies"]
        unfinished = store.path is not None and not (store.path / "missing.json").exists()
        missing = {} if unfinished else store.read_json("missing")
        return cls(
            frames=np.array(indices),
            temperatures=np.array(about["options"]["temperatures"]),
            energies=energies,
            about=about,
            missing={int(index): why for index, why in missing.items()},
            _store=store,
            **{name: np.array(values) for name, values in columns.items()},
        )

    def __len__(self) -> int:
        return len(self.frames)

    def local(self, frame: int) -> dict[str, NDArray]:
        """Arrays over the atoms of the frame with this index in the trajectory.

        Returns
        -------
        dict
            ``local_dos_at_fermi_level`` (states/eV) and ``local_charge`` (e: valence less
            electrons at T = 0), both (atoms,); with ``local=True`` also ``coefficients``
            (atoms, modes) and ``basis`` (modes, k) of the local DOS.

        Raises
        ------
        ValueError
            If there is no such frame.
        """
        record = self._store.read(int(frame))
        if record is None:
            raise ValueError(f"frame {frame}: no result; there are {len(self)} frames, see .frames")
        return {name: record[name] for name in _LOCAL if name in record}

    def write_extxyz(self, path: str | os.PathLike, frames: Any) -> int:
        """Write the finished frames with the local scalars of every atom, for viewers.

        The atoms carry ``local_dos_at_fermi_level`` (states/eV) and ``local_charge`` (e).

        Parameters
        ----------
        path : str or path
            File to write; in extended xyz whatever its name.
        frames : str, path or iterable of Atoms
            The trajectory that was analysed.

        Returns
        -------
        int
            Frames written.
        """
        from ase.io import write

        written = 0
        with open(path, "w") as file:
            # Not beyond the last finished frame: the source may be broken there.
            for index, read in enumerate(islice(_frames(frames), int(self.frames[-1]) + 1)):
                if index not in self.frames:
                    continue
                atoms = read()
                plain = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
                plain.info = {"frame": index}
                for name, values in self.local(index).items():
                    if name in _LOCAL[:2]:
                        plain.arrays[name] = values.astype(float)
                write(file, plain, format="extxyz")
                written += 1
        return written

    def aligned_dos(self) -> tuple[NDArray, NDArray]:
        """DOS of every frame on one axis with E_F at zero.

        Returns
        -------
        energies : (k,) array
            Energies relative to E_F (eV), up to where all frames are known.
        values : (n, k) array
            States/eV per atom.
        """
        from scipy.interpolate import CubicSpline

        step = self.energies[1] - self.energies[0]
        first = np.ceil((self.energies[0] - self.fermi_level.min()) / step)
        last = np.floor((self.energies[-1] - self.fermi_level.max()) / step)
        energies = step * np.arange(first, last + 1)
        rows = [
            CubicSpline(self.energies, dos)(np.maximum(energies + fermi, self.energies[0])) / n
            for dos, fermi, n in zip(self.dos, self.fermi_level, self.n_atoms, strict=True)
        ]
        return energies, np.array(rows)

    def series(self) -> dict[str, NDArray]:
        """Series over frames that `summary` averages, by name and unit; intensive."""
        series = {
            "E_F - band bottom (eV)": self.fermi_level - self.band_bottom,
            "g(E_F) (states/eV/atom)": self.dos_at_fermi_level / self.n_atoms,
        }
        for name, values in (("C_el", self.heat_capacity), ("S", self.entropy)):
            for temperature, column in zip(self.temperatures, values.T, strict=True):
                key = f"{name}({temperature:g} K) (k_B/atom)"
                series[key] = column / (kB * self.n_atoms)
        return series

    def estimates(self) -> dict[str, Estimate]:
        """Mean, statistical error and drift of every series."""
        return {name: estimate_mean(values) for name, values in self.series().items()}

    def summary(self) -> str:
        """Table of `estimates`, with a remark where they do not describe an equilibrium."""
        estimates = self.estimates()
        width = max(map(len, estimates))
        lines = [
            f"{len(self)} frames of {self.about['source']}, {len(self.missing)} missing",
            f"{'':{width}}  {'mean':>11} {'error':>9} {'drift':>10} {'+-':>9} {'n_eff':>6}",
        ]
        lines += [
            f"{name:{width}}  {e.mean:>11.5g} {e.error:>9.2g} {e.drift:>10.3g} "
            f"{e.drift_error:>9.2g} {e.n_effective:>6.1f}{' *' if e.drifts else ''}"
            for name, e in estimates.items()
        ]
        if any(e.drifts for e in estimates.values()):
            lines.append("* drifts by more than three errors: the mean is none of an equilibrium")
        if min(e.n_effective for e in estimates.values()) < FEW_SAMPLES:
            lines.append(f"n_eff below {FEW_SAMPLES}: the errors are rough themselves")
        return "\n".join(lines)


_COLUMNS = (
    "n_atoms", "n_electrons", "volume", "time", "md_step", "dos", "fermi_level", "band_bottom",
    "dos_at_fermi_level", "chemical_potential", "entropy", "free_energy", "heat_capacity",
)  # fmt: skip
_LOCAL = ("local_dos_at_fermi_level", "local_charge", "coefficients", "basis")


# -- frames ------------------------------------------------------------------------------------


def _numbered(
    source: Any, selection: range, fail: Callable[[int, Exception], None]
) -> Iterator[Frame]:
    """Yield selected frames with their readers; ``fail`` gets the one that breaks the file."""
    index = -1
    try:
        for index, read in enumerate(_frames(source)):
            if index >= selection.stop:
                return
            if index in selection:
                yield index, read
    except Exception as error:
        fail(index + 1, error)


def _frames(source: Any) -> Iterator[Callable[[], Atoms]]:
    """Yield what reads each frame, one after the other."""
    if not isinstance(source, (str, os.PathLike)):
        for atoms in source:
            if not isinstance(atoms, Atoms):
                raise ValueError(f"expected Atoms, got {type(atoms).__name__}")
            yield lambda atoms=atoms: atoms
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
                yield lambda block=block: _read_xyz(block)
    elif format == "traj":
        from ase.io.trajectory import TrajectoryReader

        with TrajectoryReader(path) as reader:
            for i in range(len(reader)):
                yield lambda i=i: reader[i]
    else:
        for atoms in iread(path, index=":", do_not_split_by_at_sign=True):
            yield lambda atoms=atoms: atoms


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


def _read_xyz(block: list[str]) -> Atoms:
    from io import StringIO

    from ase.io import read

    found, expected = max(len(block) - 2, 0), int(block[0])
    if found < expected:
        raise ValueError(f"the file ends after {found} of {expected} atoms")
    return read(StringIO("".join(block)), format="extxyz", index=0)


def _progress_bar(source: Any, selection: range, progress: bool) -> Any:
    """Return a bar on stderr, shown on a terminal only: batch systems collect stderr in files."""
    import sys

    from tqdm import tqdm

    shown = progress and sys.stderr.isatty()
    total = _length(source) if shown else None
    if total is not None:
        total = len(range(selection.start, min(total, selection.stop), selection.step))
    return tqdm(total=total, unit=" frames", disable=not shown)


def _length(source: Any) -> int | None:
    """Return the number of frames where that is known or cheap; None else."""
    if not isinstance(source, (str, os.PathLike)):
        return len(source) if hasattr(source, "__len__") else None
    try:
        # Unparsed frames are some ten times cheaper than what follows.
        return sum(1 for _ in _frames(source)) if _is_cheap(source) else None
    except Exception:  # the analysis itself will name the frame
        return None


def _is_cheap(path: str | os.PathLike) -> bool:
    from ase.io.formats import filetype

    return filetype(os.fspath(path)) in ("extxyz", "traj")


def _selection(start: int, stop: int | None, step: int) -> range:
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError(
            f"frames: expected start >= 0, stop >= 0 and step >= 1, got {start}, {stop}, {step}"
        )
    return range(start, 2**62 if stop is None else stop, step)


def _name(frames: Any) -> str:
    """Name of the source, once it is clear that there is one."""
    if not isinstance(frames, (str, os.PathLike)):
        return "structures in memory"
    path = Path(frames)
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    return str(path)


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
    value = info.get(name, info.get(name.capitalize()))
    return float(value) if np.isscalar(value) and not isinstance(value, str) else np.nan
