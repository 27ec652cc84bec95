"""Comment lines of xyz files: what i-PI, CP2K, LAMMPS, DFTB+, ORCA and extended xyz say there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ase.cell import Cell
from ase.io.extxyz import key_val_str_to_dict
from numpy.typing import NDArray

from ase_dos.io.frames.units import angstroms, femtoseconds, names_time_unit
from ase_dos.utils.checks import as_array

__all__ = ["Comment", "read_comment"]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_CP2K = re.compile(rf"\s*i =\s*(\d+),(?:\s*time =\s*({_NUMBER}),)?\s*E =")
_IPI = re.compile(rf"CELL[(\[{{](abcABC|H|GENH)[)\]}}]:((?:\s+{_NUMBER})+)")
_IPI_UNIT = re.compile(r"\b(?!CELL)(\w+)\{(\w*)\}")
# "Step: 40", "Atoms. Timestep: 100", "MD iter: 10", "Step 30, t=15.00 fs"
_STEP = re.compile(r"(?:\b(?:time)?step|\biter)\s*[:=]?\s*(\d+)\b", re.IGNORECASE)
_TIME = re.compile(rf"\b(?:time|t)\s*[:=]?\s*\"?({_NUMBER})\s*[\[(]?([a-z_]+)\b(?!\s*=)", re.I)
# Not where it belongs to a force: "hartree/bohr", "hartree bohr^-1"
_BOHR = re.compile(r"(?<![/\w])bohr\b(?!\s*(?:\^|\*\*|-))", re.IGNORECASE)


@dataclass
class Comment:
    """What a comment line says of its frame.

    Attributes
    ----------
    info : dict
        For ``atoms.info``; with ``time`` (fs) and ``step`` where the line has them, and
        ``Properties``, ``Lattice`` and ``pbc`` of extended xyz.
    cell : (3, 3) array, optional
        Cell (Angstrom) of a dialect that has one of its own; its frames are periodic.
    scale : float
        Unit of the positions, in Angstrom.
    in_fs : bool
        Whether the unit of ``time`` is known, so that it is in fs.
    """

    info: dict[str, Any] = field(default_factory=dict)
    cell: NDArray | None = None
    scale: float = 1.0
    in_fs: bool = False


def read_comment(line: str) -> Comment:
    """Read a comment line.

    Raises
    ------
    ValueError
        If it says that the columns are no positions, or names units that are not known.
    """
    if cell := _IPI.search(line):
        return _of_ipi(line, cell[1], cell[2])
    if cp2k := _CP2K.match(line):
        info: dict[str, Any] = {"step": int(cp2k[1])}
        if cp2k[2] is not None:
            info["time"] = float(cp2k[2])
        return Comment(info, in_fs=True)
    if _BOHR.search(line):
        raise ValueError(
            "the comment line speaks of bohr, xyz files are read in Angstrom; convert the "
            "positions, or remove the word if they are in Angstrom"
        )
    return _of_words(line)


def _of_ipi(line: str, kind: str, numbers: str) -> Comment:
    """Comment of i-PI, in atomic units where it names none.

    https://docs.ipi-code.org , and ``ipi/utils/io`` of its source.
    """
    units = dict(_IPI_UNIT.findall(line))
    cell_unit = units.pop("cell", "")
    other = [name for name in units if name not in ("positions", "x_centroid")]
    if other:
        raise ValueError(f"the file has {other[0]} of i-PI, expected positions")
    scale = _ipi_length(next(iter(units.values()), ""))
    size = 6 if kind == "abcABC" else 9
    values = as_array(numbers.split()[:size], "cell of the comment line", (size,))
    # The matrix of i-PI has the vectors of the cell in its columns.
    cell = Cell.new(values).array if kind == "abcABC" else values.reshape(3, 3).T
    step = _STEP.search(line)
    return Comment({"step": int(step[1])} if step else {}, cell * _ipi_length(cell_unit), scale)


def _ipi_length(unit: str) -> float:
    scale = angstroms(unit or "atomic_unit")
    if scale is None:
        raise ValueError(f"the comment line of i-PI has a length in {unit}, which is not known")
    return scale


def _of_words(line: str) -> Comment:
    """Pairs of name and value, as ASE reads them; step and time of free text."""
    extended = "Properties=" in line or "Lattice=" in line
    try:
        info = dict(key_val_str_to_dict(line)) if line.strip() else {}
    except Exception as error:
        if extended:
            raise ValueError(f"the comment line does not parse ({error}): {line[:60]!r}") from error
        info = {}
    time = _TIME.search(line)
    scale = femtoseconds(time[2]) if time else None
    if time and scale is not None:
        info = {name: value for name, value in info.items() if name.lower() != "time"}
        info["time"] = float(time[1]) * scale
    if not extended and (step := _STEP.search(line)) and "step" not in info:
        info["step"] = int(step[1])
    return Comment(info, in_fs=scale is not None or names_time_unit(info))
