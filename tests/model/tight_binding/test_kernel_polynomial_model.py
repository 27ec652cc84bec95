"""Models of large structures by kernel polynomials."""

import numpy as np
import pytest
from toy_silicon import NEAR, silicon, trained

from ase_dos import DOSCalculator
from ase_dos.model import HamiltonianModel, load_model
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.local_dos import NoveltyWarning

ATOMS = silicon(3)
WIRE = silicon(3)
WIRE.pbc = (True, False, False)  # few k-points
LEVELS = HamiltonianModel(NEAR.shifted(4.0), EnergyGrid(-20.0, 0.1, 350), 0.5, 0.05)
MODEL = LEVELS.with_kernel_polynomials(0.15)


def size(model, curve, n_atoms):
    return np.sqrt(model.grid.step * np.sum(curve**2)) / n_atoms


def test_whole_structures_have_a_known_error():
    found = MODEL.predict(ATOMS)
    assert not found.divided
    assert size(MODEL, found.error, 2) <= MODEL.error
    away = found.total().values - LEVELS.dos(ATOMS)
    assert size(MODEL, away, 2) < 2 * MODEL.error
    assert found.total().n_electrons == 8
    assert found.shifted(1.0).error is found.error
    ensemble = MODEL.predict_ensemble(ATOMS, 500)
    assert ensemble.expected_error == pytest.approx(size(MODEL, found.error, 2))
    assert ensemble.expected_error == pytest.approx(size(MODEL, ensemble.error, 2), rel=0.1)


def test_chosen_atoms_have_none():
    found = MODEL.predict(WIRE, np.array([1]))
    expected = LEVELS.predict(WIRE).values[[1]]
    assert found.values.shape == expected.shape
    assert size(MODEL, found.values - expected, 1) < 2 * LEVELS.noise
    assert found.total().n_electrons == 4


def test_with_what_the_hamiltonian_misses(tmp_path):
    whole = trained()
    model = whole.with_kernel_polynomials(error=0.15, seed=3)
    path = tmp_path / "large.npz"
    model.save(path)
    loaded = load_model(path)
    assert loaded.info == model.info
    assert len({whole.hash, model.hash, whole.with_kernel_polynomials(0.1).hash}) == 3
    found, expected = loaded.predict(ATOMS), whole.predict(ATOMS)
    assert size(model, found.total().values - expected.total().values, 2) < 2 * 0.15
    np.testing.assert_array_equal(found.novelty, expected.novelty)
    with pytest.warns(NoveltyWarning):
        some, all_atoms = model.predict(WIRE, np.array([0])), whole.predict(WIRE)
    assert size(model, some.values - all_atoms.values[[0]], 1) < 0.2
    noisy, sure = model.predict_ensemble(ATOMS, 8), whole.predict_ensemble(ATOMS, 8)
    np.testing.assert_array_equal(noisy.mean.values, found.total().values)
    assert noisy.expected_error > sure.expected_error


def test_electrons_of_the_calculator():
    atoms = ATOMS.copy()
    atoms.calc = DOSCalculator(MODEL)
    gas = atoms.calc.get_electron_gas(temperature=6000.0)
    expected = LEVELS.predict(ATOMS).total().electron_gas(6000.0).heat_capacity
    ensemble = MODEL.predict_ensemble(ATOMS, 20)
    _, error = ensemble.spread(lambda dos: dos.electron_gas(6000.0).heat_capacity)
    assert abs(gas.heat_capacity - expected) < 2.5 * error < expected
    hot = ATOMS.copy()
    hot.calc = DOSCalculator(MODEL, electronic_temperature=6000.0)
    with pytest.raises(Exception, match="no forces and no stress"):
        hot.get_forces()


def test_bad_input():
    with pytest.raises(ValueError, match="error: expected a number > 0"):
        LEVELS.with_kernel_polynomials(0.0)
    with pytest.raises(ValueError, match="seed: expected an integer"):
        LEVELS.with_kernel_polynomials(0.1, seed=-1)
    with pytest.raises(ValueError, match="mesh: kernel polynomials"):
        MODEL.with_mesh(ATOMS)
    many = ATOMS.repeat(15)
    with pytest.raises(ValueError, match=r"with_kernel_polynomials\(\)"):
        LEVELS.with_mesh(many, (1, 1, 1))
