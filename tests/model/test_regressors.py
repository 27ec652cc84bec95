"""Ridge, kernel, network and two species: what every kind of model has to do."""

import numpy as np
import pytest
from ase import Atoms
from toy_training import KERNEL, QUICK, fresh, new_set, soap, two_species

from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.model.dos_model import DOSModel


def test_round_trip_of_every_regressor(trained, tmp_path):
    trained.save(tmp_path / "model.npz")
    again = DOSModel.load(tmp_path / "model.npz")
    assert again.info == trained.info
    assert again.options == trained.options
    assert again.predictor.posterior.noise == trained.predictor.posterior.noise
    atoms = fresh(trained)
    one, two = (model.predict(atoms) for model in (trained, again))
    np.testing.assert_array_equal(two.values, one.values)
    np.testing.assert_array_equal(two.novelty, one.novelty)
    one, two = (model.predict_ensemble(atoms, 5) for model in (trained, again))
    np.testing.assert_array_equal(two.values, one.values)
    np.testing.assert_array_equal(two.local_errors, one.local_errors)
    assert two.expected_error == one.expected_error > 0
    again.save(tmp_path / "again.npz")
    assert DOSModel.load(tmp_path / "again.npz").info == trained.info


def test_prediction_is_the_formula_of_the_class(trained):
    """Terms of the species, outputs of the maps, weights and modes, one after the other."""
    atoms = fresh(trained)
    learned = trained.predictor
    features = learned.descriptor.compute(atoms)
    expected = np.zeros((len(atoms), trained.grid.size))
    for i, number in enumerate(atoms.numbers):
        kind, first = trained.species.index(number), 0
        if len(learned.maps) > 1:
            first = sum(h.size(features.shape[1]) for h in learned.maps[:kind])
        feature_map = learned.maps[kind if len(learned.maps) > 1 else 0]
        outputs = feature_map(features[i : i + 1])[0]
        weights = learned.weights[first : first + outputs.size]
        expected[i] = learned.species_terms[kind] + outputs @ weights @ learned.modes
    found = trained.predict(atoms).values
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def test_errors_are_below_a_third_of_the_spread(trained):
    """Below two thirds for two species: few structures, of every composition another."""
    report = trained.evaluate(*new_set(trained))
    share = 2 / 3 if len(trained.species) > 1 else 1 / 3
    assert report.rmse < share * report.errors.spread


def test_invariance_of_every_regressor(trained):
    atoms = fresh(trained)
    turned = atoms.repeat((2, 1, 1))[np.random.default_rng(0).permutation(16)]
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    before, after = (trained.predict(a).total().values for a in (atoms, turned))
    np.testing.assert_allclose(after, 2 * before, atol=1e-8)


def test_single_precision_of_every_regressor(trained):
    atoms = fresh(trained)
    double, single = (trained.predict(atoms, dtype=t) for t in (np.float64, np.float32))
    error = np.abs(single.values - double.values).max() / np.abs(double.values).max()
    assert 0 < error < 1e-4
    np.testing.assert_allclose(single.novelty, double.novelty, rtol=1e-2)


def test_empty_structures_are_refused_by_every_regressor(trained):
    for predict in (trained.predict, trained.predict_ensemble):
        with pytest.raises(ValueError, match="the frame is empty; expected at least one atom"):
            predict(Atoms())


def test_loaded_model_trains_as_it_was_trained(trained, toy_data, tmp_path):
    """The file holds all options: the same data give the same model, to the last digit."""
    trained.save(tmp_path / "m.npz")
    loaded = DOSModel.load(tmp_path / "m.npz")
    assert loaded.options == trained.options
    if trained.options.kind == "network":
        pytest.importorskip("torch")
    data = two_species({"C": 4, "Si": 4}) if len(trained.species) > 1 else toy_data
    assert loaded.refitted(*data).info == trained.info
    assert loaded.fit(*data).info["hash"] == trained.info["hash"]


def test_all_energies_without_modes_are_the_same_as_all_modes(toy_data):
    options = QUICK | {"reference": "fermi"}
    points, modes = (
        DOSModel(soap(), **options | {"n_modes": n}).fit(*toy_data) for n in (None, 14)
    )
    assert points.predictor.modes.shape == (points.grid.size,) * 2
    atoms = fresh(points)
    one, two = (model.predict(atoms).total().values for model in (points, modes))
    np.testing.assert_allclose(one, two, atol=1e-8 * one.max())
    one, two = (model.predict_ensemble(atoms, 2).expected_error for model in (points, modes))
    assert one == pytest.approx(two, rel=0.02)


@pytest.mark.parametrize("change", ["energies", "order of structures", "order of atoms"])
def test_what_the_training_of_a_kernel_does_not_depend_on(toy_data, change):
    frames, states = toy_data
    order, raised = np.arange(14), np.zeros(14)
    rng = np.random.default_rng(0)
    if change == "energies":
        raised = 3.0 * np.sin(np.arange(14.0))
    elif change == "order of structures":
        order = rng.permutation(14)
    other = [frames[i][rng.permutation(8)] if "atoms" in change else frames[i] for i in order]
    moved = [
        type(states[i])(
            states[i].eigenvalues + raised[i], states[i].weights, states[i].n_electrons, 2
        )
        for i in order
    ]
    kernel = SparseKernel(n_points=20, degree=2)
    one, two = (
        DOSModel(soap(), regressor=kernel, **QUICK).fit(*some)
        for some in ((frames, states), (other, moved))
    )
    np.testing.assert_allclose(
        two.training.shifts, (one.training.shifts + raised)[order], atol=2e-3
    )
    atoms = fresh(one)
    before, after = (model.predict(atoms).total().values for model in (one, two))
    np.testing.assert_allclose(after, before, atol=2e-3 * before.max())
    assert two.info["novelty_limit"] == pytest.approx(one.info["novelty_limit"], rel=0.3)


def test_features_that_are_known_save_computing_them(toy_data):
    frames, states = toy_data
    model = DOSModel(soap(), regressor=KERNEL, **QUICK)
    features = model.compute_features(frames)
    expected = model.fit(frames, states).info["hash"]
    assert model.fit(frames, states, features=features).info["hash"] == expected
    with pytest.raises(ValueError, match="features: expected 14 arrays, got 13"):
        model.fit(frames, states, features=features[1:])
    with pytest.raises(ValueError, match=r"features: expected shape \(8, 40\), got \(7, 40\)"):
        model.fit(frames, states, features=[features[0][:7], *features[1:]])


def test_kernels_need_environments_of_every_species(toy_data):
    model = DOSModel(
        soap(species=("C", "Si")), regressor=KERNEL, valence={"C": 4, "Si": 4}, **QUICK
    )
    with pytest.raises(ValueError, match="training set: no C in any structure"):
        model.fit(*toy_data)


def test_numbers_of_numpy_are_as_good_as_others(toy_data, tmp_path):
    how = SparseKernel(n_points=np.int64(20), degree=np.int32(2))
    model = DOSModel(soap(), regressor=how, count_below=np.float32(0.0), **QUICK).fit(*toy_data)
    model.save(tmp_path / "model.npz")
    assert DOSModel.load(tmp_path / "model.npz").options.regressor == how
