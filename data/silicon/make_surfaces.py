"""Slabs and clusters of silicon that models may learn surfaces from; seeded.

    python -m data.silicon.make_surfaces surfaces.extxyz

Slabs of the faces (100), with and without rows of dimers, (110) and (111), of several thicknesses,
strained and rattled; clusters cut from diamond and beta-tin. The slabs that `make_structures` makes
are others: eight and ten layers, unstrained; their dimers are pushed along their back bonds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import bulk, diamond100, diamond111, surface
from numpy.random import Generator

from data.silicon.make_structures import (
    DIAMOND,
    SHORTEST,
    beta_tin,
    dimerised,
    first_spacing,
    scf_spacing,
)
from data.tools.structures import (
    random_shear,
    rattled,
    structures_parser,
    with_cell,
    write_structures,
)

VACUUM = 5.5  # Angstrom, on either side
SEED = 20261127
# Face, layers of atoms, and atoms wide along both directions: 4 to 12 atoms. Dimers form on (100)
# where it is two wide: of even layers, the back bonds of both ends lie along the first direction.
SLABS = (
    *(("111", layers, (1, 1)) for layers in (4, 6, 7, 8, 11, 12)),
    *(("100", layers, (1, 1)) for layers in (5, 6, 7, 9)),
    *(("100", layers, (1, 2)) for layers in (4, 4, 6)),
    *(("100", layers, (2, 1)) for layers in (4, 6)),  # squeezed, as those of `make_structures`
    *(("110", layers, (1, 1)) for layers in (2, 4, 6)),
)
CLUSTERS = (4, 5, 6, 7, 8, 10)  # atoms


def face(name: str, layers: int, wide: tuple[int, int]) -> Atoms:
    """Slab as cut from the crystal, or with rows of dimers on both ends if it is two wide."""
    if name == "110":
        side = DIAMOND / np.sqrt(2)
        places = [[0, 0, 0], [0.5, 0, 0.25], [0.5, 0.5, 0.5], [0, 0.5, 0.75]]
        cell = Atoms("Si4", scaled_positions=places, cell=[side, side, DIAMOND], pbc=True)
        slab = surface(cell, (1, 0, 0), layers // 2, vacuum=VACUUM)
    else:
        build = diamond111 if name == "111" else diamond100
        slab = build("Si", size=(*wide, layers), a=DIAMOND, vacuum=VACUUM)
    slab.pbc = (True, True, False)
    return slab if wide == (1, 1) else dimerised(slab)


def slabs(rng: Generator) -> Iterator[Atoms]:
    """Yield all faces, strained along the surface and rattled."""
    for name, layers, wide in SLABS:
        slab = face(name, layers, wide)
        strain = random_shear(rng, 0.02) + np.eye(3) * rng.uniform(-0.03, 0.03)
        strain[2] = strain[:, 2] = 0.0
        strained = with_cell(slab, slab.cell @ (np.eye(3) + strain))
        yield rattled(strained, rng, rng.uniform(0.02, 0.10), SHORTEST)


def clusters(rng: Generator) -> Iterator[Atoms]:
    """Yield the atoms nearest to random points of two crystals, rattled."""
    crystals = bulk("Si", a=DIAMOND).repeat(5), beta_tin().repeat(5)
    for number, n_atoms in enumerate(CLUSTERS):
        crystal = crystals[number % 2]
        point = crystal.cell.array.sum(axis=0) / 2 + rng.uniform(-1, 1, 3)
        nearest = np.argsort(np.linalg.norm(crystal.positions - point, axis=1))[:n_atoms]
        cluster = crystal[nearest]
        cluster.set_cell(np.zeros((3, 3)))
        cluster.pbc = False
        cluster.center(vacuum=VACUUM)
        yield rattled(cluster, rng, rng.uniform(0.02, 0.15), SHORTEST)


def main() -> None:
    parser = structures_parser(__doc__.splitlines()[0])
    args = parser.parse_args()
    rng = np.random.default_rng(SEED)
    families = ("slab", slabs(rng)), ("cluster", clusters(rng))
    write_structures(args.output, families, first_spacing, scf_spacing)


if __name__ == "__main__":
    main()
