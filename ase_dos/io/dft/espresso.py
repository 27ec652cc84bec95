"""Eigenvalues in the text output and the XML data file of Quantum ESPRESSO's pw.x."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree, Rydberg
from numpy.typing import NDArray

from ase_dos.io.dft.common import (
    Loader,
    element,
    first_from,
    last_before,
    last_number,
    positions_of,
    xml_root,
)
from ase_dos.utils.checks import as_array
from ase_dos.utils.compression import read_text

_PATH = "calculation='bands' follows a path, which samples no DOS; use 'nscf'"
_END = re.compile(r"End of (?:self-consistent|band structure) calculation")


def output_loaders(path: Path) -> list[Loader | None]:
    """One loader for every finished calculation, of one run or of several in a row."""
    text = read_text(path)
    ends = positions_of(_END, text)
    if not ends:
        raise ValueError(
            "no end of a calculation in this pw.x output; it is cut off or not finished"
        )
    starts, lists = positions_of("Program PWSCF", text), positions_of("number of k points=", text)
    loaders: list[Loader | None] = []
    for start, stop in pairwise([*ends, len(text)]):
        # Positions, not copies: thousands of steps share one text.
        run = last_before(starts, start)
        listed = max(last_before(lists, start), run)
        header, kpoints = (slice(begin, first_from(ends, begin)) for begin in (run, listed))
        loaders.append(partial(_output_step, text, header, kpoints, slice(start, stop)))
    return loaders


def _output_step(text: str, header: slice, kpoints: slice, result: slice) -> dict[str, Any]:
    """Parse one calculation: the parts of ``text`` with its settings, k-points and bands."""
    before, after = text[header], text[result]
    _require_finished(after)
    weights = _weights(text[kpoints])
    bands = _bands(after)
    spinors = "Noncollinear calculation" in before
    n_spins = 2 if "SPIN DOWN" in after else 1
    if len(bands) != n_spins * len(weights):
        raise ValueError(
            f"expected eigenvalues at {n_spins * len(weights)} k-points, got {len(bands)}; "
            "it is cut off"
        )
    lengths = sorted({len(values) for values in bands})
    if len(lengths) != 1:
        raise ValueError(f"k-points have different numbers of bands, {lengths}; it is cut off")
    degeneracy = 1 if spinors or n_spins == 2 else 2
    arguments: dict[str, Any] = {
        "eigenvalues": np.reshape(bands, (n_spins, len(weights), lengths[0])),
        "weights": weights,
        "n_electrons": last_number(r"number of electrons\s*=\s*([\d.]+)", before),
        "spin_degeneracy": degeneracy,
        "fermi_level": last_number(r"the Fermi energy is\s+(\S+) ev", after),
    }
    width = last_number(r"Fermi-Dirac smearing, width \(Ry\)\s*=\s*(\S+)", before)
    if width is not None:
        arguments["smearing_width"] = width * Rydberg
        # A fixed magnetisation has two Fermi levels, and -TS belongs to both of them.
        entropy = last_number(r"smearing contrib\. \(-TS\)\s*=\s*(\S+) Ry", after)
        if entropy is not None and arguments["fermi_level"] is not None:
            arguments["entropy_term"] = entropy * Rydberg
    return arguments


def _require_finished(after: str) -> None:
    if after.startswith("End of band"):
        if "Fermi energ" not in after and "highest occupied" not in after:
            raise ValueError(f"no Fermi or highest occupied level: {_PATH}")
        return
    if "convergence NOT achieved" in after:
        raise ValueError("self-consistency was not reached (convergence NOT achieved)")
    if "convergence has been achieved" not in after:
        raise ValueError("the output ends before 'convergence has been achieved'; it is cut off")


def _weights(listed: str) -> NDArray:
    """Return the weights (kpoints,) in a list of k-points."""
    count = last_number(r"number of k points=\s*(\d+)", listed)
    if count is None:
        raise ValueError("no 'number of k points' in this pw.x output; it is cut off")
    weights = re.findall(r"wk\s*=\s*([\d.]+)", listed)
    if len(weights) < count:
        raise ValueError(
            f"expected {count:.0f} k-point weights, got {len(weights)}; pw.x prints 100 or more "
            "only with verbosity='high' in &CONTROL (or read data-file-schema.xml of the run)"
        )
    # With high verbosity the list is printed twice, in Cartesian and crystal coordinates.
    return np.array(weights[: int(count)], dtype=float)


def _bands(after: str) -> list[list[float]]:
    """Return the eigenvalues of every k-point, spin up before spin down."""
    blocks = re.split(r"bands \(ev\):[^\n]*\n", after)[1:]
    if not blocks:
        raise ValueError(
            "no eigenvalues in this pw.x output; set verbosity='high' in &CONTROL (needed from "
            "100 k-points on), or read data-file-schema.xml of the run"
        )
    bands = []
    for block in blocks:
        printed = block.lstrip("\n").split("\n\n")[0]
        if "*" in printed:
            raise ValueError("an eigenvalue did not fit its column (****); read the XML file")
        # Four decimals end a column, so numbers that touch each other still come apart.
        bands.append([float(number) for number in re.findall(r"-?\d+\.\d{4}", printed)])
    return bands


def xml_loaders(path: Path) -> list[Loader | None]:
    """One loader, for the last step: the data file keeps no bands of earlier ones."""
    return [partial(_xml_step, xml_root(path))]


def _xml_step(root: ET.Element) -> dict[str, Any]:
    """Parse the band structure of the last step; energies are in Hartree."""
    output = element(root, "output")
    _require_converged(root, output)
    bands = element(output, "band_structure")
    points = bands.findall("ks_energies")
    if not points:
        raise ValueError("no <ks_energies> in <band_structure>; the run did not finish")
    lsda = _is_true(bands, "lsda")
    # Both channels of a k-point stand in one list, up before down.
    energies = as_array([_numbers(point, "eigenvalues") for point in points], "eigenvalues")
    values = energies.reshape(len(points), 2 if lsda else 1, -1).swapaxes(0, 1)
    arguments: dict[str, Any] = {
        "eigenvalues": values * Hartree,
        "weights": [float(element(point, "k_point").get("weight", "nan")) for point in points],
        "n_electrons": float(_numbers(bands, "nelec")[0]),
        "spin_degeneracy": 1 if lsda or _is_true(bands, "noncolin") else 2,
    }
    level, smearing = bands.find("fermi_energy"), bands.find("smearing")
    if bands.findtext("occupations_kind", "").strip() == "fixed":
        level = None  # what stands there is the highest occupied level
    if level is not None:
        arguments["fermi_level"] = float(_numbers(bands, "fermi_energy")[0]) * Hartree
    if smearing is not None and (smearing.text or "").strip().lower() in ("fd", "fermi-dirac"):
        arguments["smearing_width"] = float(smearing.get("degauss", "nan")) * Hartree
        if level is not None and output.find("total_energy/demet") is not None:
            entropy_term = float(_numbers(output, "total_energy/demet")[0]) * Hartree
            arguments["entropy_term"] = entropy_term
    return arguments


def _require_converged(root: ET.Element, output: ET.Element) -> None:
    calculation = root.findtext("input/control_variables/calculation", "scf").strip()
    if calculation == "bands":
        raise ValueError(_PATH)
    converged = output.findtext("convergence_info/scf_conv/convergence_achieved", "true")
    # A run at fixed density iterates nothing and says "false".
    if calculation != "nscf" and converged.strip() != "true":
        raise ValueError("self-consistency was not reached (convergence_achieved is false)")


def xml_atoms(path: Path) -> Atoms:
    """Read the structure of the last step."""
    structure = element(xml_root(path), "output/atomic_structure")
    atoms = structure.findall("atomic_positions/atom")
    positions = [[float(x) for x in (atom.text or "").split()] for atom in atoms]
    cell = np.array([_numbers(structure, f"cell/a{i}") for i in (1, 2, 3)])
    # Species may carry a tag: Fe1, Ni_up.
    names = "".join(re.sub(r"^([A-Za-z][a-z]?).*", r"\1", atom.get("name", "X")) for atom in atoms)
    return Atoms(names, positions=np.array(positions) * Bohr, cell=cell * Bohr, pbc=True)


def _numbers(parent: ET.Element, path: str) -> NDArray:
    """Return the numbers in the text of the element at ``path``."""
    return np.array([float(word) for word in (element(parent, path).text or "").split()])


def _is_true(parent: ET.Element, path: str) -> bool:
    return parent.findtext(path, "false").strip().lower() in ("true", "1")
