"""Nickel structures: crystals by construction, disorder by molecular dynamics.

    python -m data.nickel.make_structures structures.extxyz

Everything is seeded. ``info`` carries ``name``, ``family`` and the k-point spacings (1/Angstrom) of
the first dense and of the self-consistent mesh.
"""

from __future__ import annotations

import numpy as np

from data.tools.metals import Metal, write_metal

NICKEL = Metal("Ni", mass=58.6934, fcc=3.52, bcc=2.80, hcp=(2.49, 4.07), shortest=1.85)


def families(seed=20261127):
    """Yield (family, structures)."""
    rng, ni = np.random.default_rng(seed), NICKEL
    sizes = {
        "hot": [4] * 8 + [8] * 12 + [16] * 6 + [32] * 2,
        "liquid": [8] * 14 + [16] * 8 + [32] * 2,
    }
    yield "fcc1", ni.crystals(ni.crystal("fcc"), 24, rng, (0.8, 1.3), 6, 0.06, 0.0)
    yield "bcc1", ni.crystals(ni.crystal("bcc"), 8, rng, (0.8, 1.2), 3, 0.05, 0.0)
    yield "hcp2", ni.crystals(ni.crystal("hcp"), 10, rng, (0.8, 1.2), 3, 0.04, 0.12)
    yield "fcc4", ni.crystals(ni.cells()[4], 14, rng, (0.85, 1.2), 0, 0.03, 0.2)
    yield "hot_crystal", ni.hot_crystals(rng, sizes["hot"], (300, 700, 1200, 1700))
    yield "liquid", ni.liquids(rng, sizes["liquid"], (6.6, 9.0), (1800, 2200, 2800, 3500))
    yield "vacancy", ni.vacancies(rng, [8] * 5 + [16] * 4 + [32], (300, 700, 1200))
    yield "stacking_fault", ni.stacking_faults(rng, (4, 5, 6, 7, 8, 9))
    yield "surface", ni.surfaces(rng, 12)


if __name__ == "__main__":
    write_metal(__doc__, families())
