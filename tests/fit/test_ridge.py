"""Ridge regression and its closed-form residuals against the normal equations."""

import numpy as np
from toy_regression import make_regression

from ase_dos.fit.ridge import Ridge


def test_residual_maker_is_that_of_the_plain_normal_equations():
    rng = np.random.default_rng(3)
    phi, z, g = rng.normal(size=(12, 5)), np.ones((12, 1)), rng.normal(size=(12, 4))
    ridge = Ridge.decompose(phi, z)
    strength = 0.3 * ridge.scale
    design = np.hstack([phi, z])
    penalty = np.diag([strength] * 5 + [0.0])
    hat = design @ np.linalg.solve(design.T @ design + penalty, design.T)
    assert np.allclose(ridge.residual_maker(0.3).matrix, np.eye(12) - hat, atol=1e-12)
    weights, terms = ridge.solve(0.3, g)
    assert np.allclose(phi @ weights + z @ terms, hat @ g, atol=1e-12)


def test_leave_one_out_in_closed_form_equals_refitting():
    regression, _ = make_regression(n=10, noise=0.3)
    residual_maker = regression.ridge.residual_maker(0.1)
    strength = 0.1 * regression.ridge.scale
    g = regression.per_atom(np.zeros(10))[0]
    closed = residual_maker @ g / residual_maker.diagonal[:, None]
    design = np.hstack([regression.ridge.features, np.ones((10, 1))])
    for out in range(10):
        rest = np.arange(10) != out
        a = design[rest].T @ design[rest] + np.diag([strength] * 3 + [0.0])
        coefficients = np.linalg.solve(a, design[rest].T @ g[rest])
        assert np.allclose(g[out] - design[out] @ coefficients, closed[out], atol=1e-10)
