"""Eigenvalues and structures in the text that Quantum ESPRESSO's pw.x prints."""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase.units import Rydberg
from numpy.typing import NDArray

from ase_dos.io.dft.common import Loader, Step, last_number
from ase_dos.io.dft.electron_count import Smearing, check_filled, check_smeared
from ase_dos.io.dft.espresso_steps import Calculation, find_calculations
from ase_dos.io.dft.espresso_structure import read_structure
from ase_dos.utils.compression import read_text

PATH = "calculation='bands' follows a path, which samples no DOS; use 'nscf'"
_BANDS = re.compile(r"bands \(ev\):[^\n]*\n")
_FIXED = re.compile(r"number of electrons.*\(up: *([\d.]+), down: *([\d.]+)\)")
_SMEARING = re.compile(r"([\w-]+) smearing, width \(Ry\)= *([\d.]+)")
# To release 4.2.
_OLD_SMEARING = re.compile(r"gaussian broad\. \(\w+\)= *([\d.]+) *ngauss = *(-?\d+)")
_OLD_KINDS = {
    "0": "gaussian",
    "1": "methfessel-paxton",
    "-1": "marzari-vanderbilt",
    "-99": "fermi-dirac",
}
_CHARGE = re.compile(r"(?:FCP: Total Charge|total charge of GC-SCF) *= *(\S+)(?: *-> *(\S+))?")


def output_loaders(path: Path) -> list[Loader | None]:
    """One loader for every finished structure, of one run or of several in a row."""
    calculations, n_killed = find_calculations(read_text(path))
    count = len(calculations)
    if n_killed:
        warnings.warn(
            f"{path}: a run was killed or still runs; {n_killed} unfinished of "
            f"{count + n_killed} structures left out",
            UserWarning,
            stacklevel=2,
        )
    return [
        Step(partial(_states, calculation), partial(read_structure, calculation))
        for calculation in calculations
    ]


def _states(calculation: Calculation) -> dict[str, Any]:
    """Parse the states of one structure."""
    parts = (calculation.header, calculation.kpoints, calculation.result)
    before, listed, after = (calculation.run[part] for part in parts)
    _require_finished(calculation, before, after)
    if not _BANDS.search(after):
        raise ValueError(
            "no eigenvalues in this pw.x output; set verbosity='high' in &CONTROL (needed from "
            "100 k-points on), or read data-file-schema.xml of the run"
        )
    # Two-component states, be it without magnetisation or without spin-orbit coupling.
    spinors = re.search(r"calculation with(?:out)? spin-orbit", before) is not None
    n_spins = 2 if "SPIN DOWN" in after else 1
    degeneracy = 1 if spinors or n_spins == 2 else 2
    weights = _weights(listed, n_spins, degeneracy)
    arguments: dict[str, Any] = {
        "eigenvalues": _eigenvalues(before, after, (n_spins, len(weights))),
        "weights": weights,
        "n_electrons": _electrons(calculation),
        "spin_degeneracy": degeneracy,
        **_thermal(before, listed, after),
    }
    _check_filling(arguments, before, listed, after)
    return arguments


def _require_finished(calculation: Calculation, before: str, after: str) -> None:
    if calculation.missing_end:
        raise ValueError(f"the output ends before {calculation.missing_end!r}; it is cut off")
    if after.startswith("End of band"):
        if "Fermi energ" not in after and "highest occupied" not in after:
            raise ValueError(f"no Fermi or highest occupied level: {PATH}")
        return
    if "convergence NOT achieved" in after:
        raise ValueError("self-consistency was not reached (convergence NOT achieved)")
    # With scf_must_converge=.false., pw.x says in any case that it converged.
    allowed = last_number(r"\n *(?:scf )?convergence threshold *= *(\S+)", before)
    reached = last_number(r"estimated scf accuracy *< *(\S+) Ry", after)
    # Refinements of exact exchange have thresholds of their own.
    if allowed and reached and reached > 1.1 * allowed + 1e-8 and "EXX" not in after:
        raise ValueError(
            f"self-consistency was not reached: the accuracy is {reached:g} Ry, the threshold "
            f"{allowed:g} Ry"
        )


def _weights(listed: str, n_spins: int, degeneracy: int) -> NDArray:
    """Return the weights (kpoints,) in a list of k-points: they sum to the degeneracy."""
    count = last_number(r"number of k points=\s*(\d+)", listed)
    if count is None:
        raise ValueError("no 'number of k points' in this pw.x output; it is cut off")
    printed = re.findall(r"wk\s*=\s*([\d.]+)", listed)
    if len(printed) < count:
        raise ValueError(
            f"expected {count:.0f} k-point weights, got {len(printed)}; pw.x prints 100 or more "
            "only with verbosity='high' in &CONTROL (or read data-file-schema.xml of the run)"
        )
    # With high verbosity the list is printed twice, in Cartesian and crystal coordinates.
    weights = np.array(printed[: int(count)], dtype=float)
    if n_spins == 2 and abs(weights.sum() - 2) < 0.01:
        weights = weights[: len(weights) // 2]  # to release 5.2, those of the other spin follow
    if abs(weights.sum() - degeneracy) > 0.01:
        raise ValueError(
            "weights: expected a sum of 1 for spin channels or spinors, and of 2 for others, got "
            f"{weights.sum():.6g} where one level holds {degeneracy} electron(s); the file is "
            "damaged"
        )
    return weights


def _eigenvalues(before: str, after: str, shape: tuple[int, int]) -> NDArray:
    """Return the eigenvalues (spins, kpoints, bands)."""
    blocks = re.split(_BANDS, after)[1:]
    n_spins, n_kpoints = shape
    if len(blocks) != n_spins * n_kpoints:
        raise ValueError(
            f"expected eigenvalues at {n_spins * n_kpoints} k-points, got {len(blocks)}; "
            "it is cut off"
        )
    bands = [_bands(block) for block in blocks]
    lengths = sorted({len(values) for values in bands})
    if len(lengths) != 1:
        raise ValueError(f"k-points have different numbers of bands, {lengths}; it is cut off")
    expected = last_number(r"number of Kohn-Sham states= *(\d+)", before)
    if expected is not None and lengths != [expected]:
        raise ValueError(f"expected {expected:.0f} bands, got {lengths[0]}; the file is damaged")
    return np.reshape(bands, (n_spins, n_kpoints, lengths[0]))


def _bands(block: str) -> list[float]:
    """Return the eigenvalues of one k-point."""
    printed = re.split(r"\n\s*\n", block.lstrip(), maxsplit=1)[0]
    if "*" in printed:
        raise ValueError("an eigenvalue did not fit its column (****); read the XML file")
    # Four decimals end a column, so numbers that touch each other still come apart.
    return [float(number) for number in re.findall(r"-?\d+\.\d{4}", printed)]


def _electrons(calculation: Calculation) -> float | None:
    """Return the electrons in the cell, as of this structure."""
    run, sites, result = calculation.run, calculation.sites, calculation.result
    header = run[calculation.header]
    count = last_number(r"number of electrons *= *([\d.]+)", header)
    initial = last_number(r"Initial Total Charge *= *(\S+)", header)
    if count is None or initial is None:
        return count
    # At fixed potential electrons come and go; the charge follows the structure that it is of.
    charges = _CHARGE.findall(run, sites.atoms if sites else result.start, result.stop)
    now, following = charges[-1] if charges else (initial, "")
    return count + initial - float(following or now)


def _thermal(before: str, listed: str, after: str) -> dict[str, float]:
    """Return Fermi level, smearing width and -TS (eV), where they are of all electrons."""
    found: dict[str, float] = {}
    smearing = _smearing(listed)
    if smearing is not None and smearing.kind == "fermi-dirac":
        found["smearing_width"] = smearing.width
    # A fixed magnetisation has two Fermi levels, as have valence and conduction electrons.
    if _FIXED.search(before) or "conduction Fermi energy" in after:
        return found
    level = last_number(r"the Fermi energy is *(\S+) ev", after)
    if level is not None:
        found["fermi_level"] = level
        entropy = last_number(r"smearing contrib\. \(-TS\) *= *(\S+) Ry", after)
        if entropy is not None and "smearing_width" in found:
            found["entropy_term"] = entropy * Rydberg
    return found


def _smearing(listed: str) -> Smearing | None:
    """Return the smearing that stands beside the number of k-points."""
    new, old = _SMEARING.search(listed), _OLD_SMEARING.search(listed)
    if new is not None:
        return Smearing(new[1].lower(), float(new[2]) * Rydberg)
    if old is not None and old[2] in _OLD_KINDS:
        return Smearing(_OLD_KINDS[old[2]], float(old[1]) * Rydberg)
    return None


def _check_filling(arguments: dict[str, Any], before: str, listed: str, after: str) -> None:
    """Compare the levels with the filling that pw.x printed."""
    values, weights, n_electrons, degeneracy = (
        arguments[name] for name in ("eigenvalues", "weights", "n_electrons", "spin_degeneracy")
    )
    other = "Occupations read from input" in before or "conduction Fermi energy" in after
    if n_electrons is None or other:
        return
    levels = re.search(r"Fermi energ\w+ \w+ *(-?\d+\.\d{4}) *(-?\d+\.\d{4})? *ev", after)
    highest = last_number(r"highest occupied[^:]*: *(-?\d+\.\d{4})", after)
    smearing, fixed = _smearing(listed), _FIXED.search(before)
    if levels and smearing:
        fermi = [float(level) for level in levels.groups() if level]
        check_smeared(values, weights, degeneracy, n_electrons, fermi, smearing)
    elif highest is not None and (fixed or len(values) == 1):
        filled = [float(n) for n in fixed.groups()] if fixed else [n_electrons / degeneracy]
        check_filled(values, weights, filled, highest)
