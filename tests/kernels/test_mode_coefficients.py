"""Outputs of a regressor, divided into mode coefficients and novelty."""

import numpy as np

from ase_dos.kernels.mode_coefficients import divide_outputs


def test_outputs_are_divided_as_by_numpy():
    rng = np.random.default_rng(0)
    n_modes, limit = 3, 0.7
    outputs, centers = rng.normal(size=(5, n_modes + 4)), rng.normal(size=(2, 4))
    kinds = np.array([0, 1, 1, 0, 1])
    coefficients, novelty = np.empty((5, 2 + n_modes)), np.empty(5)
    divide_outputs(outputs, kinds, centers, limit, coefficients, novelty)
    expected = np.concatenate([np.eye(2)[kinds], outputs[:, :n_modes]], axis=1)
    np.testing.assert_array_equal(coefficients, expected)
    distances = np.linalg.norm(outputs[:, n_modes:] - centers[kinds], axis=1)
    np.testing.assert_allclose(novelty, distances / limit, rtol=1e-14)
