"""Aluminium structures: crystals by construction, disorder by molecular dynamics.

    python -m data.aluminium.make_structures structures.extxyz

Molecular dynamics runs in ASE with its effective-medium potential. Everything is seeded. ``info``
carries ``name``, ``family`` and the k-point spacings (1/Angstrom) of the first dense and of the
self-consistent mesh.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms, units
from ase.build import bulk, fcc100, fcc110, fcc111, make_supercell, niggli_reduce
from ase.calculators.emt import EMT
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from data.tools.structures import (
    random_box,
    random_shear,
    rattled,
    structures_parser,
    with_cell,
    write_structures,
)

LATTICE = 4.05  # Angstrom
MASS = 26.9815
SHORTEST = 2.1  # Angstrom; closer pairs are accidents of the rattling
OBTUSE = 124.0  # degrees; cells with wider angles are reduced, GPAW's stencils reject some
TIMESTEP = 3.0 * units.fs
FRICTION = 0.02 / units.fs


def molecular_dynamics(atoms, stages, rng):
    """Run stages (temperature (K), steps) of Langevin dynamics and return the last frame."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    MaxwellBoltzmannDistribution(atoms, temperature_K=stages[0][0], rng=rng)
    for temperature, steps in stages:
        options = {"temperature_K": temperature, "friction": FRICTION, "fixcm": False, "rng": rng}
        Langevin(atoms, TIMESTEP, **options).run(steps)
    return atoms


def strained(atoms, rng, volume, shear):
    """Scale to a volume ratio and add a random symmetric strain that keeps it."""
    deformation = np.eye(3) + random_shear(rng, shear)
    deformation *= (volume / np.linalg.det(deformation)) ** (1 / 3)
    return with_cell(atoms, atoms.cell @ deformation)


def crystals(prototype, count, rng, volumes, perfect, shear, width):
    """``count`` variants at evenly spread volume ratios; the first ``perfect`` are only scaled.

    The others are sheared by a random amount up to ``shear`` and, if they have a basis, rattled
    by up to ``width`` (Angstrom).
    """
    for volume in np.linspace(*volumes, perfect):
        yield strained(prototype, rng, volume, 0.0)
    for volume in np.linspace(*volumes, count - perfect):
        distorted = strained(prototype, rng, volume, rng.uniform(0.01, shear))
        moved = len(prototype) > 1
        yield rattled(distorted, rng, rng.uniform(0.02, width), SHORTEST) if moved else distorted


def cells():
    """Return supercells of fcc with 4, 8, 16 and 32 atoms."""
    primitive = bulk("Al", a=LATTICE)
    cube = bulk("Al", cubic=True, a=LATTICE)
    eight = make_supercell(primitive, 2 * np.eye(3))
    # The body-centred lattice of doubled cubes: as round as 16 atoms get.
    sixteen = make_supercell(cube, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    return {4: cube, 8: eight, 16: sixteen, 32: cube.repeat(2)}


def hot_crystals(rng):
    """Snapshots of molecular dynamics from 300 K to superheating, 4 to 32 atoms."""
    sizes = [4] * 8 + [8] * 12 + [16] * 4 + [32]
    for number, size in enumerate(sizes):
        temperature = (300, 600, 900, 1400)[number % 4]
        cell = strained(cells()[size], rng, rng.uniform(0.95, 1.12), 0.01)
        yield molecular_dynamics(cell, [(temperature, 500)], rng)


def vacancies(rng):
    """One atom missing from 8-, 16- and 32-atom cells, in hot dynamics."""
    for number, size in enumerate([8] * 5 + [16] * 6 + [32]):
        cell = strained(cells()[size], rng, rng.uniform(0.94, 1.08), 0.01)
        del cell[int(rng.integers(len(cell)))]
        yield molecular_dynamics(cell, [((100, 300, 600)[number % 3], 300)], rng)


def liquids(rng):
    """Liquid from expanded to compressed and from melting to 6000 K, 8 to 32 atoms."""
    sizes = [8] * 12 + [16] * 10 + [32]
    densities = rng.permutation(np.linspace(1.9, 2.8, len(sizes)))  # g/cm^3
    for number, (size, density) in enumerate(zip(sizes, densities, strict=True)):
        temperature = (1000, 1500, 2500, 4000, 6000)[number % 5]
        stages = [(6000, 400), (temperature, 600)]
        yield molecular_dynamics(random_box("Al", MASS, size, density, rng), stages, rng)


def surfaces(rng):
    """(100), (110) and (111) slabs of 6 to 9 layers, rattled a little."""
    layers = {fcc100: (6, 7), fcc110: (8, 9), fcc111: (6, 7)}
    for number in range(12):
        build = (fcc100, fcc110, fcc111)[number % 3]
        size = (1, 1, layers[build][number // 3 % 2])
        slab = build("Al", size=size, a=LATTICE, vacuum=5.5)
        slab.pbc = (True, True, False)
        yield rattled(slab, rng, 0.02 + 0.01 * (number // 3), SHORTEST)


def families(seed=20261121):
    """Yield (family, structures)."""
    rng = np.random.default_rng(seed)
    fcc, bcc = bulk("Al", a=LATTICE), bulk("Al", "bcc", a=3.23)
    hcp = bulk("Al", "hcp", a=2.86, c=4.67)
    yield "fcc1", crystals(fcc, 26, rng, (0.8, 1.3), 6, 0.06, 0.0)
    yield "bcc1", crystals(bcc, 10, rng, (0.8, 1.2), 3, 0.05, 0.0)
    yield "hcp2", crystals(hcp, 12, rng, (0.8, 1.2), 3, 0.04, 0.15)
    yield "fcc4", crystals(cells()[4], 16, rng, (0.85, 1.2), 0, 0.03, 0.25)
    yield "hot_crystal", hot_crystals(rng)
    yield "liquid", liquids(rng)
    yield "vacancy", vacancies(rng)
    yield "surface", surfaces(rng)


def first_spacing(n_atoms):
    """Spacing (1/Angstrom) of the first k-point mesh tried."""
    return {1: 0.075, 2: 0.09, 4: 0.1}.get(n_atoms, 0.11 if n_atoms <= 9 else 0.125)


def scf_spacing(n_atoms):
    """Spacing (1/Angstrom) of the self-consistent mesh."""
    return 0.7


def reduced(atoms):
    """Describe a crystal by a cell whose angles are not too wide."""
    atoms = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if atoms.cell.angles().max() > OBTUSE:
        niggli_reduce(atoms)
    return atoms


def main():
    args = structures_parser(__doc__.splitlines()[0]).parse_args()
    acute = ((family, map(reduced, structures)) for family, structures in families())
    write_structures(args.output, acute, first_spacing, scf_spacing)


if __name__ == "__main__":
    main()
