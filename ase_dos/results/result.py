"""Results of a trajectory: finished frames, their atoms, their averages."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.io.frames import FrameSource
from ase_dos.results.atoms import atom_arrays, finished_structures
from ase_dos.results.averages import Averages, average
from ase_dos.results.dataset import require_format, require_xarray
from ase_dos.results.series import FrameSeries
from ase_dos.results.variables import FINISHED, VARIABLES
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.files import replace_file

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["TrajectoryResult"]

# Attributes of a result that have another name in its data set.
_COORDINATES = {"frames": "frame", "temperatures": "temperature", "energies": "energy"}
_VIEWED = (
    "local_dos_at_fermi_level",
    "local_charge",
    "local_magnetic_moment",
    "novelty",
    "partial_charge",
)
# Of every frame in the comment line of extended xyz, by the names that readers find there.
_OF_FRAMES = {
    "time": "time",
    "md_step": "step",
    "fermi_level": "fermi_level",
    "dos_at_fermi_level": "dos_at_fermi_level",
    "magnetic_moment": "magnetic_moment",
    "entropy": "electronic_entropy",
    "free_energy": "electronic_free_energy",
    "heat_capacity": "electronic_heat_capacity",
    "dipole": "dipole",
}


@dataclass(frozen=True, eq=False)
class TrajectoryResult:
    """Electronic structure of the frames of a trajectory; quantities are per cell.

    Arrays over the finished frames are attributes, read when they are asked for: ``frames``
    (index in the trajectory), ``time`` and ``md_step`` (NaN where the frames had none),
    ``n_atoms``, ``n_electrons``, ``volume`` (Angstrom^3, NaN without a three-dimensional cell),
    ``dos`` (n, k) (states/eV) on ``energies`` (eV), ``fermi_level`` and ``band_bottom`` (eV on
    ``energies``, T = 0), ``dos_at_fermi_level`` (states/eV); at each of the ``temperatures`` (K),
    (n, m): ``chemical_potential`` mu(T) - E_F (eV), ``entropy`` and ``heat_capacity`` (eV/K),
    ``free_energy`` F(T) - F(0) (eV). With spin channels ``magnetic_moment`` (Bohr magnetons, T = 0)
    and ``spin_dos`` (n, k), majority less minority (states/eV). With a density model ``dipole``
    (n, 3) (e Angstrom). So are all other variables of the data set that are not over atoms.

    Parameters
    ----------
    dataset : xarray.Dataset
        All results, with missing frames and with atoms; read from disk when they are
        asked for. `ase_dos.results.variables.VARIABLES` lists the variables.
    """

    dataset: Dataset

    @classmethod
    def load(cls, path: str | os.PathLike) -> TrajectoryResult:
        """Open a zarr directory of results, finished or not.

        Raises
        ------
        ValueError
            If it is no such directory, or has no finished frame.
        ImportError
            If xarray or zarr is missing.
        """
        xarray = require_xarray()
        if not (Path(path) / ".zmetadata").is_file():
            raise ValueError(f"{path}: not the results of a trajectory")
        dataset = xarray.open_zarr(path)
        require_format(path, dataset.attrs)
        if FINISHED not in dataset.get("status", ()):
            raise ValueError(f"{path}: has no finished frame")
        return cls(dataset)

    @cached_property
    def about(self) -> dict[str, Any]:
        """Where the results come from: source, command, version, options, header of the model."""
        about = dict(self.dataset.attrs)
        parsed = [name for name in ("options", "model", "density_model") if name in about]
        return {**about, **{name: json.loads(about[name]) for name in parsed}}

    @cached_property
    def missing(self) -> dict[int, str]:
        """Indices of the frames that have no result, and the reason."""
        return {int(i): why for i, why in json.loads(self.dataset.attrs["errors"]).items()}

    @cached_property
    def _finished(self) -> Dataset:
        """Data of the finished frames."""
        return self.dataset.isel(frame=self.dataset["status"].values == FINISHED)

    @cached_property
    def _frames(self) -> NDArray:
        return self._finished["frame"].values

    def __len__(self) -> int:
        return len(self._frames)

    def __getattr__(self, name: str) -> NDArray:
        variable = _COORDINATES.get(name, name)
        if variable not in VARIABLES or "atom" in VARIABLES[variable].dims:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if variable not in self.dataset:
            raise AttributeError(f"{name}: not in these results; {_advice(variable)}")
        return self._finished[variable].values

    def local(self, frame: int) -> dict[str, NDArray]:
        """Arrays over the atoms of the frame with this index in the trajectory.

        Returns
        -------
        dict
            By name, (atoms, ...): ``numbers``, ``local_dos_at_fermi_level`` (states/eV),
            ``local_charge`` (e: valence less electrons at T = 0), ``local_heat_capacity``
            (temperatures, atoms; eV/K), ``novelty`` if the model knows it, with spin channels
            ``local_magnetic_moment`` (Bohr magnetons); with ``local=True`` also ``coefficients``
            (atoms, modes) and ``valence`` (e); with a density model ``partial_charge`` (e).

        Raises
        ------
        ValueError
            If there is no such frame.
        """
        place = np.flatnonzero(self._frames == int(frame))
        if not place.size:
            raise ValueError(f"frame {frame}: no result; there are {len(self)} frames, see .frames")
        return atom_arrays(self._finished.isel(frame=int(place[0])))

    def local_dos(self, frame: int) -> LocalDOS:
        """DOS of every atom of a frame, where the run stored it (``local=True``).

        Raises
        ------
        ValueError
            If there is no such frame, or the run did not store the local DOS.
        """
        arrays = self.local(frame)
        if "coefficients" not in arrays:
            raise ValueError("local DOS: not stored; run the analysis with local=True (--local)")
        return LocalDOS(
            arrays["coefficients"],
            self.dataset["basis"].values if "basis" in self.dataset else None,
            self.energies,
            arrays["valence"],
            self.about["model"].get("smearing", 0.0),
            arrays.get("novelty"),
            self.dataset["spin_basis"].values if "spin_basis" in self.dataset else None,
        )

    def write_extxyz(self, path: str | os.PathLike, frames: FrameSource) -> int:
        """Write the finished frames with their results, for viewers and other programs.

        The atoms carry ``local_dos_at_fermi_level`` (states/eV), ``local_charge`` (e),
        ``local_magnetic_moment`` (Bohr magnetons) and ``novelty``, or ``partial_charge`` (e), as
        far as the results have them. ``info`` of a frame has its index ``frame``; ``time`` and
        ``step`` where it has them; ``dipole`` (e Angstrom) of a density model; of the cell
        ``fermi_level`` (eV, on the energies of the model), ``dos_at_fermi_level`` (states/eV),
        ``magnetic_moment`` (Bohr magnetons), ``electronic_temperature`` (K), and at each of these
        temperatures ``electronic_entropy`` and ``electronic_heat_capacity`` (eV/K) and
        ``electronic_free_energy`` (F(T) - F(0), eV): numbers, or arrays for several temperatures.

        Parameters
        ----------
        path : str or path
            File to write, in extended xyz.
        frames : str, path or iterable of Atoms
            The trajectory that was analysed.

        Returns
        -------
        int
            Frames written.

        Raises
        ------
        ValueError
            If ``frames`` are not the trajectory that was analysed.
        OSError
            If the file cannot be written; nothing is left of it then.
        """
        from ase.io import write

        structures = finished_structures(self, frames)

        def write_all(file: IO[bytes]) -> None:
            text = TextIOWrapper(file, encoding="utf-8")
            for place, atoms in enumerate(structures):
                view = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
                view.info = self._info(place)
                local = self.local(view.info["frame"])
                for name in (name for name in _VIEWED if name in local):
                    view.arrays[name] = local[name].astype(float)
                write(text, view, format="extxyz")
            text.detach()  # flushed; the file is closed by who opened it

        replace_file(path, write_all)
        return len(self)

    def _info(self, place: int) -> dict[str, Any]:
        """Results of a finished frame as a whole, by their names in extended xyz."""
        info: dict[str, Any] = {"frame": int(self._frames[place])}
        for variable, rows in self._of_frames.items():
            if np.isfinite(rows[place]).all():
                info[_OF_FRAMES[variable]] = rows[place].squeeze()[()]
        if "temperature" in self.dataset:
            info["electronic_temperature"] = self.temperatures.squeeze()[()]
        return info

    @cached_property
    def _of_frames(self) -> dict[str, NDArray]:
        present = [variable for variable in _OF_FRAMES if variable in self.dataset]
        return {variable: self._finished[variable].values for variable in present}

    def aligned_dos(self) -> tuple[NDArray, NDArray]:
        """DOS of every frame on one axis with E_F at zero.

        Returns
        -------
        energies : (k,) array
            Energies relative to E_F (eV), up to where all frames are known.
        values : (n, k) array
            States/eV per atom.
        """
        series = FrameSeries.of(self.dataset, repeated="keep")
        return series.energies, series["dos"].values[series.used]

    def averages(
        self,
        weights: ArrayLike | None = None,
        reference: str = "fermi",
        repeated: str = "copies",
    ) -> Averages:
        """Average over the frames, with errors; see `ase_dos.results.averages.average`."""
        return average(self, weights, reference, repeated)

    def summary(self, repeated: str = "copies") -> str:
        """Table of `averages`, with remarks on repeated frames and on the errors."""
        return f"{self.about['source']}: {self.averages(repeated=repeated).table()}"


def _advice(variable: str) -> str:
    """Return what gives the results a variable that they lack."""
    if variable in ("magnetic_moment", "spin_dos", "spin_basis"):
        return "run the analysis with a model trained with spin='channels' (--spin channels)"
    if variable.endswith("_member"):
        return "run the analysis with members=... (--members M)"
    if variable == "dipole":
        return "run the analysis with density_model=... (--density-model MODEL)"
    return "run the analysis with a DOS model (--model MODEL)"
