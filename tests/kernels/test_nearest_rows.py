"""Squared differences of the atoms of two structures, against scipy."""

import numpy as np
from scipy.spatial.distance import cdist

from ase_dos.kernels.nearest_rows import squared_differences


def test_squared_differences_are_those_of_scipy():
    rng = np.random.default_rng(0)
    some, others = rng.normal(size=(6, 9)), rng.normal(size=(4, 9))
    kinds, other_kinds = rng.integers(0, 2, 6), np.array([0, 1, 0, 1])
    expected = cdist(some, others, "sqeuclidean")
    expected[kinds[:, None] != other_kinds] = np.inf
    out = np.empty((6, 4))
    mean = squared_differences(some, kinds, others, other_kinds, np.inf, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    np.testing.assert_allclose(mean, expected.min(axis=1).mean(), rtol=1e-12)
    low, high = 0.99 * mean, 1.01 * mean
    assert squared_differences(some, kinds, others, other_kinds, high, out) == mean
    assert np.isinf(squared_differences(some, kinds, others, other_kinds, low, out))


def test_a_kind_that_the_other_lacks_is_infinitely_far():
    rows = np.ones((2, 3))
    out = np.empty((2, 2))
    kinds, others = np.array([0, 1]), np.array([0, 0])
    assert np.isinf(squared_differences(rows, kinds, rows, others, np.inf, out))
