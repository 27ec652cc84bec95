"""Eigenvalues and structure in the XML data file of Quantum ESPRESSO's pw.x."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from numpy.typing import NDArray

from ase_dos.io.dft.common import Step, element, numbers_in, symbol_of, xml_root
from ase_dos.io.dft.electron_count import check_count
from ase_dos.io.dft.espresso import PATH
from ase_dos.spectra import kpoints
from ase_dos.utils.checks import as_array

_UNSET = (-1.0, -10000.0)  # what releases write for a magnetisation that is free


def xml_steps(path: Path) -> list[Step | None]:
    """One step, the last: the data file keeps no bands of earlier ones."""
    root = xml_root(path)
    return [Step(partial(_states, root), partial(_atoms, root))]


def _states(root: ET.Element) -> dict[str, Any]:
    """Parse the band structure of the last step; energies are in Hartree."""
    output = element(root, "output")
    _require_converged(root, output)
    bands = element(output, "band_structure")
    points = bands.findall("ks_energies")
    if not points:
        raise ValueError("no <ks_energies> in <band_structure>; the run did not finish")
    lsda = _is_true(bands, "lsda")
    if lsda and bands.findtext("nbnd_up") != bands.findtext("nbnd_dw"):
        raise ValueError("<nbnd_up> and <nbnd_dw>: expected as many bands for both spins")
    # Both channels of a k-point stand in one list, up before down.
    energies = as_array([_numbers(point, "eigenvalues") for point in points], "eigenvalues")
    values = energies.reshape(len(points), 2 if lsda else 1, -1).swapaxes(0, 1) * Hartree
    weights = [_number(element(point, "k_point").get("weight", ""), "weight") for point in points]
    if root.findtext("input/control_variables/calculation", "").strip() == "nscf":
        _refuse_path(output, points, weights)
    n_electrons = _numbers(bands, "nelec")[0]
    if all(point.find("occupations") is not None for point in points):
        filled = [_numbers(point, "occupations").sum() for point in points]
        check_count(float(np.dot(weights, filled)), n_electrons)
    return {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": n_electrons,
        "spin_degeneracy": 1 if lsda or _is_true(bands, "noncolin") else 2,
        **_thermal(root, output, bands),
    }


def _refuse_path(output: ET.Element, points: list[ET.Element], weights: list[float]) -> None:
    """Refuse a run at fixed density whose k-points are those of a band structure."""
    structure = element(output, "atomic_structure")
    alat = _number(structure.get("alat", "nan"), "alat")
    # Cartesian, in units of 2 pi / alat
    listed = np.array([_numbers(point, "k_point") for point in points])
    if kpoints.follows_path(listed @ _cell(structure).T / alat, weights):
        raise ValueError(f"{kpoints.PATH}; use a mesh (K_POINTS automatic)")


def _thermal(root: ET.Element, output: ET.Element, bands: ET.Element) -> dict[str, float]:
    """Return Fermi level, smearing width and -TS (eV), where they are of all electrons."""
    found: dict[str, float] = {}
    smearing = bands.find("smearing")
    if smearing is not None and (smearing.text or "").strip().lower() in ("fd", "fermi-dirac"):
        found["smearing_width"] = _number(smearing.get("degauss", ""), "degauss") * Hartree
    # For fixed occupations, <fermi_energy> is the highest occupied level. A fixed magnetisation
    # has two levels, as have valence and conduction electrons.
    moment = root.findtext("input/bands/tot_magnetization")
    if (
        bands.find("fermi_energy") is None
        or bands.find("two_fermi_energies") is not None
        or bands.findtext("occupations_kind", "").strip() == "fixed"
        or (moment is not None and _number(moment, "tot_magnetization") not in _UNSET)
        or _is_true(root, "input/twoch_/twochem")
    ):
        return found
    found["fermi_level"] = _numbers(bands, "fermi_energy")[0] * Hartree
    if "smearing_width" in found and output.find("total_energy/demet") is not None:
        found["entropy_term"] = _numbers(output, "total_energy/demet")[0] * Hartree
    return found


def _require_converged(root: ET.Element, output: ET.Element) -> None:
    calculation = root.findtext("input/control_variables/calculation", "scf").strip()
    if calculation == "bands":
        raise ValueError(PATH)
    if calculation == "nscf":  # iterates nothing, and calls itself unconverged
        return
    loop = output.find("convergence_info/scf_conv")
    if loop is None:
        return
    if loop.findtext("convergence_achieved", "true").strip() != "true":
        raise ValueError("self-consistency was not reached (convergence_achieved is false)")
    # With scf_must_converge=.false., pw.x says in any case that it converged. Refinements of
    # exact exchange have thresholds of their own.
    allowed, reached = (
        _number(text, "threshold") if (text := part.findtext(path)) else None
        for part, path in ((root, "input/electron_control/conv_thr"), (loop, "scf_error"))
    )
    hybrid = output.find("dft/hybrid") is not None
    if allowed and reached and reached > 1.1 * allowed and not hybrid:
        raise ValueError(
            f"self-consistency was not reached: the accuracy is {2 * reached:.2g} Ry, the "
            f"threshold {2 * allowed:.2g} Ry"
        )


def _atoms(root: ET.Element) -> Atoms:
    """Read the structure that the bands are of."""
    structure = _structure(root)
    sites = element(structure, "atomic_positions").findall("atom")
    positions = [numbers_in(site.text or "", "<atom>") for site in sites]
    symbols = [symbol_of(site.get("name", "")) for site in sites]
    return Atoms(
        symbols, positions=np.array(positions) * Bohr, cell=_cell(structure) * Bohr, pbc=True
    )


def _cell(structure: ET.Element) -> NDArray:
    return np.array([_numbers(structure, f"cell/a{i}") for i in (1, 2, 3)])


def _structure(root: ET.Element) -> ET.Element:
    """Find the structure that the bands are of.

    After the last bands of molecular dynamics, and of a relaxation that has not converged, pw.x
    moves the atoms once more before it writes <output>.
    """
    output = element(root, "output")
    moved, steps = element(output, "atomic_structure"), root.findall("step")
    if not steps or _is_true(output, "convergence_info/opt_conv/convergence_achieved"):
        return moved
    last = element(steps[-1], "atomic_structure")
    if _places(last) != _places(moved):
        found, complete = last, True
    elif len(steps) > 1:  # to release 6.5, the step itself is written after the move
        found = element(steps[-2], "atomic_structure")
        complete = int(steps[-1].get("n_step", 0)) == int(steps[-2].get("n_step", 0)) + 1
    else:
        found, complete = element(root, "input/atomic_structure"), True
    # Of a long run, some steps only are in the file.
    energies = [
        _number(part.findtext("total_energy/etot", "nan"), "etot") for part in (steps[-1], output)
    ]
    if not complete or abs(energies[1] - energies[0]) > 1e-8:
        raise ValueError("the step that the bands are of is not in the file; read the text output")
    return found


def _places(structure: ET.Element) -> list[str]:
    """Return all coordinates of a structure as they are written."""
    return [word for part in structure.iter() for word in (part.text or "").split()]


def _numbers(parent: ET.Element, path: str) -> NDArray:
    """Return the numbers in the text of the element at ``path``."""
    numbers = numbers_in(element(parent, path).text or "", f"<{path}>")
    if not numbers:
        raise ValueError(f"<{path}> in <{parent.tag}> is empty; expected numbers")
    return np.array(numbers)


def _number(text: str, name: str) -> float:
    """Return the one number in a text."""
    numbers = numbers_in(text, name)
    if len(numbers) != 1:
        raise ValueError(f"{name}: expected a number, got {text!r}")
    return numbers[0]


def _is_true(parent: ET.Element, path: str) -> bool:
    return parent.findtext(path, "false").strip().lower() in ("true", "1")
