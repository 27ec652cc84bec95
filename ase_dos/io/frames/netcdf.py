"""AMBER NetCDF, https://ambermd.org/netcdf/nctraj.xhtml , in the units that its variables name.

The classic format of NetCDF, described at https://docs.unidata.ucar.edu/netcdf-c/current/ ,
is read here: one header, then one record for each frame. So the frames of a file that is cut off
are read up to the cut, and no array is larger than the file. ASE writes atomic numbers and LAMMPS
types; others need a topology.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.frames.base import IndexedFrames
from ase_dos.io.frames.coordinates import cell_of
from ase_dos.io.frames.elements import types_to_numbers
from ase_dos.io.frames.units import angstroms, femtoseconds
from ase_dos.utils.checks import as_array

__all__ = ["NetCDFFrames"]

_KINDS = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"}
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_MOST = 10_000  # entries of a list of the header
_TYPES = ("atom_types", "type", "Z")
_STREAMING = 0xFFFFFFFF  # number of records that was never written


@dataclass
class _Variable:
    shape: tuple[int, ...]  # of one record, or of the whole
    in_records: bool
    attributes: dict[str, Any]
    kind: str
    begin: int

    @property
    def size(self) -> int:
        """Bytes in a record."""
        return int(np.prod(self.shape, dtype=object)) * np.dtype(self.kind).itemsize


@dataclass
class _File:
    """Open file, its variables, and its records."""

    file: IO[bytes]
    size: int
    program: str  # that wrote it
    variables: dict[str, _Variable] = field(default_factory=dict)
    records: int = 0
    record_size: int = 0

    def read(self, name: str, index: int) -> NDArray:
        """Return a variable at a record, or one that is the same for all."""
        variable = self.variables[name]
        start = variable.begin + (index * self.record_size if variable.in_records else 0)
        if start + variable.size > self.size:
            raise ValueError(f"the file ends before the {name} of the frame")
        self.file.seek(start)
        return np.frombuffer(self.file.read(variable.size), variable.kind).reshape(variable.shape)

    def scaled(self, name: str, index: int, unit: Callable[[str], float | None]) -> NDArray | None:
        """Return numbers in our unit, None if the file has none, or names no unit."""
        if name not in self.variables:
            return None
        attributes = self.variables[name].attributes
        scale = unit(str(attributes.get("units", "")))
        if scale is None:
            return None
        factor = float(np.ravel(attributes.get("scale_factor", 1.0))[0])
        return self.read(name, index).astype(float) * factor * scale

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class NetCDFFrames(IndexedFrames[_File]):
    """Frames of an AMBER NetCDF file.

    Parameters
    ----------
    path : str
        The file.
    types : sequence of str, optional
        Element of each type, where the file has types; see `types_to_numbers`.
    topology : Atoms, optional
        Structure that has the elements instead, and the cell where the file has none.
    """

    def __init__(
        self, path: str, types: Sequence[str] | None = None, topology: Atoms | None = None
    ) -> None:
        super().__init__(path)
        self._types = types
        self._topology = topology

    def _open(self) -> tuple[_File, int]:
        file = open(self.name, "rb")  # noqa: SIM115
        try:
            handle = _Header(file).read()
        except BaseException:
            file.close()
            raise
        if "coordinates" not in handle.variables:
            handle.close()
            raise ValueError("the file has no variable 'coordinates'")
        return handle, handle.records

    def _read(self, handle: _File, index: int) -> Atoms:
        shape = handle.variables["coordinates"].shape
        if len(shape) != 2 or shape[1] != 3:
            raise ValueError(f"expected coordinates of (frame, atom, 3), got (frame, {shape})")
        if self._topology is not None and shape[0] != len(self._topology):
            raise ValueError(f"the frame has {shape[0]} atoms, the topology {len(self._topology)}")
        positions = handle.scaled("coordinates", index, _length)
        atoms = Atoms(
            numbers=self._numbers(handle, index),
            positions=as_array(positions, "coordinates", (None, 3)),
        )
        lengths = handle.scaled("cell_lengths", index, _length)
        angles = handle.scaled("cell_angles", index, _angle)
        if lengths is not None and angles is not None and lengths.any():
            atoms.cell, atoms.pbc = _cell(lengths, angles)
        elif self._topology is not None:
            atoms.cell, atoms.pbc = self._topology.cell, self._topology.pbc
        time = handle.scaled("time", index, femtoseconds)
        if time is not None:
            atoms.info["time"] = float(as_array(time, "time", ()))
        return atoms

    def _numbers(self, handle: _File, index: int) -> NDArray:
        if self._topology is not None:
            return self._topology.numbers
        name = next((name for name in _TYPES if name in handle.variables), "")
        if not name:
            raise ValueError(
                "the file has no elements; give a file that has them: topology=..., on the command "
                "line --topology FILE"
            )
        types = handle.read(name, index).astype(int).ravel()
        # ASE writes atomic numbers under the name that LAMMPS gives its types.
        return types if handle.program.startswith("ASE") else types_to_numbers(types, self._types)


def _length(unit: str) -> float:
    scale = angstroms(unit or "angstrom")  # what the convention asks for
    if scale is None:
        raise ValueError(f"the file has lengths in {unit}, which do not give Angstrom")
    return scale


def _cell(lengths: NDArray, angles: NDArray) -> tuple[NDArray, NDArray]:
    """Cell and periodicity; the length of an axis that is not periodic is zero."""
    periodic = lengths != 0
    vectors = cell_of(np.where(periodic, lengths, 1.0), np.where(angles == 0, 90.0, angles))
    return vectors * periodic[:, None], periodic


def _angle(unit: str) -> float:
    return 180 / np.pi if unit.lower().startswith("rad") else 1.0


class _Header:
    """Parser of the header."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size = file, os.fstat(file.fileno()).st_size
        self._version = 0

    def read(self) -> _File:
        """Read it."""
        mark = self._take(4)
        self._version = mark[3]
        if mark[:3] != b"CDF" or self._version not in (1, 2, 5):
            raise ValueError("this is no NetCDF file of the classic format")
        records = self._length()
        dimensions = [(self._name(), self._length()) for _ in self._entries(_DIMENSIONS)]
        program = str(self._attributes().get("program", ""))
        handle = _File(self._file, self._size, program=program)
        sizes = []
        for _ in self._entries(_VARIABLES):
            name, variable = self._name(), self._variable(dimensions)
            handle.variables[name] = variable
            if variable.in_records:
                sizes.append(variable.size)
        # Parts of a record begin at multiples of four bytes, unless there is one part only.
        handle.record_size = (
            sizes[0] if len(sizes) == 1 else sum(-(-size // 4) * 4 for size in sizes)
        )
        begins = [v.begin for v in handle.variables.values() if v.in_records]
        if not begins or handle.record_size <= 0:
            raise ValueError("the file has no frames")
        # The number of records is that of the last time the header was written. One that is cut off
        # counts.
        there = -(-(self._size - min(begins)) // handle.record_size)
        streaming = records in (_STREAMING, 2**64 - 1)
        handle.records = max(there if streaming else min(records, there), 0)
        return handle

    def _variable(self, dimensions: Sequence[tuple[str, int]]) -> _Variable:
        places = [self._length() for _ in range(self._limited(self._length()))]
        if any(place >= len(dimensions) for place in places):
            raise ValueError("the header is damaged: a variable of unknown dimension")
        shape = tuple(dimensions[place][1] for place in places)
        attributes = self._attributes()
        kind = self._kind()
        self._length()  # its size, which follows from the shape
        begin = self._unsigned(">I" if self._version == 1 else ">Q")
        in_records = bool(shape) and shape[0] == 0
        variable = _Variable(
            shape[1:] if in_records else shape, in_records, attributes, kind, begin
        )
        if not 0 <= variable.size <= self._size:
            raise ValueError("the header is damaged: a variable is larger than the file")
        return variable

    def _attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        for _ in self._entries(_ATTRIBUTES):
            name, kind = self._name(), self._kind()
            count = self._length()
            data = self._padded(count * np.dtype(kind).itemsize)
            if kind == "S1":
                attributes[name] = data.decode("latin-1").strip("\0 ")
            else:
                attributes[name] = np.frombuffer(data, kind)
        return attributes

    def _entries(self, tag: int) -> range:
        """Range over the entries of a list, which is empty where it is absent."""
        found, count = self._unsigned(">I"), self._length()
        if found not in (0, tag) or (found == 0 and count):
            raise ValueError("the header is damaged: expected a list of its entries")
        return range(self._limited(count))

    def _limited(self, count: int) -> int:
        if count > _MOST:
            raise ValueError(f"the header is damaged: a list of {count} entries")
        return count

    def _kind(self) -> str:
        kind = self._unsigned(">I")
        if kind not in _KINDS:
            raise ValueError(f"the header is damaged: unknown type {kind}")
        return _KINDS[kind]

    def _name(self) -> str:
        return self._padded(self._length()).decode("utf-8", "replace")

    def _length(self) -> int:
        return self._unsigned(">Q" if self._version == 5 else ">I")

    def _unsigned(self, kind: str) -> int:
        return int(struct.unpack(kind, self._take(struct.calcsize(kind)))[0])

    def _padded(self, size: int) -> bytes:
        return self._take(-(-size // 4) * 4)[:size]

    def _take(self, size: int) -> bytes:
        data = self._file.read(size) if size <= self._size else b""
        if len(data) < size:
            raise ValueError("the file ends in its header")
        return data
