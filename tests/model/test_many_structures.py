"""Training on many structures: the same model as by the way for few."""

import numpy as np
import pytest
from toy_model import toy_frames, toy_states
from toy_training import KERNEL, soap

from ase_dos.fit import energy_reference, residual_maker
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.training_set import TrainingFeatures


@pytest.fixture(scope="module")
def many():
    frames = toy_frames(40, seed=5)
    return frames, [toy_states(atoms, seed=i) for i, atoms in enumerate(frames)]


@pytest.mark.parametrize("regressor", ["ridge", KERNEL])
def test_many_structures_give_the_model_of_few(monkeypatch, many, regressor):
    frames, states = many
    hypers = {"n_modes": 8, "regularizations": [1e-2], "penalties": [0.1], "regressor": regressor}
    small = soap(max_radial=2, max_angular=1)
    groups = np.arange(40) // 2
    few = DOSModel(small, **hypers).fit(frames, states, groups=groups)
    for module in (energy_reference, residual_maker):
        monkeypatch.setattr(module, "MOST_DENSE", 30)
    monkeypatch.setattr(energy_reference, "_PART", 25)
    model = DOSModel(small, **hypers).fit(frames, states, groups=groups)
    assert model.info["n_groups"] == 20
    assert model.info["leave_one_out_rmse"] == pytest.approx(
        few.info["leave_one_out_rmse"], rel=0.01
    )
    atoms = toy_frames(1, seed=70)[0]
    one, other = model.predict(atoms).total(), few.predict(atoms).total()
    assert np.abs(one.values - other.values).max() < 0.02 * other.values.max()


def test_features_are_computed_once_where_they_fit_into_memory(monkeypatch, many):
    frames, computed = many[0][:3], []
    small = soap(max_radial=2, max_angular=1)
    compute = type(small).compute
    monkeypatch.setattr(
        type(small), "compute", lambda self, atoms: computed.append(1) or compute(self, atoms)
    )
    features = TrainingFeatures(small, frames)
    for first, second in zip(list(features), list(features), strict=True):
        assert first is second
    assert len(computed) == 3
    monkeypatch.setattr("ase_dos.model.training_set._MOST_MEMORY", 100)
    features = TrainingFeatures(small, frames)
    for first, second in zip(list(features), list(features), strict=True):
        np.testing.assert_array_equal(first, second)
    assert len(computed) == 9
