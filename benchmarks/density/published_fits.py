"""Fits of the molecules that Q-stack tests its own fits with.

    git clone https://github.com/lcmd-epfl/Q-stack
    python -m benchmarks.density.published_fits Q-stack/tests/data

Coulomb fits without a constraint, cc-pVDZ and cc-pVDZ-JKFIT: largest difference from the published
coefficients, the error that the fit leaves (self-repulsion of the difference, a.u.), and electrons.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ase.io import read
from pyscf import gto, scf

from ase_dos.density.fitting import fit_density
from ase_dos.density.integrals import coulomb
from ase_dos.density.pyscf import pyscf_order
from benchmarks.measure import print_head, print_row

MOLECULES = ("H2O_dist", "CH3OH")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the published files")
    folder = parser.parse_args().folder
    print_head("molecule", "largest difference", "fitting error (a.u.)", "electrons")
    for name in MOLECULES:
        atoms = read(folder / f"{name}.xyz")
        matrix = np.load(folder / f"{name}.ccpvdz.dm.npy")
        published = np.load(folder / f"{name}.ccpvdz.ccpvdzjkfit.npy")
        molecule = gto.M(
            atom=list(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True)),
            basis="cc-pvdz",
            verbose=0,
        )
        density = fit_density(molecule, "coulomb", "free", "cc-pvdz-jkfit", matrix)
        order = pyscf_order(density.basis.layout(density.numbers))
        repulsion = np.sum(scf.hf.get_jk(molecule, matrix)[0] * matrix)
        products = coulomb(density.basis, density.numbers, density.positions)
        left = repulsion - density.coefficients @ products @ density.coefficients
        print_row(
            name,
            f"{np.abs(density.coefficients[order] - published).max():.1e}",
            f"{left:.6e}",
            f"{density.n_electrons:.9f}",
        )


if __name__ == "__main__":
    main()
