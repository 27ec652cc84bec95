"""Electron density of water: a model of 40 molecules, tested on others.

Densities of PySCF (data/molecules) are expansions in def2-universal-jkfit. The model learns their
coefficients in the Coulomb metric, with the exact number of electrons. Writes electron_density.png
into the current directory: what is not spherical about the atoms, the error of the model in the
same plane, and dipole moments beside those of PySCF. Takes half a minute on one core.
"""

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ase_dos import DensityModel
from ase_dos.density import read_densities
from ase_dos.density.plots import plot_density_difference, plot_dipole_parity
from ase_dos.descriptors.lambda_soap import LambdaSOAP

DATA = Path(__file__).resolve().parents[1] / "data" / "molecules" / "molecules.npz"
TRAINING, TEST = 40, 30


def waters():
    """Molecules in an order of chance, and their densities."""
    frames, densities = read_densities(DATA)
    rows = [i for i, atoms in enumerate(frames) if atoms.info["family"] == "water"]
    np.random.default_rng(1).shuffle(rows)
    return [frames[i] for i in rows], [densities[i] for i in rows]


def spherical(density):
    """Give the part of a density that is spherical about every atom."""
    layout = density.basis.layout(density.numbers)
    functions = np.repeat(layout.l, 2 * layout.l + 1)
    return replace(
        density, coefficients=np.where(functions == 0, density.coefficients, 0.0), members=None
    )


def plot(density, exact, evaluation, truths, path):
    """Draw two maps, and the parity of dipole moments."""
    figure = plt.figure(figsize=(10.5, 5.4), layout="constrained")
    maps, parity = figure.subfigures(1, 2, width_ratios=(3, 4))
    above, below = maps.subplots(2, 1)
    plot_density_difference(density.difference(spherical(density)), above)
    above.set_title("predicted, less its spherical part", fontsize="medium")
    plot_density_difference(density.difference(exact), below)
    below.set_title("predicted less PySCF", fontsize="medium")
    plot_dipole_parity(evaluation, truths, parity)
    figure.savefig(path, dpi=110)


def main():
    frames, densities = waters()
    descriptor = LambdaSOAP(
        cutoff=4.0, max_radial=6, max_angular=4, width=0.3, species=(1, 8), max_lambda=4
    )
    model = DensityModel(descriptor, densities[0].basis, n_points=30)
    model.fit(frames[:TRAINING], densities[:TRAINING], progress=False)
    test = slice(TRAINING, TRAINING + TEST)
    evaluation = model.evaluate(frames[test], densities[test])
    print(evaluation.summary())
    density = model.predict(frames[TRAINING])
    print(f"dipole moment {density.dipole()} +- {density.dipole_std()} e Angstrom")
    plot(density, densities[TRAINING], evaluation, densities[test], "electron_density.png")


if __name__ == "__main__":
    main()
