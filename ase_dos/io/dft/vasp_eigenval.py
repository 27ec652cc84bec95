"""Eigenvalues in VASP's EIGENVAL, with what OUTCAR, INCAR, KPOINTS, POSCAR and DOSCAR say."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import Step, beside, last_number, library_errors, numbers_in, symbol_of
from ase_dos.spectra.kpoints import PATH, follows_path
from ase_dos.utils.compression import read_text

_HEAD = 6  # lines before the first k-point
_OUTCAR = "put the OUTCAR of the run beside it"
_TRUE = ("T", ".T")


@dataclass(frozen=True)
class _Bands:
    """Contents of the file."""

    n_atoms: int
    volume: float  # of the cell (Angstrom^3)
    n_electrons: int  # rounded by VASP
    kpoints: NDArray  # (kpoints, 3)
    weights: NDArray
    values: NDArray  # (spins, kpoints, bands), eV
    occupations: NDArray | None  # the same shape; old releases print none


def eigenval_steps(path: Path) -> list[Step | None]:
    """Return one step: the file has the last structure of a run."""
    bands = _read(read_text(path))
    return [Step(partial(_states, path, bands), partial(_atoms, path, bands))]


def is_repeated(path: Path) -> bool:
    """Whether the vasprun.xml beside has the same levels, and more."""
    return beside(path, "vasprun.xml") is not None


def _read(text: str) -> _Bands:
    lines = text.splitlines()
    counts = numbers_in(lines[0], "first line")
    cell, sizes = numbers_in(lines[1], "second line"), numbers_in(lines[5], "sixth line")
    n_spins, (n_electrons, n_kpoints, n_bands) = int(counts[3]), (int(size) for size in sizes)
    rows = [line for line in lines[_HEAD:] if line.strip()]
    if len(rows) != n_kpoints * (n_bands + 1):
        raise ValueError(
            f"expected {n_bands} bands at {n_kpoints} k-points, got {len(rows)} lines for "
            f"{n_kpoints * (n_bands + 1)}; it is cut off, or has several structures"
        )
    heads = [numbers_in(row, "k-point") for row in rows[:: n_bands + 1]]
    table = [
        [numbers_in(row, f"k-point {k + 1}") for row in rows[start + 1 : start + n_bands + 1]]
        for k, start in enumerate(range(0, len(rows), n_bands + 1))
    ]
    columns = {len(row) for states in table for row in states}
    if any(len(head) != 4 for head in heads) or columns not in ({1 + n_spins}, {1 + 2 * n_spins}):
        raise ValueError(f"expected 4 numbers for a k-point and {n_spins} levels a band")
    found, listed = np.array(table), np.array(heads)
    if (found[..., 0] != np.arange(1, n_bands + 1)).any():
        raise ValueError("the bands of a k-point are not numbered 1, 2, 3, ...")
    levels = np.moveaxis(found[..., 1:], -1, 0)
    return _Bands(
        n_atoms=int(counts[0]),
        volume=cell[0] * int(counts[0]),
        n_electrons=n_electrons,
        kpoints=listed[:, :3],
        weights=listed[:, 3],
        values=levels[:n_spins],
        occupations=levels[n_spins:] if len(levels) > n_spins else None,
    )


def _states(path: Path, bands: _Bands) -> dict[str, Any]:
    tags, outcar = _tags(path)
    _refuse_path(path, bands)
    if tags.get("IBRION") == "0":
        raise ValueError(
            "after molecular dynamics EIGENVAL has levels predicted for the next step, not those "
            "of a calculated structure; calculate one structure without IBRION=0"
        )
    if outcar is not None:
        _require_converged(outcar)
    n_spins = len(bands.values)
    degeneracy = 1 if n_spins == 2 else _degeneracy(tags, bands)
    arguments: dict[str, Any] = {
        "eigenvalues": bands.values,
        "weights": bands.weights,
        "n_electrons": _electrons(tags, bands, degeneracy),
        "spin_degeneracy": degeneracy,
    }
    # With a fixed moment each spin has a Fermi level of its own, and VASP prints one of them.
    if n_spins == 1 or (tags and float(tags.get("NUPDOWN", -1)) < 0):
        arguments["fermi_level"] = _fermi_level(path, outcar)
        if outcar is not None and tags.get("ISMEAR") == "-1":
            arguments["entropy_term"] = last_number(r"EENTRO =\s*(\S+)", outcar)
    if tags.get("ISMEAR") == "-1" and "SIGMA" in tags:
        arguments["smearing_width"] = float(tags["SIGMA"])
    return arguments


def _tags(path: Path) -> tuple[dict[str, str], str | None]:
    """Return the parameters of the run, and the text of its OUTCAR if it lies beside."""
    outcar = beside(path, "OUTCAR")
    source = outcar or beside(path, "INCAR")
    if source is None:
        return {}, None
    text = read_text(source)
    printed = re.sub("[#!].*", "", text) if outcar is None else text
    found = re.findall(r"\b([A-Z]+) *= *([-+.\w]+)", printed)
    return dict(found), text if outcar is not None else None


def _refuse_path(path: Path, bands: _Bands) -> None:
    kpoints = beside(path, "KPOINTS")
    lines = read_text(kpoints).splitlines() if kpoints is not None else []
    automatic = len(lines) > 2 and lines[1].split()[:1] == ["0"]
    line_mode = len(lines) > 2 and lines[2].strip().lower().startswith("l")
    if line_mode or (not automatic and follows_path(bands.kpoints, bands.weights)):
        raise ValueError(PATH)


def _require_converged(outcar: str) -> None:
    last = outcar.rfind("(   1)  -----")
    if last >= 0 and "aborting loop because EDIFF is reached" not in outcar[last:]:
        raise ValueError(
            "OUTCAR: self-consistency was not reached in the last step, or the run is not finished"
        )


def _degeneracy(tags: dict[str, str], bands: _Bands) -> int:
    """Return how many electrons a state of a single spin channel holds."""
    if tags:
        spinors = (tags.get(name, "F").upper() for name in ("LNONCOLLINEAR", "LSORBIT"))
        return 1 if any(value.startswith(_TRUE) for value in spinors) else 2
    if bands.n_electrons > bands.values.shape[2]:
        return 2  # more than one electron in a state
    filled = _filled(bands)
    if filled is None:
        raise ValueError(f"it does not say whether states are spin-paired or spinors; {_OUTCAR}")
    return 1 if abs(filled - bands.n_electrons) < abs(2 * filled - bands.n_electrons) else 2


def _filled(bands: _Bands) -> float | None:
    """Return how many states are occupied, if it is listed."""
    if bands.occupations is None:
        return None
    return float(np.einsum("k,skn->", bands.weights / bands.weights.sum(), bands.occupations))


def _electrons(tags: dict[str, str], bands: _Bands, degeneracy: int) -> float | None:
    """Return the number of electrons, None if it is not known but for its rounding."""
    if "NELECT" in tags:
        return float(tags["NELECT"])
    filled = _filled(bands)
    rounded = filled is not None and abs(degeneracy * filled - bands.n_electrons) > 0.02
    return None if rounded else bands.n_electrons


def _fermi_level(path: Path, outcar: str | None) -> float | None:
    if outcar is not None:
        return last_number(r"E-fermi :\s*(\S+)", outcar)
    doscar = beside(path, "DOSCAR")
    if doscar is None:
        return None
    numbers = numbers_in("".join(read_text(doscar).splitlines()[5:6]), "DOSCAR")
    return numbers[3] if len(numbers) > 3 else None


def _atoms(path: Path, bands: _Bands) -> Atoms:
    """Return the last structure that was calculated."""
    outcar = beside(path, "OUTCAR")
    atoms = _input_atoms(path) if outcar is None else _last_atoms(read_text(outcar))
    if len(atoms) != bands.n_atoms or abs(atoms.get_volume() / bands.volume - 1) > 1e-3:
        raise ValueError(
            f"{'POSCAR' if outcar is None else outcar.name}: {len(atoms)} atoms in "
            f"{atoms.get_volume():.6g} A^3, but EIGENVAL is of {bands.n_atoms} in "
            f"{bands.volume:.6g} A^3"
        )
    return atoms


def _last_atoms(outcar: str) -> Atoms:
    """Return the last structure in an OUTCAR."""
    species = re.findall(r"VRHFIN =\s*([A-Za-z]+)", outcar)
    counts = re.search(r"ions per type =((?: +\d+)+)", outcar)
    rows = r"((?: +[-+.\d*]+ +[-+.\d*]+ +[-+.\d*]+ [-+.\d* ]+\n)+)"
    cells = re.findall(rf"direct lattice vectors .*\n{rows}", outcar)
    positions = re.findall(rf"POSITION +TOTAL-FORCE.*\n -+\n{rows}", outcar)
    if counts is None or not species or not cells or not positions:
        raise ValueError("OUTCAR: no structure in it; it is cut off")
    numbers = [int(count) for count in counts[1].split()]
    symbols = [
        symbol_of(label)
        for label, count in zip(species, numbers, strict=False)
        for _ in range(count)
    ]
    sites = [numbers_in(row[:45], "OUTCAR, positions") for row in positions[-1].splitlines()]
    vectors = [numbers_in(row, "OUTCAR, cell")[:3] for row in cells[-1].splitlines()[:3]]
    if len(symbols) != len(sites):
        raise ValueError(f"OUTCAR: {len(sites)} positions for {len(symbols)} atoms")
    return Atoms(symbols, sites, cell=vectors, pbc=True)


def _input_atoms(path: Path) -> Atoms:
    """Return the structure of POSCAR, of a run that moved no atoms."""
    files = [found for name in ("POSCAR", "CONTCAR") if (found := beside(path, name))]
    if not files:
        raise ValueError(f"no structure; {_OUTCAR}")
    structures = [_poscar(file) for file in files]
    first, last = structures[0], structures[-1]
    if len(first) != len(last) or np.abs(last.positions - first.positions).max() > 1e-3:
        raise ValueError(f"the atoms moved, and CONTCAR may be a step ahead; {_OUTCAR}")
    return first


def _poscar(path: Path) -> Atoms:
    from ase.io.vasp import read_vasp

    text = read_text(path)
    if not re.search("[A-Za-z]", "".join(text.splitlines()[5:6])):
        # ASE would look for the names in whatever folder the program runs in.
        raise ValueError(f"{path.name} names no elements (VASP 4); {_OUTCAR}")
    with library_errors(path.name):
        return read_vasp(io.StringIO(text))
