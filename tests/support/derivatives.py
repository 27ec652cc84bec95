"""Forces and stress of hot electrons against central differences of their energy."""

import numpy as np
import pytest

from ase_dos.adapters.ase import DOSCalculator


def central(function, step=4e-4):
    """Differentiate by a central difference of fourth order."""
    values = [function(k * step) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


def check_derivatives(model, structure, temperature, with_stress, displaced):
    """Compare forces on (atom, axis) pairs, and the stress, with differences of the energy."""
    atoms = structure.copy()
    atoms.calc = DOSCalculator(model, electronic_temperature=temperature)

    def energy(atom, axis, step):
        moved = atoms.copy()
        moved.positions[atom, axis] += step
        moved.calc = atoms.calc
        return moved.get_potential_energy(force_consistent=True)

    if temperature < 1000:
        # Differences of such small energies are rounding errors; those of the integral of the DOS
        # that is differentiated are not, and dF/dg has a test of its own.
        functional = model.predict(atoms).total().excite(temperature).derivative

        def energy(atom, axis, step):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            return functional @ model.predict(moved).total().values

    forces = atoms.get_forces()
    scale = np.abs(forces).max()
    assert scale > 0
    for atom, axis in displaced:
        expected = -central(lambda h: energy(atom, axis, h))  # noqa: B023
        assert forces[atom, axis] == pytest.approx(expected, rel=1e-6, abs=1e-6 * scale)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-10 * scale + 1e-15)
    if not with_stress or temperature < 1000:
        return

    def strained(step):
        other = atoms.copy()
        strain = np.eye(3)
        strain[0, 0] += step
        other.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        other.calc = atoms.calc
        return other.get_potential_energy()

    stress = atoms.get_stress()
    expected = central(strained) / atoms.get_volume()
    assert stress[0] == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(stress).max())
