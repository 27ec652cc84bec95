"""Learning curve: halved training sets, and means of their errors."""

import numpy as np
import pytest
from toy_model import toy_frames, toy_states

from ase_dos.model.dos_model import DOSModel
from ase_dos.model_selection.hyperparameters import make_options
from ase_dos.model_selection.learning import LearningCurve, learning_curve

pytestmark = pytest.mark.filterwarnings("ignore:.*surroundings unlike")


@pytest.fixture(scope="module")
def trained():
    frames = toy_frames(24, seed=5)
    states = [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]
    choice = {"cutoff": 4.0, "max_radial": 3, "max_angular": 2}
    model = DOSModel.from_options(
        make_options(choice, ["Si"], regressor="ridge", reference="fermi", n_modes=6)
    )
    return model.fit(frames[:20], states[:20]), frames, states


def test_curve_of_halved_training_sets(trained):
    model, frames, states = trained
    info = dict(model.info)
    held = (frames[20:], states[20:])
    curve = learning_curve(model, frames[:20], states[:20], held, repeats=2)
    np.testing.assert_array_equal(curve.sizes, [5, 5, 10, 10, 20])
    assert curve.leave_one_out[-1] == info["leave_one_out_rmse"]
    assert curve.validation[-1] == model.evaluate(*held).rmse
    sizes, errors = curve.mean(curve.validation)
    np.testing.assert_array_equal(sizes, [5, 10, 20])
    assert errors[0] > errors[-1]
    assert model.info == info  # the model itself stays as it is
    again = learning_curve(model, frames[:20], states[:20], held, repeats=2)
    np.testing.assert_array_equal(again.validation, curve.validation)


def test_without_structures_for_validation(trained):
    model, frames, states = trained
    curve = learning_curve(model, frames[:20], states[:20], halvings=1, repeats=1)
    assert np.isnan(curve.validation).all()
    assert np.isfinite(curve.leave_one_out).all()


def test_mean_is_that_of_squares():
    curve = LearningCurve(np.array([4, 4, 8]), np.array([3.0, 4.0, 1.0]), np.full(3, np.nan))
    np.testing.assert_allclose(curve.mean(curve.leave_one_out)[1], [np.sqrt(12.5), 1.0])
