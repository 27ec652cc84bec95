"""Eigenvalues in SIESTA's .EIG, with its .KP (weights), .XV (structure) and output beside it."""

from __future__ import annotations

import io
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import (
    Step,
    begins_with,
    beside,
    last_number,
    library_errors,
    numbers_in,
    states_below,
)
from ase_dos.utils.compression import read_text

_COORDINATES = re.compile(r"outcoor: .*tomic coordinates \(Ang\):.*\n((?:.*\S.*\n)+)")


def eig_steps(path: Path) -> list[Step | None]:
    """Return one step: the file has the last structure of a run."""
    return [Step(partial(_states, path), partial(_atoms, path))]


def _label(path: Path) -> str:
    return path.name.split(".EIG")[0]


def _states(path: Path) -> dict[str, Any]:
    level, eigenvalues = _levels(read_text(path))
    output = _output(path)
    if output is not None and re.search("SCF_NOT_CONV|SCF not converged", output):
        raise ValueError("self-consistency was not reached, says the output of SIESTA")
    n_spins, n_kpoints, _ = eigenvalues.shape
    weights = _weights(path, n_kpoints)
    electrons = last_number(r"Total number of electrons:\s*([\d.]+)", output or "")
    # As many states as electrons below the level: spinors.
    spinors = electrons and abs(states_below(eigenvalues, weights, level) - electrons) < 0.5
    # With a fixed moment there are two Fermi levels; without the output it is not known.
    free = n_spins == 1 or re.search(r"Fix the spin of the system\s*=\s*F", output or "")
    return {
        "eigenvalues": eigenvalues,
        "weights": weights,
        "n_electrons": electrons,
        "spin_degeneracy": 1 if n_spins == 2 or spinors else 2,
        "fermi_level": level if free else None,
    }


def _levels(text: str) -> tuple[float, NDArray]:
    """Return the Fermi level (eV) and the eigenvalues (spins, kpoints, bands)."""
    numbers = np.array(numbers_in(text, "eigenvalues"))
    n_bands, n_spins, n_kpoints = (int(number) for number in numbers[1:4])
    columns = 1 + n_bands * n_spins
    if numbers.size != 4 + n_kpoints * columns:
        raise ValueError(
            f"expected {n_bands} levels of {n_spins} spins at {n_kpoints} k-points, got "
            f"{numbers.size - 4} numbers for {n_kpoints * columns}; it is cut off"
        )
    rows = numbers[4:].reshape(n_kpoints, columns)
    if (rows[:, 0] != np.arange(1, n_kpoints + 1)).any():
        raise ValueError("the k-points are not numbered 1, 2, 3, ...; it is damaged")
    return float(numbers[0]), rows[:, 1:].reshape(n_kpoints, n_spins, n_bands).swapaxes(0, 1)


def _weights(path: Path, n_kpoints: int) -> NDArray:
    source = beside(path, f"{_label(path)}.KP")
    if source is None:
        if n_kpoints == 1:
            return np.ones(1)
        raise ValueError(f"no weights of its {n_kpoints} k-points; put {_label(path)}.KP beside it")
    numbers = numbers_in(read_text(source), source.name)
    if len(numbers) != 1 + 5 * n_kpoints or numbers[0] != n_kpoints:
        raise ValueError(f"{source.name}: expected {n_kpoints} k-points of 5 numbers")
    weights = np.reshape(numbers[1:], (n_kpoints, 5))[:, 4]
    total = weights.sum()
    # Six decimals are printed: of a thousand k-points the sum is off by more than a missing one.
    return weights / total if abs(total - 1) <= 5e-7 * n_kpoints else weights


def _output(path: Path) -> str | None:
    """Return the output of SIESTA for this label, if it lies beside."""
    for other in sorted(path.parent.iterdir()):
        if other.is_file() and begins_with(other, b"WELCOME TO SIESTA"):
            text = read_text(other)
            label = re.search(r"reinit: System Label:\s*(\S+)", text)
            if label is not None and label[1] == _label(path):
                return text
    return None


def _atoms(path: Path) -> Atoms:
    """Return the structure of the .XV file, which must be the last one that was calculated."""
    from ase.io.siesta import read_siesta_xv

    source = beside(path, f"{_label(path)}.XV")
    if source is None:
        raise ValueError(f"no structure; put {_label(path)}.XV beside it")
    with library_errors(source.name):
        atoms = read_siesta_xv(io.StringIO(read_text(source)))
    output = _output(path) or ""
    if len(re.findall(r"Begin .*(?:move|step) *=", output)) > 1:
        printed = _COORDINATES.findall(output)
        lines = printed[-1].splitlines() if printed else []
        last = np.array([numbers_in(" ".join(line.split()[:3]), "outcoor") for line in lines])
        if last.shape != atoms.positions.shape or np.abs(last - atoms.positions).max() > 1e-3:
            raise ValueError(
                f"the atoms moved, and {source.name} is not seen to be the last structure that "
                "was calculated; run SIESTA for the last structure alone"
            )
    return atoms
