"""Ensemble of a model: its width is the expected error, its members share their weights."""

import numpy as np
import pytest
from toy_model import toy_frames, toy_states

from ase_dos.model.dos_model import DOSModel


def test_everything_doubles_with_the_cell(toy_model):
    """Errors of atoms with the same surroundings do not cancel."""
    atoms = toy_frames(1, seed=50)[0]
    one, two = (toy_model.predict_ensemble(a, 8) for a in (atoms, atoms.repeat((2, 1, 1))))
    scale = one.values.max()
    np.testing.assert_allclose(two.values, 2 * one.values, atol=1e-7 * scale)
    np.testing.assert_allclose(two.error, 2 * one.error, atol=1e-7 * scale)
    assert two.expected_error == pytest.approx(one.expected_error)
    np.testing.assert_allclose(two.local_errors.mean(), one.local_errors.mean())


def test_ensemble_surrounds_the_prediction_with_the_expected_error(toy_model):
    atoms = toy_frames(1, seed=51)[0]
    many = toy_model.predict_ensemble(atoms, 4000)
    np.testing.assert_allclose(many.mean.values, toy_model.predict(atoms).total().values)
    step = toy_model.grid.step
    found = np.sqrt(np.sum(many.error**2) * step) / len(atoms)
    assert found == pytest.approx(many.expected_error, rel=0.03)
    off = np.abs(many.values.mean(axis=0) - many.mean.values)
    assert off.max() < 5 * many.error.max() / np.sqrt(4000)


@pytest.mark.parametrize("metric", ["cumulative", "mix"])
def test_expected_error_is_that_of_the_dos_in_every_metric(toy_data, toy_model, metric):
    model = DOSModel(
        toy_model.options.descriptor,
        n_modes=6,
        regularizations=[1e-2],
        penalties=[0.01],
        metric=metric,
    ).fit(*toy_data)
    atoms = toy_frames(1, seed=51)[0]
    many = model.predict_ensemble(atoms, 4000)
    found = np.sqrt(np.sum(many.error**2) * model.grid.step) / len(atoms)
    assert found == pytest.approx(many.expected_error, rel=0.03)
    frames = toy_frames(6, seed=60)
    states = [toy_states(atoms, seed=60 + i) for i, atoms in enumerate(frames)]
    report = model.calibrate(frames, states)
    expected = [model.predict_ensemble(atoms, 2).expected_error for atoms in frames]
    assert np.sqrt(np.mean(np.square(expected))) == pytest.approx(report.rmse, rel=0.3)


def test_members_of_different_structures_share_their_weights(toy_model):
    """So the difference of like structures is known better than either of them."""
    atoms = toy_frames(1, seed=52)[0]
    close = atoms.copy()
    close.rattle(0.01, seed=1)
    one, two = (toy_model.predict_ensemble(a, 64) for a in (atoms, close))
    difference = np.std(two.values - one.values, axis=0)
    assert difference.max() < 0.2 * one.error.max()
    again = toy_model.predict_ensemble(atoms, 64)
    np.testing.assert_array_equal(again.values, one.values)
    other = toy_model.predict_ensemble(atoms, 64, seed=1)
    assert not np.allclose(other.values, one.values)


def test_ensemble_of_one_is_refused(toy_model):
    with pytest.raises(ValueError, match="n_members: expected 2 or more, got 1"):
        toy_model.predict_ensemble(toy_frames(1)[0], 1)
