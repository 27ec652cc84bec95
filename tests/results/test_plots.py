from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from ase.build import bulk
from ase.units import kB
from matplotlib.figure import Figure
from toy_model import ToyModel
from toy_results import toy_dataset

from ase_dos.descriptors.coordination import coordination
from ase_dos.model_selection.learning import LearningCurve
from ase_dos.model_selection.plots import (
    plot_calibration,
    plot_learning_curve,
    plot_modes,
    plot_parities,
    plot_parity,
    plot_shifts,
    plot_spectra,
)
from ase_dos.results.atom_plots import plot_atoms, plot_components, plot_groups, plot_local_map
from ase_dos.results.averages import average
from ase_dos.results.groups import group_atoms
from ase_dos.results.local_map import fit_local_map
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


@pytest.fixture
def evaluation():
    rng = np.random.default_rng(0)
    truth = np.abs(rng.normal(size=(6, 50)))
    return SimpleNamespace(
        energies=np.linspace(-10, 5, 50),
        truth=truth,
        prediction=truth + 0.1,
        errors=SimpleNamespace(squared=rng.random(6)),
        true_values=rng.random((6, 8)),
        predicted_values=rng.random((6, 8)),
        families=np.array(["a", "a", "b", "b", "c", "c"]),
    )


def ink(ax):
    """Share of the figure that is not background, once drawn."""
    figure = ax.figure
    figure.set_dpi(60)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return (np.asarray(canvas.buffer_rgba())[..., :3] < 250).any(axis=-1).mean()


@pytest.mark.parametrize("draw", [plot_ensemble, plot_dos_image])
def test_trajectory_figures(result, draw):
    ax = draw(result)
    assert "eV" in ax.get_xlabel() + ax.get_ylabel()
    assert ink(ax) > 0.02
    given = Figure().subplots()
    assert draw(result, ax=given) is given


def test_image_has_a_colour_bar_with_its_unit(result):
    figure = plot_dos_image(result).figure
    assert any("states/eV/atom" in ax.get_ylabel() for ax in figure.axes)


def test_time_series_shows_every_temperature(result):
    axes = plot_time_series(result)
    assert [len(ax.lines) for ax in axes] == [1, 1, 2, 2]
    assert ink(axes[0]) > 0.02
    drawn = axes[3].lines[1].get_ydata()
    np.testing.assert_allclose(drawn, result.entropy[:, 1] / (kB * result.n_atoms))


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
    assert ink(ax) > 0.02


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


@pytest.fixture
def atoms():
    atoms = bulk("Si", cubic=True) * 2
    atoms.rattle(0.1, seed=0)
    return atoms


def test_atoms_are_coloured_by_their_values(atoms):
    values = np.linspace(0.0, 1.0, 64)
    ax = plot_atoms(atoms, values, label="g(E_F)")
    circles = ax.collections[0]
    order = np.argsort(atoms.positions[:, 2], kind="stable")
    np.testing.assert_allclose(circles.get_offsets(), atoms.positions[order][:, :2])
    # viridis gets lighter all the way
    light = circles.get_facecolor()[:, :3].sum(axis=1)
    assert np.corrcoef(light, values[order])[0, 1] > 0.95
    assert ax.figure.axes[1].get_ylabel() == "g(E_F)"
    assert ink(ax) > 0.1
    side = plot_atoms(atoms, values, axis=0)
    assert (side.get_xlabel(), side.get_ylabel()) == ("$y$ (Å)", "$z$ (Å)")
    with pytest.raises(ValueError, match="values"):
        plot_atoms(atoms, values[:3])


def test_few_whole_numbers_are_classes(atoms):
    ax = plot_atoms(atoms, coordination(atoms))
    assert [t.get_text() for t in ax.figure.axes[1].get_yticklabels()] == ["4"]
    counts = np.arange(64) % 3 * 2
    bar = plot_atoms(atoms, counts).figure.axes[1]
    assert [t.get_text() for t in bar.get_yticklabels()] == ["0", "2", "4"]


def test_local_map():
    scores = np.random.default_rng(0).normal(size=(300, 3))
    ax = plot_local_map(scores, np.arange(300) % 4, label="Coordination", explained=[0.6, 0.2])
    assert "60 %" in ax.get_xlabel()
    assert len(ax.collections[0].get_offsets()) == 300
    assert ax.figure.axes[1].get_ylabel() == "Coordination"
    density = plot_local_map(scores)
    assert density.collections[0].get_array().sum() == 300
    assert ink(ax) > 0.02


def test_groups_and_components():
    data = toy_dataset(n=6, local=True)
    labels = np.array([3, 4, 4, 4, 4, 4, 4, 10])
    groups = group_atoms(data, labels, by="Coordination")
    ax = plot_groups(groups, min_share=0.2)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["4 (75 %)"]
    assert legend.get_title().get_text() == "Coordination (others: 25 %)"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), groups["4"].dos.mean)
    assert list(groups.groups) == ["3", "4", "10"]
    assert len(plot_groups(groups, spread=True).collections) == 3
    local_map = fit_local_map(data)
    shown = plot_components(local_map)
    moved = shown.lines[1].get_ydata() - local_map.mean
    np.testing.assert_allclose(moved, 2 * np.sqrt(local_map.variances[0]) * local_map.components[0])
    bare = group_atoms(data.drop_vars(["coefficients", "basis"]), labels)
    with pytest.raises(ValueError, match="no local DOS"):
        plot_groups(bare)


def test_ensemble_mean_is_that_of_the_frames(result):
    energies, values = result.aligned_dos()
    line = next(line for line in plot_ensemble(result).lines if "mean" in str(line.get_label()))
    np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
    np.testing.assert_allclose(line.get_xdata(), energies)


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


def test_dos_and_its_method():
    dos = ToyModel().predict(bulk("Si")).total()
    ax = dos.plot(color="black", label="Si")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), dos.values)
    assert ink(ax) > 0.01


def test_evaluation_figures(evaluation):
    assert ink(plot_spectra(evaluation)) > 0.02
    ax = plot_parity(evaluation, quantity=0)
    assert "$E_F$ - band bottom (eV)" in ax.get_xlabel()
    assert ink(ax) > 0.01


def test_spectra_leave_out_where_the_truth_is_not_known(evaluation):
    whole = plot_spectra(evaluation)
    top = evaluation.truth.max()
    cut = np.where(evaluation.energies > 4, np.nan, np.minimum(evaluation.truth, top / 2))
    evaluation.truth = cut
    ax = plot_spectra(evaluation)
    assert ax.get_ylim()[1] == pytest.approx(whole.get_ylim()[1] / 2, rel=0.2)
    assert ink(ax) > 0.02


def test_modes():
    grid = ToyModel().grid
    modes = np.random.default_rng(0).normal(size=(6, grid.size))
    model = SimpleNamespace(predictor=SimpleNamespace(modes=np.tile(modes, (2, 1))), grid=grid)
    ax = plot_modes(model)
    assert ink(ax) > 0.02
    # One line per mode and the zero line, also with more modes than colours.
    assert len(plot_modes(model, count=9).lines) == 10


def test_no_pyplot_state(result):
    plot_ensemble(result)
    pyplot = __import__("sys").modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
    assert matplotlib.rcParams["font.size"] == matplotlib.rcParamsDefault["font.size"]


def test_spectra_with_errors(evaluation):
    errors = np.full(evaluation.prediction.shape, 0.1 * np.nanmax(evaluation.truth))
    ax = plot_spectra(evaluation, count=3, errors=errors)
    assert len(ax.collections) == 3
    texts = "".join(text.get_text() for text in ax.texts)
    assert all(word in texts for word in ("best", "median", "worst"))
    assert ink(ax) > ink(plot_spectra(evaluation, count=3))


def test_parities_leave_out_quantities_that_nobody_has(evaluation):
    assert len(plot_parities(evaluation)) == 4
    evaluation.true_values[:, 5] = np.nan
    axes = plot_parities(evaluation)
    assert len(axes) == 3
    assert sum(ax.get_legend() is not None for ax in axes) <= 1


def test_learning_curve():
    curve = LearningCurve(
        np.array([10, 10, 20]), np.array([0.3, 0.4, 0.2]), np.array([0.2, 0.3, 0.1])
    )
    ax = plot_learning_curve(curve)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["10", "20"]
    assert len(ax.get_legend().get_texts()) == 2
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [np.sqrt(0.125), 0.2])
    alone = LearningCurve(curve.sizes, curve.leave_one_out, np.full(3, np.nan))
    assert len(plot_learning_curve(alone).get_legend().get_texts()) == 1


def test_shifts():
    shifts = np.array([0.1, 0.2, -0.5, 0.0])
    ax = plot_shifts(shifts, ["b", "a", "a", "b"])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "a"]
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [0.2, -0.5])
    assert plot_shifts(shifts, [""] * 4).get_ylabel() == "Structures"


def test_calibration():
    ax = plot_calibration(np.array([[5, 0.1, 0.2], [5, 0.2, 0.15]]))
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [0.2, 0.15])
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_xlim()[1] > 0.2
