"""Eigenvalues in the output of FHI-aims."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_dos.io.dft.common import Loader, last_number
from ase_dos.utils.compression import read_text


def output_loaders(path: Path) -> list[Loader | None]:
    """One loader for every self-consistency cycle of one run."""
    text = read_text(path)
    if text.count("Invoking FHI-aims") > 1:
        raise ValueError("several FHI-aims runs in one file; give every run its own")
    header, *cycles = text.split("Begin self-consistency loop")
    if not cycles:
        raise ValueError("no self-consistency loop in this FHI-aims output; it is cut off")
    return [partial(_step, header, cycles[0], cycle) for cycle in cycles]


def _step(header: str, first: str, cycle: str) -> dict[str, Any]:
    """Parse the last eigenvalues of one self-consistency cycle."""
    # The k-points are listed behind the first "Begin", and not in every later cycle.
    before = header + first + cycle
    if "Self-consistency cycle converged." not in cycle:
        raise ValueError("a self-consistency cycle did not converge, or the output is cut off")
    n_spins = int(last_number(r"\| Number of spin channels\s*:\s*(\d+)", before) or 1)
    n_kpoints = int(last_number(r"\| Number of k-points\s*:\s*(\d+)", before) or 1)
    values = _bands(cycle, n_spins, n_kpoints)
    arguments: dict[str, Any] = {
        "eigenvalues": values,
        "weights": _weights(before, n_kpoints),
        "n_electrons": last_number(r"a total of\s+(\S+) electrons", before),
        "spin_degeneracy": 1 if n_spins == 2 else 2,
        "fermi_level": last_number(r"Chemical potential \(Fermi level\)[^:\n]*:\s*(\S+) eV", cycle),
    }
    width = re.findall(r"Occupation type:\s*[Ff]ermi[^=\n]*=\s*(\S+)\s*eV", before)
    energy = last_number(r"\| Total energy uncorrected\s*:\s*(\S+) eV", cycle)
    free_energy = last_number(r"\| Electronic free energy\s*:\s*(\S+) eV", cycle)
    if width:
        arguments["smearing_width"] = float(width[-1])
        if energy is not None and free_energy is not None:
            arguments["entropy_term"] = free_energy - energy
    return arguments


def _weights(before: str, n_kpoints: int) -> NDArray:
    listed = dict(re.findall(r"\| k-point:\s*(\d+) at [^\n]*weight:\s*(\S+)", before))
    if n_kpoints == 1:
        return np.ones(1)
    if len(listed) != n_kpoints:
        raise ValueError(
            f"expected the weights of {n_kpoints} k-points, got {len(listed)}; set "
            "'output k_point_list' in control.in"
        )
    return np.array([float(listed[str(k + 1)]) for k in range(n_kpoints)])


def _bands(cycle: str, n_spins: int, n_kpoints: int) -> list[list[list[float]]]:
    """Return eigenvalues [spin][kpoint][band] of the last list in a cycle."""
    blocks = cycle.split("Writing Kohn-Sham eigenvalues.")
    earlier = "".join(blocks[:-1])
    if len(blocks) > 1 and not re.search("self-consistency iteration #|Convergence:", earlier):
        # What output_level MD_light leaves: the only list precedes the first iteration.
        raise ValueError(
            "the only eigenvalues are those of the starting density; set 'output_level normal' "
            "and, for several k-points, 'output k_eigenvalue N' in control.in"
        )
    found: dict[tuple[int, int], list[float]] = {}
    spin = kpoint = 0
    rows: list[float] | None = None
    for line in blocks[-1].splitlines() if len(blocks) > 1 else ():
        words = line.split()
        if line.lstrip().startswith(("Spin-up", "Spin-down")):
            spin = int("Spin-down" in line)
        elif line.lstrip().startswith("K-point:"):
            kpoint = int(words[1]) - 1
        elif words[:2] == ["State", "Occupation"]:
            rows = found[spin, kpoint] = []
        elif rows is not None and len(words) == 4 and words[0].isdigit():
            if "*" in words[3]:
                raise ValueError("an eigenvalue did not fit its column (****)")
            rows.append(float(words[3]))
        elif rows:
            rows = None
    if set(found) != {(s, k) for s in range(n_spins) for k in range(n_kpoints)}:
        raise ValueError(
            f"expected eigenvalues for {n_spins} spin channel(s) at {n_kpoints} k-points, got "
            f"{len(found)} lists; set 'output k_eigenvalue {n_kpoints}' in control.in"
        )
    return [[found[s, k] for k in range(n_kpoints)] for s in range(n_spins)]
