"""Figures of a model: its evaluation, its modes, how it learns, how its errors are calibrated."""

from types import SimpleNamespace

import numpy as np
import pytest
from toy_model import ToyModel

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


@pytest.fixture
def evaluation():
    rng = np.random.default_rng(0)
    truth = np.abs(rng.normal(size=(6, 50)))
    return SimpleNamespace(
        energies=np.linspace(-10, 5, 50),
        truth=truth,
        prediction=truth + 0.1,
        errors=SimpleNamespace(squared=rng.random(6)),
        true_values=rng.random((6, 9)),
        predicted_values=rng.random((6, 9)),
        families=np.array(["a", "a", "b", "b", "c", "c"]),
    )


def test_spectra_from_the_best_to_the_worst(evaluation):
    truth, prediction = plot_spectra(evaluation, count=6).lines[:2]
    best = np.argmin(evaluation.errors.squared)
    np.testing.assert_array_equal(truth.get_ydata(), evaluation.truth[best])
    np.testing.assert_array_equal(prediction.get_ydata(), evaluation.prediction[best])
    order = [line.get_ydata() - line.get_ydata().min() for line in plot_spectra(evaluation).lines]
    assert len(order) == 8  # truth and prediction of four structures
    worst = evaluation.truth[np.argmax(evaluation.errors.squared)]
    np.testing.assert_allclose(order[-2], worst - worst.min())


def test_parity_shows_every_structure_by_family(evaluation):
    ax = plot_parity(evaluation, quantity=0)
    assert ax.get_xlabel() == "true $E_F$ - band bottom (eV)"
    diagonal, *families = ax.lines
    np.testing.assert_array_equal(*diagonal.get_data())
    assert [line.get_label() for line in families] == ["a", "b", "c"]
    for line, rows in zip(families, (slice(0, 2), slice(2, 4), slice(4, 6)), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), evaluation.true_values[rows, 0])
        np.testing.assert_array_equal(line.get_ydata(), evaluation.predicted_values[rows, 0])


def test_spectra_leave_out_where_the_truth_is_not_known(evaluation):
    whole = plot_spectra(evaluation)
    top = evaluation.truth.max()
    cut = np.where(evaluation.energies > 4, np.nan, np.minimum(evaluation.truth, top / 2))
    evaluation.truth = cut
    ax = plot_spectra(evaluation)
    assert ax.get_ylim()[1] == pytest.approx(whole.get_ylim()[1] / 2, rel=0.2)
    for line in ax.lines[::2]:
        np.testing.assert_array_equal(np.isnan(line.get_ydata()), evaluation.energies > 4)


def test_spectra_with_errors(evaluation):
    errors = np.full(evaluation.prediction.shape, 0.1 * np.nanmax(evaluation.truth))
    ax = plot_spectra(evaluation, count=3, errors=errors)
    assert len(ax.collections) == 3
    for band in ax.collections:
        top = band.get_paths()[0].vertices[1:51, 1]
        bottom = band.get_paths()[0].vertices[-2:-52:-1, 1]
        np.testing.assert_allclose(np.abs(top - bottom), 2 * errors[0])
    texts = "".join(text.get_text() for text in ax.texts)
    assert all(word in texts for word in ("best", "median", "worst"))


def test_parities_leave_out_quantities_that_nobody_has(evaluation):
    assert len(plot_parities(evaluation)) == 5
    evaluation.true_values[:, [5, 8]] = np.nan  # a temperature too high, no spin channels
    axes = plot_parities(evaluation)
    assert len(axes) == 3
    assert sum(ax.get_legend() is not None for ax in axes) <= 1


def test_modes():
    grid = ToyModel().grid
    modes = np.random.default_rng(0).normal(size=(6, grid.size))
    model = SimpleNamespace(predictor=SimpleNamespace(modes=np.tile(modes, (2, 1))), grid=grid)
    for line, mode in zip(plot_modes(model).lines, modes[:4], strict=False):
        drawn = line.get_ydata()
        assert drawn[np.argmax(np.abs(drawn))] == 1.0
        np.testing.assert_allclose(drawn * mode[np.argmax(np.abs(mode))], mode)
    # One line per mode and the zero line, also with more modes than colours.
    assert len(plot_modes(model, count=9).lines) == 10


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
