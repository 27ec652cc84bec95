"""Evaluation of predictions: derived quantities, and what happens with very poor ones."""

from dataclasses import replace

import numpy as np
import pytest

from ase_dos.model.evaluation import DERIVED_QUANTITIES, derived_quantities, evaluate_predictions
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.target import target_from_dos

ENERGIES = np.arange(-12.0, 14.0, 0.05)


def band(scale=1.0):
    """A band of free electrons from -8 eV on, for two electrons."""
    values = 0.06 * np.sqrt(np.clip(ENERGIES + 8.0, 0.0, None))
    return DOS(ENERGIES, scale * values, 2.0)


def test_no_rigid_shift_changes_the_derived_quantities():
    values = derived_quantities(band(), 1)
    np.testing.assert_allclose(derived_quantities(band().shifted(3.7), 1), values, rtol=1e-9)
    fermi = (2.0 / 0.04) ** (2 / 3)  # above the bottom: N = 0.04 E^(3/2)
    onset = (0.005 * 2.0 / 0.04) ** (2 / 3)  # 0.5 % of the electrons lie below it
    assert values[0] == pytest.approx(fermi - onset, abs=0.01)
    assert values[1] == pytest.approx(0.06 * np.sqrt(fermi), rel=1e-3)


def test_prediction_that_cannot_hold_the_electrons_does_not_end_the_evaluation():
    targets = [target_from_dos(band())] * 3
    predictions = [band(1.02), band(0.35), band(0.97)]
    report = evaluate_predictions(targets, predictions, np.ones(3))
    np.testing.assert_array_equal(report.has_values, [True, False, True])
    difference = np.abs(report.predicted_values - report.true_values)[[0, 2]]
    np.testing.assert_allclose(report.mean_absolute_errors, difference.mean(axis=0))
    assert report.errors.squared[1] > 10 * report.errors.squared[0]
    assert "MAE without 1 prediction" in report.summary()
    worst = evaluate_predictions(targets[:1], predictions[1:2], np.ones(1))
    assert np.isnan(worst.mean_absolute_errors).all()


def test_quantities_that_need_unknown_states_are_left_out_one_by_one():
    """What 3000 K needs lies up to 4 eV above the Fermi level, for 300 K up to 1 eV."""
    low = replace(band(), valid_to=-8.0 + (2.0 / 0.04) ** (2 / 3) + 1.0)
    unknown = [
        quantity.symbol
        for quantity, value in zip(DERIVED_QUANTITIES, derived_quantities(low, 1), strict=True)
        if np.isnan(value)
    ]
    assert unknown == ["C_el(3000 K)", "C_el(10000 K)", "F(3000 K) - F(0)", "M"]  # no channels
    targets = [target_from_dos(low), target_from_dos(band())]
    report = evaluate_predictions(targets, [band(1.02), band(1.01)], np.ones(2))
    np.testing.assert_array_equal(np.isnan(report.true_values[:, 5]), [True, False])
    errors = np.abs(report.predicted_values - report.true_values)
    np.testing.assert_allclose(report.mean_absolute_errors[:4], errors[:, :4].mean(axis=0))
    assert report.mean_absolute_errors[5] == errors[1, 5]
    assert report.has_values.all()
