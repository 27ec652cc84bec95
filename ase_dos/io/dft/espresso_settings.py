"""Settings of a run in the header that pw.x prints, and its list of k-points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase.units import Rydberg
from numpy.typing import NDArray

from ase_dos.io.dft.common import last_number
from ase_dos.io.dft.electron_count import Smearing

VECTOR = r" *(-?\d+\.\d+) *(-?\d+\.\d+) *(-?\d+\.\d+)"
_OLD_KINDS = {
    "0": "gaussian",
    "1": "methfessel-paxton",
    "-1": "marzari-vanderbilt",
    "-99": "fermi-dirac",
}


@dataclass(frozen=True)
class Settings:
    """What a header says.

    Attributes
    ----------
    n_atoms : int or None
        Atoms in the cell.
    n_electrons : float or None
        Electrons in the cell at the start.
    moment : tuple of 2 floats, or None
        Electrons of either spin, if they are fixed.
    n_bands : int or None
        Bands of each spin channel.
    spinors : bool
        Whether states have two components, be it without magnetisation or without spin-orbit
        coupling.
    occupations_given : bool
        Whether the input says how levels are filled.
    threshold : float or None
        Accuracy (Ry) at which self-consistency is reached.
    charge : float or None
        Charge at the start of a run at fixed potential.
    refines_exchange : bool
        Whether a loop refines exact exchange, and says when it is done (since release 5.1).
    reciprocal_axes : (3, 3) array or None
        Reciprocal lattice vectors, in units of 2 pi / alat.
    """

    n_atoms: int | None
    n_electrons: float | None
    moment: tuple[float, float] | None
    n_bands: int | None
    spinors: bool
    occupations_given: bool
    threshold: float | None
    charge: float | None
    refines_exchange: bool
    reciprocal_axes: NDArray | None


@dataclass(frozen=True)
class KPoints:
    """A list of k-points.

    Attributes
    ----------
    weights : (kpoints,) array
        As printed. Releases to 5.2 list the points of both spin channels.
    points : (kpoints, 3) array
        Cartesian, in units of 2 pi / alat.
    smearing : Smearing or None
        How levels are filled; None if occupations are fixed or follow from tetrahedra.
    """

    weights: NDArray
    points: NDArray
    smearing: Smearing | None


# Thousands of steps have one header and one list.
@lru_cache(maxsize=8)
def read_settings(header: str) -> Settings:
    """Parse the header of a run, up to its first bands."""
    moment = re.search(r"number of electrons[^\n]*\(up: *([\d.]+), down: *([\d.]+)\)", header)
    version = re.search(r"PWSCF +v\.(\d+)\.(\d+)", header)
    announces = version is not None and (int(version[1]), int(version[2])) >= (5, 1)
    axes = np.array(re.findall(rf"b\(\d\) = \({VECTOR}", header)[:3], dtype=float)
    return Settings(
        n_atoms=_count("number of atoms/cell", header),
        n_electrons=last_number(r"number of electrons *= *([\d.]+)", header),
        moment=(float(moment[1]), float(moment[2])) if moment else None,
        n_bands=_count("number of Kohn-Sham states", header),
        spinors=re.search(r"calculation with(?:out)? spin-orbit", header) is not None,
        occupations_given="Occupations read from input" in header,
        threshold=last_number(r"\n *(?:scf )?convergence threshold *= *(\S+)", header),
        charge=last_number(r"Initial Total Charge *= *(\S+)", header),
        refines_exchange=announces and "EXX-fraction" in header,
        reciprocal_axes=axes if axes.shape == (3, 3) else None,
    )


@lru_cache(maxsize=8)
def read_kpoints(listed: str) -> KPoints:
    """Parse a text that begins with a list of k-points.

    Raises
    ------
    ValueError
        If points are missing, as without verbosity='high' from 100 on.
    """
    count = _count("number of k points", listed)
    if count is None:
        raise ValueError("no 'number of k points' in this pw.x output; it is cut off")
    rows = re.findall(rf"k\( *\S+\) = \({VECTOR}\), wk = *([\d.]+)", listed)
    if len(rows) < count:
        raise ValueError(
            f"expected {count} k-point weights, got {len(rows)}; pw.x prints 100 or more "
            "only with verbosity='high' in &CONTROL (or read data-file-schema.xml of the run)"
        )
    # With high verbosity the list is printed twice, in Cartesian and crystal coordinates.
    numbers = np.array(rows[:count], dtype=float)
    return KPoints(weights=numbers[:, 3], points=numbers[:, :3], smearing=_smearing(listed))


def _count(name: str, text: str) -> int | None:
    found = re.search(rf"{name} *= *(\d+)", text)
    return int(found[1]) if found else None


def _smearing(listed: str) -> Smearing | None:
    """Return the smearing that stands beside the number of k-points."""
    headline = listed.partition("\n")[0]
    new = re.search(r"([\w-]+) smearing, width \(Ry\)= *([\d.]+)", headline)
    if new is not None:
        return Smearing(new[1].lower(), float(new[2]) * Rydberg)
    # To release 4.2.
    old = re.search(r"gaussian broad\. \(\w+\)= *([\d.]+) *ngauss = *(-?\d+)", headline)
    if old is not None and old[2] in _OLD_KINDS:
        return Smearing(_OLD_KINDS[old[2]], float(old[1]) * Rydberg)
    return None
