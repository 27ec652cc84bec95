"""What is found out about one frame: the DOS, the electrons in it, and the share of every atom."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_dos._version import __version__
from ase_dos.electrons.filling import Filling
from ase_dos.electrons.gas import ElectronGas
from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.results.variables import VARIABLES
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_temperature
from ase_dos.utils.digests import fingerprint

__all__ = ["Doubts", "FrameAnalysis", "Outcome", "describe_frame"]

TOGETHER_ATOMS = 2**14  # atoms, in all of them, of frames that are analysed at once


class Outcome(NamedTuple):
    """Record of a frame or the reason why there is none, and what was warned of."""

    number: int  # of the frame
    record: dict[str, Any] | None
    error: str
    doubts: list[tuple[Any, str, type[Warning]]]


@dataclass(frozen=True, eq=False)
class FrameAnalysis:
    """All that is needed to analyse frames, wherever they are.

    Parameters
    ----------
    model : DOSModel
        The model.
    temperatures : (m,) array
        Electronic temperatures (K), rising.
    local : bool
        Keep the local DOS.
    members : int or None
        Members of the ensemble to keep.
    predict : callable, optional
        Gives the local DOS of a frame in place of ``model.predict``.
    """

    model: Any
    temperatures: NDArray
    local: bool = False
    members: int | None = None
    predict: Callable[[Atoms], Any] | None = None

    @classmethod
    def of(
        cls, model: Any, temperatures: ArrayLike, *, local: bool = False, members: int | None = None
    ) -> FrameAnalysis:
        """Take what a user gives: a model or its name or path, temperatures in any order.

        Raises
        ------
        ValueError
            If there is no such model, there are no temperatures or bad ones, or fewer than two
            members.
        """
        temperatures = np.unique(as_temperature(np.atleast_1d(temperatures), "temperatures"))
        if not temperatures.size:
            raise ValueError("temperatures: expected at least one, got none")
        if members is not None and members < 2:
            raise ValueError(f"members: expected 2 or more, got {members}")
        if not hasattr(model, "predict"):
            from ase_dos.model.dos_model import DOSModel

            model = DOSModel.load(model)
        return cls(model, temperatures, bool(local), members)

    @property
    def options(self) -> dict[str, Any]:
        """What results depend on, as plain values."""
        return {
            "model": self.model.info["hash"],
            "temperatures": self.temperatures.tolist(),
            "local": self.local,
            "members": self.members,
        }

    @property
    def about(self) -> dict[str, Any]:
        """Where results come from, as attributes of a data set."""
        return {
            "ase_dos_version": __version__,
            "model_hash": self.model.info["hash"],
            "model": json.dumps(self.model.info),
        }

    def __call__(self, items: Iterable[tuple[int, Callable[[], Atoms]]]) -> list[Outcome]:
        """Read and analyse frames, given by their indices and readers.

        Readers raise anything on a broken file; a model raises ValueError on a bad frame, and
        any other exception of it is a defect that must not pass for one.
        """
        outcomes: list[Outcome] = []
        waiting: list[_Frame] = []
        atoms = 0
        for index, read in items:
            waiting.append(self._predict(index, read))
            atoms += len(waiting[-1].atoms or ())
            if atoms >= TOGETHER_ATOMS:  # memory is that of a group
                outcomes += self._finish(waiting)
                waiting, atoms = [], 0
        return outcomes + self._finish(waiting)

    def one(self, index: int, read: Callable[[], Atoms]) -> Outcome:
        """Read and analyse a frame."""
        return self([(index, read)])[0]

    def _predict(self, index: int, read: Callable[[], Atoms]) -> _Frame:
        frame = _Frame(index)
        try:
            frame.atoms = read()
        except Exception as error:
            frame.error = str(error) or type(error).__name__
            return frame
        with frame.listening():
            if len(frame.atoms) == 0:
                raise ValueError("the frame has no atoms")
            frame.local = (self.predict or self.model.predict)(frame.atoms)
            frame.dos = frame.local.total()
        return frame

    def _finish(self, frames: list[_Frame]) -> list[Outcome]:
        """Solve the electrons of frames together, and make the records."""
        described = [frame for frame in frames if not frame.error]
        try:
            solved = _electrons([frame.dos for frame in described], self.temperatures)
        except ValueError:  # of some frame, which shows when each is solved by itself
            solved = []
        for i, frame in enumerate(described):
            with frame.listening():
                gas, doubt = solved[i] if solved else _electrons([frame.dos], self.temperatures)[0]
                if doubt:
                    warnings.warn(doubt, SmearingWarning, stacklevel=1)
                frame.record = self._record(frame, gas)
        return [frame.outcome() for frame in frames]

    def _record(self, frame: _Frame, gas: ElectronGas) -> dict[str, Any]:
        record = describe_frame(frame.atoms, frame.local, frame.dos, gas, local=self.local)
        if self.members:
            ensemble = self.model.predict_ensemble(frame.atoms, self.members)
            record |= _stored(_members(ensemble, self.temperatures))
        return record


@dataclass
class _Frame:
    """A frame on its way to a record."""

    number: int
    atoms: Any = None
    local: Any = None
    dos: Any = None
    record: dict[str, Any] | None = None
    error: str = ""
    doubts: dict[Any, tuple[Any, str, type[Warning]]] = field(default_factory=dict)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take down what is warned of, and a ValueError."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except ValueError as error:
                self.error = str(error) or type(error).__name__
        for w in caught:
            place = (w.filename, w.lineno)
            self.doubts.setdefault(place, (place, str(w.message), w.category))

    def outcome(self) -> Outcome:
        """Return what is to be kept."""
        if self.record is None:
            return Outcome(self.number, None, self.error, [])
        return Outcome(self.number, self.record, "", list(self.doubts.values()))


@dataclass
class Doubts:
    """Warnings of many frames, each kind of which is voiced once."""

    kinds: dict[Any, tuple[list[int], str, type[Warning]]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take note of what a frame was warned of."""
        for place, message, category in outcome.doubts:
            self.kinds.setdefault(place, ([], message, category))[0].append(outcome.number)

    def voice(self, seen: int, stacklevel: int) -> None:
        """Warn, with the number of frames concerned."""
        for frames, message, category in self.kinds.values():
            warnings.warn(
                f"{len(frames)} of {seen} frames, the first is frame {frames[0]}: {message}",
                category,
                stacklevel=stacklevel + 1,
            )
        self.kinds = {}


def describe_frame(
    atoms: Atoms, predicted: LocalDOS, dos: DOS, gas: ElectronGas, *, local: bool = False
) -> dict[str, NDArray]:
    """Results of one frame under the names of `ase_dos.results.variables.VARIABLES`, per cell.

    Parameters
    ----------
    atoms : Atoms
        The frame.
    predicted, dos : LocalDOS, DOS
        Its local DOS and the sum of it.
    gas : ElectronGas
        Its electrons at T = 0 and at other temperatures.
    local : bool
        Keep the local DOS.
    """
    fermi = float(gas.fermi_level[0])  # type: ignore[index]
    volume = atoms.cell.volume
    record = {
        "time": _number(atoms.info, "time"),
        "md_step": _number(atoms.info, "step"),
        "fingerprint": fingerprint(atoms),
        "n_atoms": len(atoms),
        "n_electrons": dos.n_electrons,
        "volume": volume if volume > 0 else np.nan,
        "numbers": atoms.numbers,
        "energy": dos.energies,
        "temperature": gas.temperature[1:],  # type: ignore[index]
        "dos": dos.values,
        "fermi_level": fermi,
        "band_bottom": dos.band_bottom,
        "dos_at_fermi_level": float(dos.at(fermi)),
        **_thermal(gas, ""),
        **_local(predicted, dos, gas),
    }
    if local:
        record |= {
            "coefficients": predicted.coefficients,
            "basis": predicted.basis,
            "valence": predicted.valence,
        }
    return _stored(record)


def _stored(record: dict[str, Any]) -> dict[str, NDArray]:
    return {name: np.asarray(value, VARIABLES[name].dtype) for name, value in record.items()}


def _electrons(spectra: Sequence[DOS], temperatures: NDArray) -> list[tuple[ElectronGas, str]]:
    """Electrons of some frames, at T = 0 and above, and what to warn of.

    To the digit those of each frame, at less than the cost of one by one where atoms are few.

    Raises
    ------
    ValueError
        If a frame cannot be solved, or they have different grids.
    """
    if not spectra:
        return []
    grids = {(d.energies[0], d.energies[-1], d.energies.size, d.smearing) for d in spectra}
    if len(grids) > 1:
        raise ValueError("frames on different energy grids have to be solved one by one")
    filling = Filling.of_dos(
        spectra[0].energies,
        [d.values for d in spectra],
        [d.n_electrons for d in spectra],
        [d.valid_to for d in spectra],
    )
    gas = ElectronGas.of_filling(filling, np.append(0.0, temperatures))
    return list(zip(gas.split(), gas.smearing_tails(spectra[0].smearing), strict=True))


def _thermal(gas: Any, suffix: str) -> dict[str, Any]:
    """Collect what depends on temperature, the last axis, of which the first is T = 0."""
    change = {
        "chemical_potential": gas.fermi_level - gas.fermi_level[..., :1],
        "entropy": gas.entropy,
        "free_energy": gas.free_energy - gas.free_energy[..., :1],
        "heat_capacity": gas.heat_capacity,
    }
    # Temperatures lead: members, where there are any, come after them.
    return {f"{name}{suffix}": values[..., 1:].T for name, values in change.items()}


def _local(predicted: LocalDOS, dos: DOS, gas: ElectronGas) -> dict[str, NDArray]:
    """Parts of every atom that sum to the values of the cell."""
    weights = gas.weights(dos.energies)
    # The electrons fill the repaired DOS: else the charges of an insulator would not sum to zero,
    # nor its heat capacities to that of the cell.
    ratio = gas.filling.repair_ratio
    per_atom = predicted.project(
        np.vstack(
            [
                weights.dos_at_fermi_level[:1],
                ratio * weights.electrons[:1],
                ratio * weights.heat_capacity[1:],
            ]
        )
    )
    parts = {
        "local_dos_at_fermi_level": per_atom[:, 0],
        "local_charge": predicted.valence - per_atom[:, 1],
        "local_heat_capacity": per_atom[:, 2:].T,
    }
    return parts if predicted.novelty is None else {**parts, "novelty": predicted.novelty}


def _members(ensemble: Any, temperatures: NDArray) -> dict[str, NDArray]:
    """Error of the DOS, and what follows from every member."""
    gas = ensemble.electron_gas(np.append(0.0, temperatures))
    levels = gas.fermi_level[:, 0]
    at_fermi = [member.at(level) for member, level in zip(ensemble.members, levels, strict=True)]
    return {
        "dos_error": ensemble.error,
        "fermi_level_member": levels,
        "band_bottom_member": np.array([member.band_bottom for member in ensemble.members]),
        "dos_at_fermi_level_member": np.array(at_fermi),
        **_thermal(gas, "_member"),
    }


def _number(info: dict[str, Any], name: str) -> float:
    value: Any = info.get(name, info.get(name.capitalize()))
    plain = np.isscalar(value) and not isinstance(value, str)
    return float(value) if plain else np.nan
