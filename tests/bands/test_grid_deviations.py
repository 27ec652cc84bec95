"""Deviations of Gaussian fields against dense matrices, on any grid."""

import numpy as np
import pytest
from reference_fields import dense_precision

from ase_dos.bands.grid_deviations import field_deviations

SHAPES = [(7, 5), (5, 8), (1, 9), (9, 1), (12, 13), (2, 1), (1, 1)]


def random_field(seed, rows, columns, stiffness=1.0):
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(0, 1, (rows, columns)),
        stiffness * rng.uniform(0, 5, (rows - 1, columns)),
        stiffness * rng.uniform(0, 5, (rows, columns - 1)),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_deviations_are_those_of_the_dense_inverse(shape):
    field = random_field(3, *shape)
    expected = np.sqrt(np.diag(np.linalg.inv(dense_precision(*field))))
    np.testing.assert_allclose(field_deviations(*field).ravel(), expected, rtol=1e-10)


def test_masked_nodes_stand_outside():
    curvature, along_x, along_y = random_field(4, 9, 10)
    seen = np.hypot(*np.meshgrid(np.arange(9) - 4, np.arange(10) - 4.5, indexing="ij")) < 4
    curvature *= seen
    along_x *= seen[1:] & seen[:-1]
    along_y *= seen[:, 1:] & seen[:, :-1]
    keep = seen.ravel()
    matrix = dense_precision(curvature, along_x, along_y)[np.ix_(keep, keep)]
    deviations = field_deviations(curvature, along_x, along_y)
    np.testing.assert_allclose(deviations[seen], np.sqrt(np.diag(np.linalg.inv(matrix))))
    assert np.isinf(deviations[~seen]).all()


def test_uniform_curvature_has_the_closed_form_of_waves():
    """Without ends: the eigenvectors of a free grid are cosines."""
    rows, columns, h, wx, wy = 16, 12, 0.3, 2.0, 0.7
    k, q = np.pi * np.arange(rows) / rows, np.pi * np.arange(columns) / columns
    levels = h + 2 * wx * (1 - np.cos(k))[:, None] + 2 * wy * (1 - np.cos(q))
    squares_x = np.cos(k[:, None] * (np.arange(rows) + 0.5)) ** 2
    squares_y = np.cos(q[:, None] * (np.arange(columns) + 0.5)) ** 2
    squares_x /= squares_x.sum(1, keepdims=True)
    squares_y /= squares_y.sum(1, keepdims=True)
    expected = np.sqrt(np.einsum("kq,kx,qy->xy", 1 / levels, squares_x, squares_y))
    found = field_deviations(np.full((rows, columns), h), wx, wy)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_rigid_and_free_limits_of_the_deviations():
    curvature = random_field(8, 6, 7)[0] + 0.1
    free = field_deviations(curvature, 0.0, 0.0)
    np.testing.assert_allclose(free, 1 / np.sqrt(curvature), rtol=1e-12)
    rigid = field_deviations(curvature, 1e8, 1e8)
    np.testing.assert_allclose(rigid, 1 / np.sqrt(curvature.sum()), rtol=1e-5)


def test_nothing_is_changed():
    field = random_field(9, 20, 20, stiffness=100.0)
    given = [part.copy() for part in field]
    field_deviations(*field)
    for part, before in zip(field, given, strict=True):
        np.testing.assert_array_equal(part, before)


def test_costs_without_a_minimum_are_refused():
    curvature = np.full((4, 5), 0.1)
    curvature[2, 2] = -5.0
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        field_deviations(curvature, 0.1, 0.1)
