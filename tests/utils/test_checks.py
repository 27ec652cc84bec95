"""Checks of arrays, positive numbers and temperatures."""

import numpy as np
import pytest

from ase_dos.utils.checks import as_array, as_positive, as_temperature, equal_to_rounding


def test_array_passes_and_converts():
    array = as_array([[1, 2], [3, 4]], "x", (None, 2))
    assert array.dtype == float
    assert array.flags.c_contiguous


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        ([1, 2, 3], (None, 2), r"x: expected shape \(any, 2\), got \(3,\)"),
        ([1, np.inf], (2,), r"1 of 2 values are NaN or infinite, the first at index \(1,\)"),
        (["a"], (1,), "expected numbers"),
        ([[1], [1, 2]], None, "expected numbers"),
        ([1.0, 2 + 0j], (2,), r"x: expected numbers .* got complex ones; take \.real"),
        (1j, (), "complex"),
        (np.array([1j], dtype=object), (1,), "expected numbers"),
    ],
)
def test_array_says_what_is_wrong(value, shape, message):
    with pytest.raises(ValueError, match=message):
        as_array(value, "x", shape)


def test_positive():
    assert as_positive(0, "x", zero=True) == 0
    with pytest.raises(ValueError, match="x: expected a number > 0, got 0"):
        as_positive(0, "x")


def test_temperature():
    assert as_temperature([0, 300]).tolist() == [0, 300]
    with pytest.raises(ValueError, match="expected kelvin >= 0, got -3"):
        as_temperature([-3, 300])


def test_computed_numbers_are_equal_to_rounding():
    values = np.linspace(-3.0, 5.0, 7)
    assert equal_to_rounding(values, np.nextafter(values, np.inf))
    assert equal_to_rounding(np.zeros(3), np.zeros(3))
    assert not equal_to_rounding(values, values + 1e-8)
    assert not equal_to_rounding(values, values[:-1])
    assert not equal_to_rounding(values, np.where(values > 4, np.nan, values))
