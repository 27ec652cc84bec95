"""Eigenvalues and structures in VASP's vasprun.xml."""

from __future__ import annotations

import math
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import Step, element, numbers_in, symbol_of
from ase_dos.spectra.kpoints import PATH, follows_path
from ase_dos.utils.compression import open_plain

_ROUNDING = 1e-8  # eV: the last digit of the energies and of EDIFF
_EDIFF = 1e-4  # eV: VASP's default, of releases that do not list it
_SHORTENED = {"r": "Zr", "X": "Xe"}  # the labels of zirconium and xenon


@dataclass
class _Run:
    """What a file says of all of its steps, as far as it was read."""

    tags: dict[str, str] = field(default_factory=dict)
    weights: NDArray = field(default_factory=lambda: np.empty(0))
    labels: list[str] = field(default_factory=list)


@dataclass
class _Calculation:
    """What a file says of one ionic step."""

    cell: NDArray | None = None
    positions: NDArray | None = None  # in units of the lattice vectors
    free_energies: list[float] = field(default_factory=list)  # (eV), one for every iteration
    energies: list[float] = field(default_factory=list)  # the same without -TS
    bands: list[list[NDArray]] = field(default_factory=list)  # [spin][kpoint]: levels, occupations
    weights: NDArray = field(default_factory=lambda: np.empty(0))  # of the k-points
    fermi_level: float | None = None
    problem: str | None = None  # why the bands cannot be used

    @property
    def has_levels(self) -> bool:
        """Whether eigenvalues are listed, of whatever quality."""
        return bool(self.bands) or self.problem is not None


def xml_steps(path: Path) -> list[Step | None]:
    """Return every whole ionic step, None for those without eigenvalues.

    The file is read in pieces and what is read is forgotten, but for the numbers that are needed.
    """
    run = _Run()
    found: list[_Calculation] = []
    with open_plain(path) as file:
        try:
            for step in _calculations(file, run):
                found.append(step)  # one by one: those before an error stay
        except ET.ParseError as error:
            if not any(step.has_levels for step in found):
                raise
            warnings.warn(
                f"{path}: the file is cut off or damaged ({error}); what stands before is read, "
                f"{len(found)} whole step" + "s" * (len(found) > 1),
                UserWarning,
                stacklevel=2,
            )
    return [
        Step(partial(_states, run, step), partial(_atoms, run, step)) if step.has_levels else None
        for step in found
    ]


def _calculations(file: IO[bytes], run: _Run) -> Iterator[_Calculation]:
    """Yield every whole step of a file; the settings stand before the first and go into ``run``."""
    above: list[ET.Element] = []
    levels = _Levels()
    step = _Calculation()
    for event, node in ET.iterparse(file, ("start", "end")):
        if event == "start":
            above.append(node)
            continue
        above.pop()
        if len(above) == 1:
            if node.tag == "calculation":
                yield step
                step = _Calculation()
            elif node.tag == "structure" and node.get("name") == "initialpos":
                _take_structure(node, step)  # GW runs repeat it in no step
            else:
                _take_settings(node, run)
            node.clear()
        elif len(above) > 1 and above[1].tag == "calculation":
            if len(above) == 2:
                _take_result(node, step, run)
            elif node.tag != "set":
                continue  # it is needed until the element that it stands in has ended
            elif above[2].tag == "eigenvalues":
                levels.take(node, sum(parent.tag == "set" for parent in above), step)
            node.clear()


class _Levels:
    """Levels of one step, taken set by set: of a k-point, then of a spin, then of all."""

    def __init__(self) -> None:
        self._kpoints: list[NDArray] = []
        self._spins: list[list[NDArray]] = []
        self._problem: str | None = None

    def take(self, node: ET.Element, depth: int, step: _Calculation) -> None:
        """Take a set that has ended, and that ``depth`` other sets are around."""
        if depth == 2:
            try:
                self._kpoints.append(np.array([_level(row.text or "") for row in node]))
            except ValueError as error:
                self._problem = str(error)
        elif depth == 1:
            self._spins.append(self._kpoints)
            self._kpoints = []
        else:  # the last of several counts
            step.bands, self._spins = self._spins, []
            step.problem, self._problem = self._problem, None


def _level(row: str) -> tuple[float, float]:
    """Return an eigenvalue and its occupation, NaN if there is none."""
    value, *others = row.split() or [""]
    (level,) = numbers_in(value, "eigenvalues") or [math.nan]
    return level, _number(others[0]) if others else math.nan


def _take_settings(node: ET.Element, run: _Run) -> None:
    if node.tag == "kpoints":
        _take_kpoints(node, run)
    elif node.tag == "parameters":
        run.tags = _tags(node)
    elif node.tag == "atominfo":
        rows = node.findall("array[@name='atoms']/set/rc")
        run.labels = [(row.findtext("c") or "").strip() for row in rows]


def _take_result(node: ET.Element, step: _Calculation, run: _Run) -> None:
    if node.tag == "structure":
        _take_structure(node, step)
    elif node.tag == "kpoints" and node.get("comment") is None:
        _take_kpoints(node, run)  # another symmetry leaves other ones, from here on
    elif node.tag == "eigenvalues":
        step.weights = run.weights
    elif node.tag == "scstep":
        for name, energies in (
            ("e_fr_energy", step.free_energies),
            ("e_wo_entrp", step.energies),
        ):
            printed = node.findtext(f"energy/i[@name='{name}']")
            if printed is not None:
                energies.append(_number(printed))
    elif node.tag == "dos" and node.get("comment") is None:  # a comment says: of other k-points
        printed = node.findtext("i[@name='efermi']")
        if printed is not None:
            step.fermi_level = _number(printed)


def _take_structure(node: ET.Element, step: _Calculation) -> None:
    step.cell = _rows(node, "crystal/varray[@name='basis']", 3)
    step.positions = _rows(node, "varray[@name='positions']", 3)


def _take_kpoints(node: ET.Element, run: _Run) -> None:
    """Take the weights; refuse a path, of line mode or in a list that the user gave."""
    run.weights = weights = _rows(node, "varray[@name='weights']", 1)[:, 0]
    generation = node.find("generation")
    mode = None if generation is None else generation.get("param")
    if mode == "listgenerated":
        raise ValueError(PATH)
    if mode is None:
        kpoints = _rows(node, "varray[@name='kpointlist']", 3)
        if len(kpoints) != len(weights):
            raise ValueError(f"{len(kpoints)} k-points but {len(weights)} weights; it is damaged")
        if follows_path(kpoints, weights):
            raise ValueError(PATH)


def _tags(parameters: ET.Element) -> dict[str, str]:
    """Return all parameters by name. Where one is listed twice, linear response is the other."""
    separators = parameters.iter("separator")
    response = {
        id(item)
        for separator in separators
        if "response" in separator.get("name", "")
        for item in separator.iter("i")
    }
    tags: dict[str, str] = {}
    for item in sorted(parameters.iter("i"), key=lambda item: id(item) in response):
        tags.setdefault(item.get("name", ""), (item.text or "").strip())
    return tags


def _atoms(run: _Run, step: _Calculation) -> Atoms:
    if step.cell is None or step.positions is None:
        raise ValueError("a step has eigenvalues but no structure")
    if len(step.positions) != len(run.labels):
        raise ValueError(f"{len(step.positions)} positions for {len(run.labels)} atoms")
    symbols = [symbol_of(_SHORTENED.get(label, label)) for label in run.labels]
    return Atoms(symbols, scaled_positions=step.positions, cell=step.cell, pbc=True)


def _states(run: _Run, step: _Calculation) -> dict[str, Any]:
    iterations = _converged_iterations(step, run.tags)
    values, occupations = _bands(step)
    electrons = _tag(run.tags, "NELECT")
    degeneracy = 1 if len(values) == 2 else _degeneracy(run, step.weights, occupations, electrons)
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": step.weights,
        "n_electrons": electrons,
        "spin_degeneracy": degeneracy,
        "fermi_level": _told(step.fermi_level),
    }
    moment = _tag(run.tags, "NUPDOWN")
    fixed_moment = len(values) == 2 and moment is not None and moment >= 0
    if _tag(run.tags, "ISMEAR") == -1:
        arguments["smearing_width"] = _tag(run.tags, "SIGMA")
        # Not "eentropy": only some iterations list it. And not calculation/energy, whose
        # "e_wo_entrp" is wrong in several releases.
        if iterations and len(step.energies) == len(step.free_energies):
            last = iterations - 1
            arguments["entropy_term"] = _told(step.free_energies[last] - step.energies[last])
    if fixed_moment:  # each spin has a Fermi level of its own, of which VASP prints one
        arguments["fermi_level"] = arguments["entropy_term"] = None
    return arguments


def _bands(step: _Calculation) -> tuple[NDArray, NDArray]:
    """Return eigenvalues and occupations (NaN if not listed), both (spins, kpoints, bands)."""
    if step.problem is not None:
        raise ValueError(step.problem)
    n_kpoints = len(step.weights)
    n_bands = {len(rows) for spin in step.bands for rows in spin}
    counts = {len(spin) for spin in step.bands}
    if counts != {n_kpoints} or len(n_bands) != 1:
        raise ValueError(
            f"expected as many levels at each of {n_kpoints} k-points, got {sorted(n_bands)} "
            f"levels at {sorted(counts)} k-points; the file is damaged"
        )
    table = np.array(step.bands)
    return table[..., 0], table[..., 1]


def _degeneracy(run: _Run, weights: NDArray, occupations: NDArray, electrons: float | None) -> int:
    """Return how many electrons a state of a single spin channel holds."""
    if run.tags.get("LNONCOLLINEAR", "F").upper().startswith(("T", ".T")):
        return 1
    if "LNONCOLLINEAR" in run.tags or electrons is None:
        return 2
    # Old releases do not list the tag, and spinors show by how many states are filled.
    filled = float(np.einsum("k,skn->", weights / weights.sum(), occupations))
    return 1 if abs(filled - electrons) < abs(2 * filled - electrons) else 2


def _converged_iterations(step: _Calculation, tags: dict[str, str]) -> int:
    """Return after how many iterations self-consistency was reached.

    A linear response lists its own iterations behind these, which no NELM limits.
    """
    limit, ediff = int(_tag(tags, "NELM") or 0), _tag(tags, "EDIFF")
    allowed = (_EDIFF if ediff is None else ediff) + _ROUNDING
    count = len(step.free_energies)
    changes = np.abs(np.diff(step.free_energies))
    response = (
        any(tags.get(name, "F").startswith("T") for name in ("LEPSILON", "LCHIMAG"))
        or _tag(tags, "IBRION") in (7, 8)
        or count > limit > 1
    )
    settled = np.flatnonzero(changes <= allowed) + 2  # iterations
    if response and settled.size and (limit <= 1 or settled[0] <= limit):
        return int(settled[0])
    if count >= limit > 1 and not changes[-1] <= allowed:
        raise ValueError(
            f"self-consistency was not reached: after NELM={limit} iterations the energy still "
            f"changes by {changes[limit - 2]:.2g} eV (EDIFF={allowed - _ROUNDING:g})"
        )
    return count


def _tag(tags: dict[str, str], name: str) -> float | None:
    """Return the number that a parameter has, None if it is not listed."""
    if name not in tags:
        return None
    found = numbers_in(tags[name], name)
    return found[0] if len(found) == 1 else None


def _number(printed: str) -> float:
    """Return a number, NaN where VASP printed none (stars)."""
    try:
        return float(printed)
    except ValueError:
        return math.nan


def _told(value: float | None) -> float | None:
    """Return a value, None if its printed form was no number."""
    return None if value is None or math.isnan(value) else value


def _rows(node: ET.Element, path: str, columns: int) -> NDArray:
    """Return the vectors listed in an element, (rows, columns)."""
    rows = [numbers_in(row.text or "", path) for row in element(node, path)]
    if not rows or any(len(row) != columns for row in rows):
        raise ValueError(f"<{path}>: expected rows of {columns} numbers")
    return np.array(rows)
