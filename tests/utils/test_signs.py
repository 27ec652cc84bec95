"""Signs of eigenvectors, the same whatever sign they come with."""

import numpy as np
import pytest

from ase_dos.utils.signs import signs_of


@pytest.mark.parametrize("axis", [0, 1])
def test_turned_vectors_become_the_same(axis):
    vectors = np.random.default_rng(0).normal(size=(6, 6))
    turned = vectors * np.where(np.arange(6) % 2, 1, -1).reshape((1, 6) if axis == 0 else (6, 1))
    one, two = (some * signs_of(some, axis) for some in (vectors, turned))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(np.abs(one), np.abs(vectors))
    largest = np.take_along_axis(one, np.abs(one).argmax(axis=axis, keepdims=True), axis=axis)
    assert (largest > 0).all()
