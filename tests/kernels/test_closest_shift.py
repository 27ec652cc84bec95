"""Shifts that bring splines closest to curves, against a search on a fine mesh."""

import numpy as np
import pytest
from toy_regression import ENERGIES, make_regression, masked

from ase_dos.spectra.target import TargetStack


def costs(target, curve, shifts):
    """Mean square difference where the target is known, for every shift: the kernel's twin."""
    found = np.full(len(shifts), np.inf)
    for i, shift in enumerate(shifts):
        known = ENERGIES + shift <= target.valid_to
        if known.any():
            found[i] = np.mean((target(ENERGIES, shift)[0] - curve)[known] ** 2)
    return found


@pytest.mark.parametrize("ends", [np.full(8, 20.0), np.linspace(-3.0, 9.0, 8)])
def test_the_best_of_all_shifts_is_found(ends):
    regression, true = make_regression(n=8, noise=0.2)
    regression = masked(regression, ends)
    rng = np.random.default_rng(1)
    curves = np.array([t(ENERGIES, s)[0] for t, s in zip(regression.targets, true, strict=True)])
    curves = 0.7 * curves + 0.3 * np.roll(curves, 1, axis=0)
    middles = true + rng.normal(0, 0.8, 8)
    shifts, squared = regression.stack.closest_shifts(
        curves, ENERGIES, middles, 3.0, np.full(8, 0.1)
    )
    for target, curve, middle, shift, cost in zip(
        regression.targets, curves, middles, shifts, squared, strict=True
    ):
        assert abs(shift - middle) < 3.1
        np.testing.assert_allclose(cost, costs(target, curve, [shift])[0], rtol=1e-10)
        scan = middle + np.arange(-3.0, 3.05, 0.1)
        assert cost <= costs(target, curve, scan).min()
        if target.valid_to > 9.0:  # else the mean over known energies has steps
            near = costs(target, curve, shift + np.linspace(-0.05, 0.05, 11))
            assert cost <= near.min() * (1 + 1e-9)


def test_nothing_known_costs_infinity():
    regression = masked(make_regression(n=2)[0], [-30.0, 20.0])
    _, squared = regression.stack.closest_shifts(
        np.ones((2, ENERGIES.size)), ENERGIES, np.zeros(2), 3.0, np.full(2, 0.1)
    )
    assert np.isinf(squared[0])
    assert np.isfinite(squared[1])


def test_a_part_of_a_stack_is_that_of_its_targets():
    regression = masked(make_regression(n=6)[0], np.linspace(1.0, 9.0, 6))
    rows = np.array([1, 4, 5])
    part = regression.stack.part(rows)
    alone = TargetStack([regression.targets[i] for i in rows])
    assert list(part) == list(alone)
    shifts = np.array([0.3, -0.2, 0.1])
    for some, same in zip(part(ENERGIES, shifts), alone(ENERGIES, shifts), strict=True):
        np.testing.assert_array_equal(some, same)
    lengths = part.known(ENERGIES, shifts)
    values, slopes = np.empty((2, 2, ENERGIES.size))
    part.evaluate(ENERGIES, shifts, lengths, values, slopes, slice(1, 3))
    for some, whole in zip((values, slopes), part(ENERGIES, shifts), strict=False):
        np.testing.assert_array_equal(some, whole[1:3])
