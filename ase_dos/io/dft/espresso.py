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

from ase_dos.io.dft.common import Step, last_number
from ase_dos.io.dft.electron_count import check_filled, check_smeared
from ase_dos.io.dft.espresso_settings import KPoints, Settings, read_kpoints, read_settings
from ase_dos.io.dft.espresso_steps import Calculation, find_calculations
from ase_dos.io.dft.espresso_structure import read_structure
from ase_dos.spectra import kpoints
from ase_dos.utils.compression import read_text

PATH = "calculation='bands' follows a path, which samples no DOS; use 'nscf'"
_BANDS = re.compile(r"bands \(ev\):[^\n]*\n")
_LEVELS = re.compile(r"Fermi energ\w+ \w+ *(-?\d+\.\d{4}) *(-?\d+\.\d{4})? *ev")
_CHARGE = re.compile(r"(?:FCP: Total Charge|total charge of GC-SCF) *= *(\S+)(?: *-> *(\S+))?")


def output_steps(path: Path) -> list[Step | None]:
    """One step for every finished structure, of one run or of several in a row."""
    calculations, n_killed = find_calculations(read_text(path))
    if n_killed:
        warnings.warn(
            f"{path}: a run was killed or still runs; {n_killed} unfinished of "
            f"{len(calculations) + n_killed} structures left out",
            UserWarning,
            stacklevel=2,
        )
    return [
        Step(partial(_states, calculation), partial(read_structure, calculation))
        for calculation in calculations
    ]


def _states(calculation: Calculation) -> dict[str, Any]:
    """Parse the states of one structure."""
    after = calculation.run[calculation.result]
    settings = read_settings(calculation.header)
    _require_finished(calculation, settings, after)
    listed = read_kpoints(calculation.kpoints)
    blocks = _BANDS.split(after)[1:]
    if not blocks:
        raise ValueError(
            "no eigenvalues in this pw.x output; set verbosity='high' in &CONTROL (needed from "
            "100 k-points on), or read data-file-schema.xml of the run"
        )
    n_spins = 2 if "SPIN DOWN" in after else 1
    degeneracy = 1 if settings.spinors or n_spins == 2 else 2
    weights = _weights(listed, n_spins, degeneracy)
    if after.startswith("End of band"):
        _refuse_path(settings, listed, weights)
    values = _eigenvalues(blocks, (n_spins, len(weights)), settings.n_bands)
    n_electrons = _electrons(calculation, settings)
    if n_electrons is not None:
        _check_filling(values, weights, degeneracy, n_electrons, settings, listed, after)
    return {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": n_electrons,
        "spin_degeneracy": degeneracy,
        **_thermal(settings, listed, after),
    }


def _require_finished(calculation: Calculation, settings: Settings, after: str) -> None:
    if calculation.missing_end:
        raise ValueError(f"the output ends before {calculation.missing_end!r}; it is cut off")
    if after.startswith("End of band"):
        if "Fermi energ" not in after and "highest occupied" not in after:
            raise ValueError(f"no Fermi or highest occupied level: {PATH}")
        return
    if "convergence NOT achieved" in after:
        raise ValueError("self-consistency was not reached (convergence NOT achieved)")
    # With scf_must_converge=.false., pw.x says in any case that it converged.
    allowed, reached = settings.threshold, last_number(r"scf accuracy *< *(\S+) Ry", after)
    # Refinements of exact exchange have thresholds of their own.
    if allowed and reached and reached > 1.1 * allowed + 1e-8 and "EXX" not in after:
        raise ValueError(
            f"self-consistency was not reached: the accuracy is {reached:g} Ry, the threshold "
            f"{allowed:g} Ry"
        )


def _weights(listed: KPoints, n_spins: int, degeneracy: int) -> NDArray:
    """Return the weights (kpoints,): pw.x lets them sum to the electrons that a level holds."""
    weights = listed.weights
    if n_spins == 2 and abs(weights.sum() - 2) < 0.01:
        weights = weights[: len(weights) // 2]  # to release 5.2, those of the other spin follow
    if abs(weights.sum() - degeneracy) > 0.01:
        raise ValueError(
            "weights: expected a sum of 1 with spin channels or spinors, and of 2 without, got "
            f"{weights.sum():.6g} where a level holds {degeneracy}; the file is damaged"
        )
    return weights


def _refuse_path(settings: Settings, listed: KPoints, weights: NDArray) -> None:
    """Refuse a run at fixed density whose k-points are those of a band structure."""
    if settings.reciprocal_axes is None:
        return
    points = listed.points[: len(weights)] @ np.linalg.inv(settings.reciprocal_axes)
    if kpoints.follows_path(points, weights):
        raise ValueError(f"{kpoints.PATH}; use a mesh (K_POINTS automatic)")


def _eigenvalues(blocks: list[str], shape: tuple[int, int], n_bands: int | None) -> NDArray:
    """Return the eigenvalues (spins, kpoints, bands), spin up before spin down."""
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
    if n_bands is not None and lengths != [n_bands]:
        raise ValueError(f"expected {n_bands} bands, got {lengths[0]}; the file is damaged")
    return np.reshape(bands, (n_spins, n_kpoints, lengths[0]))


def _bands(block: str) -> list[float]:
    """Return the eigenvalues of one k-point."""
    printed = re.split(r"\n\s*\n", block.lstrip(), maxsplit=1)[0]
    if "*" in printed:
        raise ValueError("an eigenvalue did not fit its column (****); read the XML file")
    # Four decimals end a column, so numbers that touch each other still come apart.
    return [float(number) for number in re.findall(r"-?\d+\.\d{4}", printed)]


def _electrons(calculation: Calculation, settings: Settings) -> float | None:
    """Return the electrons in the cell, as of this structure."""
    if settings.n_electrons is None or settings.charge is None:
        return settings.n_electrons
    # At fixed potential electrons come and go; the charge follows the structure that it is of.
    sites, result = calculation.sites, calculation.result
    start = sites.atoms if sites else result.start
    charges = _CHARGE.findall(calculation.run, start, result.stop)
    now, following = charges[-1] if charges else (settings.charge, "")
    return settings.n_electrons + settings.charge - float(following or now)


def _thermal(settings: Settings, listed: KPoints, after: str) -> dict[str, float]:
    """Return Fermi level, smearing width and -TS (eV), where they are of all electrons."""
    found: dict[str, float] = {}
    if listed.smearing is not None and listed.smearing.kind == "fermi-dirac":
        found["smearing_width"] = listed.smearing.width
    # A fixed magnetisation has two Fermi levels, as have valence and conduction electrons.
    if settings.moment is not None or "conduction Fermi energy" in after:
        return found
    level = last_number(r"the Fermi energy is *(\S+) ev", after)
    if level is not None:
        found["fermi_level"] = level
        entropy = last_number(r"smearing contrib\. \(-TS\) *= *(\S+) Ry", after)
        if entropy is not None and "smearing_width" in found:
            found["entropy_term"] = entropy * Rydberg
    return found


def _check_filling(
    values: NDArray,
    weights: NDArray,
    degeneracy: int,
    n_electrons: float,
    settings: Settings,
    listed: KPoints,
    after: str,
) -> None:
    """Compare the levels with the filling that pw.x printed."""
    if settings.occupations_given or "conduction Fermi energy" in after:
        return
    levels = _LEVELS.search(after)
    highest = last_number(r"highest occupied[^:]*: *(-?\d+\.\d{4})", after)
    if levels and listed.smearing:
        fermi = [float(level) for level in levels.groups() if level]
        check_smeared(values, weights, degeneracy, n_electrons, fermi, listed.smearing)
    elif highest is not None and (settings.moment or len(values) == 1):
        check_filled(values, weights, settings.moment or (n_electrons / degeneracy,), highest)
