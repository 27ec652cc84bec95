"""Structures of a cubic metal: crystals by construction, disorder by molecular dynamics.

    python -m data.tools.metals structures.extxyz --element Cu --melting 1358

writes some 130 structures of any fcc or bcc element, with the lattice constant that ASE knows.
Molecular dynamics runs in ASE, with its effective-medium potential (Al, Ni, Cu, Pd, Ag, Pt, Au) or
an embedded-atom potential from a file (``--eam``). Everything is drawn from one generator, in the
order of the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.build import (
    bcc100,
    bcc110,
    bcc111,
    bulk,
    fcc100,
    fcc110,
    fcc111,
    make_supercell,
    niggli_reduce,
)
from ase.calculators.calculator import Calculator
from ase.calculators.eam import EAM
from ase.calculators.emt import EMT
from ase.data import atomic_masses, atomic_numbers, reference_states
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
# Of a supercell of four, from the three shortest vectors of fcc or bcc: as round as it gets.
FOUR = np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
SLABS = {  # surfaces, and their numbers of layers
    "fcc": {fcc100: (6, 7), fcc110: (8, 9), fcc111: (6, 7)},
    "bcc": {bcc100: (7, 8), bcc110: (6, 7), bcc111: (9, 10)},
}


@dataclass(frozen=True)
class Metal:
    """An element that crystallises as fcc or bcc, and the ranges its structures are drawn from.

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
    lattice : {"fcc", "bcc"}
        What it crystallises as.
    potential : callable
        Gives a calculator for molecular dynamics.
    """

    symbol: str
    mass: float
    fcc: float
    bcc: float
    hcp: tuple[float, float]
    shortest: float
    lattice: str = "fcc"
    potential: Callable[[], Calculator] = EMT

    @classmethod
    def of(cls, symbol: str, potential: Callable[[], Calculator] = EMT) -> Metal:
        """Describe an element by its mass and lattice constant in ASE.

        Atoms of other lattices have the same volume. Pairs are as close as at 0.8 of it, less 20 %.
        """
        number = atomic_numbers[symbol]
        reference = reference_states[number] or {}
        lattice = reference.get("symmetry")
        if lattice not in SLABS:
            raise ValueError(f"{symbol}: expected an element with an fcc or bcc lattice in ASE")
        atoms_of_cube = {"fcc": 4, "bcc": 2}
        volume = reference["a"] ** 3 / atoms_of_cube[lattice]
        fcc, bcc = ((atoms_of_cube[one] * volume) ** (1 / 3) for one in ("fcc", "bcc"))
        pair = fcc / np.sqrt(2)
        shortest = 0.8 * 0.8 ** (1 / 3) * pair
        hcp = (pair, pair * np.sqrt(8 / 3))
        return cls(symbol, atomic_masses[number], fcc, bcc, hcp, shortest, lattice, potential)

    @property
    def density(self) -> float:
        """Of the crystal (g/cm^3)."""
        return self.mass / 0.602214 / self.crystal(self.lattice).get_volume()

    def crystal(self, lattice: str) -> Atoms:
        """Return the primitive cell of "fcc", "bcc" or "hcp"."""
        constants = {
            "fcc": {"a": self.fcc},
            "bcc": {"a": self.bcc},
            "hcp": dict(zip("ac", self.hcp, strict=True)),
        }
        return bulk(self.symbol, lattice, **constants[lattice])

    def cells(self) -> dict[int, Atoms]:
        """Return supercells of the crystal with 4, 8, 16 and 32 atoms."""
        primitive = self.crystal(self.lattice)
        eight = make_supercell(primitive, 2 * np.eye(3))
        if self.lattice == "fcc":
            cube = bulk(self.symbol, cubic=True, a=self.fcc)
            return {4: cube, 8: eight, 16: make_supercell(cube, FOUR), 32: cube.repeat(2)}
        four = make_supercell(primitive, FOUR)
        cube = bulk(self.symbol, cubic=True, a=self.bcc)
        return {4: four, 8: eight, 16: cube.repeat(2), 32: four.repeat(2)}

    def families(
        self,
        rng: Generator,
        hot: Sequence[float],
        liquid: Sequence[float],
        densities: tuple[float, float],
    ) -> Iterator[tuple[str, Iterator[Atoms]]]:
        """Yield the name and the structures of every family.

        ``hot`` and ``liquid`` are temperatures (K), ``densities`` those of liquids (g/cm^3).
        """
        home, other = ("fcc", "bcc") if self.lattice == "fcc" else ("bcc", "fcc")
        sizes = {
            "hot": [4] * 8 + [8] * 12 + [16] * 6 + [32] * 2,
            "liquid": [8] * 14 + [16] * 8 + [32] * 2,
        }
        widest = (0.8, 1.3)
        yield f"{home}1", self.crystals(self.crystal(home), 24, rng, widest, 6, 0.06, 0.0)
        yield f"{other}1", self.crystals(self.crystal(other), 8, rng, (0.8, 1.2), 3, 0.05, 0.0)
        yield "hcp2", self.crystals(self.crystal("hcp"), 10, rng, (0.8, 1.2), 3, 0.04, 0.12)
        yield f"{home}4", self.crystals(self.cells()[4], 14, rng, (0.85, 1.2), 0, 0.03, 0.2)
        yield "hot_crystal", self.hot_crystals(rng, sizes["hot"], hot)
        yield "liquid", self.liquids(rng, sizes["liquid"], densities, liquid)
        yield "vacancy", self.vacancies(rng, [8] * 5 + [16] * 4 + [32], hot[:3])
        if self.lattice == "fcc":
            yield "stacking_fault", self.stacking_faults(rng, (4, 5, 6, 7, 8, 9))
        yield "surface", self.surfaces(rng, 12)

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
            yield self.molecular_dynamics(cell, stages, rng)

    def vacancies(
        self, rng: Generator, sizes: Sequence[int], temperatures: Sequence[float]
    ) -> Iterator[Atoms]:
        """One atom missing from cells of so many atoms, in hot dynamics."""
        for number, size in enumerate(sizes):
            cell = strained(self.cells()[size], rng, rng.uniform(0.94, 1.08), 0.01)
            del cell[int(rng.integers(len(cell)))]
            stages = [(temperatures[number % len(temperatures)], 300)]
            yield self.molecular_dynamics(cell, stages, rng)

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
            yield self.molecular_dynamics(box, stages, rng)

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
        """(100), (110) and (111) slabs in turn, rattled a little."""
        slabs, side = list(SLABS[self.lattice].items()), getattr(self, self.lattice)
        for number in range(count):
            build, layers = slabs[number % 3]
            size = (1, 1, layers[number // 3 % 2])
            slab = build(self.symbol, size=size, a=side, vacuum=5.5)
            slab.pbc = (True, True, False)
            yield rattled(slab, rng, 0.02 + 0.01 * (number // 3), self.shortest)

    def molecular_dynamics(
        self, atoms: Atoms, stages: Sequence[tuple[float, int]], rng: Generator
    ) -> Atoms:
        """Run stages (temperature (K), steps) of Langevin dynamics and return the last frame."""
        atoms = atoms.copy()
        atoms.calc = self.potential()
        MaxwellBoltzmannDistribution(atoms, temperature_K=stages[0][0], rng=rng)
        for temperature, steps in stages:
            options = {"temperature_K": temperature, "friction": FRICTION, "fixcm": False}
            Langevin(atoms, TIMESTEP, rng=rng, **options).run(steps)
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


def write_metal(path: str, families: Iterable[tuple[str, Iterable[Atoms]]]) -> None:
    """Write all families, in acute cells, to an extended xyz file."""
    acute = ((family, map(reduced, structures)) for family, structures in families)
    write_structures(path, acute, first_spacing, scf_spacing)


def main() -> None:
    parser = structures_parser(__doc__.splitlines()[0])
    parser.add_argument("--element", required=True, help="symbol of an fcc or bcc metal")
    parser.add_argument("--melting", type=float, required=True, help="melting temperature (K)")
    parser.add_argument("--eam", help="file of an embedded-atom potential, as ASE reads it")
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    metal = Metal.of(args.element, (lambda: EAM(potential=args.eam)) if args.eam else EMT)
    hot, liquid = (
        [part * args.melting for part in parts]
        for parts in ((0.2, 0.4, 0.7, 1.0), (1.05, 1.25, 1.6, 2.0))
    )
    densities = (0.75 * metal.density, metal.density)
    rng = np.random.default_rng(args.seed)
    write_metal(args.output, metal.families(rng, hot, liquid, densities))


if __name__ == "__main__":
    main()
