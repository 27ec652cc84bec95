"""Analysis of a trajectory in the manner of MDAnalysis.

It needs MDAnalysis (``pip install "ase_dos[formats]"``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from MDAnalysis import AtomGroup, Universe
from MDAnalysis.analysis.backends import BackendBase
from MDAnalysis.analysis.base import AnalysisBase
from MDAnalysis.analysis.results import ResultsGroup
from MDAnalysis.core.groups import UpdatingAtomGroup
from numpy.typing import ArrayLike

from ase_dos.io.frames.universe import atomic_numbers, present_frame
from ase_dos.model.interface import DOSPredictor
from ase_dos.trajectory.frame import FrameAnalysis, FrameResult
from ase_dos.utils.parallel import parallel_map
from ase_dos.utils.warnings import WarningCounter

__all__ = ["DOSAnalysis", "Processes"]

_AXES = ("energy", "temperature")  # the same in all frames
# Known to the universe: MDAnalysis gives ``frames`` and ``times``.
_NOT_RESULTS = ("time", "md_step", "fingerprint", "n_atoms", "numbers")


class Processes(BackendBase):
    """Backend of MDAnalysis: new processes, among which the threads are divided."""

    def apply(self, func: Callable, computations: list) -> list:
        """Compute parts of a trajectory, each in one process."""
        return list(parallel_map(func, computations, self.n_workers))


class DOSAnalysis(AnalysisBase):
    """Density of states and electron thermodynamics of every frame of a Universe.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or MDAnalysis.AtomGroup
        Atoms to analyse, with elements, or with types that are numbers. Those of a group are
        analysed as if the others were not there.
    model : str, path or DOSPredictor
        Name of a shipped model, path of a model file, or any model with the interface of
        `ase_dos.model.interface.DOSPredictor`.
    temperatures : (m,) array_like
        Electronic temperatures (K).
    types : sequence of str, optional
        Element of each type, the first being that of type 1, where there are no elements.
    verbose : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If there is no such model, a temperature is no number >= 0, or there are no elements. By
        `run`, if a frame cannot be predicted (the message names it), or the backend is
        "multiprocessing".

    Notes
    -----
    After ``run()``, ``results`` has ``energy`` (n,), ``temperature`` (m,), and for each frame the
    quantities of `ase_dos.results.variables.VARIABLES` under their names, in units of ASE per cell:
    ``dos`` (frames, n), ``fermi_level`` (frames,), ``heat_capacity``, ``entropy`` and others
    (frames, m), ``local_charge`` (frames, atoms) and others of every atom. ``frames`` and ``times``
    are those of MDAnalysis.
    """

    _analysis_algorithm_is_parallelizable = True

    def __init__(
        self,
        atoms: Universe | AtomGroup,
        model: str | os.PathLike | DOSPredictor = "silicon",
        temperatures: ArrayLike = (300.0,),
        *,
        types: Sequence[str] | None = None,
        verbose: bool = False,
    ) -> None:
        if isinstance(atoms, UpdatingAtomGroup):
            raise ValueError(
                "atoms: expected the same ones in all frames, got a group that changes"
            )
        super().__init__(atoms.universe.trajectory, verbose=verbose)
        self._group = atoms.atoms
        self._numbers = atomic_numbers(self._group, types)
        self._analysis = FrameAnalysis.of(model, temperatures)

    @classmethod
    def get_supported_backends(cls) -> tuple[str, ...]:
        """Return the backends of MDAnalysis that can be named; `run` knows "processes" too."""
        return ("serial", "dask")

    def run(
        self, *args: Any, backend: str | BackendBase | None = None, **options: Any
    ) -> DOSAnalysis:
        """Analyse the frames; see `MDAnalysis.analysis.base.AnalysisBase.run`.

        Parameters
        ----------
        *args, **options
            As those of MDAnalysis: ``start``, ``stop``, ``step``, ``frames``, ``n_workers`` ...
        backend : str or BackendBase, optional
            "serial" by default; "processes" or "dask" with a number of ``n_workers``.
        """
        if backend == "multiprocessing":
            raise ValueError(
                "backend: 'multiprocessing' forks this process, and a fork hangs where threads of "
                "OpenMP ran before; expected 'processes', 'dask' or 'serial'"
            )
        if backend == "processes":
            backend = Processes(options.get("n_workers") or 1)
            options["unsupported_backend"] = True  # MDAnalysis knows its own by name
        return super().run(*args, backend=backend, **options)

    def _prepare(self) -> None:
        self.results.frame_results = []

    def _single_frame(self) -> None:
        index = int(self._ts.frame)
        result = self._analysis.analyze_frame(
            index, lambda: present_frame(self._group, self._numbers)
        )
        if result.record is None:
            name = self._trajectory.filename or "the Universe"  # in memory
            raise ValueError(f"frame {index} of {name}: {result.error}")
        self.results.frame_results.append(result)

    def _get_aggregator(self) -> ResultsGroup:
        return ResultsGroup({"frame_results": ResultsGroup.flatten_sequence})

    def _conclude(self) -> None:
        found: list[FrameResult] = self.results.pop("frame_results", [])
        counter = WarningCounter()
        for result in found:
            counter.add(f"frame {result.index}", result.warnings)
        counter.give_summary(len(found), "frames", stacklevel=3)
        records = [result.record for result in found if result.record is not None]
        for name in records[0] if records else ():
            if name in _AXES:
                self.results[name] = records[0][name]
            elif name not in _NOT_RESULTS:
                self.results[name] = np.stack([record[name] for record in records])
