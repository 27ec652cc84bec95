"""Eigenvalues and structures in the output of FHI-aims."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.io.dft.common import Step, last_number, numbers_in, symbol_of
from ase_dos.utils.compression import read_text

_START = "Begin self-consistency loop"
_CONVERGED = "Self-consistency cycle converged."
_LISTS = "Writing Kohn-Sham eigenvalues."
_SOC_LISTS = "Writing SOC-perturbed Kohn-Sham eigenvalues."
_NUMBER = r"([-+]?[\d.]+(?:[Ee][-+]?\d+)?)"
# "in eV : -.93E+01" in releases of 2015, "-9.3eV" in 2017, "-9.3 eV" since.
_FERMI_LEVEL = rf"Chemical potential \(Fermi level\)[^:\n]*:\s*{_NUMBER}"
_FIXED_MOMENT = (
    r"(?m)^\s*fixed_spin_moment\s|Chemical [Pp]otential, spin|Spin-up chemical potential"
)
_USED = re.compile(r"tomic structure[^\n]*used in the preceding time step[^\n]*\n")
_UPDATED = re.compile(r"Updated atomic structure:\n")
_RELAXED_CELL = re.compile(r"^\s*relax_unit_cell\s+(?!none)", re.M)
_ATOM = re.compile(r"^\s*atom\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", re.M)
_VECTOR = re.compile(r"^\s*lattice_vector\s+(\S+)\s+(\S+)\s+(\S+)", re.M)


@dataclass(frozen=True)
class Run:
    """Text of one run: what stands before the first cycle, and the cycles of each structure."""

    header: str
    structures: list[list[str]]

    @property
    def has_spin_orbit(self) -> bool:
        """Whether the levels with spin-orbit coupling are the result."""
        asked = re.search(r"(?m)^\s*include_spin_orbit\b", self.header) is not None
        return asked or _SOC_LISTS in self.structures[-1][-1]

    def settings(self, index: int) -> str:
        """Return the text before the self-consistency of a structure is reached.

        The k-points are listed behind the first "Begin", and not in every later cycle.
        """
        first, cycle = self.structures[0][0], self.cycle(index)
        return self.header + first.split(_CONVERGED)[0] + cycle.split(_CONVERGED)[0]

    def cycle(self, index: int) -> str:
        """Return the cycle in which the self-consistency of a structure was reached.

        Others of the same structure are tries with another mixer, or belong to strained cells.
        """
        cycles = self.structures[index]
        return next((cycle for cycle in cycles if _CONVERGED in cycle), cycles[-1])


def read_run(path: Path) -> Run:
    """Split an output into structures, without one at the end whose calculation was cut off."""
    text = read_text(path)
    if text.count("Invoking FHI-aims") > 1:
        raise ValueError("several FHI-aims runs in one file; give every run its own")
    header, *cycles = text.split(_START)
    if not cycles:
        raise ValueError("no self-consistency loop in this FHI-aims output; it is cut off")
    structures = [[cycles[0]]]
    for before, cycle in pairwise(cycles):
        if _UPDATED.search(before) or _USED.search(before):
            structures.append([])
        structures[-1].append(cycle)
    run = Run(header, structures)
    last = len(structures) - 1
    if last > 0 and "Have a nice day." not in text and _CONVERGED not in run.cycle(last):
        warnings.warn(
            f"{path}: the output ends in the calculation of structure {last}, which is left out",
            UserWarning,
            stacklevel=2,
        )
        structures.pop()
    return run


def run_steps(run: Run) -> list[Step | None]:
    """Return a step for every structure of one run."""
    return [
        Step(partial(_states, run, index), partial(atoms_of, run, index))
        # Spin-orbit coupling is added at the end of a run, to the last structure alone.
        if not run.has_spin_orbit or _SOC_LISTS in run.cycle(index)
        else None
        for index in range(len(run.structures))
    ]


def _states(run: Run, index: int) -> dict[str, Any]:
    """Parse the last eigenvalues of a structure."""
    before, cycle = run.settings(index), run.cycle(index)
    n_kpoints = _n_kpoints(before)
    arguments = settings_of(run, index, run.has_spin_orbit)
    n_spins = 1 if run.has_spin_orbit else _spin_channels(before)
    lists = _soc_lists(cycle) if run.has_spin_orbit else _lists(cycle)
    return {
        **arguments,
        "eigenvalues": _bands(lists, n_spins, n_kpoints),
        "weights": _weights(before, n_kpoints),
        "spin_degeneracy": 1 if n_spins == 2 or run.has_spin_orbit else 2,
    }


def lists_all(run: Run) -> bool:
    """Whether the output itself lists the levels of the last structure at all k-points."""
    before, cycle = run.settings(len(run.structures) - 1), run.structures[-1][-1]
    spins = 1 if run.has_spin_orbit else _spin_channels(before)
    blocks = cycle.split(_SOC_LISTS if run.has_spin_orbit else _LISTS)
    listed = len(re.findall(r"(?m)^\s*State\s+Occupation", blocks[-1]))
    return len(blocks) > 1 and listed >= spins * _n_kpoints(before)


def _n_kpoints(before: str) -> int:
    return int(last_number(r"\| Number of k-points\s*:\s*(\d+)", before) or 1)


def _spin_channels(before: str) -> int:
    return int(last_number(r"\| Number of spin channels\s*:\s*(\d+)", before) or 1)


def settings_of(run: Run, index: int, spin_orbit: bool) -> dict[str, Any]:
    """Return electrons, Fermi level, smearing width and -TS of a structure."""
    before, cycle = run.settings(index), run.cycle(index)
    if _CONVERGED not in cycle:
        raise ValueError("a self-consistency cycle did not converge, or the output is cut off")
    if not spin_orbit:
        cycle = cycle.split("STARTING SECOND VARIATIONAL SOC CALCULATION")[0]
    arguments: dict[str, Any] = {
        "n_electrons": last_number(rf"a total of\s+{_NUMBER} electrons", before),
        "fermi_level": last_number(_FERMI_LEVEL, cycle),
    }
    width = last_number(rf"Occupation type:\s*[Ff]ermi[^=\n]*=\s*{_NUMBER}\s*eV", before)
    energy = last_number(rf"\| Total energy uncorrected\s*:\s*{_NUMBER} eV", cycle)
    free_energy = last_number(rf"\| Electronic free energy\s*:\s*{_NUMBER} eV", cycle)
    if width is not None:
        arguments["smearing_width"] = width
        if energy is not None and free_energy is not None and not spin_orbit:
            arguments["entropy_term"] = free_energy - energy
    if re.search(_FIXED_MOMENT, before + cycle):  # each spin has a Fermi level of its own
        arguments["fermi_level"] = arguments["entropy_term"] = None
    return arguments


def _weights(before: str, n_kpoints: int) -> NDArray:
    listed = dict(re.findall(r"\| k-point:\s*(\d+) at [^\n]*weight:\s*(\S+)", before))
    if n_kpoints == 1:
        return np.ones(1)
    if set(listed) != {str(k + 1) for k in range(n_kpoints)}:
        raise ValueError(
            f"expected the weights of {n_kpoints} k-points, got {len(listed)}; set "
            "'output k_point_list' in control.in"
        )
    words = " ".join(listed[str(k + 1)] for k in range(n_kpoints))
    return np.array(numbers_in(words, "weights of the k-points"))


def _lists(cycle: str) -> str:
    """Return the last lists of eigenvalues in a cycle."""
    blocks = cycle.split(_LISTS)
    earlier = "".join(blocks[:-1])
    if len(blocks) > 1 and not re.search("self-consistency iteration #|Convergence:", earlier):
        # What output_level MD_light leaves: the only list precedes the first iteration.
        raise ValueError(
            "the only eigenvalues are those of the starting density; set 'output_level normal' "
            "and, for several k-points, 'output k_eigenvalue N' in control.in"
        )
    return blocks[-1] if len(blocks) > 1 else ""


def _soc_lists(cycle: str) -> str:
    """Return the lists with spin-orbit coupling, rid of the column of levels without."""
    text = cycle.split(_SOC_LISTS)[-1]
    return re.sub(r"(?m)^(\s*\d+\s+\S+)\s+(\S+)\s+(\S+)\s+\S+$", r"\1 \2 \3", text)


def _bands(lists: str, n_spins: int, n_kpoints: int) -> list[list[list[float]]]:
    """Return eigenvalues [spin][kpoint][band]."""
    found: dict[tuple[int, int], list[float]] = {}
    spin = kpoint = 0
    rows: list[float] | None = None
    for line in lists.splitlines():
        words = line.split()
        if line.lstrip().startswith(("Spin-up", "Spin-down")):
            spin = int("Spin-down" in line)
        elif line.lstrip().startswith("K-point:") and len(words) > 1:
            kpoint = int(words[1]) - 1
        elif words[:2] == ["State", "Occupation"]:
            rows = found[spin, kpoint] = []
        elif rows is not None and len(words) == 4 and words[0].isdigit():
            if int(words[0]) != len(rows) + 1:
                raise ValueError(f"state {len(rows) + 1} of k-point {kpoint + 1} is missing")
            rows += numbers_in(words[3], "eigenvalues")
        elif rows:
            rows = None
    if set(found) != {(s, k) for s in range(n_spins) for k in range(n_kpoints)}:
        raise ValueError(
            f"expected eigenvalues for {n_spins} spin channel(s) at {n_kpoints} k-points, got "
            f"{len(found)} lists; set 'output k_eigenvalue {n_kpoints}' in control.in, or "
            "'output postscf_eigenvalues', which writes Final_KS_eigenvalues.dat"
        )
    if len({len(rows) for rows in found.values()}) != 1:
        raise ValueError("k-points have different numbers of states; the output is damaged")
    return [[found[s, k] for k in range(n_kpoints)] for s in range(n_spins)]


def atoms_of(run: Run, index: int) -> Atoms:
    """Return a structure: what a cycle of molecular dynamics says it used, or the last update."""
    cycle = run.structures[index][-1]
    used = _USED.search(cycle)
    texts = [cycle[used.end() :]] if used else []
    if index > 0:
        updated = run.structures[index - 1][-1]
        texts += [updated[match.end() :] for match in _UPDATED.finditer(updated)]
    start = _input_atoms(run.header)
    for text in texts:
        block = text.split("Fractional coordinates:")[0].split("-" * 20)[0]
        atoms, cell = _ATOM.findall(block), _VECTOR.findall(block)
        if not atoms:
            continue
        if len(atoms) != len(start):
            raise ValueError(f"expected {len(start)} atoms, got {len(atoms)}")
        positions = [numbers_in(" ".join(atom[:3]), "positions") for atom in atoms]
        found = Atoms(
            [symbol_of(atom[3]) for atom in atoms], positions, cell=start.cell, pbc=start.pbc
        )
        if cell:
            found.set_cell([numbers_in(" ".join(vector), "unit cell") for vector in cell])
        elif index > 0 and _RELAXED_CELL.search(run.header):
            raise ValueError("no lattice vectors, in a relaxation of the unit cell")
        return found
    if index > 0:
        raise ValueError("the output does not say where its atoms are")
    return start


def _input_atoms(header: str) -> Atoms:
    text = header.split("Input geometry:")[-1]
    cell = re.search(r"\| Unit cell:\s*\n((?:\s*\|(?:\s+[-+.\d]+){3}\s*\n){3})", text)
    rows = re.findall(r"\|\s*\d+: Species\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)", text)
    if not rows:
        raise ValueError("no 'Input geometry' in this FHI-aims output")
    symbols = [symbol_of(row[0]) for row in rows]
    positions = [numbers_in(" ".join(row[1:]), "positions") for row in rows]
    if cell is None:
        return Atoms(symbols, positions)
    vectors = numbers_in(cell[1].replace("|", " "), "unit cell")
    return Atoms(symbols, positions, cell=np.reshape(vectors, (3, 3)), pbc=True)
