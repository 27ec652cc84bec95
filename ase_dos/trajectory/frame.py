"""Analysis of frames, a few at a time: read, predict DOS or density, solve the electrons."""

from __future__ import annotations

import json
import os
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
from ase_dos.model.interface import DOSPredictor, require_ensemble
from ase_dos.model.loading import load_model
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.trajectory.density import DensityAnalysis
from ase_dos.trajectory.record import as_stored, dos_record, ensemble_record, structure_record
from ase_dos.utils.checks import as_temperature
from ase_dos.utils.warnings import CollectedWarning, collect_warnings

__all__ = ["FrameAnalysis", "FrameResult", "Prediction", "error_text", "predict_frame"]

_CLUSTER = (
    "the frame has no periodic direction and is analysed as a cluster in vacuum; if it is part of "
    "a crystal or liquid, give its cell: topology=..., on the command line --topology FILE"
)
TOGETHER_ATOMS = 2**14  # atoms, in all of them, of frames that are analysed at once


class Prediction(NamedTuple):
    """A frame with its local DOS and the sum of it."""

    atoms: Atoms
    local: LocalDOS
    dos: DOS

    @classmethod
    def of(cls, atoms: Atoms, predict: Callable[[Atoms], LocalDOS]) -> Prediction:
        """Predict a frame; of a cluster it is said that it is one."""
        if not atoms.pbc.any():
            warnings.warn(_CLUSTER, UserWarning, stacklevel=2)
        local = predict(atoms)
        return cls(atoms, local, local.total())


@dataclass
class FrameResult:
    """Record of a frame, or the reason why there is none, and the warnings on the way.

    Attributes
    ----------
    index : int
        Index in the trajectory.
    record : dict, optional
        Results by the names of `ase_dos.results.variables.VARIABLES`.
    error : str
        Empty if there was none.
    warnings : list of CollectedWarning
    """

    index: int
    record: dict[str, NDArray] | None = None
    error: str = ""
    warnings: list[CollectedWarning] = field(default_factory=list)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collect the warnings of a block, and take a ValueError for an error of the frame."""
        with collect_warnings() as found:
            try:
                yield
            except ValueError as error:
                self.error = error_text(error)
        self.warnings += found


class _Begun(NamedTuple):
    """A frame whose electrons are not solved yet, and the record of the rest."""

    result: FrameResult
    record: dict[str, NDArray]
    prediction: Prediction


@dataclass(frozen=True, eq=False)
class FrameAnalysis:
    """Analysis of frames, which may take place in another process.

    Parameters
    ----------
    model : DOSPredictor, optional
        Model of the DOS.
    temperatures : (m,) array
        Electronic temperatures (K), rising.
    local : bool
        Store the local DOS.
    members : int, optional
        Members of the ensemble to store.
    predict : callable, optional
        Gives the local DOS of a frame in place of ``model.predict``.
    density : DensityAnalysis, optional
        What a density model gives; at least one of the two models is there.
    """

    model: DOSPredictor | None
    temperatures: NDArray
    local: bool = False
    members: int | None = None
    predict: Callable[[Atoms], LocalDOS] | None = None
    density: DensityAnalysis | None = None

    @classmethod
    def of(
        cls,
        model: str | os.PathLike | DOSPredictor | None,
        temperatures: ArrayLike,
        *,
        local: bool = False,
        members: int | None = None,
        density: DensityAnalysis | None = None,
    ) -> FrameAnalysis:
        """Make an analysis for models or their names or paths, and temperatures in any order.

        Raises
        ------
        ValueError
            If there is no such model, there are no temperatures or bad ones, or fewer than two
            members, or the model has no ensemble, or the local DOS is asked for without one.
        """
        temperatures = np.unique(as_temperature(np.atleast_1d(temperatures), "temperatures"))
        if not temperatures.size:
            raise ValueError("temperatures: expected at least one, got none")
        if members is not None and members < 2:
            raise ValueError(f"members: expected 2 or more, got {members}")
        if model is None:
            if density is None:
                raise ValueError("model: expected a model of the DOS or of the density, got None")
            if local:
                raise ValueError("local: takes a DOS model (--model), got a density model alone")
            return cls(None, temperatures, False, members, density=density)
        model = load_model(model)
        if members is not None:
            require_ensemble(model)
        return cls(model, temperatures, bool(local), members, density=density)

    @property
    def options(self) -> dict[str, Any]:
        """Options that results depend on, as plain values."""
        electrons: dict[str, Any] = {}
        if self.model is not None:
            electrons = {
                "model": self.model.info["hash"],
                "temperatures": self.temperatures.tolist(),
                "local": self.local,
            }
        density = {} if self.density is None else self.density.options
        return {**electrons, **density, "members": self.members}

    @property
    def about(self) -> dict[str, Any]:
        """Origin of results, as attributes of a data set."""
        about = {"ase_dos_version": __version__}
        if self.model is not None:
            info = dict(self.model.info)
            about |= {"model_hash": info["hash"], "model": json.dumps(info)}
        return about if self.density is None else {**about, **self.density.about}

    def __call__(self, frames: Iterable[tuple[int, Callable[[], Atoms]]]) -> list[FrameResult]:
        """Read and analyse frames, given by their indices and readers.

        Readers raise anything on a broken file; a model raises ValueError on a bad frame, and
        any other exception of it is a defect that must not pass for one.
        """
        results: list[FrameResult] = []
        group: list[_Begun] = []
        for index, read in frames:
            result = FrameResult(index)
            results.append(result)
            with result.collecting():
                atoms = _read(read)
                record = structure_record(atoms)
                if self.density is not None:
                    record |= as_stored(self.density.quantities(atoms))
                if self.model is None:
                    result.record = record
                else:
                    prediction = Prediction.of(atoms, self.predict or self.model.predict)
                    group.append(_Begun(result, record, prediction))
            if sum(len(one.prediction.atoms) for one in group) >= TOGETHER_ATOMS:
                self._finish(group)  # memory is that of a group
                group = []
        self._finish(group)
        return results

    def analyze_frame(self, index: int, read: Callable[[], Atoms]) -> FrameResult:
        """Read and analyse a frame."""
        return self([(index, read)])[0]

    def _finish(self, group: Sequence[_Begun]) -> None:
        """Solve the electrons of frames together, and complete the records."""
        try:
            solved = _electrons([one.prediction.dos for one in group], self.temperatures)
        except ValueError:  # of some frame, which shows when each is solved by itself
            solved = []
        for i, (result, record, (atoms, local, dos)) in enumerate(group):
            with result.collecting():
                gas, cautions = solved[i] if solved else _electrons([dos], self.temperatures)[0]
                result.warnings += cautions
                record |= dos_record(local, dos, gas, local=self.local)
                if self.members and self.model is not None:
                    model = require_ensemble(self.model)
                    ensemble = model.predict_ensemble(atoms, self.members)
                    record |= ensemble_record(ensemble, self.temperatures)
                result.record = record


def predict_frame(
    result: FrameResult, read: Callable[[], Atoms], predict: Callable[[Atoms], LocalDOS]
) -> Prediction | None:
    """Read a frame and predict its DOS; None where ``result`` has the reason why not."""
    with result.collecting():
        return Prediction.of(_read(read), predict)
    return None


def _read(read: Callable[[], Atoms]) -> Atoms:
    """Read a frame, whatever goes wrong is a ValueError."""
    try:
        atoms = read()
    except Exception as error:
        raise ValueError(error_text(error)) from error
    if len(atoms) == 0:
        raise ValueError("the frame has no atoms")
    return atoms


def error_text(error: Exception) -> str:
    """Message of an exception, or its kind where it has none."""
    return str(error) or type(error).__name__


def _electrons(
    spectra: Sequence[DOS], temperatures: NDArray
) -> list[tuple[ElectronGas, list[CollectedWarning]]]:
    """Electrons of some frames, at T = 0 and above, and their warnings.

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
    return list(zip(gas.split(), gas.cautions(spectra[0].smearing), strict=True))
