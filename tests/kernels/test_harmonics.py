"""Real spherical harmonics and the gradients of their solid forms."""

import numpy as np
import pytest
import reference_soap as reference
from derivatives import central

from ase_dos.kernels.harmonics import gradient_terms, harmonics_of


@pytest.mark.parametrize("l_max", [0, 1, 2, 12])
def test_harmonics_agree_with_legendre_functions(l_max):
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    vectors[:6] = np.concatenate([np.eye(3), -np.eye(3)])
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    expected = reference.harmonics(vectors, l_max)
    np.testing.assert_allclose(harmonics_of(vectors, l_max), expected, atol=1e-12)


def solid_harmonics(point, l_max):
    length = np.linalg.norm(point)
    powers = np.repeat(np.arange(l_max + 1), 2 * np.arange(l_max + 1) + 1)
    return harmonics_of(point[None] / length, l_max)[0] * length**powers


def test_gradients_of_solid_harmonics_are_solid_harmonics():
    l_max, point = 7, np.array([0.6, -0.9, 0.4])
    places, values = gradient_terms(l_max)
    matrix = np.zeros((3, (l_max + 1) ** 2, (l_max + 1) ** 2))
    matrix[tuple(places.T)] = values
    for k in range(3):
        unit = np.eye(3)[k]
        expected = central(lambda h: solid_harmonics(point + h * unit, l_max), 1e-3)  # noqa: B023
        np.testing.assert_allclose(matrix[k] @ solid_harmonics(point, l_max), expected, atol=1e-9)
