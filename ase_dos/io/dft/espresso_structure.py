"""Cell, positions and species of one structure in the text that pw.x prints."""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms
from ase.units import Bohr
from numpy.typing import NDArray

from ase_dos.io.dft.common import symbol_of
from ase_dos.io.dft.espresso_settings import VECTOR, read_settings
from ase_dos.io.dft.espresso_steps import Calculation

# Rows of the header: in units of alat.
_AXIS = re.compile(rf" *a\(\d\) = \({VECTOR}.*\n?")
_SITE = re.compile(rf" *\S+ +(\S+) +tau\(.*?\) = \({VECTOR}.*\n?")
# Rows of the cards of a later step, in the unit that their headline tells.
_CARD_AXIS = re.compile(rf"{VECTOR}.*\n?")
_CARD_SITE = re.compile(rf" *(\S+) {VECTOR}.*\n?")
_CARD_UNIT = re.compile(r"\w+ \( *(\w+)(?:= *([\d.]+))? *\)")


def read_structure(calculation: Calculation) -> Atoms:
    """Read the structure that a set of bands belongs to.

    Raises
    ------
    ValueError
        If pw.x did not print it, or not all of it.
    """
    run, sites = calculation.run, calculation.sites
    if sites is None:
        raise ValueError(
            "pw.x did not print the positions that these bands belong to, as in runs that i-PI or "
            "ASE drive through a socket; take the structures from there, and the states from "
            "read_states(path, index)"
        )
    count = read_settings(calculation.header).n_atoms
    alat = re.match(r"celldm\(1\)=\s*([\d.]+)", run[sites.alat : sites.alat + 40])
    if count is None or alat is None or not sites.cell:
        raise ValueError(
            "no number of atoms, no celldm(1) or no cell in the header; the file is damaged"
        )
    cell, length = _cell(run, sites.cell, float(alat[1]) * Bohr)
    labels, positions = _atoms(run, sites.atoms, count, length, cell)
    symbols = [symbol_of(label) for label in labels]
    return Atoms(symbols, positions=positions, cell=cell, pbc=True)


def _cell(run: str, start: int, alat: float) -> tuple[NDArray, float]:
    """Return cell vectors and lattice parameter (Angstrom) as of a step."""
    if run.startswith("crystal axes", start):
        rows = _rows(_AXIS, run, start, 3, "cell vectors")
        return np.array(rows, dtype=float) * alat, alat
    unit, alat = _unit(run, start, alat)
    rows = _rows(_CARD_AXIS, run, start, 3, "cell vectors")
    return np.array(rows, dtype=float) * unit, alat


def _atoms(
    run: str, start: int, count: int, alat: float, cell: NDArray
) -> tuple[list[str], NDArray]:
    """Return labels and Cartesian positions (Angstrom)."""
    card = run.startswith("ATOMIC_POSITIONS", start)
    rows = _rows(_CARD_SITE if card else _SITE, run, start, count, "atoms")
    positions = np.array([row[1:] for row in rows], dtype=float)
    if run.startswith("ATOMIC_POSITIONS (crystal", start):
        positions = positions @ cell
    else:
        positions = positions * (_unit(run, start, alat)[0] if card else alat)
    return [row[0] for row in rows], positions


def _unit(run: str, start: int, alat: float) -> tuple[float, float]:
    """Return the unit of a card and the lattice parameter as of here (Angstrom)."""
    headline = _CARD_UNIT.match(run, start)
    name, number = headline.groups() if headline else ("", None)
    if name == "alat":
        alat = float(number) * Bohr if number else alat
    units = {"alat": alat, "bohr": Bohr, "angstrom": 1.0}
    if name not in units:
        raise ValueError(
            f"{_line(run, start)!r}: expected one of the units {', '.join(units)}, crystal"
        )
    return units[name], alat


def _rows(row: re.Pattern, run: str, start: int, count: int, what: str) -> list[tuple[str, ...]]:
    """Return the groups of the rows below a headline."""
    rows: list[tuple[str, ...]] = []
    position = run.find("\n", start) + 1
    while len(rows) < count:
        match = row.match(run, position)
        if match is None:
            raise ValueError(
                f"expected {count} {what} below {_line(run, start)!r}, got {len(rows)} and then "
                f"{_line(run, position)!r}"
            )
        rows.append(match.groups())
        position = match.end()
    return rows


def _line(text: str, start: int) -> str:
    """Return the rest of a line, for a message."""
    return text[start : start + 120].partition("\n")[0].strip()
