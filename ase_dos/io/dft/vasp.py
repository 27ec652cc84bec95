"""Eigenvalues in VASP's vasprun.xml."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path
from typing import Any

from ase_dos.io.dft.common import Loader, element


def xml_loaders(path: Path) -> list[Loader | None]:
    """One loader for every ionic step, None for those without eigenvalues."""
    root = ET.parse(path).getroot()
    parameters = element(root, "parameters").iter("i")
    named = {item.get("name", ""): (item.text or "").strip() for item in parameters}
    listed = root.findall("kpoints/varray[@name='weights']/v")
    weights = [float(item.text or "nan") for item in listed]
    return [
        partial(_step, step, named, weights)
        if step.find("eigenvalues/array/set") is not None
        else None
        for step in root.findall("calculation")
    ]


def _step(step: ET.Element, named: dict[str, str], weights: list[float]) -> dict[str, Any]:
    _require_converged(step, named)
    values = [
        [[float((row.text or "nan").split()[0]) for row in kpoint.findall("r")] for kpoint in spin]
        for spin in element(step, "eigenvalues/array/set")
    ]
    spinors = named.get("LNONCOLLINEAR", "F").startswith("T")
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": weights,
        "n_electrons": float(named["NELECT"]) if "NELECT" in named else None,
        "spin_degeneracy": 1 if spinors or len(values) == 2 else 2,
    }
    level = step.find("dos/i[@name='efermi']")
    if level is not None:
        arguments["fermi_level"] = float(level.text or "nan")
    if named.get("ISMEAR") == "-1":
        arguments["smearing_width"] = float(named["SIGMA"])
        # Not "eentropy": only some iterations list it. And not calculation/energy, whose
        # "e_wo_entrp" is wrong in several releases.
        free_energy, energy = (_energies(step, n) for n in ("e_fr_energy", "e_wo_entrp"))
        if free_energy and len(energy) == len(free_energy):
            arguments["entropy_term"] = free_energy[-1] - energy[-1]
    return arguments


def _energies(step: ET.Element, name: str) -> list[float]:
    """Return one kind of energy (eV) of every iteration of a step."""
    listed = step.findall(f"scstep/energy/i[@name='{name}']")
    return [float(item.text or "nan") for item in listed]


def _require_converged(step: ET.Element, named: dict[str, str]) -> None:
    """Reject a step that used up its NELM iterations with the energy still moving."""
    energies = _energies(step, "e_fr_energy")
    limit = int(named.get("NELM", 0))
    # ICHARG from 11 on keeps the density, so its few iterations converge nothing.
    if int(named.get("ICHARG", 0)) > 10 or not 1 < limit <= len(energies):
        return
    change, allowed = abs(energies[-1] - energies[-2]), float(named.get("EDIFF", 1e-4))
    if change > allowed:
        raise ValueError(
            f"self-consistency was not reached: after NELM={limit} iterations the energy still "
            f"changes by {change:.2g} eV (EDIFF={allowed:g})"
        )
