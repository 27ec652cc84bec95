"""Localised basis of the aluminium runs, nearly complete up to 30 eV above the Fermi level.

    python -m data.aluminium.make_basis runs/      # writes Al.2s2p2d1f.basis

GPAW's own dzp basis (2s 2p 1d) is good to 10 eV above the Fermi level of aluminium and misses one
state in ten 22 eV above it: nearly free electrons of that energy have angular momenta that it
does not hold. Here two shells of d and one of f are added to the confined atomic orbitals, as
Gaussians that end smoothly; widths and cutoffs fit the bands of a plane-wave calculation. All
functions end within 3.9 Angstrom, which keeps the Hamiltonian short-ranged.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from gpaw.atom.basis import BasisMaker, QuasiGaussian
from gpaw.atom.radialgd import EquidistantRadialGridDescriptor
from gpaw.basis_data import BasisFunction

NAME = "2s2p2d1f"
ENERGY_SHIFT = 0.64  # of the confined 3s and 3p (eV); sets their cutoffs
TAIL_NORM = 0.06  # of the second 3s and 3p, by which they are split from the first
CUTOFF = 6.3  # of the other functions (Bohr)
WIDTHS = ((2, 2.3), (2, 1.2), (3, 2.3))  # angular momenta and radii (Bohr)
STEP = 1 / 64  # of the radial grid (Bohr), as in GPAW


def gaussian(momentum: int, width: float) -> BasisFunction:
    """Normalised ``r^l (exp(-(r / width)^2) - a + b r^2)`` that vanishes smoothly at the cutoff."""
    radii = np.arange(int(np.ceil(CUTOFF / STEP)) + 1) * STEP
    values = QuasiGaussian(1 / width**2, radii[-1])(radii) * radii**momentum
    values /= np.sqrt(np.sum((values * radii) ** 2) * STEP)
    values[-1] = 0.0
    text = f"{'spdf'[momentum]}-type Gaussian of {width} Bohr"
    return BasisFunction(None, momentum, radii[-1], values, text)


def aluminium_basis():
    """Return the basis; deterministic."""
    with open(os.devnull, "w") as log:
        maker = BasisMaker.from_symbol("Al", gtxt=None, xc="PBE")
        atomic = maker.generate(2, 0, tailnorm=(TAIL_NORM,), energysplit=ENERGY_SHIFT, txt=log)
    functions = [*atomic.bf_j, *(gaussian(*one) for one in WIDTHS)]
    size = int(np.ceil(max(one.rc for one in functions) / STEP)) + 1
    grid = EquidistantRadialGridDescriptor(STEP, size)
    return replace(atomic, name=NAME, bf_j=functions, rgd=grid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="directory to write the basis to")
    args = parser.parse_args()
    with open(args.output / f"Al.{NAME}.basis", "w") as file:
        aluminium_basis().write_to(file)


if __name__ == "__main__":
    main()
