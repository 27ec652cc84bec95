"""What the results of a trajectory say of every atom, one frame at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames import frame_readers
from ase_dos.results.series import results_dataset
from ase_dos.results.store import BLOCK_ATOMS, FINISHED
from ase_dos.spectra.local_dos import LocalDOS

__all__ = [
    "LocalFrame",
    "finished_indices",
    "finished_structures",
    "local_frames",
    "local_frames_of",
]

NOT_SCALARS = ("numbers", "valence", "coefficients")


@dataclass(frozen=True, eq=False)
class LocalFrame:
    """The atoms of one frame.

    Attributes
    ----------
    index : int
        Of the frame in its trajectory.
    fermi_level : float
        E_F (eV) on the energies of the local DOS.
    scalars : dict of str to (atoms,) array
        Local quantities by name; those at several temperatures are named "name(300 K)".
    numbers : (atoms,) array of int, optional
        Atomic numbers, where the results hold them.
    energies : (n,) array, optional
        Energies (eV) of the local DOS, where the results hold it.
    basis : (modes, n) array, optional
        Its energy modes (states/eV).
    coefficients : (atoms, modes) array, optional
        Its coefficients on the modes.
    """

    index: int
    fermi_level: float
    scalars: dict[str, NDArray] = field(default_factory=dict)
    numbers: NDArray | None = None
    energies: NDArray | None = None
    basis: NDArray | None = None
    coefficients: NDArray | None = None

    @classmethod
    def of(cls, local: LocalDOS, index: int = 0, **scalars: NDArray) -> LocalFrame:
        """Frame of a predicted `LocalDOS`, with its own E_F."""
        fermi = float(local.total().electron_gas(0.0).fermi_level)
        return cls(index, fermi, scalars, None, local.energies, local.basis, local.coefficients)

    def modes(self) -> tuple[NDArray, NDArray, NDArray]:
        """Energies, basis and coefficients in double precision.

        Raises
        ------
        ValueError
            If the results do not hold the local DOS.
        """
        if self.energies is None or self.basis is None or self.coefficients is None:
            raise ValueError(
                f"frame {self.index}: the results hold no local DOS; analyse the trajectory with "
                "local=True (--local)"
            )
        return self.energies, self.basis, np.asarray(self.coefficients, dtype=float)


def finished_indices(source: Any) -> NDArray:
    """Return the indices in the trajectory of the frames that have a result."""
    dataset = results_dataset(source)
    return dataset["frame"].values[dataset["status"].values == FINISHED]


def local_frames(source: Any, indices: Iterable[int] | None = None) -> Iterator[LocalFrame]:
    """Yield the finished frames of results, read in blocks when they are asked for.

    Parameters
    ----------
    source : xarray.Dataset or TrajectoryResult
        Results of a trajectory.
    indices : iterable of int, optional
        Indices in the trajectory of the frames to take; all finished ones by default.

    Raises
    ------
    ValueError
        If one of the ``indices`` is no finished frame.
    """
    dataset = results_dataset(source)
    finished = finished_indices(dataset)
    wanted = finished if indices is None else list(indices)
    unknown = np.setdiff1d(wanted, finished)
    if unknown.size:
        raise ValueError(
            f"frame {unknown[0]}: no result; there are {len(finished)} finished frames"
        )
    constants = {
        name: dataset[name].values for name in ("energy", "basis", "temperature") if name in dataset
    }
    places = {int(index): place for place, index in enumerate(dataset["frame"].values)}
    per_frame = [
        name
        for name, variable in dataset.data_vars.items()
        if "atom" in variable.dims or name in ("n_atoms", "fermi_level")
    ]
    # What is compressed together is read once.
    size = max(BLOCK_ATOMS // max(dataset.sizes.get("atom", 1), 1), 1)
    block, at = None, -1
    for index in wanted:
        start, row = divmod(places[int(index)], size)
        if start != at:
            at = start
            block = dataset[per_frame].isel(frame=slice(start * size, (start + 1) * size)).load()
        assert block is not None
        yield _local_frame(block.isel(frame=row), constants)


def local_frames_of(frames: Any) -> Iterable[LocalFrame]:
    """Return frames at hand as they are, or those of results."""
    is_result = hasattr(frames, "data_vars") or hasattr(frames, "dataset")
    return local_frames(frames) if is_result else frames


def finished_structures(
    source: Any, trajectory: Any, indices: Iterable[int] | None = None
) -> Iterator[Atoms]:
    """Yield the structures of the finished frames, in the order of `local_frames`.

    Parameters
    ----------
    source : xarray.Dataset or TrajectoryResult
        Results of a trajectory.
    trajectory : str, path or iterable of Atoms
        The trajectory that was analysed.
    indices : iterable of int, optional
        Rising indices of the frames to take; all finished ones by default.

    Raises
    ------
    ValueError
        If it ends before the last of these frames, or one has another number of atoms.
    """
    dataset = results_dataset(source)
    wanted = finished_indices(dataset) if indices is None else np.asarray(list(indices))
    rows = np.isin(dataset["frame"].values, wanted)
    sizes = dict(zip(dataset["frame"].values[rows], dataset["n_atoms"].values[rows], strict=True))
    name = trajectory if isinstance(trajectory, (str, os.PathLike)) else "trajectory"
    last = max(sizes, default=-1)
    index = -1
    for index, read in enumerate(frame_readers(trajectory)):
        if index in sizes:
            atoms = read()
            if len(atoms) != sizes[index]:
                raise ValueError(
                    f"{name}: frame {index} has {len(atoms)} atoms, the results hold "
                    f"{sizes[index]:.0f}; it is not the trajectory that was analysed"
                )
            yield atoms
        if index == last:
            return
    if index < last:
        raise ValueError(
            f"{name}: ends after {index + 1} frames, the results go on to frame {last}"
        )


def _local_frame(frame: Any, constants: dict[str, NDArray]) -> LocalFrame:
    n = int(frame["n_atoms"])
    scalars = {}
    for name, variable in frame.data_vars.items():
        if "atom" not in variable.dims or name in NOT_SCALARS:
            continue
        values = variable.isel(atom=slice(n)).transpose(..., "atom").values.astype(float)
        if values.ndim == 1:
            scalars[str(name)] = values
        else:
            for temperature, row in zip(constants["temperature"], values, strict=True):
                scalars[f"{name}({temperature:g} K)"] = row
    numbers = frame["numbers"].values[:n].astype(int) if "numbers" in frame else None
    modes: tuple[Any, ...] = ()
    if "coefficients" in frame:
        coefficients = frame["coefficients"].isel(atom=slice(n)).values
        modes = (constants["energy"], constants["basis"], coefficients)
    return LocalFrame(int(frame["frame"]), float(frame["fermi_level"]), scalars, numbers, *modes)
