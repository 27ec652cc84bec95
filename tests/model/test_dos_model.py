import copy
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from toy_model import toy_frames, toy_states

from ase_dos.descriptors.feature_map import mean_outputs
from ase_dos.descriptors.radial_basis import optimal_radial_basis
from ase_dos.descriptors.soap import SOAP
from ase_dos.fit.network import Network
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.sparse_kernel import SparseKernel
from ase_dos.io.model_file import shipped_models
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.options import ModelOptions
from ase_dos.spectra.dos import DOS, EnergyGrid
from ase_dos.spectra.target import target_from_dos, target_from_states


def soap(**options):
    return SOAP(
        **{"cutoff": 4.5, "max_radial": 4, "max_angular": 3, "width": 0.5, "species": ("Si",)}
        | options
    )


def test_training_set_is_reproduced_and_new_structures_predicted(toy_model, toy_data):
    """Better than the mean spectrum by far, and new structures not much worse than known ones."""
    known = toy_model.evaluate(*toy_data)
    frames = toy_frames(5, seed=77)
    states = [toy_states(atoms, seed=100 + i) for i, atoms in enumerate(frames)]
    fresh = toy_model.evaluate(frames, states)
    assert known.percent_rmse < 50
    assert fresh.rmse < known.errors.spread
    assert "RMSE" in fresh.summary()


def test_total_is_the_sum_of_local_parts_and_the_count_is_right(toy_model, toy_data):
    atoms = toy_data[0][0]
    local = toy_model.predict(atoms)
    total = local.total()
    assert toy_model.options.valence is None
    assert local.values.shape == (8, toy_model.grid.size)
    assert np.allclose(local.values.sum(axis=0), total.values)
    assert total.n_electrons == 32
    truth = target_from_states(toy_data[1][0], 0.3)
    gas = total.electron_gas(1000.0)
    held = total.energies < gas.fermi_level
    expected = truth.dos(total.energies, toy_model.training.shifts[0]).values
    assert np.trapezoid(total.values[held]) == pytest.approx(np.trapezoid(expected[held]), rel=0.02)


@pytest.mark.parametrize("change", ["rotation", "permutation", "translation", "supercell"])
def test_invariance(toy_model, toy_data, change):
    atoms = toy_data[0][1]
    before = toy_model.predict(atoms).total().values
    other = atoms.copy()
    factor = 1
    if change == "rotation":
        other.rotate(37, (1, 2, 3), rotate_cell=True)
    elif change == "permutation":
        other = other[np.random.default_rng(0).permutation(8)]
    elif change == "translation":
        other.positions += [0.3, -7.1, 2.2]
    else:
        other, factor = other.repeat((2, 1, 1)), 2
    after = toy_model.predict(other).total().values
    assert np.allclose(after, factor * before, atol=1e-8)


def test_result_does_not_depend_on_the_absolute_energies(toy_data):
    frames, states = toy_data
    raised = [
        type(s)(s.eigenvalues + 3.0 * np.sin(i), s.weights, s.n_electrons, 2)
        for i, s in enumerate(states)
    ]
    options = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}
    one = DOSModel(soap(), **options).fit(frames, states)
    two = DOSModel(soap(), **options).fit(frames, raised)
    assert np.allclose(
        one.predict(frames[0]).total().values, two.predict(frames[0]).total().values, atol=1e-3
    )
    assert np.allclose(
        two.training.shifts - one.training.shifts,
        3.0 * np.sin(np.arange(len(frames))),
        atol=1e-3,
    )


def test_average_potential_does_depend_on_them(toy_data):
    frames, states = toy_data
    options = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}
    errors = {
        reference: DOSModel(soap(), reference=reference, **options)
        .fit(frames, states)
        .info["leave_one_out_rmse"]
        for reference in ("adaptive", "fermi", "average_potential")
    }
    assert errors["adaptive"] <= 1.02 * errors["fermi"]
    assert errors["fermi"] < 0.5 * errors["average_potential"]


def test_training_on_dos_agrees_with_training_on_eigenvalues(toy_data):
    frames, states = toy_data
    targets = [target_from_states(s, 0.3) for s in states]
    dos = [t.dos(np.arange(t.start, t.valid_to, 0.05)) for t in targets]
    options = {
        "n_modes": 8,
        "regularizations": [1e-3],
        "penalties": [0.01],
        "grid": EnergyGrid(-15, 0.05, 500),
    }
    one = DOSModel(soap(), **options).fit(frames, states).predict(frames[0]).total()
    two = DOSModel(soap(), **options).fit(frames, dos).predict(frames[0]).total()
    assert isinstance(dos[0], DOS)
    assert np.abs(one.values - two.values).max() < 0.02 * one.values.max()


def two_species(valence, seed=3):
    """Eight-atom cells of carbon and silicon with given valences."""
    frames = toy_frames(10, seed=seed)
    rng = np.random.default_rng(seed + 1)
    for atoms in frames:
        atoms.numbers[rng.choice(8, rng.integers(1, 7), replace=False)] = 6
    states = []
    for i, atoms in enumerate(frames):
        one = toy_states(atoms, seed=i)
        electrons = sum(valence[symbol] for symbol in atoms.symbols)
        states.append(type(one)(one.eigenvalues, one.weights, electrons, 2))
    return frames, states


def test_two_species_with_their_own_valence():
    frames, states = two_species({"C": 5, "Si": 3})
    model = DOSModel(
        soap(species=("C", "Si")), n_modes=6, regularizations=[1e-2], penalties=[0.0]
    ).fit(frames, states)
    assert model.info["valence"] == [5.0, 3.0]
    local = model.predict(frames[0])
    assert local.coefficients.shape[1] == 2 + 6
    assert np.array_equal(local.coefficients[:, 0] == 1, frames[0].numbers == 6)
    assert np.array_equal(local.valence, np.where(frames[0].numbers == 6, 5, 3))


def test_compound_of_one_stoichiometry_needs_the_valence():
    frames = toy_frames(6, seed=5)
    for atoms in frames:
        atoms.numbers[::2] = 6
    states = [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]
    options = {"n_modes": 4, "regularizations": [1e-2], "penalties": [0.0]}
    with pytest.raises(ValueError, match=r"do not tell the valences of C, Si apart"):
        DOSModel(soap(species=("C", "Si")), **options).fit(frames, states)
    model = DOSModel(soap(species=("C", "Si")), valence={"C": 4, "Si": 4}, **options)
    assert model.fit(frames, states).info["valence"] == [4.0, 4.0]
    wrong = DOSModel(soap(species=("C", "Si")), valence={"C": 4, "Si": 5}, **options)
    with pytest.raises(ValueError, match="32 electrons, but the others imply 36"):
        wrong.fit(frames, states)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (EnergyGrid(-6, 0.05, 300), "begins at -6.00 eV, inside the bands"),
        (EnergyGrid(-15, 0.05, 1000), "no target is known above"),
    ],
)
def test_grid_that_cannot_be_trained(toy_data, grid, message):
    with pytest.raises(ValueError, match=message):
        DOSModel(soap(), grid).fit(*toy_data)


def test_headroom_is_the_top_of_the_grid_where_targets_are_known(toy_data):
    frames, states = toy_data[0][:4], toy_data[1][:4]
    targets = [target_from_states(one, 0.3) for one in states]
    known = np.median([target.valid_to - target.fermi_level for target in targets])
    options = {"reference": "fermi", "regularizations": [1e-2], "penalties": [0.0]}
    low = DOSModel(soap(), headroom=known - 2, **options).fit(frames, targets)
    high = DOSModel(soap(), headroom=1000, **options).fit(frames, targets)
    step = low.grid.step
    assert low.grid.start == high.grid.start
    assert low.grid.stop == pytest.approx(known - 2, abs=step)
    assert known - step <= high.grid.stop < known
    with pytest.raises(ValueError, match="headroom"):
        DOSModel(soap(), headroom=-1)


def test_dos_of_another_broadening_is_refused(toy_data):
    frames, states = toy_data
    target = target_from_states(states[0], 0.2)
    dos = target.dos(np.arange(target.start, target.valid_to, 0.05))
    with pytest.raises(ValueError, match=r"structure 0: its DOS is broadened by 0\.2 eV"):
        DOSModel(soap()).fit(frames[:3], [dos] * 3)


def test_validation_errors_are_kept(toy_data, tmp_path):
    frames, states = toy_data
    model = DOSModel(soap(), n_modes=4, regularizations=[1e-2], penalties=[0.0])
    model.fit(frames[:8], states[:8])
    report = model.calibrate(frames[8:], states[8:])
    model.save(tmp_path / "m.npz")
    kept = DOSModel.load(tmp_path / "m.npz").info["validation"]
    assert kept == {"n_structures": 6, "rmse": report.rmse, "percent_rmse": report.percent_rmse}


def test_hash_of_the_training_set_covers_the_states(toy_data):
    frames, states = toy_data
    options = {"n_modes": 4, "regularizations": [1e-2], "penalties": [0.0]}
    other = [type(s)(s.eigenvalues * 1.01, s.weights, s.n_electrons, 2) for s in states]
    hashes = {
        DOSModel(soap(), **options).fit(frames, some).info["training_set_hash"]
        for some in (states, other)
    }
    assert len(hashes) == 2


def test_round_trip(toy_model, toy_data, tmp_path):
    path = tmp_path / "model.npz"
    toy_model.save(path)
    again = DOSModel.load(path)
    atoms = toy_data[0][2]
    assert np.array_equal(
        again.predict(atoms).total().values, toy_model.predict(atoms).total().values
    )
    assert again.info == toy_model.info
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.npz"]


def test_radial_basis_is_fitted_and_kept(toy_data, tmp_path):
    frames, states = toy_data
    options = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}
    model = DOSModel(soap(), radial_basis=2, **options).fit(frames, states)
    assert model.options.descriptor == soap()
    direct = optimal_radial_basis(soap(), frames, 2)
    assert np.allclose(model.descriptor.contraction, direct.contraction, atol=1e-9)
    assert model.predictor.weights.shape == (model.descriptor.n_features, 8) == (4 * 3, 8)
    model.save(tmp_path / "model.npz")
    again = DOSModel.load(tmp_path / "model.npz")
    assert again.info == model.info
    assert again.descriptor == model.descriptor
    after, before = (m.predict(frames[2]).total().values for m in (again, model))
    assert np.array_equal(after, before)


def test_turned_radial_functions_give_the_same_model(toy_data):
    """Ridge regression sees features through their dot products only."""
    frames, states = toy_data
    options = {"reference": "fermi", "n_modes": 8, "regularizations": [1e-3], "penalties": [0.0]}
    plain, turned = (
        DOSModel(soap(), radial_basis=n, **options).fit(frames, states) for n in (None, 4)
    )
    fresh = toy_frames(1, seed=77)[0]
    one, two = (m.predict(fresh).total().values for m in (plain, turned))
    assert np.allclose(one, two, atol=1e-6)


def test_damaged_and_foreign_files(toy_model, tmp_path):
    path = tmp_path / "model.npz"
    toy_model.save(path)
    whole = bytearray(path.read_bytes())
    with pytest.raises(ValueError, match="no such model file"):
        DOSModel.load(tmp_path / "absent.npz")
    path.write_bytes(whole[:1000])
    with pytest.raises(ValueError, match="not a readable ase_dos model"):
        DOSModel.load(path)
    path.write_bytes(b"hello")
    with pytest.raises(ValueError, match="not a readable ase_dos model"):
        DOSModel.load(path)
    with pytest.raises(ValueError, match=r"shipped models \(.*\), got 'unobtainium'"):
        DOSModel.load("unobtainium")


def test_every_flipped_bit_is_reported(toy_model, tmp_path):
    path = tmp_path / "model.npz"
    toy_model.save(path)
    whole = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole) - 100, 60)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        try:
            same = DOSModel.load(path)
        except ValueError:
            continue
        assert same.info == toy_model.info  # a byte that carries nothing, such as a date


def test_folder_of_the_same_name_does_not_hide_a_shipped_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in shipped_models():
        (tmp_path / name).mkdir()
        assert DOSModel.load(name).info


def test_changed_contents_are_noticed(toy_model, tmp_path):
    path = tmp_path / "model.npz"
    arrays = toy_model.predictor.arrays()
    np.savez(
        path, header=json.dumps(toy_model.info), **arrays | {"weights": arrays["weights"] * 1.01}
    )
    with pytest.raises(ValueError, match="checksum"):
        DOSModel.load(path)
    newer = dict(toy_model.info, format=99, version="9.0")
    np.savez(path, header=json.dumps(newer), **arrays)
    with pytest.raises(ValueError, match=r"model format 99 of ase_dos 9\.0"):
        DOSModel.load(path)
    assert zipfile.is_zipfile(path)


def test_bad_structures(toy_model, toy_data):
    atoms = toy_data[0][0].copy()
    atoms.positions[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        toy_model.predict(atoms)
    with pytest.raises(ValueError, match="Ge"):
        toy_model.predict(Atoms("GeSi", [[0, 0, 0], [0, 0, 2.4]]))
    with pytest.raises(ValueError, match=r"no atoms|empty|at least one atom"):
        toy_model.predict(Atoms())


def test_bad_training_sets(toy_data):
    frames, states = toy_data
    with pytest.raises(ValueError, match="at least 3 structures, got 2"):
        DOSModel(soap()).fit(frames[:2], states[:2])
    with pytest.raises(ValueError, match="got 3 for 4"):
        DOSModel(soap()).fit(frames[:4], states[:3])
    charged = list(states[:5])
    charged[1] = type(charged[1])(charged[1].eigenvalues, charged[1].weights, 31.0, 2)
    with pytest.raises(ValueError, match="electrons, but the others imply"):
        DOSModel(soap()).fit(frames[:5], charged)
    with pytest.raises(ValueError, match="not trained"):
        DOSModel(soap()).predict(frames[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "vacuum"}, "expected one of adaptive, fermi, average_potential"),
        ({"regressor": "forest"}, "expected one of ridge, kernel, network, got 'forest'"),
        ({"metric": "entropy"}, "metric: expected one of dos, cumulative, mix, got 'entropy'"),
        ({"smearing": -1}, "smearing"),
        ({"n_modes": 0}, "n_modes"),
        ({"regularizations": [0.0]}, "regularizations"),
        ({"penalties": [-1.0]}, "penalties"),
        ({"radial_basis": 5}, "radial basis: expected an integer from 1 to 4"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        DOSModel(soap(), **options)


# -- kernels, networks, error bars -----------------------------------------------------------

KERNEL = SparseKernel(n_points=60, degree=3)
QUICK = {"n_modes": 8, "regularizations": [1e-3], "penalties": [0.01]}


@pytest.fixture(scope="module", params=["ridge", "kernel", "network", "two species"])
def trained(request, toy_data):
    if request.param == "two species":
        frames, states = two_species({"C": 4, "Si": 4})
        return DOSModel(soap(species=("C", "Si")), regressor=KERNEL, **QUICK).fit(frames, states)
    if request.param == "network":
        pytest.importorskip("torch")
    network = Network(width=8, committee=2, steps=20)
    how = {"ridge": "ridge", "kernel": KERNEL, "network": network}[request.param]
    return DOSModel(soap(), regressor=how, **QUICK).fit(*toy_data)


def fresh(model, seed=77):
    """Return a structure of the species of the model that it was not trained on."""
    atoms = toy_frames(1, seed=seed)[0]
    atoms.numbers[::3] = model.species[0]
    return atoms


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


def new_set(model):
    """Return structures and states that the model was not trained on."""
    if len(model.species) > 1:
        return two_species({"C": 4, "Si": 4}, seed=60)
    frames = toy_frames(6, seed=60)
    return frames, [toy_states(atoms, seed=60 + i) for i, atoms in enumerate(frames)]


def test_every_regressor_learns(trained):
    report = trained.evaluate(*new_set(trained))
    few = len(trained.species) > 1  # structures, of every composition another
    assert report.rmse < (0.7 if few else 0.3) * report.errors.spread


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


def expected_rmse(model, frames):
    return np.sqrt(np.mean([model.predict_ensemble(a, 2).expected_error ** 2 for a in frames]))


def test_calibration_changes_the_size_of_errors_only(trained, tmp_path):
    model = copy.copy(trained)
    model.info = dict(trained.info)
    atoms = fresh(model)
    before, posterior = model.predict_ensemble(atoms, 5), model.predictor.posterior
    frames, states = new_set(model)
    report = model.calibrate(frames, states)
    after = model.predict_ensemble(atoms, 5)
    np.testing.assert_array_equal(after.mean.values, before.mean.values)
    assert after.expected_error != before.expected_error
    calibrated = model.predictor.posterior
    for name in ("centers", "factor", "composition", "covariance"):
        np.testing.assert_array_equal(getattr(calibrated, name), getattr(posterior, name))
    assert expected_rmse(model, frames) == pytest.approx(report.rmse, rel=0.3)
    assert model.info["hash"] != trained.info["hash"]
    assert {k for k in model.info if model.info[k] != trained.info.get(k)} == {"hash", "validation"}
    model.save(tmp_path / "model.npz")
    assert DOSModel.load(tmp_path / "model.npz").predictor.posterior.noise == calibrated.noise


def test_refitted_learns_from_the_structures_that_judged(toy_data):
    frames, states = toy_data
    model = DOSModel(soap(), n_modes=4, regularizations=[1e-2], penalties=[0.0])
    model.fit(frames[:8], states[:8])
    report = model.calibrate(frames[8:], states[8:])
    before = model.info["hash"]
    final = model.refitted(frames, states)
    assert model.info["hash"] == before  # the first one stays as it is
    assert final.info["n_structures"] == 14
    assert final.info["validation"] == {
        "n_structures": 6,
        "rmse": report.rmse,
        "percent_rmse": report.percent_rmse,
        "refitted": True,
    }
    assert final.evaluate(frames[8:], states[8:]).rmse < report.rmse
    fresh = DOSModel(soap(), n_modes=4, regularizations=[1e-2], penalties=[0.0]).fit(frames, states)
    np.testing.assert_array_equal(final.predictor.weights, fresh.predictor.weights)
    assert final.predictor.posterior.noise == fresh.predictor.posterior.noise


def test_loaded_model_trains_as_it_was_trained(trained, toy_data, tmp_path):
    """The file holds all options: the same data give the same model, to the last digit."""
    trained.save(tmp_path / "m.npz")
    loaded = DOSModel.load(tmp_path / "m.npz")
    assert loaded.options == trained.options
    data = two_species({"C": 4, "Si": 4}) if len(trained.species) > 1 else toy_data
    assert loaded.refitted(*data).info == trained.info
    assert loaded.fit(*data).info["hash"] == trained.info["hash"]


def test_options_of_a_file_are_those_of_the_training(toy_data, tmp_path):
    options = {
        "headroom": 5.0,
        "radial_basis": 3,
        "reference": "fermi",
        "n_modes": 5,
        "metric": "dos",
        "regularizations": (1e-3, 1e-2),
        "penalties": (0.0,),
        "valence": {"Si": 4.0},
    }
    DOSModel(soap(), **options).fit(*toy_data).save(tmp_path / "m.npz")
    loaded = DOSModel.load(tmp_path / "m.npz")
    for name, value in options.items():
        assert getattr(loaded.options, name) == value
    assert loaded.options.grid is None
    assert loaded.options.descriptor == soap()
    assert ModelOptions.from_dict(loaded.options.to_dict()) == loaded.options
    with pytest.raises(ValueError, match="training: not kept in model files"):
        _ = loaded.training
    with pytest.raises(ValueError, match="unknown to this release: color"):
        ModelOptions.from_dict({**loaded.options.to_dict(), "color": "red"})
    with pytest.raises(AttributeError):
        loaded.options.headroom = 7.0


def test_few_modes_do_not_make_errors_look_small(toy_data):
    frames, states = toy_data
    model = DOSModel(soap(), n_modes=2, regularizations=[1e-2], penalties=[0.0], metric="mix")
    model.fit(frames, states)
    assert 0.5 < expected_rmse(model, frames) / model.info["leave_one_out_rmse"] < 2


def test_training_structures_are_not_novel(trained, toy_data):
    frames = two_species({"C": 4, "Si": 4})[0] if len(trained.species) > 1 else toy_data[0]
    farthest = max(trained.predict(atoms).novelty.max() for atoms in frames)
    assert 0.3 < farthest <= 1.0


def test_foreign_surroundings_are_reported(toy_model):
    atoms = toy_frames(1, seed=5)[0].repeat((2, 2, 2))
    assert toy_model.predict(atoms).novelty.max() < 1
    atoms.positions[9] += 0.75 * (atoms.positions[5] - atoms.positions[9])
    with pytest.warns(UserWarning, match="surroundings unlike those the model") as caught:
        local = toy_model.predict(atoms)
    count, worst = int(np.sum(local.novelty > 1)), int(local.novelty.argmax())
    assert 1 < count < 64
    assert worst in (5, 9)
    assert f"{count} of 64 atoms" in str(caught[0].message)
    assert f"atom {worst}, {local.novelty[worst]:.3g} times" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("foreign", ["isolated", "compressed"])
def test_the_further_out_the_larger_the_expected_error(toy_model, foreign):
    usual = toy_frames(1, seed=5)[0]
    atoms = Atoms("Si")
    if foreign == "compressed":
        atoms = usual.copy()
        atoms.set_cell(0.75 * atoms.cell, scale_atoms=True)
    with pytest.warns(UserWarning, match=f"{len(atoms)} of {len(atoms)} atoms"):
        toy_model.predict(atoms)
    far, near = (toy_model.predict_ensemble(a, 2) for a in (atoms, usual))
    assert far.expected_error > 3 * near.expected_error
    assert far.local_errors.min() > near.local_errors.max()


def limit_by_refitting(model, frames):
    """Farthest that an atom is from the other structures, by leaving each of these out."""
    descriptor, maps = model.descriptor, model.predictor.maps
    kinds = [np.searchsorted(model.species, atoms.numbers) for atoms in frames]
    features = [descriptor.compute(atoms) for atoms in frames]
    design = np.array([mean_outputs(maps, *pair) for pair in zip(features, kinds, strict=True)])
    shares = np.array([np.bincount(k, minlength=len(model.species)) / len(k) for k in kinds])
    strength = model.info["regularization"] * Ridge.decompose(design, shares).scale
    farthest = []
    for out in range(len(frames)):
        rest = np.arange(len(frames)) != out
        centers = np.linalg.pinv(shares[rest]) @ design[rest]
        inner = design[rest] - shares[rest] @ centers
        inverse = np.linalg.inv(inner.T @ inner + strength * np.eye(design.shape[1]))
        for atom, kind in zip(features[out], kinds[out], strict=True):
            off = mean_outputs(maps, atom[None], np.array([kind])) - centers[kind]
            farthest.append(np.sqrt(off @ inverse @ off))
    return max(farthest)


@pytest.mark.parametrize("species", [("Si",), ("C", "Si")])
@pytest.mark.parametrize("regressor", ["ridge", KERNEL])
def test_limit_of_novelty_is_that_of_refitting_without_each_structure(
    species, regressor, toy_data, monkeypatch
):
    monkeypatch.setattr("ase_dos.model.training.novelty_projection", lambda factor: factor)
    frames, states = two_species({"C": 4, "Si": 4}) if len(species) > 1 else toy_data
    small = soap(species=species, max_radial=2, max_angular=1)
    model = DOSModel(small, regressor=regressor, reference="fermi", **QUICK)
    model.fit(frames[:8], states[:8])
    expected = limit_by_refitting(model, frames[:8])
    assert model.info["novelty_limit"] == pytest.approx(expected, rel=1e-5)


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


def electrons_below(local, top):
    """Exact integral of the piecewise-linear DOS of every atom."""
    below = np.append(local.energies[local.energies < top], top)
    return [np.trapezoid(np.interp(below, local.energies, g), below) for g in local.values]


@pytest.mark.parametrize("metric", ["dos", "cumulative"])
@pytest.mark.parametrize("regressor", ["ridge", KERNEL])
def test_electrons_below_a_gap_are_exact(toy_data, metric, regressor):
    """Two bands below it hold four electrons an atom, in any structure.

    Where the training set says so exactly, every model that is linear in its targets knows it;
    where it does not, the constraint does.
    """
    frames, states = toy_data
    top, rng = 0.03, np.random.default_rng(0)  # no point of the grid
    targets = [target_from_states(s, 0.3) for s in states]
    dos = [t.dos(np.arange(t.start, t.valid_to, 0.05)) for t in targets]
    rough = [replace(d, values=d.values * (1 + 0.001 * rng.normal())) for d in dos]
    atoms = toy_frames(1, seed=5)[0]
    atoms.set_cell(0.8 * atoms.cell, scale_atoms=True)  # far from the training set
    held = {}
    for name, some, count in (("exact", dos, None), ("rough", rough, None), ("fixed", rough, top)):
        model = DOSModel(
            soap(),
            n_modes=3,
            regularizations=[1e-4],
            penalties=[0.01],
            metric=metric,
            count_below=count,
            regressor=regressor,
        ).fit(frames, some)
        held[name] = electrons_below(model.predictor.predict(atoms), top)
    np.testing.assert_allclose(held["exact"], 4.0, atol=1e-4)
    assert np.ptp(held["rough"]) > 1e-3
    np.testing.assert_allclose(held["fixed"], held["fixed"][0], rtol=1e-9)
    assert held["fixed"][0] == pytest.approx(4.0, abs=2e-3)
    assert model.options.count_below == top


@pytest.mark.parametrize(
    ("top", "message"),
    [
        (-5.5, r"expected a gap at -5\.5 eV in every structure, but structure \d+ holds"),
        (-40.0, r"expected an energy within the grid .* got -40"),
        (40.0, r"expected an energy within the grid .* got 40"),
        (-13.9, r"no structure has electrons below -13\.9 eV"),
        ("gap", "count_below: expected numbers"),
    ],
)
def test_no_gap_to_count_below(toy_data, top, message):
    with pytest.raises(ValueError, match=f"count_below: {message}".replace("w: count_below", "w")):
        DOSModel(soap(), EnergyGrid(-14.0, 0.05, 500), count_below=top, **QUICK).fit(*toy_data)


def test_count_needs_the_dos_of_every_structure(toy_data):
    """Above the last known energy, even of a single structure, there is nothing to count."""
    frames, states = toy_data
    targets = [target_from_states(s, 0.3) for s in states]
    dos = [t.dos(np.arange(t.start, t.valid_to, 0.05)) for t in targets]
    options = QUICK | {"reference": "fermi"}
    dos[3] = replace(dos[3], valid_to=targets[3].fermi_level + 4.97)
    grid = DOSModel(soap(), count_below=0.4, **options).fit(frames, dos).grid.energies
    cut = target_from_dos(dos[3])
    last = grid[grid <= cut.valid_to - cut.fermi_level][-1]
    for top in (last + 0.01, 5.3):  # the first needs the next point of the grid, unknown
        with pytest.raises(ValueError, match=f"some structures is not known up to {top:g} eV"):
            DOSModel(soap(), count_below=top, **options).fit(frames, dos)


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


def test_leave_one_out_error_is_that_of_the_chosen_hyperparameters(toy_data):
    model = DOSModel(soap(), n_modes=8, metric="cumulative").fit(*toy_data)
    losses = [entry["loss"] for entry in model.training.history]
    chosen = model.training.history[int(np.argmin(losses))]
    assert chosen["regularization"] == model.info["regularization"]
    assert chosen["penalty"] == model.info["shift_penalty"]
    assert model.info["leave_one_out_rmse"] == chosen["rmse"]


def test_numbers_of_numpy_are_as_good_as_others(toy_data, tmp_path):
    how = SparseKernel(n_points=np.int64(20), degree=np.int32(2))
    model = DOSModel(soap(), regressor=how, count_below=np.float32(0.0), **QUICK).fit(*toy_data)
    model.save(tmp_path / "model.npz")
    assert DOSModel.load(tmp_path / "model.npz").options.regressor == how
