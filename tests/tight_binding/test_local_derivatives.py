"""Derivatives of the local DOS of groups of atoms."""

import numpy as np
import pytest
from toy_tight_binding import OVERLAPPING, compound, seeded

from ase_dos.spectra.dos import EnergyGrid

HAMILTONIAN = seeded(OVERLAPPING)
GRID = EnergyGrid(-15.0, 0.1, 300)
WEIGHTS = np.stack([np.tanh(GRID.energies / 2), np.cos(GRID.energies / 5)])


@pytest.mark.parametrize("width", [0.0, 0.15])
def test_gradient_and_virial_of_two_groups(width):
    """Also of a perfect crystal, in which levels are degenerate and groups mix them."""
    atoms, mesh, groups = compound(1, width).repeat((1, 1, 2)), (2, 1, 1), np.array([0, 1, 1, 0])

    def functional(structure):
        local = HAMILTONIAN.local_dos(structure, mesh, GRID, 0.4)
        return np.sum(local.values * WEIGHTS[groups])

    def slope(change, step=1e-4):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            change(moved, sign * step)
            ends.append(functional(moved))
        return (ends[0] - ends[1]) / (2 * step)

    gradient, virial = HAMILTONIAN.differentiate_local_dos(atoms, mesh, GRID, 0.4, WEIGHTS, groups)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-9)
    for atom, axis in ((0, 0), (1, 2), (3, 1)):

        def move(moved, step, atom=atom, axis=axis):
            moved.positions[atom, axis] += step

        assert gradient[atom, axis] == pytest.approx(slope(move), abs=3e-6)
    for i, j in ((0, 0), (1, 2)):

        def strain(moved, step, i=i, j=j):
            change = np.zeros((3, 3))
            change[i, j] += step / 2
            change[j, i] += step / 2
            moved.set_cell(atoms.cell.array @ (np.eye(3) + change), scale_atoms=True)

        assert virial[i, j] == pytest.approx(slope(strain), abs=3e-5)


def test_equal_weights_of_all_groups_are_a_function_of_the_levels():
    """Then the shares do not matter, and the derivative is that of Hellmann and Feynman."""
    atoms, mesh, weights = compound(1), (2, 1, 1), WEIGHTS[:1]

    def slope(energies):
        x = (GRID.energies - energies[:, None]) / 0.4
        gaussians = np.exp(-0.5 * x**2) / (0.4 * np.sqrt(2 * np.pi))
        return (x / 0.4 * gaussians) @ weights[0]

    one = HAMILTONIAN.differentiate_local_dos(
        atoms, mesh, GRID, 0.4, weights[[0, 0]], np.array([0, 1])
    )
    other = HAMILTONIAN.differentiate(atoms, mesh, slope)
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-10)
