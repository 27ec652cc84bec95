"""Molecules as molecular dynamics finds them: waters, small molecules, dimers, ions.

    python -m data.molecules.make_structures structures.extxyz

GFN2-xTB (tblite) moves every molecule through ASE's Langevin dynamics, from its equilibrium. All
runs are seeded. ``info`` carries ``name``, ``family`` and ``charge`` (e); positions are about the
centre of mass, as the molecule has turned.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.build import molecule
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import BFGS
from tblite.ase import TBLite

TIME_STEP = 0.5  # fs
FRICTION = 0.02  # 1/fs
INTERVAL = 80  # steps between samples
EQUILIBRATION = 800  # steps
LONGEST_BOND = 3.6  # Angstrom between the oxygen atoms of a dimer


@dataclass(frozen=True)
class Run:
    """One trajectory: of which molecule, how many samples, how hot (K)."""

    family: str
    name: str
    count: int
    temperature: float = 450.0
    charge: int = 0


RUNS = (
    Run("water", "H2O", 130),
    *(Run("mixed", name, 15) for name in ("H2O", "NH3", "H2CO", "CH3OH", "H3CNH2")),
    Run("dimer", "dimer", 16, temperature=250.0),
    *(Run("foreign", name, 6) for name in ("CH3CH2OH", "HCOOH", "CH3CHO", "CH4", "HCN")),
    *(Run("ion", name, 5, charge=1) for name in ("H3O+", "NH4+", "CH3NH3+")),
    *(Run("ion", name, 5, charge=-1) for name in ("OH-", "CH3O-")),
    Run("ion", "F-", 1, charge=-1),
)


def start(name: str) -> Atoms:
    """Rough geometry of a molecule, which is then optimised."""
    tetrahedron = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / np.sqrt(3)
    if name == "dimer":
        first, second = molecule("H2O"), molecule("H2O")
        second.rotate(120, "x")
        second.positions += [0.3, 2.9, 0.5]
        return first + second
    if name == "H3O+":
        flat = np.array([[1, 0, 0.25], [-0.5, 0.87, 0.25], [-0.5, -0.87, 0.25]])
        return Atoms("OH3", np.vstack([np.zeros(3), 0.98 * flat]))
    if name == "NH4+":
        return Atoms("NH4", np.vstack([np.zeros(3), 1.03 * tetrahedron]))
    if name == "CH3NH3+":
        upper = np.array([[1, 0, 0.35], [-0.5, 0.87, 0.35], [-0.5, -0.87, 0.35]])
        on_nitrogen = upper * 0.97 + [0, 0, 1.5]
        on_carbon = -upper * 1.02
        return Atoms("CNH6", np.vstack([[[0, 0, 0], [0, 0, 1.5]], on_carbon, on_nitrogen]))
    if name == "CH3O-":
        turned = tetrahedron[1:] * 1.1
        return Atoms("COH3", np.vstack([np.zeros(3), tetrahedron[:1] * 1.35, turned]))
    if name == "OH-":
        return Atoms("OH", [[0, 0, 0], [0, 0, 0.97]])
    return Atoms("F") if name == "F-" else molecule(name)


def samples(run: Run, seed: int) -> Iterator[Atoms]:
    """Structures along the trajectory of one run."""
    atoms = start(run.name)
    count = 0
    if len(atoms) > 1:
        atoms.calc = TBLite(method="GFN2-xTB", charge=run.charge, verbosity=0)
        BFGS(atoms, logfile=None).run(fmax=0.02, steps=300)
        rng = np.random.default_rng(seed)
        thermalize_momenta(atoms, run.temperature, rng=rng)
        dynamics = Langevin(
            atoms,
            TIME_STEP * units.fs,
            temperature_K=run.temperature,
            friction=FRICTION / units.fs,
            fixcm=False,
            rng=rng,
        )
        dynamics.run(EQUILIBRATION)
    while count < run.count:
        if len(atoms) > 1:
            dynamics.run(INTERVAL)
        oxygens = np.flatnonzero(atoms.numbers == 8)
        if run.name == "dimer" and atoms.get_distance(*oxygens) > LONGEST_BOND:
            continue
        found = Atoms(atoms.numbers, atoms.positions - atoms.get_center_of_mass())
        found.info = {
            "name": f"{run.family}_{run.name}_{count:03d}",
            "family": run.family,
            "charge": run.charge,
        }
        count += 1
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="extended xyz file")
    output = parser.parse_args().output
    write(output, [one for seed, run in enumerate(RUNS) for one in samples(run, seed)])


if __name__ == "__main__":
    main()
