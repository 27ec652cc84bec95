"""Results of every atom of a trajectory, one frame at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames import FrameSource, frame_readers
from ase_dos.results.dataset import Results, finished_indices, results_dataset
from ase_dos.results.store import BLOCK_ATOMS
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.short_repr import short_repr

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = [
    "AtomicFrame",
    "as_atomic_frames",
    "atom_arrays",
    "atomic_frames",
    "finished_structures",
    "is_results",
]

# Arrays over atoms that are no quantities of their own.
_NO_SCALARS = ("numbers", "valence", "coefficients", "partial_charge_member")


@dataclass(frozen=True, eq=False)
class AtomicFrame:
    """Local quantities, and the local DOS, of the atoms of one frame.

    Attributes
    ----------
    index : int
        Of the frame in its trajectory.
    fermi_level : float
        E_F (eV) on the energies of the local DOS.
    scalars : dict of str to (atoms,) array
        Local quantities by name; those at several temperatures are named "name(300 K)".
    numbers : (atoms,) array of int, optional
        Atomic numbers, where the results have them.
    energies : (n,) array, optional
        Energies (eV) of the local DOS, where the results have it.
    basis : (modes, n) array, optional
        Its energy modes (states/eV). Without them the coefficients are the values.
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

    __repr__ = short_repr

    @classmethod
    def of(cls, local: LocalDOS, index: int = 0, **scalars: NDArray) -> AtomicFrame:
        """Frame of a predicted `LocalDOS`, with its own E_F."""
        fermi = float(local.total().electron_gas(0.0).fermi_level)
        return cls(index, fermi, scalars, None, local.energies, local.basis, local.coefficients)

    def modes(self) -> tuple[NDArray, NDArray | None, NDArray]:
        """Energies, basis if there is one, and coefficients in double precision.

        Raises
        ------
        ValueError
            If the results have no local DOS.
        """
        if self.energies is None or self.coefficients is None:
            raise ValueError(
                f"frame {self.index}: the results have no local DOS; analyse the trajectory with "
                "local=True (--local)"
            )
        return self.energies, self.basis, np.asarray(self.coefficients, dtype=float)


def atomic_frames(
    source: Results, indices: Iterable[int] | None = None, *, block_atoms: int = BLOCK_ATOMS
) -> Iterator[AtomicFrame]:
    """Yield the finished frames of results, read in blocks when they are asked for.

    Parameters
    ----------
    source : xarray.Dataset or TrajectoryResult
        Results of a trajectory.
    indices : iterable of int, optional
        Indices in the trajectory of the frames to take; all finished ones by default.
    block_atoms : int
        Atoms, in all of their frames, that are read at a time.

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
    # Frames that are compressed together are read once.
    size = max(block_atoms // max(dataset.sizes.get("atom", 1), 1), 1)
    block, loaded = dataset, -1
    for index in wanted:
        number, row = divmod(places[int(index)], size)
        if number != loaded:
            rows = slice(number * size, (number + 1) * size)
            block, loaded = dataset[per_frame].isel(frame=rows).load(), number
        yield _atomic_frame(block.isel(frame=row), constants)


def as_atomic_frames(frames: Results | Iterable[AtomicFrame]) -> Iterable[AtomicFrame]:
    """Return the frames of results; frames in memory are returned unchanged."""
    if is_results(frames):
        return atomic_frames(cast(Results, frames))
    return cast(Iterable[AtomicFrame], frames)


def is_results(frames: object) -> bool:
    """Whether these are the results of a trajectory, not frames in memory."""
    return hasattr(frames, "data_vars") or hasattr(frames, "dataset")


def atom_arrays(frame: Dataset) -> dict[str, NDArray]:
    """Arrays over the atoms of one frame of the data set, without the places of absent atoms."""
    frame = frame.isel(atom=slice(int(frame["n_atoms"])), missing_dims="ignore")
    return {
        str(name): variable.values
        for name, variable in frame.data_vars.items()
        if "atom" in variable.dims
    }


def finished_structures(
    source: Results, trajectory: FrameSource, indices: Iterable[int] | None = None
) -> Iterator[Atoms]:
    """Yield the structures of the finished frames, in the order of `atomic_frames`.

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
                    f"{name}: frame {index} has {len(atoms)} atoms, the results have "
                    f"{sizes[index]:.0f}; it is not the trajectory that was analysed"
                )
            yield atoms
        if index == last:
            return
    if index < last:
        raise ValueError(
            f"{name}: ends after {index + 1} frames, the results go on to frame {last}"
        )


def _atomic_frame(frame: Dataset, constants: Mapping[str, NDArray]) -> AtomicFrame:
    arrays = atom_arrays(frame)
    scalars = {}
    for name, array in arrays.items():
        values = array.astype(float)
        if name in _NO_SCALARS:
            continue
        if values.ndim == 1:
            scalars[name] = values
            continue
        for temperature, row in zip(constants["temperature"], values, strict=True):
            scalars[f"{name}({temperature:g} K)"] = row
    numbers = arrays["numbers"].astype(int) if "numbers" in arrays else None
    modes: tuple[NDArray | None, ...] = ()
    if "coefficients" in arrays:
        modes = (constants["energy"], constants.get("basis"), arrays["coefficients"])
    fermi_level = float(frame.get("fermi_level", np.nan))
    return AtomicFrame(int(frame["frame"]), fermi_level, scalars, numbers, *modes)
