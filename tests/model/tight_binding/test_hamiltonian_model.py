"""The DOS of a Hamiltonian as a model."""

import numpy as np
import pytest
from toy_silicon import NEAR, TRUTH, silicon

from ase_dos import DOSCalculator
from ase_dos.model import HamiltonianModel, predict_in_blocks, validate_model
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.mesh import mesh_error

ATOMS = silicon(3)
MODEL = HamiltonianModel(NEAR.shifted(4.0), EnergyGrid(-20.0, 0.1, 300), 0.5, 0.1)


def test_it_keeps_to_the_interface():
    validate_model(MODEL, ATOMS)


def test_what_a_mesh_leaves_is_below_the_noise():
    mesh = MODEL.mesh_of(ATOMS)
    h, grid, smearing = MODEL.hamiltonian, MODEL.grid, MODEL.smearing
    finest = h.dos(ATOMS, (32, 32, 32), grid, smearing)

    def error(mesh):
        away = h.dos(ATOMS, mesh, grid, smearing) - finest
        return np.sqrt(grid.step * np.sum(away**2)) / len(ATOMS)

    assert error(mesh) < MODEL.noise
    quarter = tuple(n // 4 for n in mesh)
    assert error(quarter) > MODEL.noise
    assert mesh_error(h, ATOMS, quarter, grid, smearing) == pytest.approx(error(quarter), rel=0.3)
    np.testing.assert_allclose(MODEL.dos(ATOMS), MODEL.predict(ATOMS).total().values, atol=1e-10)


def test_a_mesh_for_good():
    fixed = MODEL.with_mesh(ATOMS)
    assert fixed.mesh == MODEL.mesh_of(ATOMS)
    assert fixed.mesh_of(silicon(5)) == fixed.mesh
    np.testing.assert_array_equal(fixed.predict(ATOMS).values, MODEL.predict(ATOMS).values)
    np.testing.assert_array_equal(fixed.dos(ATOMS), MODEL.dos(ATOMS))
    assert fixed.info["hash"] != MODEL.info["hash"]
    assert MODEL.with_mesh(ATOMS, fixed.mesh).info == fixed.info
    shown = " x ".join(map(str, fixed.mesh))
    with pytest.raises(ValueError, match=f"mesh: 1 x 1 x 1 k-points leave an error .* {shown}"):
        MODEL.with_mesh(ATOMS, (1, 1, 1))


def test_molecules_have_no_mesh():
    atoms = ATOMS.copy()
    atoms.pbc = False
    assert MODEL.mesh_of(atoms) == (1, 1, 1)
    assert MODEL.with_mesh(atoms, (1, 1, 1)).mesh == (1, 1, 1)


def test_hot_electrons_of_the_calculator():
    """Forces are the slope of the free energy; entropy belongs to the levels."""
    calc = DOSCalculator(MODEL.with_mesh(ATOMS), electronic_temperature=6_000)
    atoms = ATOMS.copy()
    atoms.calc = calc
    force = atoms.get_forces()[0, 0]
    step, ends = 1e-3, []
    for sign in (1, -1):
        moved = ATOMS.copy()
        moved.positions[0, 0] += sign * step
        moved.calc = calc
        ends.append(moved.get_potential_energy())
    assert force == pytest.approx(-(ends[0] - ends[1]) / (2 * step), rel=1e-4)


def test_another_hamiltonian_has_another_hash():
    assert HamiltonianModel(TRUTH, MODEL.grid).info["hash"] != MODEL.info["hash"]


def test_bad_input():
    with pytest.raises(ValueError, match="noise: expected a number > 0"):
        HamiltonianModel(NEAR, MODEL.grid, noise=0)
    with pytest.raises(ValueError, match=r"mesh: expected shape \(3\)"):
        MODEL.with_mesh(ATOMS, (8, 8))
    with pytest.raises(ValueError, match=r"blocks: .* at any distance"):
        predict_in_blocks(MODEL, ATOMS, 1)
    with pytest.raises(ValueError, match="groups: expected 0 to 0"):
        MODEL.differentiate(ATOMS, np.ones(300), [0, 1])
