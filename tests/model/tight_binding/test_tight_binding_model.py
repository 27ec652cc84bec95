"""A Hamiltonian and a regression on its errors: training, prediction, errors, files."""

import numpy as np
import pytest
from toy_silicon import FORM, NEAR, TRUTH, data, silicon, states, trained
from toy_tight_binding import compound

from ase_dos.descriptors.soap import SOAP
from ase_dos.model import DOSModel, ModelOptions, TightBindingModel, load_model
from ase_dos.model.evaluation import evaluate_structures
from ase_dos.model.training_set import make_targets
from ase_dos.tight_binding import TightBindingHamiltonian
from ase_dos.utils.structure_errors import StructureError

OTHERS = [silicon(seed) for seed in range(100, 104)]


@pytest.fixture(scope="module")
def model():
    return trained()


@pytest.fixture(scope="module")
def truth():
    return [states(atoms, 0.5 * i) for i, atoms in enumerate(OTHERS)]


def test_both_together_are_better_than_each_alone(model, truth):
    """On structures that neither knows, on axes of their own."""
    together = model.evaluate(OTHERS, truth).rmse
    targets = make_targets(truth, model.smearing)
    hamiltonian = evaluate_structures(model.predictor.base.predict, OTHERS, targets).rmse
    local = DOSModel.from_options(model.options.residual).fit(*data()).evaluate(OTHERS, truth).rmse
    assert together < 0.85 * min(hamiltonian, local)


def test_a_right_hamiltonian_leaves_nothing(truth):
    """Of a truth by tight binding: the regression has nothing to add, whatever the zeros are."""
    right = TightBindingModel(TRUTH.shifted(1.7), trained().options.residual, noise=0.1, top=30)
    right.fit(*data())
    assert right.evaluate(OTHERS, truth).rmse < 0.03
    shifts = right.training.regression.shifts
    expected = 0.3 * np.sin(np.arange(len(shifts)))
    np.testing.assert_allclose(shifts - shifts.mean(), expected - expected.mean(), atol=0.02)


def test_the_zero_is_the_mean_fermi_level(model):
    frames, _ = data()
    levels = [model.hamiltonian.states(atoms, (8, 8, 8)) for atoms in frames]
    fermi = [one.electron_gas(1000.0, top=np.inf).fermi_level for one in levels]
    assert np.mean(fermi) == pytest.approx(0.0, abs=0.1)


def test_derivatives_are_those_of_predictions(model):
    atoms, weights = silicon(7), np.stack([np.tanh(model.grid.energies), model.grid.energies / 9])
    fixed, groups = model.with_mesh(atoms), np.array([0, 1])
    gradient, virial = fixed.differentiate(atoms, weights, groups)
    np.testing.assert_allclose(gradient.sum(axis=0), 0.0, atol=1e-8)

    def functional(structure):
        return np.sum(fixed.predict(structure).values * weights[groups])

    step, ends, strained = 1e-4, [], []
    for sign in (1, -1):
        moved, larger = atoms.copy(), atoms.copy()
        moved.positions[1, 2] += sign * step
        ends.append(functional(moved))
        larger.set_cell(atoms.cell.array * (1 + sign * step), scale_atoms=True)
        strained.append(functional(larger))
    assert gradient[1, 2] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-6)
    assert np.trace(virial) == pytest.approx((strained[0] - strained[1]) / (2 * step), rel=1e-6)


def test_expected_errors_follow_calibration(model, truth, tmp_path):
    ensemble = model.predict_ensemble(OTHERS[0], 4, seed=1)
    np.testing.assert_allclose(ensemble.mean.values, model.predict(OTHERS[0]).total().values)
    model.save(tmp_path / "model.npz")
    other = TightBindingModel.load(tmp_path / "model.npz")
    report = other.calibrate(OTHERS, truth)
    expected = [other.predict_ensemble(atoms, 2).expected_error for atoms in OTHERS]
    assert np.sqrt(np.mean(np.square(expected))) == pytest.approx(report.rmse, rel=0.3)
    assert other.info["validation"]["n_structures"] == 4
    assert other.hash != model.hash


def test_a_file_holds_the_whole_model(model, tmp_path):
    path = tmp_path / "model.npz"
    model.save(path)
    loaded = load_model(path)
    assert isinstance(loaded, TightBindingModel)
    assert loaded.info == model.info
    np.testing.assert_allclose(
        loaded.predict(OTHERS[0]).values, model.predict(OTHERS[0]).values, atol=1e-12
    )
    bands = loaded.band_structure(OTHERS[0], "GX")
    np.testing.assert_array_equal(bands.energies, model.band_structure(OTHERS[0], "GX").energies)
    fixed = loaded.with_mesh(OTHERS[0])
    fixed.save(path)
    assert TightBindingModel.load(path).predictor.base.mesh == fixed.predictor.base.mesh
    with pytest.raises(ValueError, match="expected a model of the density of states; this file"):
        DOSModel.load(path)


def test_some_atoms(model):
    whole, some = model.predict(OTHERS[0]), model.predict(OTHERS[0], np.array([1]))
    np.testing.assert_allclose(some.values, whole.values[[1]], atol=1e-10)
    np.testing.assert_allclose(whole.total().n_electrons, 8.0)


def test_structures_that_cannot_be_described(model):
    close = OTHERS[0].copy()
    close.positions[1] = close.positions[0] + [0.9, 0.9, 0.9]
    with pytest.raises(ValueError, match=r"Si 0 and Si 1 are 1.559 Angstrom apart, but no closer"):
        model.predict(close)
    with pytest.raises(ValueError, match="Al, As has no parameters"):
        model.predictor.base.predict(compound())
    with pytest.raises(ValueError, match="n_members: expected an integer >= 2"):
        model.predict_ensemble(OTHERS[0], 1)


def test_training_sets_that_do_not_fit(model):
    frames, levels = data()
    wrong = TightBindingHamiltonian(
        type(FORM)(**{**vars(FORM), "valence": {14: 5}}), NEAR.parameters
    )
    with pytest.raises(
        StructureError, match="structure 0: 8 electrons, but the Hamiltonian has 10"
    ):
        TightBindingModel(wrong, model.options.residual).fit(frames, levels)
    soap = SOAP(cutoff=4.0, max_radial=3, max_angular=2, width=0.5, species=("Ge",))
    with pytest.raises(ValueError, match="descriptor: expected the species of the Hamiltonian"):
        TightBindingModel(NEAR, ModelOptions(soap))
    soap = SOAP(cutoff=4.0, max_radial=3, max_angular=2, width=0.5, species=("Si",))
    with pytest.raises(ValueError, match="the Hamiltonian has no average potential"):
        TightBindingModel(NEAR, ModelOptions(soap, reference="average_potential"))
    with pytest.raises(ValueError, match="not trained"):
        TightBindingModel(NEAR, ModelOptions(soap)).predict(frames[0])
