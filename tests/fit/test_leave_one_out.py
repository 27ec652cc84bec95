"""Leave-one-out predictions against refitting without each structure."""

import numpy as np
import pytest
from toy_regression import ENERGIES, make_regression

from ase_dos.fit.energy_reference import (
    choose,
)
from ase_dos.fit.leave_one_out import leave_one_out
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.ridge import Ridge


def test_predictions_are_those_of_refitting_without_each_structure():
    regression, _ = make_regression(n=10, noise=0.3)
    found = leave_one_out(regression, Alignment(regression.origin, np.nan, 0.1, 0.0))
    targets = regression.per_atom(regression.origin)[0]
    truth = regression.per_atom(found.errors.shifts)[0]
    design = np.hstack([regression.ridge.features, np.ones((10, 1))])
    penalty = np.diag([0.1 * regression.ridge.scale] * 3 + [0.0])
    for out in range(10):
        rest = np.arange(10) != out
        gram = design[rest].T @ design[rest] + penalty
        weights = np.linalg.solve(gram, design[rest].T @ targets[rest])
        expected = design[out] @ weights - truth[out]
        np.testing.assert_allclose(found.differences[0][out], expected, atol=1e-10)
    assert found.structures.tolist() == list(range(10))
    assert found.loss == pytest.approx(regression.metric.loss(found.differences[0]).mean())


def test_only_structure_of_its_composition_is_left_aside():
    regression, _ = make_regression(n=8)
    composition = np.zeros((8, 2))
    composition[:, 0] = 1.0
    composition[3] = [0.5, 0.5]
    ridge = Ridge.decompose(regression.ridge.features, composition)
    lone = Regression(ridge, regression.targets, regression.n_atoms, ENERGIES, regression.origin)
    best, _ = choose(lone, np.array([0.1]), [0.01], adaptive=True)
    errors = leave_one_out(lone, best).errors
    assert np.isfinite(errors.squared).all()
    assert len(errors.squared) == 7
