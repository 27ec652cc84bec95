"""Eigenvalues of all k-points in the Final_KS_eigenvalues.dat of FHI-aims."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft import aims
from ase_dos.io.dft.common import Step, begins_with, beside, numbers_in
from ase_dos.utils.compression import open_plain, read_text

NAME = "Final_KS_eigenvalues.dat"
_BLOCK = re.compile(r"^k-point number:.*$", re.M)
_COORDINATES = re.compile(r"^k-point in recip\. lattice units:\s*(\S+)\s+(\S+)\s+(\S+)", re.M)
_UUID = re.compile(r"aims_uuid\s*:\s*(\S+)")
_BANNER = b"  Invoking FHI-aims"


def final_steps(path: Path) -> list[Step | None]:
    """Return one step: the file has the levels of the last structure of a run."""
    run = _run_of(path)
    return [Step(partial(_states, path, run), partial(_atoms, run))]


def output_steps(path: Path) -> list[Step | None]:
    """Return a step for every structure in FHI-aims' output.

    Where the output lists a part of the k-points only, the file of all of them is read if it lies
    beside.
    """
    run = aims.read_run(path)
    final = beside(path, NAME)
    if final is None or aims.lists_all(run) or not _same_run(final, path):
        return aims.run_steps(run)
    earlier: list[Step | None] = [None] * (len(run.structures) - 1)
    return [*earlier, Step(partial(_states, final, run), partial(_atoms, run))]


def is_repeated(path: Path) -> bool:
    """Whether the output of FHI-aims beside leads to the levels of this run."""
    if path.name.startswith(f"{NAME}.no_soc"):
        return beside(path, NAME) is not None
    files = path.parent.iterdir()
    return any(other.is_file() and begins_with(other, _BANNER) for other in files)


def _run_of(path: Path) -> aims.Run | None:
    """Return the run that wrote a file, from the output beside it, if there is one."""
    files = sorted(path.parent.iterdir())
    outputs = [other for other in files if other.is_file() and begins_with(other, _BANNER)]
    ours = [other for other in outputs if _same_run(path, other)]
    named = [other for other in ours if other.name.startswith("aims.out")]
    if len(ours) > 1 and len(named) != 1:
        names = ", ".join(other.name for other in ours)
        raise ValueError(f"several outputs of FHI-aims lie beside it ({names}); keep its own")
    ours = named or ours
    return aims.read_run(ours[0]) if ours else None


def _same_run(path: Path, other: Path) -> bool:
    """Whether two files are not known to be of different runs."""
    found = []
    for file in (path, other):
        with open_plain(file) as opened:
            found.append(_UUID.search(opened.read(65_536).decode(errors="replace")))
    first, second = found
    return first is None or second is None or first[1] == second[1]


def _atoms(run: aims.Run | None) -> Atoms:
    if run is None:
        raise ValueError("its structure is in the output of FHI-aims (aims.out), not beside it")
    return aims.atoms_of(run, len(run.structures) - 1)


def _states(path: Path, run: aims.Run | None) -> dict[str, Any]:
    """Parse the file; electrons and Fermi level are from the run's output."""
    kpoints, table = _table(read_text(path))
    weights = _weights(kpoints)
    occupations, values = table[..., 1::2], table[..., 2::2]
    counted = float(np.einsum("k,kns->", weights, occupations))
    # Occupations count both spins of spin-paired states; core states are always full.
    paired = values.shape[-1] == 1 and occupations.max() > 1.5
    arguments: dict[str, Any] = {
        "eigenvalues": np.moveaxis(values, -1, 0),
        "weights": weights,
        "spin_degeneracy": 2 if paired else 1,
        "n_electrons": round(counted) if abs(counted - round(counted)) < 0.05 else None,
    }
    if run is not None:
        last = len(run.structures) - 1
        spin_orbit = run.has_spin_orbit and not paired and values.shape[-1] == 1
        arguments |= aims.settings_of(run, last, spin_orbit)
        arguments["entropy_term"] = None  # it belongs to the k-points of the calculation itself
        electrons = arguments["n_electrons"]
        # A denser mesh than that of the calculation, with its Fermi level, holds a little more.
        if electrons is not None and abs(counted - electrons) > 0.02 + 0.01 * electrons:
            raise ValueError(
                f"the occupations of its {len(kpoints)} k-points add up to {counted:g} electrons, "
                f"but the run has {electrons:g}: k-points are missing, or their weights differ"
            )
    return arguments


def _table(text: str) -> tuple[NDArray, NDArray]:
    """Return k-points (kpoints, 3) and rows (kpoints, states, columns) as printed."""
    kpoints: list[list[float]] = []
    rows: list[list[list[float]]] = []
    for block in _BLOCK.split(text)[1:]:
        coordinates = _COORDINATES.search(block)
        if coordinates is None:
            raise ValueError(f"no coordinates of k-point {len(kpoints) + 1}")
        kpoints.append(numbers_in(" ".join(coordinates.groups()), "k-points"))
        lines = [line for line in block.splitlines() if line.strip() and line[0] not in "k#"]
        rows.append([numbers_in(line, f"k-point {len(kpoints)}") for line in lines])
    lengths = {len(states) for states in rows}
    columns = {len(row) for states in rows for row in states}
    if len(lengths) != 1 or len(columns) != 1 or not columns <= {3, 5}:
        raise ValueError(
            "expected a number, occupation and level for every state (twice the latter with two "
            f"spins), and as many states at every k-point, got {sorted(columns)} columns and "
            f"{sorted(lengths)} states; the file is cut off or damaged"
        )
    table = np.array(rows)
    if (table[..., 0] != np.arange(1, table.shape[1] + 1)).any():
        raise ValueError("the states of a k-point are not numbered 1, 2, 3, ...; it is damaged")
    return np.array(kpoints), table


def _weights(kpoints: NDArray) -> NDArray:
    """Return the weights of the k-points: equal, or those of a mesh from which -k is left out."""
    weights = np.ones(len(kpoints))
    here, opposite = (np.round(k - np.floor(k + 1e-6), 6) for k in (kpoints, -kpoints))
    listed = {tuple(k) for k in here}
    single = np.array([tuple(k) not in listed for k in opposite])
    if single.any() and _is_mesh(np.unique(np.concatenate([here, opposite]), axis=0)):
        weights[single] = 2
    return weights / weights.sum()


def _is_mesh(kpoints: NDArray) -> bool:
    """Whether points in [0, 1) are all of a mesh along the reciprocal lattice vectors."""
    axes = [np.unique(column) for column in kpoints.T]
    even = all(np.allclose(np.diff(axis), 1 / len(axis), atol=1e-5) for axis in axes)
    return even and len(kpoints) == np.prod([len(axis) for axis in axes])
