"""Density model: training, prediction, uncertainty, files."""

import json
import warnings

import numpy as np
import pytest
from density_toys import BASIS, toy_density, toy_waters

from ase_dos.density.model import DensityModel
from ase_dos.density.surface import surface_points
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from ase_dos.utils.novelty import NoveltyWarning

DESCRIPTOR = LambdaSOAP(3.0, 4, 3, 0.5, ("H", "O"), max_lambda=2)
QUICK = {
    "n_points": 20,
    "regularizations": [1e-10, 1e-8, 1e-6, 1e-4],
    "n_members": 16,
}
TRAINING, TEST = toy_waters(24), toy_waters(6, seed=9)


def trained(**options):
    model = DensityModel(DESCRIPTOR, BASIS, **{**QUICK, **options})
    densities = [toy_density(atoms) for atoms in TRAINING]
    return model.fit(TRAINING, densities, progress=False)


@pytest.fixture(scope="module")
def model():
    return trained()


def coulomb_error(model):
    report = model.evaluate(TEST, [toy_density(atoms) for atoms in TEST])
    return np.sqrt(np.mean(report.coulomb**2))


@pytest.mark.parametrize("metric", ["coulomb", "overlap", "identity"])
@pytest.mark.parametrize("electron_number", ["exact", "a_posteriori", "free"])
def test_every_metric_and_treatment_of_electrons_learns(metric, electron_number):
    model = trained(metric=metric, electron_number=electron_number)
    assert coulomb_error(model) < 0.05
    for atoms in TEST:
        density = model.predict(atoms)
        if electron_number != "free":
            counts = density.members @ BASIS.charges(density.numbers)
            assert density.n_electrons == pytest.approx(10.0, abs=1e-10)
            np.testing.assert_allclose(counts, 10.0, atol=1e-10)


def test_predictions_turn_with_the_molecule(model):
    atoms = TEST[0]
    density = model.predict(atoms)
    turned = atoms.copy()
    turned.rotate(40.0, (1, -2, 0.5))
    matrix = np.linalg.lstsq(atoms.positions, turned.positions, rcond=None)[0]
    points = surface_points(atoms.numbers, atoms.positions)[::20]
    for sign in (1.0, -1.0):  # rotation, and rotation with inversion
        moved = turned.copy()
        moved.positions *= sign
        other = model.predict(moved)
        np.testing.assert_allclose(other.dipole(), sign * density.dipole() @ matrix, atol=1e-9)
        np.testing.assert_allclose(
            other.potential(sign * points @ matrix), density.potential(points), atol=1e-9
        )


def test_order_and_place_of_atoms_do_not_matter(model):
    atoms = TEST[1]
    moved = atoms[[2, 0, 1]]
    moved.positions += (3.0, -5.0, 2.0)
    np.testing.assert_allclose(
        model.predict(moved).dipole(), model.predict(atoms).dipole(), atol=1e-9
    )


def test_far_apart_molecules_do_not_know_of_each_other():
    model = trained(electron_number="free")
    pair = TEST[2] + TEST[3]
    pair.positions[3:] += (60.0, 0.0, 0.0)
    both = model.predict(pair)
    one, other = model.predict(TEST[2]), model.predict(TEST[3])
    np.testing.assert_allclose(
        both.coefficients, np.concatenate([one.coefficients, other.coefficients]), atol=1e-9
    )


def test_errors_follow_the_expected_ones(model):
    fresh = toy_waters(40, seed=4)
    report = model.evaluate(fresh, [toy_density(atoms) for atoms in fresh])
    inside = np.mean(np.abs(report.dipole_scores) < 1.0)
    assert 0.4 < inside < 0.95
    assert 0.0 < report.dipole_error < 0.05


def test_atoms_unlike_those_of_the_training_set_are_named(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoveltyWarning)
        for atoms in TRAINING:
            model.predict(atoms)
    strange = TEST[0].copy()
    strange.positions[1] = strange.positions[0] + (0.0, 0.0, 1.6)
    with pytest.warns(NoveltyWarning, match="of 3 atoms .* unlike .* density may be wrong"):
        model.predict(strange)
    assert model.novelty(strange).max() > 1.0


def test_files(model, tmp_path):
    path = tmp_path / "model.npz"
    model.save(path)
    loaded = DensityModel.load(path)
    assert json.dumps(loaded.info) == json.dumps(model.info)
    assert loaded.hash == model.hash
    assert loaded.options == model.options
    one, other = model.predict(TEST[0]), loaded.predict(TEST[0])
    np.testing.assert_array_equal(one.coefficients, other.coefficients)
    np.testing.assert_array_equal(one.members, other.members)
    again = DensityModel.from_options(loaded.options).fit(
        TRAINING, [toy_density(atoms) for atoms in TRAINING], progress=False
    )
    np.testing.assert_allclose(
        again.predict(TEST[0]).coefficients, one.coefficients, rtol=1e-6, atol=1e-8
    )


def test_calibration_by_other_molecules(model):
    fresh = toy_waters(20, seed=6)
    densities = [toy_density(atoms) for atoms in fresh]
    calibrated = DensityModel(DESCRIPTOR, BASIS, **QUICK)
    calibrated.fit(
        TRAINING,
        [toy_density(atoms) for atoms in TRAINING],
        validation=(fresh, densities),
        progress=False,
    )
    assert calibrated.info["validation"]["n_structures"] == 20
    assert calibrated.hash != model.hash
    ratio = calibrated.predictor.spread / model.predictor.spread
    assert 0.3 < ratio < 3.0


def test_groups_are_left_out_together():
    densities = [toy_density(atoms) for atoms in TRAINING]
    twice = [atoms.copy() for atoms in TRAINING for _ in range(2)]
    for index, atoms in enumerate(twice):
        atoms.positions += 1e-3 * (index % 2)  # moved a little as a whole: nearly copies
    pairs = [toy_density(atoms) for atoms in twice]
    groups = np.arange(len(twice)) // 2
    # twice the equations: half the regularisation without the copies is the same
    double, single = ({**QUICK, "regularizations": [one]} for one in (1e-6, 5e-7))
    alone = DensityModel(DESCRIPTOR, BASIS, **double).fit(twice, pairs, progress=False)
    grouped = DensityModel(DESCRIPTOR, BASIS, **double)
    grouped.fit(twice, pairs, groups=groups, progress=False)
    once = DensityModel(DESCRIPTOR, BASIS, **single).fit(TRAINING, densities, progress=False)
    errors = [one.info["leave_one_out_percent"] for one in (alone, grouped, once)]
    assert errors[0] < 0.9 * errors[1]
    assert errors[1] == pytest.approx(errors[2], rel=0.02)
    assert grouped.info["n_groups"] == len(TRAINING)


def test_a_regularisation_below_rounding_errors_is_refused():
    few = TRAINING[:4]
    with pytest.raises(ValueError, match="1e-25 is lost in rounding errors; give larger ones"):
        DensityModel(DESCRIPTOR, BASIS, **{**QUICK, "regularizations": [1e-25]}).fit(
            few, [toy_density(atoms) for atoms in few], progress=False
        )
