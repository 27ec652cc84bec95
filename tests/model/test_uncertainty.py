"""Expected errors: their size, where it comes from, and the novelty of atoms."""

import copy

import numpy as np
import pytest
from ase import Atoms
from toy_model import toy_frames
from toy_training import KERNEL, QUICK, expected_rmse, fresh, new_set, soap, two_species

from ase_dos.descriptors.feature_map import mean_outputs
from ase_dos.descriptors.species import species_counts
from ase_dos.fit.left_out import LeftOut, alone
from ase_dos.fit.ridge import Ridge
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.novelty import novelty_limit
from ase_dos.model.training_set import TrainingFeatures


def test_validation_errors_are_kept(toy_data, tmp_path):
    frames, states = toy_data
    model = DOSModel(soap(), n_modes=4, regularizations=[1e-2], penalties=[0.0])
    model.fit(frames[:8], states[:8])
    report = model.calibrate(frames[8:], states[8:])
    model.save(tmp_path / "m.npz")
    kept = DOSModel.load(tmp_path / "m.npz").info["validation"]
    assert kept == {"n_structures": 6, "rmse": report.rmse, "percent_rmse": report.percent_rmse}


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


def test_refitted_learns_from_the_validation_structures(toy_data):
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
    assert f"novelty is {local.novelty[worst]:.3g}, of atom {worst};" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("foreign", ["isolated", "compressed"])
def test_expected_error_grows_with_the_distance_from_the_training_set(toy_model, foreign):
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
def test_limit_of_novelty_is_that_of_refitting_without_each_structure(species, regressor, toy_data):
    frames, states = two_species({"C": 4, "Si": 4}) if len(species) > 1 else toy_data
    small = soap(species=species, max_radial=2, max_angular=1)
    model = DOSModel(small, regressor=regressor, reference="fermi", **QUICK)
    model.fit(frames[:8], states[:8])
    features = TrainingFeatures(small, frames[:8])
    maps, posterior = model.predictor.maps, model.training.predictor.posterior
    fractions = species_counts(frames[:8], small.species) / 8
    ridge = Ridge.decompose(features.means(maps), fractions)
    strength = model.info["regularization"]
    # With all directions in place of a few random ones, the distances are exact.
    left_out = LeftOut(ridge.residual_maker(strength), alone(8))
    limit = novelty_limit(features, ridge, left_out, maps, posterior, posterior.factor)
    assert limit == pytest.approx(limit_by_refitting(model, frames[:8]), rel=1e-5)
