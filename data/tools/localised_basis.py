"""Localised basis sets for GPAW: confined atomic orbitals and Gaussians that end smoothly."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gpaw.atom.basis import BasisMaker, QuasiGaussian
from gpaw.atom.radialgd import EquidistantRadialGridDescriptor
from gpaw.basis_data import BasisFunction

STEP = 1 / 64  # of the radial grid (Bohr), as in GPAW


@dataclass(frozen=True)
class LocalisedBasis:
    """Two functions for each atomic orbital, and Gaussians of other angular momenta.

    Parameters
    ----------
    symbol, name : str
        Element, and what GPAW calls the basis.
    energy_shift : float
        Of the confined orbitals (eV); sets their cutoffs.
    tail_norm : float
        Of the second functions, by which they are split from the first.
    widths : sequence of (int, float)
        Angular momenta and radii (Bohr) of the Gaussians.
    cutoff : float
        Of the Gaussians (Bohr).
    single : sequence of int
        Angular momenta of orbitals so deep that one function does for them.
    """

    symbol: str
    name: str
    energy_shift: float
    tail_norm: float
    widths: Sequence[tuple[int, float]]
    cutoff: float
    single: Sequence[int] = ()

    def generate(self):
        """Return the basis as GPAW has it; deterministic."""
        with open(os.devnull, "w") as log:
            maker = BasisMaker.from_symbol(self.symbol, gtxt=None, xc="PBE")
            atomic = maker.generate(
                2, 0, tailnorm=(self.tail_norm,), energysplit=self.energy_shift, txt=log
            )
        functions = [*self._orbitals(atomic.bf_j), *(self._gaussian(*one) for one in self.widths)]
        size = int(np.ceil(max(one.rc for one in functions) / STEP)) + 1
        grid = EquidistantRadialGridDescriptor(STEP, size)
        return replace(atomic, name=self.name, bf_j=functions, rgd=grid)

    def _orbitals(self, functions):
        """Leave out the second functions, which come behind all first ones, of deep orbitals."""
        first = len(functions) // 2
        return [f for j, f in enumerate(functions) if j < first or f.l not in self.single]

    def _gaussian(self, momentum: int, width: float) -> BasisFunction:
        """Normalised ``r^l (exp(-(r / width)^2) - a + b r^2)``, vanishing smoothly at the end."""
        radii = np.arange(int(np.ceil(self.cutoff / STEP)) + 1) * STEP
        values = QuasiGaussian(1 / width**2, radii[-1])(radii) * radii**momentum
        values /= np.sqrt(np.sum((values * radii) ** 2) * STEP)
        values[-1] = 0.0
        text = f"{'spdf'[momentum]}-type Gaussian of {width} Bohr"
        return BasisFunction(None, momentum, radii[-1], values, text)


def write_basis(description: str, basis: LocalisedBasis) -> None:
    """Write the basis to the directory that the command line names."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("output", type=Path, help="directory to write the basis to")
    path = parser.parse_args().output / f"{basis.symbol}.{basis.name}.basis"
    with open(path, "w") as file:
        basis.generate().write_to(file)
