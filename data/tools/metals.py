"""Structures of a close-packed metal: crystals by construction, disorder by molecular dynamics.

Molecular dynamics runs in ASE with its effective-medium potential (Al, Ni, Cu, Pd, Ag, Pt, Au).
Everything is drawn from the generator that is passed, in the order of the calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.build import bulk, fcc100, fcc110, fcc111, make_supercell, niggli_reduce
from ase.calculators.emt import EMT
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from numpy.random import Generator

from data.tools.structures import (
    random_box,
    random_shear,
    rattled,
    structures_parser,
    with_cell,
    write_structures,
)

OBTUSE = 124.0  # degrees; cells with wider angles are reduced, GPAW's stencils reject some
TIMESTEP = 3.0 * units.fs
FRICTION = 0.02 / units.fs


@dataclass(frozen=True)
class Metal:
    """An element that crystallises as fcc, and the ranges its structures are drawn from.

    Parameters
    ----------
    symbol : str
        Element.
    mass : float
        Molar mass (g/mol).
    fcc, bcc : float
        Lattice constants (Angstrom).
    hcp : (float, float)
        Lattice constants a and c (Angstrom).
    shortest : float
        Closest pair (Angstrom); closer ones are accidents of the rattling.
    """

    symbol: str
    mass: float
    fcc: float
    bcc: float
    hcp: tuple[float, float]
    shortest: float

    def crystal(self, lattice: str) -> Atoms:
        """Return the primitive cell of "fcc", "bcc" or "hcp"."""
        constants = {
            "fcc": {"a": self.fcc},
            "bcc": {"a": self.bcc},
            "hcp": dict(zip("ac", self.hcp, strict=True)),
        }
        return bulk(self.symbol, lattice, **constants[lattice])

    def cells(self) -> dict[int, Atoms]:
        """Return supercells of fcc with 4, 8, 16 and 32 atoms."""
        cube = bulk(self.symbol, cubic=True, a=self.fcc)
        eight = make_supercell(self.crystal("fcc"), 2 * np.eye(3))
        # The body-centred lattice of doubled cubes: as round as 16 atoms get.
        sixteen = make_supercell(cube, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
        return {4: cube, 8: eight, 16: sixteen, 32: cube.repeat(2)}

    def crystals(
        self,
        prototype: Atoms,
        count: int,
        rng: Generator,
        volumes: tuple[float, float],
        perfect: int,
        shear: float,
        width: float,
    ) -> Iterator[Atoms]:
        """``count`` variants at evenly spread volume ratios; the first ``perfect`` only scaled.

        The others are sheared by a random amount up to ``shear`` and, if they have a basis,
        rattled by up to ``width`` (Angstrom).
        """
        for volume in np.linspace(*volumes, perfect):
            yield strained(prototype, rng, volume, 0.0)
        for volume in np.linspace(*volumes, count - perfect):
            distorted = strained(prototype, rng, volume, rng.uniform(0.01, shear))
            if len(prototype) > 1:
                distorted = rattled(distorted, rng, rng.uniform(0.02, width), self.shortest)
            yield distorted

    def hot_crystals(
        self, rng: Generator, sizes: Sequence[int], temperatures: Sequence[float]
    ) -> Iterator[Atoms]:
        """Snapshots of molecular dynamics; temperatures (K) in turn."""
        for number, size in enumerate(sizes):
            cell = strained(self.cells()[size], rng, rng.uniform(0.95, 1.12), 0.01)
            stages = [(temperatures[number % len(temperatures)], 500)]
            yield molecular_dynamics(cell, stages, rng)

    def vacancies(
        self, rng: Generator, sizes: Sequence[int], temperatures: Sequence[float]
    ) -> Iterator[Atoms]:
        """One atom missing from cells of so many atoms, in hot dynamics."""
        for number, size in enumerate(sizes):
            cell = strained(self.cells()[size], rng, rng.uniform(0.94, 1.08), 0.01)
            del cell[int(rng.integers(len(cell)))]
            stages = [(temperatures[number % len(temperatures)], 300)]
            yield molecular_dynamics(cell, stages, rng)

    def liquids(
        self,
        rng: Generator,
        sizes: Sequence[int],
        densities: tuple[float, float],
        temperatures: Sequence[float],
    ) -> Iterator[Atoms]:
        """Liquids, molten at 6000 K, from expanded to compressed (g/cm^3)."""
        spread = rng.permutation(np.linspace(*densities, len(sizes)))
        for number, (size, density) in enumerate(zip(sizes, spread, strict=True)):
            stages = [(6000.0, 400), (temperatures[number % len(temperatures)], 600)]
            box = random_box(self.symbol, self.mass, size, density, rng)
            yield molecular_dynamics(box, stages, rng)

    def stacking_faults(self, rng: Generator, layers: Sequence[int]) -> Iterator[Atoms]:
        """One intrinsic stacking fault in so many close-packed layers, rattled a little."""
        for number in layers:
            slab = fcc111(self.symbol, (1, 1, number), a=self.fcc, periodic=True)
            step = slab.positions[1] - slab.positions[0]
            # Over the boundary the layers are displaced the other way round.
            across = step * (-1, -1, 1)
            slab.cell[2] = slab.positions[-1] - slab.positions[0] + across
            slab.pbc = True
            yield rattled(slab, rng, rng.uniform(0.02, 0.1), self.shortest)

    def surfaces(self, rng: Generator, count: int) -> Iterator[Atoms]:
        """(100), (110) and (111) slabs of 6 to 9 layers in turn, rattled a little."""
        layers = {fcc100: (6, 7), fcc110: (8, 9), fcc111: (6, 7)}
        for number in range(count):
            build = (fcc100, fcc110, fcc111)[number % 3]
            size = (1, 1, layers[build][number // 3 % 2])
            slab = build(self.symbol, size=size, a=self.fcc, vacuum=5.5)
            slab.pbc = (True, True, False)
            yield rattled(slab, rng, 0.02 + 0.01 * (number // 3), self.shortest)


def molecular_dynamics(atoms: Atoms, stages: Sequence[tuple[float, int]], rng: Generator) -> Atoms:
    """Run stages (temperature (K), steps) of Langevin dynamics and return the last frame."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    MaxwellBoltzmannDistribution(atoms, temperature_K=stages[0][0], rng=rng)
    for temperature, steps in stages:
        options = {"temperature_K": temperature, "friction": FRICTION, "fixcm": False, "rng": rng}
        Langevin(atoms, TIMESTEP, **options).run(steps)
    return atoms


def strained(atoms: Atoms, rng: Generator, volume: float, shear: float) -> Atoms:
    """Scale to a volume ratio and add a random symmetric strain that keeps it."""
    deformation = np.eye(3) + random_shear(rng, shear)
    deformation *= (volume / np.linalg.det(deformation)) ** (1 / 3)
    return with_cell(atoms, atoms.cell @ deformation)


def reduced(atoms: Atoms) -> Atoms:
    """Describe a crystal by a cell whose angles are not too wide."""
    atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if atoms.cell.angles().max() > OBTUSE:
        niggli_reduce(atoms)
    return atoms


def first_spacing(n_atoms: int) -> float:
    """Spacing (1/Angstrom) of the first k-point mesh tried."""
    return {1: 0.075, 2: 0.09, 4: 0.1}.get(n_atoms, 0.11 if n_atoms <= 9 else 0.125)


def scf_spacing(n_atoms: int) -> float:
    """Spacing (1/Angstrom) of the self-consistent mesh."""
    return 0.7


def write_metal(description: str, families: Iterable[tuple[str, Iterable[Atoms]]]) -> None:
    """Write all families to the file that the command line names."""
    args = structures_parser(description.splitlines()[0]).parse_args()
    acute = ((family, map(reduced, structures)) for family, structures in families)
    write_structures(args.output, acute, first_spacing, scf_spacing)
