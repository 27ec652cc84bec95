"""H5MD, https://www.nongnu.org/h5md/h5md.html , read by h5py."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames.base import IndexedFrames
from ase_dos.io.frames.elements import symbols_to_numbers, types_to_numbers
from ase_dos.io.frames.errors import library_errors
from ase_dos.io.frames.units import angstroms, femtoseconds
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from h5py import Dataset, File, Group

__all__ = ["H5MDFrames"]

_ATOMIC_NUMBERS = ("znh5md",)  # programs whose species are atomic numbers


_DENSEST = 1100  # times that compression can shrink an array


class H5MDFrames(IndexedFrames["File"]):
    """Frames of the particles of an H5MD file.

    Lengths are in the unit that the file names, Angstrom where it names none, which is said. A time
    without a unit is left out.

    Parameters
    ----------
    path : str
        The file.
    types : sequence of str, optional
        Element of each ``species``, the first being that of species 1, or the elements whose
        atomic numbers the species are; not needed where species are an enumeration by symbols.
    topology : Atoms, optional
        Structure that has the elements instead.
    """

    def __init__(
        self, path: str, types: Sequence[str] | None = None, topology: Atoms | None = None
    ) -> None:
        super().__init__(path)
        self._types = types
        self._topology = topology

    def _open(self) -> tuple[File, int]:
        try:
            import h5py
        except ImportError:
            raise ImportError(
                f"{self.name}: reading it needs h5py: pip install 'ase_dos[formats]'"
            ) from None
        with library_errors("h5py"):
            file = h5py.File(self.name, "r")
        try:
            value = _particles(file)["position/value"]
            if len(value.shape) != 3 or value.shape[2] != 3:
                raise ValueError(
                    f"expected position/value of (frame, atom, 3), got {tuple(value.shape)}"
                )
        except BaseException:
            file.close()
            raise
        return file, value.shape[0]

    def _read(self, handle: File, index: int) -> Atoms:
        with library_errors("h5py", ValueError):
            return self._atoms(handle, index)

    def _atoms(self, handle: File, index: int) -> Atoms:
        particles = _particles(handle)
        position = particles["position"]
        _require_stored(position["value"], os.path.getsize(self.name))
        scale = _length(position["value"])
        atoms = Atoms(
            numbers=self._numbers(handle, particles, index),
            positions=as_array(scale * position["value"][index], "positions"),
        )
        if "box" in particles:
            box = particles["box"]
            if "edges" in box:
                edges, unit = _at(box["edges"], index)
                atoms.cell = as_array(_length(unit) * edges, "box/edges")
            boundary = np.ravel(box.attrs.get("boundary", ["none"] * 3)).astype(str)
            atoms.pbc = [kind == "periodic" for kind in boundary]
        if "id" in particles:
            atoms = atoms[np.argsort(_at(particles["id"], index)[0])]
        if "step" in position:
            atoms.info["step"] = int(_along(position["step"], index))
        if "time" in position:
            unit = _unit(position["time"])
            duration = femtoseconds(unit)
            if duration is not None:
                time = as_array(_along(position["time"], index), "time", ())
                atoms.info["time"] = float(duration * time)
        return atoms

    def _numbers(self, file: File, particles: Group, index: int) -> NDArray:
        if self._topology is not None:
            count = particles["position/value"].shape[1]
            if count != len(self._topology):
                raise ValueError(f"the file has {count} atoms, the topology {len(self._topology)}")
            return self._topology.numbers
        if "species" not in particles:
            raise ValueError(
                "the file has no species; give a file with the elements: topology=..., on the "
                "command line --topology FILE"
            )
        import h5py

        species, data = _at(particles["species"], index)
        symbols = h5py.check_enum_dtype(data.dtype)
        if symbols is None:
            if self._types is None and _creator(file) in _ATOMIC_NUMBERS:
                return np.asarray(species, int)
            return types_to_numbers(species, self._types)
        names = {value: name for name, value in symbols.items()}
        return symbols_to_numbers([names[value] for value in species.tolist()])


def _particles(file: File) -> Group:
    """Return the one group of particles."""
    groups = list(file["particles"]) if "particles" in file else []
    if len(groups) != 1:
        raise ValueError(f"expected one group of particles, got {', '.join(groups) or 'none'}")
    return file["particles"][groups[0]]


def _at(element: Group | Dataset, index: int) -> tuple[NDArray, Dataset]:
    """Value at a frame, of an element that may be the same for all, and its dataset."""
    if hasattr(element, "keys"):
        return element["value"][index], element["value"]
    return element[()], element


def _along(data: Dataset, index: int) -> float:
    """Step or time of a frame, listed or in equal intervals."""
    return data[index] if data.shape else data.attrs.get("offset", 0) + index * data[()]


def _unit(data: Dataset) -> str:
    unit = data.attrs.get("unit", "")
    return unit.decode() if isinstance(unit, bytes) else str(unit)


def _length(data: Dataset) -> float:
    """Return the unit of length in Angstrom."""
    unit = _unit(data)
    if not unit:
        warnings.warn(
            "the file names no unit of length, it is taken for Angstrom", UserWarning, stacklevel=2
        )
    scale = angstroms(unit or "angstrom")
    if scale is None:
        raise ValueError(f"{data.name} is in {unit}, which does not give Angstrom")
    return scale


def _creator(file: File) -> str:
    name = file["h5md/creator"].attrs.get("name", "") if "h5md/creator" in file else ""
    return (name.decode() if isinstance(name, bytes) else str(name)).lower()


def _require_stored(data: Dataset, size: int) -> None:
    """Refuse an array of a size that no file of this size can have."""
    whole = math.prod(data.shape) * data.dtype.itemsize
    packed = 1 if data.chunks is None else _DENSEST
    if whole > packed * size:
        raise ValueError(f"{data.name} has {whole} bytes, the file {size}")
