"""Aluminium structures: crystals by construction, disorder by molecular dynamics.

    python -m data.aluminium.make_structures structures.extxyz

Everything is seeded. ``info`` carries ``name``, ``family`` and the k-point spacings (1/Angstrom) of
the first dense and of the self-consistent mesh.
"""

from __future__ import annotations

import numpy as np

from data.tools.metals import Metal, write_metal
from data.tools.structures import structures_parser

ALUMINIUM = Metal("Al", mass=26.9815, fcc=4.05, bcc=3.23, hcp=(2.86, 4.67), shortest=2.1)


def families(seed=20261121):
    """Yield (family, structures)."""
    rng, al = np.random.default_rng(seed), ALUMINIUM
    sizes = {"hot": [4] * 8 + [8] * 12 + [16] * 4 + [32], "liquid": [8] * 12 + [16] * 10 + [32]}
    yield "fcc1", al.crystals(al.crystal("fcc"), 26, rng, (0.8, 1.3), 6, 0.06, 0.0)
    yield "bcc1", al.crystals(al.crystal("bcc"), 10, rng, (0.8, 1.2), 3, 0.05, 0.0)
    yield "hcp2", al.crystals(al.crystal("hcp"), 12, rng, (0.8, 1.2), 3, 0.04, 0.15)
    yield "fcc4", al.crystals(al.cells()[4], 16, rng, (0.85, 1.2), 0, 0.03, 0.25)
    yield "hot_crystal", al.hot_crystals(rng, sizes["hot"], (300, 600, 900, 1400))
    temperatures = (1000, 1500, 2500, 4000, 6000)
    yield "liquid", al.liquids(rng, sizes["liquid"], (1.9, 2.8), temperatures)
    yield "vacancy", al.vacancies(rng, [8] * 5 + [16] * 6 + [32], (100, 300, 600))
    yield "surface", al.surfaces(rng, 12)


if __name__ == "__main__":
    parser = structures_parser(__doc__.splitlines()[0])
    write_metal(parser.parse_args().output, families())
