"""Uniform axes of momentum and energy."""

import numpy as np
import pytest

from ase_dos.bands import uniform_axis


def test_rounding_of_single_precision_is_taken_away():
    exact = np.linspace(95.0, 101.0, 1201)
    axis, step = uniform_axis(exact.astype(np.float32), "eV")
    assert np.abs(np.diff(axis) - step).max() < 1e-12
    assert step == pytest.approx(0.005, abs=1e-8)
    assert np.abs(axis - exact).max() < 1e-5


def test_axes_that_are_not_uniform_are_refused():
    with pytest.raises(ValueError, match=r"axis kx: expected equal steps, .* interpolate the map"):
        uniform_axis(np.linspace(0.1, 1.0, 10) ** 2, "kx")
    with pytest.raises(ValueError, match=r"axis kx: expected rising values, got a step of -1"):
        uniform_axis([3.0, 2.0, 1.0], "kx")
    with pytest.raises(ValueError, match="axis kx: expected at least 2 points, got 1"):
        uniform_axis([0.0], "kx")
    with pytest.raises(ValueError, match="axis kx: 1 of 3 values are NaN"):
        uniform_axis([0.0, np.nan, 1.0], "kx")
