"""Nickel structures: crystals by construction, disorder by molecular dynamics.

    python -m data.nickel.make_structures structures.extxyz

Everything is seeded. ``info`` carries ``name``, ``family`` and the k-point spacings (1/Angstrom) of
the first dense and of the self-consistent mesh.
"""

from __future__ import annotations

import numpy as np

from data.tools.metals import Metal, write_metal
from data.tools.structures import structures_parser

NICKEL = Metal("Ni", mass=58.6934, fcc=3.52, bcc=2.80, hcp=(2.49, 4.07), shortest=1.85)


def families(seed=20261127):
    """Yield (family, structures)."""
    hot, liquid = (300, 700, 1200, 1700), (1800, 2200, 2800, 3500)
    return NICKEL.families(np.random.default_rng(seed), hot, liquid, (6.6, 9.0))


if __name__ == "__main__":
    parser = structures_parser(__doc__.splitlines()[0])
    write_metal(parser.parse_args().output, families())
