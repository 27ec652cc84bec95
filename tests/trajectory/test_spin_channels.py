"""Trajectories of a model with spin channels: stored moments, averages, figures, files."""

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from toy_model import ToyModel
from toy_run import analyze

from ase_dos.results import average, compare
from ase_dos.results.plots import plot_ensemble, plot_time_series
from ase_dos.results.result import TrajectoryResult


class SpinModel(ToyModel):
    """The toy metal, of which the minority begins half an eV above the majority."""

    def _spin_basis(self):
        energies = self.grid.energies
        excess = 0.25 * np.exp(-0.5 * ((energies + 1.0) / 0.8) ** 2)
        return np.stack([excess, 0.5 * excess])

    def predict(self, atoms, which=None):
        return replace(super().predict(atoms, which), spin_basis=self._spin_basis())

    def predict_ensemble(self, atoms, n_members=64, seed=0):
        ensemble = super().predict_ensemble(atoms, n_members, seed)
        factors = 1.0 + 0.03125 * np.arange(1, n_members + 1)[:, None]
        return replace(ensemble, spin=factors * ensemble.mean.spin)


@pytest.fixture(scope="module")
def spin_model():
    return SpinModel()


def test_moments_are_those_of_the_dos(frames, spin_model):
    result = analyze(frames, spin_model)
    for i, atoms in enumerate(frames):
        dos = spin_model.predict(atoms).total()
        assert result.magnetic_moment[i] == pytest.approx(dos.magnetic_moment())
        np.testing.assert_allclose(result.spin_dos[i], dos.spin)
        moments = result.local(i)["local_magnetic_moment"]
        assert moments.sum() == pytest.approx(result.magnetic_moment[i], rel=1e-6)
    assert np.ptp(result.magnetic_moment) > 1e-3


def test_store_keeps_the_channels_of_every_atom(frames, spin_model, tmp_path):
    analyze(frames, spin_model, tmp_path / "run", local=True)
    result = TrajectoryResult.load(tmp_path / "run")
    local = result.local_dos(2)
    expected = spin_model.predict(frames[2]).total()
    np.testing.assert_allclose(local.total().spin, expected.spin, atol=1e-5)
    result.write_extxyz(tmp_path / "run.extxyz", frames)
    view = ase.io.read(tmp_path / "run.extxyz", 2)
    assert view.info["magnetic_moment"] == pytest.approx(expected.magnetic_moment(), rel=1e-6)
    assert view.arrays["local_magnetic_moment"].sum() == pytest.approx(
        view.info["magnetic_moment"], rel=1e-5
    )


def test_averages_have_an_error_of_the_model(frames, spin_model):
    result = analyze(frames, spin_model, members=4)
    averages = average(result)
    moment = averages["magnetic_moment"]
    assert moment.mean == pytest.approx(result.magnetic_moment.mean() / 8)
    assert 0 < moment.model_error < moment.mean
    assert "M (mu_B/atom)" in averages.table()
    spin = averages["spin_dos"]
    assert spin.mean.shape == averages["dos"].mean.shape
    assert not any(number.quantity.name == "spin_dos" for number in averages.numbers())
    same = compare(averages, averages)
    assert same["magnetic_moment"].value == 0.0
    np.testing.assert_array_equal(same["spin_dos"].value, 0.0)


def test_figures(frames, spin_model):
    result = analyze(frames, spin_model)
    averages = average(result)
    lines = {line.get_label(): line.get_ydata() for line in plot_ensemble(averages).lines}
    difference = lines["majority"] + lines["minority (below)"]
    np.testing.assert_allclose(difference, averages["spin_dos"].mean, atol=1e-12)
    assert lines["minority (below)"].min() < 0
    axes = plot_time_series(result)
    labels = [ax.get_ylabel() for ax in axes]
    assert len(labels) == 5
    assert labels[2].startswith("$M$")


def test_a_run_without_channels_says_what_gives_them(frames, model):
    result = analyze(frames, model)
    with pytest.raises(AttributeError, match="--spin channels"):
        _ = result.magnetic_moment
    assert len(plot_time_series(result)) == 4
