"""Eigenvalues in GPAW's .gpw files and in its text output."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import Loader, first_from, last_before, last_number, positions_of
from ase_dos.utils.compression import read_text

_LOGO = re.compile(r"\|__ \|  _\|___\|_____\||\|__\|\|  \| \|\|/\\\|")


def gpw_loaders(path: Path) -> list[Loader | None]:
    """One loader: the file holds one structure."""
    return [partial(_gpw_step, path)]


def _gpw_step(path: Path) -> dict[str, Any]:
    """Read eigenvalues of a .gpw file with ASE alone, so that GPAW need not be installed."""
    from ase.io import ulm

    with path.open("rb") as file:  # ulm leaves files open that it cannot read
        try:
            reader = ulm.open(file)
            waves = reader.wave_functions
            values, weights = np.array(waves.eigenvalues), np.array(waves.kpts.weights)
            occupations, levels = np.array(waves.occupations), np.ravel(waves.fermi_levels)
            results, parameters = reader.results.asdict(), reader.parameters.asdict()
        except (ulm.InvalidULMFileError, ValueError, IndexError, OSError) as error:
            raise ValueError(f"not a complete .gpw file ({error})") from error
        except AttributeError as error:
            raise ValueError(f"{error} in this .gpw file; expected format version 3+") from error
    if values.ndim == 2:  # non-collinear: one channel of spinors
        values, occupations = values[None], occupations[None]
        degeneracy = 1
    else:
        degeneracy = 1 if len(values) == 2 else 2
    # In the file every state is filled from 0 to 1, spin-paired or not.
    count = degeneracy * np.einsum("k,skn->", weights, occupations)
    return {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": float(np.round(count, 8)),
        "spin_degeneracy": degeneracy,
        "fermi_level": float(levels[0]) if levels.size == 1 else None,
        **_smearing(parameters, results, levels.size),
    }


def _smearing(parameters: dict, results: dict, n_levels: int) -> dict[str, float]:
    """Return width and -TS if the run had Fermi-Dirac occupations with one Fermi level."""
    occupations = parameters.get("occupations") or {}
    if occupations.get("name") != "fermi-dirac" or n_levels != 1:
        return {}
    found = {"smearing_width": float(occupations["width"])}
    if "free_energy" in results and "energy" in results:
        # GPAW extrapolates to zero width: energy = free_energy + TS/2.
        found["entropy_term"] = 2 * (results["free_energy"] - results["energy"])
    return found


def text_loaders(path: Path) -> list[Loader | None]:
    """One loader for every converged calculation, of one run or of several in a row."""
    text = read_text(path)
    ends = positions_of(re.compile(r"^Converged (?:after|in) ", re.M), text)
    if not ends:
        raise ValueError("no converged calculation in this GPAW text; it is cut off or failed")
    logos = positions_of(_LOGO, text)
    loaders: list[Loader | None] = []
    for start, stop in pairwise([*ends, len(text)]):
        run = last_before(logos, start)
        header = slice(run, first_from(ends, run))
        loaders.append(partial(_text_step, text, header, slice(start, stop)))
    return loaders


def _text_step(text: str, header: slice, result: slice) -> dict[str, Any]:
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
    rows = []
    for line in after[header.end() :].splitlines():
        words = line.replace("|", " ").split()
        if not words:
            break
        rows.append([float(word) for word in words])
    return np.array(rows)


def text_atoms(text: str) -> list[Atoms]:
    """Read structures from GPAW's text since release 26, whose tables ASE does not know."""
    structures = []
    for block in text.split("\nAtoms  # ")[1:]:
        rows = [line.replace("|", " ").split() for line in block.splitlines()]
        start = rows.index(next(row for row in rows if row[:1] == ["0"]))
        sites = []
        for row in rows[start:]:
            if not row:
                break
            sites.append(row)
        cell = [row for row in rows if row[:1] in (["yes"], ["no"])][:3]
        structures.append(
            Atoms(
                [site[1].split(".")[0] for site in sites],
                positions=[[float(x) for x in site[2:5]] for site in sites],
                cell=[[float(x) for x in row[1:4]] for row in cell],
                pbc=[row[0] == "yes" for row in cell],
            )
        )
    return structures
