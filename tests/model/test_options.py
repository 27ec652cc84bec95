"""Hyperparameters: what is refused, what a file keeps of them, and what follows from them."""

import numpy as np
import pytest
from toy_model import toy_frames
from toy_training import soap

from ase_dos.descriptors.radial_basis import optimal_radial_basis
from ase_dos.model.dos_model import DOSModel
from ase_dos.model.options import ModelOptions
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.target import target_from_states


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
    with pytest.raises(ValueError, match="training: not stored in model files"):
        _ = loaded.training
    with pytest.raises(ValueError, match="unknown to this release: color"):
        ModelOptions.from_dict({**loaded.options.to_dict(), "color": "red"})
    with pytest.raises(AttributeError):
        loaded.options.headroom = 7.0


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


def test_leave_one_out_error_is_that_of_the_chosen_hyperparameters(toy_data):
    model = DOSModel(soap(), n_modes=8, metric="cumulative").fit(*toy_data)
    losses = [entry["loss"] for entry in model.training.history]
    chosen = model.training.history[int(np.argmin(losses))]
    assert chosen["regularization"] == model.info["regularization"]
    assert chosen["penalty"] == model.info["shift_penalty"]
    assert model.info["leave_one_out_rmse"] == chosen["rmse"]
