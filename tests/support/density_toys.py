"""Small bases, molecules and densities, for tests of density models."""

import numpy as np
from ase.build import molecule

from ase_dos.density.basis import AuxiliaryBasis, Shell
from ase_dos.density.density import Density
from ase_dos.density.design import WeightLayout
from ase_dos.density.regression import Molecule
from ase_dos.kernels.harmonics import harmonics_of

BASIS = AuxiliaryBasis(
    "toy",
    {
        1: (Shell.normalized(0, [1.5], [1.0]), Shell.normalized(1, [1.0], [1.0])),
        8: (
            Shell.normalized(0, [9.0], [1.0]),
            Shell.normalized(0, [1.2], [1.0]),
            Shell.normalized(1, [1.1], [1.0]),
            Shell.normalized(2, [1.3], [1.0]),
        ),
    },
)
OUTPUTS = {(1, 0): 3, (1, 1): 2, (8, 0): 4, (8, 1): 3, (8, 2): 2}


def toy_molecules(count, seed):
    """Waters with random outputs, metrics and targets, and the layout of their weights."""
    rng = np.random.default_rng(seed)
    layout = WeightLayout.of(BASIS, OUTPUTS)
    numbers = np.array([8, 1, 1])
    size = BASIS.layout(numbers).size
    molecules = []
    for _ in range(count):
        outputs = {
            (z, ell): rng.normal(size=((numbers == z).sum(), 2 * ell + 1, n))
            for (z, ell), n in OUTPUTS.items()
        }
        half = rng.normal(size=(size, size))
        metric = half @ half.T / size + 0.1 * np.eye(size)
        design = layout.design(numbers, outputs)
        molecules.append(Molecule(design, *rng.normal(size=(1, size)), metric, np.eye(size, 3)))
    return molecules, layout


def toy_waters(count, seed=0, size=0.05):
    """Waters with displaced and turned atoms."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = molecule("H2O")
        atoms.positions += rng.normal(0, size, (3, 3))
        atoms.rotate(*rng.uniform(0, 360, 1), rng.normal(size=3))
        frames.append(atoms)
    return frames


def toy_density(atoms, basis=BASIS, charge=0.0):
    """Density that turns with the molecule: sums over neighbours of Y_lm times smooth functions."""
    layout = basis.layout(atoms.numbers)
    coefficients = np.zeros(layout.size)
    for atom, ell, start, moment in zip(
        layout.atom, layout.l, layout.start, layout.moment, strict=True
    ):
        others = np.arange(len(atoms)) != atom
        deltas = atoms.positions[others] - atoms.positions[atom]
        lengths = np.linalg.norm(deltas, axis=1)
        around = harmonics_of(deltas / lengths[:, None], int(ell))[:, -(2 * ell + 1) :]
        sizes = np.exp(-((lengths - 0.5) ** 2)) * np.cos(moment + lengths)
        coefficients[start : start + 2 * ell + 1] = 0.2 * sizes @ around
    charges = basis.charges(atoms.numbers)
    missing = atoms.numbers.sum() - charge - charges @ coefficients
    coefficients += charges * missing / (charges @ charges)
    return Density(basis, atoms.numbers, atoms.positions, coefficients, charge=charge)
