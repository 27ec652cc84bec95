"""H5MD, https://www.nongnu.org/h5md/h5md.html , read by h5py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames.base import IndexedFrames
from ase_dos.io.frames.elements import Topology, read_topology, symbols_to_numbers, types_to_numbers
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from h5py import Dataset, File, Group

__all__ = ["H5MDFrames"]

_ANGSTROM: Mapping[str, float] = {"Angstrom": 1.0, "A": 1.0, "angstrom": 1.0, "nm": 10.0}
_FEMTOSECONDS: Mapping[str, float] = {"fs": 1.0, "ps": 1000.0, "ns": 1e6}


class H5MDFrames(IndexedFrames["File"]):
    """Frames of the particles of an H5MD file.

    Lengths are in the unit that the file names, Angstrom where it names none.

    Parameters
    ----------
    path : str
        The file.
    types : sequence of str, optional
        Element of each ``species``, the first being that of species 1; not needed where species
        are an enumeration by symbols.
    topology : Atoms, str or path, optional
        Structure that has the elements instead.
    """

    def __init__(
        self, path: str, types: Sequence[str] | None = None, topology: Topology | None = None
    ) -> None:
        super().__init__(path)
        self._types = types
        self._topology = None if topology is None else read_topology(topology)

    def _open(self) -> tuple[File, int]:
        try:
            import h5py
        except ImportError:
            raise ImportError(
                f"{self.name}: reading it needs h5py: pip install 'ase_dos[formats]'"
            ) from None
        file = h5py.File(self.name, "r")
        return file, len(_particles(file)["position/value"])

    def _read(self, handle: File, index: int) -> Atoms:
        particles = _particles(handle)
        position = particles["position"]
        scale = _scale(position["value"], _ANGSTROM, "Angstrom")
        atoms = Atoms(
            numbers=self._numbers(particles, index),
            positions=as_array(scale * position["value"][index], "positions"),
        )
        box = particles["box"]
        if "edges" in box:
            edges, unit = _at(box["edges"], index)
            atoms.cell = _scale(unit, _ANGSTROM, "Angstrom") * edges
        boundary = np.ravel(box.attrs["boundary"]).astype(str)
        atoms.pbc = [kind == "periodic" for kind in boundary]
        if "id" in particles:
            atoms = atoms[np.argsort(_at(particles["id"], index)[0])]
        if "step" in position:
            atoms.info["step"] = int(_along(position["step"], index))
        if "time" in position:
            scale = _scale(position["time"], _FEMTOSECONDS, "ps")
            atoms.info["time"] = float(scale * _along(position["time"], index))
        return atoms

    def _numbers(self, particles: Group, index: int) -> NDArray:
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


def _scale(data: Dataset, units: Mapping[str, float], default: str) -> float:
    unit = data.attrs.get("unit", default)
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit not in units:
        raise ValueError(f"{data.name} is in {unit}, expected one of {', '.join(units)}")
    return units[unit]
