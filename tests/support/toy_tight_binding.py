"""Tight-binding Hamiltonians of small structures, with seeded parameters."""

from dataclasses import replace

import numpy as np
from ase.build import bulk
from ase.data import chemical_symbols, covalent_radii

from ase_dos.tight_binding import HamiltonianForm, TightBindingHamiltonian

FORM = HamiltonianForm(
    {13: (0, 1), 33: (0, 1, 2)},
    {13: 3, 33: 5},
    cutoff=4.2,
    n_radial=2,
    n_field=2,
    density_decays=(0.6, 1.1),
    level_degree=2,
)
OVERLAPPING = replace(FORM, n_overlap=2)


def seeded(form, seed=0, size=0.3, overlap=0.2):
    """Hamiltonian with random parameters: levels well apart, and a share of it for overlaps."""
    parameters = np.random.default_rng(seed).normal(0, size, form.n_parameters)
    arrays = form.split(parameters)
    for name, values in arrays.items():
        if name.startswith("overlaps"):
            values *= overlap
    for number, shells in form.shells.items():
        arrays[f"levels {chemical_symbols[number]}"][:, 0, 0] += -6.0 + 5.0 * np.array(shells)
    return TightBindingHamiltonian(form, parameters)


def compound(seed=0, width=0.1):
    """Zincblende of two species, strained and rattled."""
    rng = np.random.default_rng(seed)
    atoms = bulk("AlAs", "zincblende", a=5.66)
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(0, width, atoms.positions.shape)
    return atoms


def silicon_neighbours(levels, integrals, overlaps=()):
    """Diamond's nearest neighbours: levels (s, p), integrals (ss, sp, pp sigma, pp pi)."""
    form = HamiltonianForm(
        {14: (0, 1)},
        {14: 4},
        cutoff=3.0,
        n_radial=1,
        n_field=0,
        n_overlap=int(len(overlaps) > 0),
        integral_degree=0,
        level_degree=0,
    )
    return TightBindingHamiltonian(form, np.array([*levels, *integrals, *overlaps], dtype=float))


def s_neighbours(level, integral, overlap):
    """Aluminium with one orbital, and its nearest neighbours in the crystal."""
    form = HamiltonianForm(
        {13: (0,)},
        {13: 1},
        cutoff=3.5,
        n_radial=1,
        n_field=0,
        n_overlap=1,
        integral_degree=0,
        level_degree=0,
    )
    functions, _ = form.integral_functions(np.array([4.05 / 2**0.5]), 1, 2 * covalent_radii[13])
    return TightBindingHamiltonian(
        form, np.array([level, *([integral, overlap] / functions[0, 0])])
    )
