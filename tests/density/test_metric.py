"""Metrics of the error of a density, and corrections of its number of electrons."""

import numpy as np
import pytest
from density_toys import BASIS

from ase_dos.density.integrals import coulomb, overlap
from ase_dos.density.metric import METRICS, ElectronNumber, metric_matrix, solve_metric

NUMBERS = [8, 1, 1]
POSITIONS = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def test_matrices():
    np.testing.assert_array_equal(
        metric_matrix("coulomb", BASIS, NUMBERS, POSITIONS), coulomb(BASIS, NUMBERS, POSITIONS)
    )
    np.testing.assert_array_equal(
        metric_matrix("overlap", BASIS, NUMBERS, POSITIONS), overlap(BASIS, NUMBERS, POSITIONS)
    )
    np.testing.assert_array_equal(
        metric_matrix("identity", BASIS, NUMBERS, POSITIONS), np.eye(BASIS.layout(NUMBERS).size)
    )
    with pytest.raises(ValueError, match="metric: expected one of coulomb, overlap, identity"):
        metric_matrix("dos", BASIS, NUMBERS, POSITIONS)


@pytest.mark.parametrize("metric", METRICS)
def test_the_correction_is_the_smallest_that_holds_the_electrons(metric):
    matrix = metric_matrix(metric, BASIS, NUMBERS, POSITIONS)
    charges = BASIS.charges(NUMBERS)
    number = ElectronNumber.of(charges, matrix)
    rng = np.random.default_rng(0)
    given = rng.normal(size=(4, len(charges)))
    corrected = number.corrected(given, 10.0)
    np.testing.assert_allclose(corrected @ charges, 10.0, atol=1e-12)
    steps = corrected - given
    for step in steps:
        size = step @ matrix @ step
        for _ in range(5):
            other = rng.normal(size=len(charges))
            other -= charges * (charges @ other) / (charges @ charges)  # holds no electrons
            assert (step + 1e-2 * other) @ matrix @ (step + 1e-2 * other) > size
    again = number.corrected(corrected, 10.0)
    np.testing.assert_allclose(again, corrected, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_projected_metric_measures_what_a_correction_leaves(metric):
    matrix = metric_matrix(metric, BASIS, NUMBERS, POSITIONS)
    number = ElectronNumber.of(BASIS.charges(NUMBERS), matrix)
    error = np.random.default_rng(1).normal(size=len(matrix))
    left = number.corrected(error, 0.0)
    assert error @ number.projected(matrix) @ error == pytest.approx(left @ matrix @ left)
    np.testing.assert_allclose(number.projected(matrix) @ number.direction, 0.0, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_a_solution_may_take_the_place_of_the_matrix(metric):
    matrix = metric_matrix(metric, BASIS, NUMBERS, POSITIONS)
    right, kept = BASIS.charges(NUMBERS), matrix.copy()
    # The order in memory may differ, and with it the last bits.
    np.testing.assert_allclose(
        solve_metric(kept, right, overwrite=True), solve_metric(matrix, right), rtol=1e-12
    )
    np.testing.assert_array_equal(matrix, metric_matrix(metric, BASIS, NUMBERS, POSITIONS))
    assert metric == "identity" or (kept != matrix).any()


def test_functions_that_depend_on_each_other_are_refused():
    matrix = metric_matrix("overlap", BASIS, [1, 1], np.zeros((2, 3)))
    with pytest.raises(ValueError, match="linearly dependent"):
        solve_metric(matrix, BASIS.charges([1, 1]))
