"""Figures of a trajectory: what their lines, bands and images show."""

import matplotlib
import numpy as np
import pytest
from ase.build import bulk
from ase.units import kB
from matplotlib.figure import Figure
from toy_model import ToyModel
from toy_results import toy_dataset

from ase_dos.results.averages import average
from ase_dos.results.plots import (
    plot_dos_image,
    plot_ensemble,
    plot_heat_capacity,
    plot_time_series,
)
from ase_dos.results.series import FrameSeries
from ase_dos.trajectory.run import analyze_trajectory


@pytest.fixture(scope="module")
def result():
    frames = []
    for i in range(12):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.02 + 0.02 * i, seed=i)
        frames.append(atoms)
    return analyze_trajectory(frames, ToyModel(), (300.0, 3000.0), progress=False)


@pytest.mark.parametrize("draw", [plot_ensemble, plot_dos_image])
def test_figures_draw_where_they_are_told(result, draw):
    given = Figure().subplots()
    assert draw(result, ax=given) is given
    assert "eV" in given.get_xlabel() + given.get_ylabel()
    assert given.has_data()


def test_image_shows_the_dos_of_every_frame(result):
    ax = plot_dos_image(result)
    assert any("states/eV/atom" in each.get_ylabel() for each in ax.figure.axes)
    energies, values = result.aligned_dos()
    mesh = ax.collections[0]
    corners = mesh.get_coordinates()[:, 0, 1]
    centers = (corners[1:] + corners[:-1]) / 2
    shown = np.isin(np.round(energies, 6), np.round(centers, 6))
    assert shown.sum() == len(centers) > 100
    np.testing.assert_allclose(mesh.get_array(), values[:, shown].T)


def test_time_series_shows_every_temperature(result):
    axes = plot_time_series(result)
    assert [len(ax.lines) for ax in axes] == [1, 1, 2, 2]
    drawn = axes[3].lines[1].get_ydata()
    np.testing.assert_allclose(drawn, result.entropy[:, 1] / (kB * result.n_atoms))


def test_time_axis_is_used_when_it_rises(result):
    frames = []
    for i in range(3):
        atoms = bulk("Si", cubic=True)
        atoms.info["time"] = 2.5 * i
        frames.append(atoms)
    timed = analyze_trajectory(frames, ToyModel(), progress=False)
    ax = plot_time_series(timed)[0]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 2.5, 5])
    assert plot_time_series(result)[-1].get_xlabel() == "Frame"


def test_ensemble_tells_spread_sampling_and_model_apart():
    averages = average(toy_dataset(n=100, members=8))
    ax = plot_ensemble(averages)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "mean of 100 frames",
        "model error (upper bound)",
        "sampling error",
        "spread over frames",
    ]
    bands = {band.get_label(): band.get_paths()[0].vertices for band in ax.collections}
    at_zero = [
        np.ptp(v[np.abs(v[:, 0]) < 1e-9, 1]) / 2
        for v in (bands["spread over frames"], bands["sampling error"])
    ]
    zero = np.argmin(np.abs(averages.energies))
    dos = averages["dos"]
    assert at_zero == pytest.approx([dos.estimate.spread[zero], dos.sampling_error[zero]])
    plain = plot_ensemble(toy_dataset(n=100))
    assert len(plain.get_legend().get_texts()) == 3


def test_ensemble_mean_is_that_of_the_frames(result):
    energies, values = result.aligned_dos()
    line = next(line for line in plot_ensemble(result).lines if "mean" in str(line.get_label()))
    np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
    np.testing.assert_allclose(line.get_xdata(), energies)


def test_heat_capacity_shows_both_errors():
    averages = average(toy_dataset(n=100, members=8))
    ax = plot_heat_capacity(averages)
    capacity = averages["heat_capacity"]
    bars = ax.containers[0].lines[2][0].get_segments()
    lengths = [np.ptp(bar[:, 1]) / 2 for bar in bars]
    np.testing.assert_allclose(lengths, capacity.sampling_error)
    band = ax.collections[0].get_paths()[0].vertices
    top = capacity.mean[-1] + capacity.model_error[-1]
    assert band[:, 1].max() == pytest.approx(top)
    # The toy is a Sommerfeld metal: its mean is on the line.
    line = next(line for line in ax.lines if "gamma" in str(line.get_label()))
    x, y = line.get_data()
    np.testing.assert_allclose(np.interp(averages.temperatures, x, y), capacity.mean, rtol=1e-9)


def test_image_against_a_quantity_averages_in_its_intervals():
    data = toy_dataset(n=40, missing=(5,))
    pressure = np.repeat([0.0, 10.0], 20)
    ax = plot_dos_image(data, against=pressure, label="Pressure (GPa)")
    assert ax.get_xlabel() == "Pressure (GPa)"
    mesh = ax.collections[0].get_array()
    drawn = ~np.ma.getmaskarray(mesh).all(axis=0)
    assert drawn.sum() == 2
    series = FrameSeries.of(data)
    shown = mesh.shape[0]
    first = np.delete(series["dos"].values[:20], 5, axis=0).mean(axis=0)
    columns = np.ma.filled(mesh[:, 0], np.nan)
    start = np.argmin(np.abs(first - columns[0]))
    np.testing.assert_allclose(columns, first[start : start + shown], rtol=1e-9)
    with pytest.raises(ValueError, match=r"against: expected shape \(40,\)"):
        plot_dos_image(data, against=pressure[:3])


def test_no_pyplot_state(result):
    plot_ensemble(result)
    pyplot = __import__("sys").modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
    assert matplotlib.rcParams["font.size"] == matplotlib.rcParamsDefault["font.size"]
