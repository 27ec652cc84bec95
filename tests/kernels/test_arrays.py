"""Loops over flat arrays do what the functions of numpy do."""

import numpy as np
import pytest

from ase_dos.kernels.arrays import copy, fill, first_not_below
from ase_dos.kernels.jit import kernel


@kernel
def place_of(values, limit):
    return first_not_below(values, limit)


@kernel
def filled_and_copied(values, count, value, out):
    copy(values, count, out)
    fill(values, count, value)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 64])
def test_place_is_that_of_numpy(size):
    values = np.sort(np.random.default_rng(size).integers(0, 9, size).astype(float))
    for limit in (-1.0, 0.0, 3.0, 3.5, 8.0, 9.0):
        assert place_of(values, limit) == np.searchsorted(values, limit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_the_first_numbers_are_touched(dtype):
    values, out = np.arange(5.0), np.full(5, 7.0, dtype)
    filled_and_copied(values, 3, -1.0, out)
    assert values.tolist() == [-1.0, -1.0, -1.0, 3.0, 4.0]
    assert out.tolist() == [0.0, 1.0, 2.0, 7.0, 7.0]
