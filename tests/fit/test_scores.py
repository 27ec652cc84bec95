"""Errors after the best rigid shift."""

import numpy as np
import pytest
from toy_regression import ENERGIES, STEP, make_regression

from ase_dos.fit.scores import aligned_errors, best_shift
from ase_dos.spectra.target import DOSTarget


def test_best_shift_is_global():
    regression, _ = make_regression(n=3, shifts=np.array([2.3, -1.9, 0.0]))
    for target, shift in zip(regression.targets, (2.3, -1.9, 0.0), strict=True):
        prediction = target(ENERGIES, shift)[0]
        found, squared = best_shift(target, prediction, ENERGIES, 0.0)
        assert found == pytest.approx(shift, abs=1e-4)
        assert squared < 1e-6


def test_errors_are_per_atom_and_blind_to_shifts():
    regression, true = make_regression(n=6)
    exact = np.array([t(ENERGIES, s)[0] for t, s in zip(regression.targets, true, strict=True)])
    wrong = exact + 0.01
    errors = aligned_errors(regression.targets, wrong, np.ones(6), ENERGIES, np.zeros(6))
    length = ENERGIES.size * 0.1
    assert errors.rmse == pytest.approx(0.01 * np.sqrt(length), rel=0.02)
    doubled = [
        DOSTarget(t.start, t.step, 2 * t.values, 2 * t.derivatives, 20.0, 8.0, 0.0, 0.6)
        for t in regression.targets
    ]
    again = aligned_errors(doubled, wrong, np.full(6, 2), ENERGIES, np.zeros(6))
    assert again.rmse == pytest.approx(errors.rmse, rel=1e-6)
    assert again.spread == pytest.approx(errors.spread, rel=1e-4)


def test_spread_counts_known_energies_only():
    regression, true = make_regression(n=6)
    exact = np.array([t(ENERGIES, s)[0] for t, s in zip(regression.targets, true, strict=True)])
    cut = [
        DOSTarget(
            t.start,
            t.step,
            np.where(np.arange(t.values.size) * STEP - 14 > 5, 0, t.values),
            t.derivatives,
            5.0,
            4.0,
            0.0,
            0.6,
        )
        for t in regression.targets
    ]
    errors = aligned_errors(cut, exact, np.ones(6), ENERGIES, true)
    inside = np.all([ENERGIES + s <= 5 for s in true], axis=0)
    deviation = (exact - exact.mean(axis=0))[:, inside]
    expected = np.sqrt((deviation**2).mean() * ENERGIES.size * 0.1)
    assert errors.spread == pytest.approx(expected, rel=0.1)
