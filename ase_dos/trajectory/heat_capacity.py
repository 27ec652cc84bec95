"""Electronic heat capacity, entropy and energies, averaged over structures.

Averages are per atom. Their errors have two parts, which stay apart: the statistical error of a
mean over correlated frames, and the error of the model, which no number of frames reduces.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.electrons.gas import gas_from_dos, highest_temperature
from ase_dos.electrons.negative_dos import NegativeDOSWarning
from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.io.frames import (
    FrameSource,
    frame_range,
    numbered_frames,
    progress_bar,
    source_name,
)
from ase_dos.model.interface import DOSPredictor, require_ensemble
from ase_dos.model.loading import load_model
from ase_dos.results.averages import Average
from ase_dos.results.heat_capacity_table import HeatCapacityTable
from ase_dos.results.repeats import CLOCKS, Repeats
from ase_dos.spectra.dos import DOS
from ase_dos.trajectory.frame import FrameResult, error_text, predict_frame
from ase_dos.trajectory.record import frame_clock, thermal_quantities
from ase_dos.utils.checks import as_positive
from ase_dos.utils.digests import fingerprint
from ase_dos.utils.quantities import QUANTITIES, THERMAL
from ase_dos.utils.structure_errors import MOST_NAMED, check_on_error
from ase_dos.utils.warnings import WarningCounter

__all__ = ["heat_capacity_table"]


def heat_capacity_table(
    frames: FrameSource,
    model: str | os.PathLike | DOSPredictor = "silicon",
    *,
    lowest: float = 300.0,
    highest: float | None = None,
    points: int = 100,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    n_members: int = 0,
    volume: float | None = None,
    repeated: str = "copies",
    on_error: str = "raise",
    progress: bool = False,
) -> HeatCapacityTable:
    """Average the electronic heat capacity, entropy and energies over structures.

    Frames are read and predicted one at a time. Memory is that of the DOS of every cell, with
    ``n_members`` also of those of its ensemble (for 64 some 0.2 MB per frame).

    Parameters
    ----------
    frames : str, path, iterable of Atoms, MDAnalysis.Universe or Frames
        Structures in any format that `ase_dos.open_frames` knows, or in memory, in the order of a
        trajectory.
    model : str, path or DOSPredictor
        Name of a shipped model, path of a model file, or any model with the interface of
        `ase_dos.model.interface.DOSPredictor`.
    lowest, highest : float
        First and last electronic temperature (K); by default up to the highest that the energies
        of the model support for all structures.
    points : int
        Number of temperatures, at equal distances.
    start, stop, step : int
        Frames to take, as in a Python slice but without negative numbers.
    n_members : int
        Members of the ensemble that gives the model's error; 0 for none.
    volume : float, optional
        Volume (Angstrom^3) per atom; by default the mean over the cells.
    repeated : {"copies", "last", "keep"}
        What is left out of repeated frames, see `ase_dos.results.averages.average`.
    on_error : {"raise", "skip"}
        At a frame that cannot be read or predicted, end with its error, or leave it out and go on
        as far as the file can be read.
    progress : bool
        Show a progress bar on stderr where that is a terminal.

    Raises
    ------
    ValueError
        If an argument is out of range, there is no frame, a frame is bad (the message names its
        index) and not to be skipped, none is good, a temperature exceeds what the model's energies
        support (the message names the highest that is supported), or the mean heat capacity is not
        above zero.

    Warns
    -----
    UserWarning
        Once for each kind of warning of the model, with the number of frames that gave it; see
        `ase_dos.spectra.local_dos.NoveltyWarning`. If frames repeat others, or are left out because
        they are bad; the message names them.
    """
    selection = frame_range(frames, start, stop, step)
    if n_members < 0 or n_members == 1:
        raise ValueError(f"n_members: expected 0, or 2 and more, got {n_members}")
    lowest = as_positive(lowest, "lowest temperature")
    if highest is not None and as_positive(highest, "highest temperature") <= lowest:
        raise ValueError(f"temperatures: expected more than {lowest:g} K, got {highest:g} K")
    if points < 2:
        raise ValueError(f"points: expected 2 or more, got {points}")
    if volume is not None:
        volume = as_positive(volume, "volume")
    name, model = source_name(frames), load_model(model)
    if n_members:
        require_ensemble(model)
    check_on_error(on_error)
    cells = _Cells(name, on_error == "skip")
    counter = WarningCounter()
    with progress_bar(frames, selection, progress) as bar:
        for index, read in numbered_frames(frames, selection, cells.refuse):
            counter.add(f"frame {index}", cells.add(index, read, model, n_members).warnings)
            bar.update()
    counter.give_summary(len(cells.sizes), "frames", stacklevel=2)
    if cells.bad and not cells.sizes:
        raise ValueError(f"no frame could be used: {cells.bad[0]}")
    if cells.bad:
        warnings.warn(cells.remark_on_bad(), UserWarning, stacklevel=2)
    if not cells.sizes:
        raise ValueError(f"{name}: no frame among start={start}, stop={stop}, step={step}")
    for remark in cells.leave_out_repeats(repeated):
        warnings.warn(f"{name}: {remark}", UserWarning, stacklevel=2)
    if highest is None:
        highest = cells.highest_temperature()
        if highest <= lowest:
            raise ValueError(
                f"the energies of the model support temperatures up to {highest:g} K; "
                f"expected a lowest temperature below that, got {lowest:g} K"
            )
    temperatures = np.linspace(lowest, highest, points)
    averages = cells.averages(temperatures)
    capacity = averages["heat_capacity"].mean
    if (capacity <= 0).any():
        worst = np.flatnonzero(capacity <= 0)[-1]
        raise ValueError(
            f"the mean heat capacity at {temperatures[worst]:g} K is {capacity[worst]:.3g} "
            "eV/K/atom: the predicted DOS has no states that this temperature reaches from the "
            "Fermi level; take higher temperatures"
        )
    mass, inverse_mass = np.mean(cells.masses, axis=0)
    count = len(cells.sizes)
    return HeatCapacityTable(
        temperatures=temperatures,
        **averages,
        n_structures=count,
        electrons=float(np.mean(np.array(cells.electrons) / cells.sizes)),
        volume=float(np.mean(cells.volumes)) if volume is None else volume,
        mass=float(mass),
        inverse_mass=float(inverse_mass),
        source=f"ase_dos, model {model.info['hash']}, {count} structures of {Path(name).name}",
    )


@dataclass
class _Cells:
    """Cells of a trajectory: their DOS, those of the ensemble, sizes, volumes and masses."""

    name: str
    skip: bool = False
    bad: list[str] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    fingerprints: list[int] = field(default_factory=list)
    clocks: list[dict[str, float]] = field(default_factory=list)
    spectra: list[DOS] = field(default_factory=list)
    members: list[NDArray] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    volumes: list[float] = field(default_factory=list)
    masses: list[tuple[float, float]] = field(default_factory=list)

    def add(
        self, index: int, read: Callable[[], Atoms], model: DOSPredictor, n_members: int
    ) -> FrameResult:
        """Predict one frame."""
        result = FrameResult(index)
        prediction = predict_frame(result, read, model.predict)
        if prediction is not None and n_members:
            with result.collecting():
                ensemble = require_ensemble(model).predict_ensemble(prediction.atoms, n_members)
                self.members.append(ensemble.values.astype(np.float32))
        if prediction is None or result.error:
            self.refuse(index, ValueError(result.error))
            return result
        atoms = prediction.atoms
        self.indices.append(index)
        self.fingerprints.append(fingerprint(atoms))
        self.clocks.append(frame_clock(atoms))
        self.spectra.append(prediction.dos)
        self.sizes.append(len(atoms))
        is_bulk = atoms.pbc.all() and atoms.cell.rank == 3
        self.volumes.append(atoms.cell.volume / len(atoms) if is_bulk else np.nan)
        masses = atoms.get_masses()
        self.masses.append((masses.mean(), (1.0 / masses).mean()))
        return result

    def leave_out_repeats(self, repeated: str) -> list[str]:
        """Leave out frames that repeat others; return remarks on them."""
        clocks = {
            name: [clock[variable] for clock in self.clocks] for name, variable in CLOCKS.items()
        }
        # Structures without step and time are a set, in which one may stand twice.
        is_run = any(np.isfinite(counts).all() for counts in clocks.values())
        repeats = Repeats.of(self.indices, self.fingerprints if is_run else None, clocks, repeated)
        for part in fields(self):
            if part.name not in ("name", "skip", "bad") and (values := getattr(self, part.name)):
                setattr(self, part.name, list(compress(values, ~repeats.left_out)))
        return repeats.remarks()

    def refuse(self, index: int, error: Exception) -> None:
        """End at a bad frame, or note it."""
        message = f"frame {index} of {self.name}: {error_text(error)}"
        if not self.skip:
            raise ValueError(message) from error
        self.bad.append(message)

    def remark_on_bad(self) -> str:
        """Text that counts and names the frames left out."""
        more = len(self.bad) - MOST_NAMED
        named = "; ".join(self.bad[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
        return f"{len(self.bad)} of {len(self.bad) + len(self.sizes)} frames left out: {named}"

    @property
    def electrons(self) -> list[float]:
        """Electrons of every cell."""
        return [dos.n_electrons for dos in self.spectra]

    def highest_temperature(self) -> float:
        """Highest temperature (K) that every DOS supports, with those of the ensembles."""
        dos = self.spectra[-1]
        find = partial(highest_temperature, dos.energies, valid_to=dos.valid_to)
        highest = [find(np.array([one.values for one in self.spectra]), np.array(self.electrons))]
        pairs = zip(self.members, self.electrons, strict=bool(self.members))
        highest += [find(members, electrons) for members, electrons in pairs]
        return min(highest)

    def averages(self, temperatures: NDArray) -> dict[str, Average]:
        """Averages of every quantity over the cells."""
        values = np.array([dos.values for dos in self.spectra])
        cells = self._per_atom(values, np.array(self.electrons), temperatures, np.array(self.sizes))
        members = self._member_averages(temperatures) if self.members else {}
        return {
            name: Average.of(QUANTITIES[name].per_atom, cells[name], members.get(name))
            for name in THERMAL
        }

    def _member_averages(self, temperatures: NDArray) -> dict[str, NDArray]:
        """Averages (members, temperatures) over the cells, of every member of the ensemble."""
        sums: dict[str, NDArray] = {}
        for values, electrons, size in zip(self.members, self.electrons, self.sizes, strict=True):
            with warnings.catch_warnings():
                for category in (SmearingWarning, NegativeDOSWarning):  # given for the DOS itself
                    warnings.simplefilter("ignore", category)
                parts = self._per_atom(values, electrons, temperatures, np.array([size]))
            sums = {name: sums.get(name, 0.0) + parts[name] for name in THERMAL}
        return {name: total / len(self.sizes) for name, total in sums.items()}

    def _per_atom(
        self,
        values: NDArray,
        electrons: NDArray | float,
        temperatures: NDArray,
        sizes: NDArray,
    ) -> dict[str, NDArray]:
        """Quantities (cells, temperatures) of an atom of every cell."""
        dos = self.spectra[-1]  # for the axis, its validity and its smearing, which all share
        gas = gas_from_dos(
            dos.energies,
            values,
            electrons,
            np.append(0.0, temperatures),
            valid_to=dos.valid_to,
            smearing=dos.smearing,
        )
        return {
            name: found / sizes[:, None] if QUANTITIES[name].extensive else found
            for name, found in thermal_quantities(gas).items()
        }
