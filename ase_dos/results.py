"""Results of a trajectory: one small file per frame on disk, and the quantities they hold.

A directory of results holds ``run.json`` (what was asked, of which model),
``frames/<index>.npz`` (the result of one frame, complete or absent) and ``missing.json`` (frames
that could not be done, and why).
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import kB
from numpy.typing import NDArray

from ase_dos._version import __version__
from ase_dos.checks import require_same
from ase_dos.files import replace_file
from ase_dos.frames import frame_readers
from ase_dos.spectrum import align_spectra
from ase_dos.statistics import Estimate, estimate_mean

__all__ = ["FORMAT", "Store", "TrajectoryResult"]

FORMAT = 2
FEW_SAMPLES = 10
_COLUMNS = (
    "n_atoms", "n_electrons", "volume", "time", "md_step", "dos", "fermi_level", "band_bottom",
    "dos_at_fermi_level", "chemical_potential", "entropy", "free_energy", "heat_capacity",
)  # fmt: skip
_LOCAL = ("local_dos_at_fermi_level", "local_charge", "coefficients", "basis")


class Store:
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
                require_same(
                    self.path, self.read_json("run")["options"], options,
                    "choose another output directory",
                )  # fmt: skip
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

    def write(self, index: int, record: dict[str, Any]) -> None:
        """Store the result of a frame: wholly or not at all."""
        if self.path is None:
            self.memory[index] = record
        else:
            replace_file(self._frame(index), lambda file: np.savez_compressed(file, **record))

    def discard(self, index: int) -> None:
        """Drop the result of a frame."""
        if self.path is None:
            self.memory.pop(index, None)
        else:
            self._frame(index).unlink(missing_ok=True)

    def read_json(self, name: str) -> dict[str, Any]:
        """Return what was written under this name."""
        if self.path is None:
            return self.memory.get(name, {})
        try:
            return json.loads((self.path / f"{name}.json").read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.path}: not the results of a trajectory ({error})") from error

    def write_json(self, name: str, content: dict) -> None:
        """Write a description of the run beside its frames."""
        text = json.dumps(content, indent=1)
        if self.path is None:
            self.memory[name] = json.loads(text)
        else:
            replace_file(self.path / f"{name}.json", lambda file: file.write(text.encode()))

    def _frame(self, index: int) -> Path:
        assert self.path is not None
        return self.path / "frames" / f"{index:08d}.npz"


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
    _store: Store = field(repr=False)

    @classmethod
    def load(cls, path: str | os.PathLike) -> TrajectoryResult:
        """Read a directory of results, finished or not.

        Raises
        ------
        ValueError
            If it is no such directory, holds no finished frame, or a frame file is damaged.
        """
        return cls.from_store(Store(path))

    @classmethod
    def from_store(cls, store: Store) -> TrajectoryResult:
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
            for index, read in enumerate(islice(frame_readers(frames), int(self.frames[-1]) + 1)):
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
        values = self.dos / self.n_atoms[:, None]
        return align_spectra(self.energies, values, self.fermi_level)

    @property
    def dataset(self) -> Any:
        """The results as an `xarray.Dataset`."""
        import xarray

        frame = ("frame",)
        scalars = {
            name: (frame, getattr(self, name))
            for name in ("n_atoms", "n_electrons", "volume", "fermi_level", "band_bottom",
                         "dos_at_fermi_level")
        }  # fmt: skip
        thermal = {
            name: (("frame", "temperature"), getattr(self, name))
            for name in ("chemical_potential", "entropy", "free_energy", "heat_capacity")
        }
        return xarray.Dataset(
            {"status": (frame, np.ones(len(self), np.int8)), **scalars, **thermal,
             "dos": (("frame", "energy"), self.dos)},
            coords={"frame": self.frames, "energy": self.energies, "temperature": self.temperatures,
                    "time": (frame, self.time), "md_step": (frame, self.md_step)},
        )  # fmt: skip

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
