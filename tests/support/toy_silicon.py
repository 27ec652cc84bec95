"""Silicon by tight binding: a truth, and a Hamiltonian that misses some of it."""

from functools import cache

import numpy as np
from ase.build import bulk

from ase_dos.descriptors.soap import SOAP
from ase_dos.model import ModelOptions, TightBindingModel
from ase_dos.tight_binding import HamiltonianForm, TightBindingHamiltonian
from ase_dos.tight_binding.start import universal_parameters

FORM = HamiltonianForm(
    {14: (0, 1)}, {14: 4}, cutoff=4.5, n_radial=3, n_field=0, level_degree=1, density_decays=(0.6,)
)
START = universal_parameters(FORM, {14: (-8.0, 0.0)})


def hamiltonian(size, seed=2):
    """Universal integrals, each changed by a factor around one."""
    factors = 1 + np.random.default_rng(seed).normal(0, size, START.size)
    return TightBindingHamiltonian(FORM, START * factors)


TRUTH, NEAR = hamiltonian(0.0), hamiltonian(0.04)


def silicon(seed):
    """Two atoms, strained and rattled."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Si", a=5.43 * rng.uniform(0.95, 1.05))
    atoms.positions += rng.normal(0, 0.08, (2, 3))
    return atoms


def states(atoms, shift=0.0):
    """Levels of the truth, on an axis of their own."""
    return TRUTH.shifted(shift).states(atoms, (8, 8, 8))


@cache
def data(n=12):
    """Structures and their levels."""
    frames = [silicon(seed) for seed in range(n)]
    return frames, [states(atoms, 0.3 * np.sin(i)) for i, atoms in enumerate(frames)]


@cache
def trained():
    """Model of `NEAR` and what it misses."""
    soap = SOAP(cutoff=4.5, max_radial=4, max_angular=3, width=0.5, species=("Si",))
    residual = ModelOptions(
        soap, n_modes=10, smearing=0.5, headroom=8.0, regularizations=[1e-4, 1e-2], penalties=[0.01]
    )
    return TightBindingModel(NEAR, residual, top=6.0, noise=0.1).fit(*data())
