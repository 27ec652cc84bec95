"""Eigenvalues in GPAW's .gpw files and in its text output."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import (
    Step,
    first_from,
    last_before,
    last_number,
    numbers_in,
    positions_of,
    symbol_of,
)
from ase_dos.spectra.kpoints import PATH, follows_path
from ase_dos.utils.compression import open_plain, read_text

# The first of each pair is printed to release 25.
_SITES = re.compile(r"^(?:Positions:|Atoms  # )", re.M)
_CELL = re.compile(r"^Unit cell(?::|  # )", re.M)
_SITE = re.compile(r"^ *\d+ +([A-Za-z]+)\S*" + 3 * r" +([-\d.]+)", re.M)
_VECTOR = re.compile(r"^ *(?:\d\. axis:)? +(yes|no)" + 3 * r" +([-\d.]+)", re.M)
_LOGO = re.compile(r"\|__ \|  _\|___\|_____\||\|__\|\|  \| \|\|/\\\|")


def gpw_steps(path: Path) -> list[Step | None]:
    """Return one step: the file holds one structure."""
    return [Step(partial(_gpw_states, path), partial(_gpw_atoms, path))]


@contextmanager
def _gpw(path: Path) -> Iterator[Any]:
    """Open a .gpw file with ASE alone, so that GPAW need not be installed."""
    from ase.io import ulm

    with open_plain(path) as opened:
        # Wave functions fill most of a file and are not read, so it stays on the disk if it can.
        # Neither reads beyond its end, whatever sizes a damaged file tells.
        plain = opened.seekable()
        file = mmap(opened.fileno(), 0, access=ACCESS_READ) if plain else io.BytesIO(opened.read())
        try:
            with closing(file):
                yield ulm.open(file)
        except AttributeError as error:
            raise ValueError(
                f"no {error} in this .gpw file; expected one of version 3 or later (GPAW 1.3)"
            ) from error
        except (ulm.InvalidULMFileError, ValueError, IndexError, OSError) as error:
            raise ValueError(f"not a complete .gpw file ({error})") from error


def _gpw_atoms(path: Path) -> Atoms:
    from ase.io.trajectory import read_atoms

    with _gpw(path) as reader:
        return read_atoms(reader.atoms, _try_except=False)


def _gpw_states(path: Path) -> dict[str, Any]:
    with _gpw(path) as reader:
        waves = reader.wave_functions
        values, occupations = np.array(waves.eigenvalues), np.array(waves.occupations)
        weights, kpoints = np.array(waves.kpts.weights), np.array(waves.kpts.ibzkpts)
        levels = np.ravel(waves.fermi_levels)
        energies = [reader.results.get(name) for name in ("free_energy", "energy")]
        parameters = reader.parameters.asdict()
    if follows_path(kpoints, weights):
        raise ValueError(PATH)
    if values.ndim == 2:  # non-collinear: one channel of spinors
        values, occupations = values[None], occupations[None]
        degeneracy = 1
    else:
        degeneracy = 1 if len(values) == 2 else 2
    # In the file every state is filled from 0 to 1, spin-paired or not.
    count = degeneracy * float(np.einsum("k,skn->", weights, occupations))
    scheme = parameters.get("occupations") or {}
    return {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": _whole(count, float(parameters.get("charge") or 0.0)),
        "spin_degeneracy": degeneracy,
        **_level(scheme, energies, levels),
    }


def _whole(count: float, charge: float) -> float | None:
    """Return the electrons that occupations add up to, None if they are not all that there are.

    A calculation at a fixed density fills other k-points up to the Fermi level of the first ones.
    """
    electrons = round(count + charge) - charge
    return electrons if abs(electrons - count) < 1e-3 else None


def _level(scheme: dict, energies: list[float | None], levels: NDArray) -> dict[str, float]:
    """Return the Fermi level if there is one, and width and -TS of Fermi-Dirac occupations."""
    if levels.size != 1 or scheme.get("fixmagmom"):
        return {}
    found = {"fermi_level": float(levels[0])}
    if scheme.get("name") == "fermi-dirac":
        found["smearing_width"] = float(scheme["width"])
        free_energy, energy = energies
        if free_energy is not None and energy is not None:
            # GPAW extrapolates to zero width: energy = free_energy + TS/2.
            found["entropy_term"] = 2 * (free_energy - energy)
    return found


def text_steps(path: Path) -> list[Step | None]:
    """Return a step for every converged calculation, of one run or of several in a row."""
    text = read_text(path)
    ends = positions_of(re.compile(r"^Converged (?:after|in) ", re.M), text)
    if not ends:
        raise ValueError("no converged calculation in this GPAW text; it is cut off or failed")
    logos = positions_of(_LOGO, text)
    steps: list[Step | None] = []
    for start, stop in pairwise([*ends, len(text)]):
        run = last_before(logos, start)
        header = slice(run, first_from(ends, run))
        result = slice(start, stop)
        states = partial(_text_states, text, header, result)
        steps.append(Step(states, partial(_text_atoms, text, result)))
    return steps


def _text_states(text: str, header: slice, result: slice) -> dict[str, Any]:
    """Parse the table of eigenvalues behind one self-consistency cycle."""
    before, after = text[header], text[result]
    kpoints = last_number(r"(\d+) k-points? in the [Ii]rreducible", before)
    kpoints = kpoints or last_number(r"Number of IBZ points: (\d+)", before) or 1
    bands = last_number(r"Bands:\s+(\d+)", before)
    bands = bands or last_number(r"[Nn]umber of bands in calculation: (\d+)", before)
    rows = _table(after)
    if kpoints != 1 or bands is None or len(rows) != bands:
        raise ValueError(
            f"GPAW's text shows eigenvalues for part of the {kpoints:.0f} k-points and "
            f"{bands or 0:.0f} bands only; write calc.write('run.gpw') and read that file"
        )
    values = rows[:, 1::2].T[:, None]
    electrons = last_number(r"Valence electrons: (\S+)", before)
    electrons = electrons or last_number(r"Number of valence electrons: (\S+)", before)
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": [1.0],
        "n_electrons": electrons,
        "spin_degeneracy": 1 if len(values) == 2 else 2,
    }
    level = re.search(r"^Fermi level:\s+(\S+)\s*$", after, re.M)
    if level:
        arguments["fermi_level"] = float(level[1])
    width = re.findall(r"Fermi-Dirac:\s+width:\s+(\S+)", before)
    entropy = re.search(r"^\s*Entropy[^:]*:\s+(\S+)", after, re.M)
    if width and level:
        arguments["smearing_width"] = float(width[-1])
        arguments["entropy_term"] = float(entropy[1]) if entropy else None
    return arguments


def _table(after: str) -> NDArray:
    """Return rows (band, eigenvalue, occupation, ...) of the first table of eigenvalues."""
    new, old = r"\| band index \|[^\n]*\n\|[-|]+\|", r" *Band +Eigenvalues +Occupancy[^\n]*"
    header = re.search(rf"^(?:{new}|{old})\n", after, re.M)
    if header is None:
        raise ValueError("no table of eigenvalues in this GPAW text; it is cut off")
    rows: list[list[float]] = []
    for line in after[header.end() :].splitlines():
        numbers = numbers_in(line.replace("|", " "), "eigenvalues")
        if not numbers:
            break
        if rows and len(numbers) != len(rows[0]):
            raise ValueError(f"the table of eigenvalues is cut off at band {len(rows)}")
        rows.append(numbers)
    return np.array(rows)


def _text_atoms(text: str, result: slice) -> Atoms:
    """Return the last structure printed before a result, in the layout of any release."""
    sites = _SITE.findall(_block(text, _SITES, result.start))
    vectors = _VECTOR.findall(_block(text, _CELL, result.start))
    if not sites or len(vectors) != 3:
        raise ValueError("no atoms or no unit cell before this result; the text is damaged")
    return Atoms(
        [symbol_of(site[0]) for site in sites],
        [numbers_in(" ".join(site[1:]), "positions") for site in sites],
        cell=[numbers_in(" ".join(vector[1:]), "unit cell") for vector in vectors],
        pbc=[vector[0] == "yes" for vector in vectors],
    )


def _block(text: str, heading: re.Pattern, end: int) -> str:
    """Return what follows the last heading before a position, to the next empty line."""
    begin = last_before(positions_of(heading, text), end)
    return text[begin:end].split("\n\n")[0].replace("|", " ")
