"""Calibration of predicted errors: whether they are honest."""

import numpy as np
import pytest

from ase_dos.spectra.calibration import decile_table, miscalibration_area


def test_honest_errors_have_no_miscalibration_area():
    assert miscalibration_area(np.random.default_rng(1).normal(size=100_000)) < 0.003


@pytest.mark.parametrize("factor", [0.2, 0.5, 2.0, 10.0])
def test_miscalibration_area_of_errors_off_by_a_factor(factor):
    """Two normal numbers fall into each other's order with an angle's share of the plane."""
    scores = factor * np.random.default_rng(2).normal(size=100_000)
    expected = abs(0.5 - 2 / np.pi * np.arctan(1 / factor))
    assert miscalibration_area(scores) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("score", [0.0, 1e9])
def test_worst_miscalibration_area(score):
    assert miscalibration_area([score] * 10) == pytest.approx(0.5, abs=1e-3)


def test_decile_table():
    expected = np.array([4.0, 1.0, 3.0, 2.0, 5.0])
    observed = np.array([40.0, 10.0, 30.0, 20.0, 50.0])
    table = decile_table(expected, observed, n_bins=2)
    rows = [(3, np.sqrt(14 / 3), 10 * np.sqrt(14 / 3)), (2, np.sqrt(41 / 2), 10 * np.sqrt(41 / 2))]
    np.testing.assert_allclose(table, rows)
    assert len(decile_table(expected, observed)) == 5  # no more groups than structures
    with pytest.raises(ValueError, match="observed"):
        decile_table(expected, observed[:3])


def test_decile_table_of_honest_errors_has_equal_columns():
    rng = np.random.default_rng(3)
    expected = rng.uniform(0.5, 2.0, 50_000)
    table = decile_table(expected, expected * rng.normal(size=50_000))
    assert len(table) == 10
    np.testing.assert_allclose(table[:, 2], table[:, 1], rtol=0.05)
    assert (np.diff(table[:, 1]) > 0).all()
