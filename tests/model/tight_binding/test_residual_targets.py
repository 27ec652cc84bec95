"""Targets above baselines."""

import numpy as np
from toy_model import toy_frames, toy_states

from ase_dos.fit.scores import aligned_errors
from ase_dos.model.tight_binding.residual_targets import ResidualTargets
from ase_dos.spectra.target import TargetStack, target_from_states

TARGETS = [target_from_states(toy_states(a, seed=i), 0.3) for i, a in enumerate(toy_frames(4))]
ENERGIES = np.linspace(-8.0, 2.0, 60)
SHIFTS = np.array([0.1, -0.2, 0.0, 0.3])


def test_residuals_move_with_the_targets_alone():
    residual = ResidualTargets(TARGETS, TARGETS[::-1])
    values, slopes, known = residual(ENERGIES, SHIFTS)
    whole, expected_slopes, expected_known = TargetStack(TARGETS)(ENERGIES, SHIFTS)
    below = TargetStack(TARGETS[::-1])(ENERGIES, np.zeros(4))[0]
    np.testing.assert_allclose(values, np.where(known, whole - below, 0.0))
    np.testing.assert_array_equal(slopes, expected_slopes)
    np.testing.assert_array_equal(known, expected_known)
    rows = np.array([1, 3])
    np.testing.assert_array_equal(residual.part(rows)(ENERGIES, SHIFTS[rows])[0], values[rows])


def test_a_residual_predicted_right_has_no_error():
    """And the shift that it belongs to is found again."""
    residual = ResidualTargets(TARGETS, TARGETS[::-1])
    values, _, known = residual(ENERGIES, SHIFTS)
    assert known.all()
    errors = aligned_errors(residual, values, np.ones(4), ENERGIES, np.zeros(4))
    np.testing.assert_allclose(errors.shifts, SHIFTS, atol=1e-4)
    assert errors.rmse < 1e-4
