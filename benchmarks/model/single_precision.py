"""Errors by single precision of the DOS and of everything that follows from it.

    python -m benchmarks.model.single_precision [--atoms 8000]

The shipped silicon model on a rattled crystal and on the last, molten frame of the example
trajectory, repeated: largest difference between single and double precision, relative to the
largest value in double precision.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from ase.io import read

from ase_dos import DOSModel
from benchmarks.measure import MELTING, print_head, print_row, rattled_silicon

TEMPERATURES = [0.0, 300.0, 3000.0, 10_000.0]


def quantities(local):
    """Name and values of everything that users take from a local DOS."""
    dos = local.total()
    gas = dos.electron_gas(TEMPERATURES)
    weights = gas.weights(dos.energies)
    yield "local DOS coefficients", local.coefficients
    yield "DOS", dos.values
    yield "E_F - band bottom (eV)", gas.fermi_level[:1] - dos.band_bottom
    yield "g(E_F)", dos.at(gas.fermi_level[:1])
    yield "F(T) - F(0)", gas.free_energy[1:] - gas.free_energy[0]
    yield "S(T)", gas.entropy[1:]
    yield "C_el(T)", gas.heat_capacity[1:]
    yield "local g(E_F)", local.project(weights.dos_at_fermi_level[0])
    yield "local charge", local.valence - local.project(weights.electrons[0])
    yield "local S(3000 K)", local.project(weights.entropy[2])
    yield "local C_el(3000 K)", local.project(weights.heat_capacity[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, default=8000)
    args = parser.parse_args()
    # The DOS of a crystal in its gap is the tail of the smearing; here only differences count.
    warnings.simplefilter("ignore")
    crystal = rattled_silicon(args.atoms)
    melt = read(MELTING, -1)
    melt = melt.repeat(round((args.atoms / len(melt)) ** (1 / 3)))
    model = DOSModel.load("silicon")
    errors = {}
    for atoms in (crystal, melt):
        both = (quantities(model.predict(atoms, dtype=t)) for t in (np.float64, np.float32))
        for (name, double), (_, single) in zip(*both, strict=True):
            error = np.abs(single - double).max() / np.abs(double).max()
            errors.setdefault(name, []).append(error)
    systems = (f"crystal, {len(crystal)} atoms", f"melt, {len(melt)} atoms")
    print_head("relative error", *systems)
    for name, row in errors.items():
        print_row(name, *(f"{error:.0e}" for error in row))


if __name__ == "__main__":
    main()
