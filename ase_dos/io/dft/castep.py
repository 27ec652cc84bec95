"""Eigenvalues in CASTEP's .bands, with the structure in the .castep or .cell beside it."""

from __future__ import annotations

import io
import re
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree

from ase_dos.io.dft.common import Step, beside, library_errors, numbers_in, states_below
from ase_dos.spectra.kpoints import PATH, follows_path
from ase_dos.utils.compression import read_text


def bands_steps(path: Path) -> list[Step | None]:
    """Return one step: the file has the last structure of a run."""
    text = read_text(path)
    return [Step(partial(_states, text), partial(_atoms, path, text))]


def _header(text: str, name: str) -> list[float]:
    found = re.search(rf"^\s*{name}\s+(.*)$", text, re.M)
    if found is None:
        raise ValueError(f"no line {name!r}; it is cut off or damaged")
    return numbers_in(found[1], name)


def _states(text: str) -> dict[str, Any]:
    from ase.io.castep import read_bands

    bands = _header(text, "Number of eigenvalues")
    if len(set(bands)) != 1:
        raise ValueError(f"the spins have different numbers of bands, {bands}, which is not read")
    expected = _header(text, "Number of k-points")[0]
    if text.count("K-point") != expected:
        raise ValueError(f"expected {expected:g} k-points, got {text.count('K-point')}; cut off?")
    if "**" in text:
        raise ValueError("a level did not fit its column (****)")
    with library_errors("k-points and levels"):
        kpoints, weights, eigenvalues, _ = read_bands(io.StringIO(text))
    if follows_path(kpoints, weights):
        raise ValueError(PATH)
    electrons = sum(_header(text, "Number of electrons"))
    levels = Hartree * np.array(_header(text, r"Fermi energ(?:y|ies) \(in atomic units\)"))
    degeneracy = 1 if len(eigenvalues) == 2 else 2
    if degeneracy == 2 and abs(states_below(eigenvalues, weights, levels[0]) - electrons) < 0.5:
        degeneracy = 1  # as many states as electrons lie below the level: spinors
    return {
        "eigenvalues": eigenvalues,
        "weights": weights,
        "n_electrons": electrons,
        "spin_degeneracy": degeneracy,
        # A fixed moment has two of them.
        "fermi_level": float(levels[0]) if np.ptp(levels) < 1e-5 else None,
    }


def _atoms(path: Path, text: str) -> Atoms:
    """Return the structure with the cell of the .bands file."""
    seed = path.name.split(".bands")[0]
    source = beside(path, f"{seed}.castep", f"{seed}-out.cell", f"{seed}.cell")
    if source is None:
        raise ValueError(f"no structure; put {seed}.castep or {seed}.cell beside it")
    atoms = _structure(source)
    vectors = re.split(r"Unit cell vectors *\n", text)[-1].splitlines()[:3]
    cell = Bohr * np.array([numbers_in(vector, "unit cell") for vector in vectors])
    if np.abs(atoms.cell.array - cell).max() > 1e-3:
        raise ValueError(f"{source.name}: its last cell is not that of the .bands file")
    return atoms


def _structure(path: Path) -> Atoms:
    from ase.io import read
    from ase.io.castep import read_castep_cell

    text = io.StringIO(read_text(path))
    with library_errors(path.name), warnings.catch_warnings():
        # Of ASE, that it cannot ask CASTEP for its keywords, and all that CASTEP warned about.
        warnings.simplefilter("ignore", UserWarning)
        if ".cell" in path.name:
            atoms = read_castep_cell(text, calculator_args={"keyword_tolerance": 3})
        else:
            atoms = read(text, index=-1, format="castep-castep")
    return Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
