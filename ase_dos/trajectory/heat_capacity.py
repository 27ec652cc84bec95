"""Electronic heat capacity, and what belongs to it, averaged over structures.

Averages are taken per atom. What is not known about them has two parts, kept apart: the
statistical error of a mean over correlated frames, and the uncertainty of the model, which no
number of frames reduces.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.gas import gas_from_dos, highest_temperature
from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.io.frames import frame_range, numbered_frames, progress_bar, source_name
from ase_dos.model.dos_model import DOSModel
from ase_dos.results.averages import Average
from ase_dos.results.heat_capacity_table import HeatCapacityTable
from ase_dos.utils.checks import as_positive
from ase_dos.utils.quantities import QUANTITIES, THERMAL

__all__ = ["heat_capacity_table"]


def heat_capacity_table(
    frames: str | os.PathLike | Iterable[Atoms],
    model: Any = "silicon",
    *,
    lowest: float = 300.0,
    highest: float | None = None,
    points: int = 100,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    n_members: int = 0,
    volume: float | None = None,
    progress: bool = False,
) -> HeatCapacityTable:
    """Average the electronic heat capacity, and what belongs to it, over structures.

    Frames are read and predicted one at a time; the DOS of the cell is kept of each, with
    ``n_members`` also those of its ensemble (for 64 some 0.2 MB per frame).

    Parameters
    ----------
    frames : str, path or iterable of Atoms
        Structures in any format that ASE reads, or in memory, in the order of a trajectory.
    model : str or DOSModel
        Name of a shipped model, path of a model file, or a model.
    lowest, highest : float
        First and last electronic temperature (K); by default up to the highest that the energies
        of the model support for all structures.
    points : int
        Number of temperatures, at equal distances.
    start, stop, step : int
        Frames to take, as in a Python slice but without negative numbers.
    n_members : int
        Members of the ensemble that tells the model's uncertainty; 0 for none.
    volume : float, optional
        Volume (Angstrom^3) per atom; by default the mean over the cells.
    progress : bool
        Show a progress bar on stderr where that is a terminal.

    Raises
    ------
    ValueError
        If an argument is out of range, there is no frame, a frame is bad (the message names its
        index), a temperature exceeds what the model's energies support (the message names the
        highest that is supported), or the mean heat capacity is not above zero.

    Warns
    -----
    UserWarning
        If atoms of some frames have surroundings that the model was not trained on: how many.
    """
    selection = frame_range(start, stop, step)
    if n_members < 0 or n_members == 1:
        raise ValueError(f"n_members: expected 0, or 2 and more, got {n_members}")
    lowest = as_positive(lowest, "lowest temperature")
    if highest is not None and as_positive(highest, "highest temperature") <= lowest:
        raise ValueError(f"temperatures: expected more than {lowest:g} K, got {highest:g} K")
    if points < 2:
        raise ValueError(f"points: expected 2 or more, got {points}")
    name = source_name(frames)
    model = model if hasattr(model, "predict") else DOSModel.load(model)
    collected = _Collected(model, n_members, name)
    with progress_bar(frames, selection, progress) as bar:
        for index, read in numbered_frames(frames, selection, collected.fail):
            collected.take(index, read)
            bar.update()
    collected.warn()
    if not collected.atoms:
        raise ValueError(f"{name}: no frame among start={start}, stop={stop}, step={step}")
    if highest is None:
        highest = collected.highest_temperature()
        if highest <= lowest:
            raise ValueError(
                f"the energies of the model support temperatures up to {highest:g} K; "
                f"expected a lowest temperature below that, got {lowest:g} K"
            )
    temperatures = np.linspace(lowest, highest, points)
    averages = collected.averages(temperatures)
    capacity = averages["heat_capacity"].mean
    if (capacity <= 0).any():
        worst = np.flatnonzero(capacity <= 0)[-1]
        raise ValueError(
            f"the mean heat capacity at {temperatures[worst]:g} K is {capacity[worst]:.3g} "
            "eV/K/atom: the predicted DOS is not above zero around the Fermi level; "
            "take higher temperatures"
        )
    if volume is not None:
        volume = as_positive(volume, "volume")
    return collected.table(temperatures, averages, volume)


class _Collected:
    """DOS of the structures of a trajectory, and what an atom of them is on average."""

    def __init__(self, model: Any, n_members: int, name: str) -> None:
        self.model, self.n_members, self.name = model, n_members, name
        self.last: Any = None  # the DOS of the last structure: axis, smearing, validity
        self.atoms: list[int] = []
        self.electrons: list[float] = []
        self.dos: list[NDArray] = []
        self.members: list[NDArray] = []
        self.volumes: list[float] = []
        self.masses: list[tuple[float, float]] = []
        self.strange: list[int] = []

    def take(self, index: int, read: Any) -> None:
        """Predict one frame."""
        try:
            atoms = read()
        except Exception as error:  # readers raise anything
            return self.fail(index, error)
        try:
            if len(atoms) == 0:
                raise ValueError("the frame has no atoms")
            with warnings.catch_warnings():
                # Of many frames one warning in the end.
                warnings.filterwarnings("ignore", message=".*surroundings unlike")
                local = self.model.predict(atoms)
                if self.n_members:
                    ensemble = self.model.predict_ensemble(atoms, self.n_members)
                    self.members.append(ensemble.values.astype(np.float32))
        except ValueError as error:
            return self.fail(index, error)
        if local.novelty is not None and (local.novelty > 1.0).any():
            self.strange.append(index)
        self.last = local.total()
        self.dos.append(self.last.values)
        self.electrons.append(self.last.n_electrons)
        self.atoms.append(len(atoms))
        bulky = atoms.pbc.all() and atoms.cell.rank == 3
        self.volumes.append(atoms.cell.volume / len(atoms) if bulky else np.nan)
        masses = atoms.get_masses()
        self.masses.append((masses.mean(), (1.0 / masses).mean()))
        return None

    def fail(self, index: int, error: Exception) -> None:
        """End at a bad frame."""
        message = str(error) or type(error).__name__
        raise ValueError(f"frame {index} of {self.name}: {message}") from error

    def warn(self) -> None:
        """Say once that the model does not know some of the frames."""
        if self.strange:
            warnings.warn(
                f"{len(self.strange)} of {len(self.atoms)} frames, the first is frame "
                f"{self.strange[0]}, have atoms with surroundings unlike those the model was "
                "trained on: the DOS may be wrong",
                UserWarning,
                stacklevel=3,
            )

    def highest_temperature(self) -> float:
        """Highest temperature (K) that every DOS supports, with those of the ensembles."""
        energies, valid_to = self.last.energies, self.last.valid_to
        find = partial(highest_temperature, energies, valid_to=valid_to)
        highest = [find(np.array(self.dos), np.array(self.electrons))]
        pairs = zip(self.members, self.electrons, strict=self.n_members > 0)
        highest += [find(members, electrons) for members, electrons in pairs]
        return min(highest)

    def averages(self, temperatures: NDArray) -> dict[str, Average]:
        """Averages of every quantity."""
        frames = self._per_atom(
            np.array(self.dos), np.array(self.electrons), temperatures, np.array(self.atoms)
        )
        members = self._member_averages(temperatures) if self.n_members else {}
        return {
            name: Average.of(QUANTITIES[name].per_atom, frames[name], members.get(name))
            for name in THERMAL
        }

    def _member_averages(self, temperatures: NDArray) -> dict[str, NDArray]:
        """Averages (members, temperatures) over the structures, of every member."""
        sums: dict[str, Any] = dict.fromkeys(THERMAL, 0.0)
        for dos, electrons, n in zip(self.members, self.electrons, self.atoms, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SmearingWarning)  # given for the DOS itself
                parts = self._per_atom(dos, electrons, temperatures, np.array([n]))
            sums = {name: sums[name] + parts[name] for name in THERMAL}
        return {name: total / len(self.atoms) for name, total in sums.items()}

    def table(
        self, temperatures: NDArray, averages: dict[str, Average], volume: float | None
    ) -> HeatCapacityTable:
        """Put the averages together."""
        mass, inverse = np.mean(self.masses, axis=0)
        per_atom = np.array(self.electrons) / self.atoms
        count = len(self.atoms)
        return HeatCapacityTable(
            temperatures=temperatures,
            **averages,
            n_structures=count,
            electrons=float(per_atom.mean()),
            volume=float(np.mean(self.volumes)) if volume is None else volume,
            mass=float(mass),
            inverse_mass=float(inverse),
            source=f"ase_dos, model {self.model.info['hash']}, {count} structures of "
            f"{Path(self.name).name}",
        )

    def _per_atom(
        self, dos: NDArray, electrons: ArrayLike, temperatures: NDArray, atoms: NDArray
    ) -> dict[str, NDArray]:
        """Quantities (structures, temperatures) of an atom of every structure."""
        gas = gas_from_dos(
            self.last.energies,
            dos,
            electrons,
            np.append(0.0, temperatures),
            valid_to=self.last.valid_to,
            smearing=self.last.smearing,
        )
        capacity, entropy, energy, free, mu = map(
            np.asarray,
            (gas.heat_capacity, gas.entropy, gas.internal_energy, gas.free_energy, gas.fermi_level),
        )
        n = atoms[:, None]
        return {
            "heat_capacity": capacity[:, 1:] / n,
            "entropy": entropy[:, 1:] / n,
            "internal_energy": (energy[:, 1:] - energy[:, :1]) / n,
            "free_energy": (free[:, 1:] - free[:, :1]) / n,
            "chemical_potential": mu[:, 1:] - mu[:, :1],
        }
