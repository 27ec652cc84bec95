"""Modes, weights and exact electron counts against small problems solved in one piece."""

from dataclasses import replace

import numpy as np
import pytest

from ase_dos.fit.metric import METRICS
from ase_dos.fit.modes import constrained, count_below, solve
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.spectra.target import DOSTarget

ENERGIES = np.arange(-3, 3, 0.25)
ALIGNED = Alignment(np.zeros(9), np.nan, 0.05, 0.0)


def make_regression(metric="dos", n=9, p=3):
    """Smooth random spectra of two species; the mean of the features is far from zero."""
    rng = np.random.default_rng(0)
    nodes = np.arange(-6, 6, 0.05)
    x = (nodes[:, None] - np.linspace(-2.5, 2.5, 6)) / 0.6
    shapes, slopes = np.exp(-0.5 * x**2), -x / 0.6 * np.exp(-0.5 * x**2)
    heights = rng.uniform(0.5, 1.5, (n, 6))
    targets = [DOSTarget(-6.0, 0.05, shapes @ h, slopes @ h, 20.0, 4.0, 0.0, 0.6) for h in heights]
    share = rng.uniform(size=n)
    ridge = Ridge.decompose(rng.normal(size=(n, p)) + 4.0, np.column_stack([share, 1 - share]))
    return Regression(ridge, targets, np.ones(n), ENERGIES, np.zeros(n), metric_name=metric)


def predictions(regression, solution):
    ridge = regression.ridge
    return (
        ridge.composition.fractions @ solution.terms
        + ridge.features @ solution.weights @ solution.modes
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_modes", [None, 4])
def test_modes_are_orthonormal_in_the_metric(metric, n_modes):
    regression = make_regression(metric)
    modes = solve(regression, ALIGNED, n_modes).modes
    np.testing.assert_allclose(regression.metric(modes) @ modes.T, np.eye(len(modes)), atol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_pointwise_weights_are_those_of_all_principal_components(metric):
    regression = make_regression(metric)
    points, modes = (solve(regression, ALIGNED, n) for n in (None, 9))
    assert len(points.modes) == ENERGIES.size
    np.testing.assert_allclose(
        points.weights @ points.modes, modes.weights @ modes.modes, atol=1e-9
    )
    np.testing.assert_allclose(points.terms, modes.terms, atol=1e-9)
    # Both are plain ridge regression at every energy.
    weights, terms = regression.ridge.solve(0.05, regression.per_atom(np.zeros(9))[0])
    np.testing.assert_allclose(points.weights @ points.modes, weights, atol=1e-9)
    np.testing.assert_allclose(points.terms, terms, atol=1e-9)


def test_few_modes_lose_little_and_more_lose_less():
    regression = make_regression()
    best = predictions(regression, solve(regression, ALIGNED, None))
    errors = [
        np.abs(predictions(regression, solve(regression, ALIGNED, n)) - best).max()
        for n in (1, 2, 4, 6)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 < errors[0]


@pytest.mark.parametrize("top", [-3.0, -1.37, -1.25, 0.001, 2.75])
def test_count_integrates_piecewise_linear_functions_exactly(top):
    values = np.random.default_rng(3).normal(size=ENERGIES.size)
    below = np.array([*(energy for energy in ENERGIES if energy < top), top])
    expected = np.trapezoid(np.interp(below, ENERGIES, values), below)
    assert count_below(ENERGIES, top) @ values == pytest.approx(expected, abs=1e-13)


def lagrange(regression, modes, strength, count, electrons):
    """Predictions that minimise the loss with multipliers for the constraints, in one system."""
    z, phi = regression.ridge.composition.fractions, regression.ridge.features
    (n, s), p, (k, m) = z.shape, phi.shape[1], modes.shape
    factor = regression.metric.factor(m)
    goal = regression.per_atom(np.zeros(n))[0] @ factor
    # Unknowns: terms (s, m), then weights (p, k); rows: structures times energies.
    design = np.hstack([np.kron(z, factor.T), np.kron(phi, (modes @ factor).T)])
    hessian = design.T @ design + np.diag([0.0] * (s * m) + [strength] * (p * k))
    held = np.zeros((s + p, s * m + p * k))
    held[:s, : s * m] = np.kron(np.eye(s), count)
    held[s:, s * m :] = np.kron(np.eye(p), modes @ count)
    system = np.block([[hessian, held.T], [held, np.zeros((s + p, s + p))]])
    right = np.concatenate([design.T @ goal.ravel(), electrons, np.zeros(p)])
    unknowns = np.linalg.lstsq(system, right, rcond=None)[0][: s * m + p * k]
    terms, weights = unknowns[: s * m].reshape(s, m), unknowns[s * m :].reshape(p, k)
    return z @ terms + phi @ weights @ modes


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_modes", [None, 3])
def test_fixed_counts_are_those_of_lagrange_multipliers(metric, n_modes):
    """Also where the modes cannot express the direction of the constraint."""
    regression = make_regression(metric)
    count, electrons = count_below(ENERGIES, -0.6), np.array([2.0, 3.0])
    free = solve(regression, ALIGNED, n_modes)
    centers = regression.ridge.composition.terms(regression.ridge.features)
    fixed = constrained(free, count, electrons, centers)
    found = predictions(regression, fixed)
    np.testing.assert_allclose(
        found @ count, regression.ridge.composition.fractions @ electrons, atol=1e-10
    )
    assert np.abs(predictions(regression, free) @ count - found @ count).max() > 0.05
    strength = 0.05 * regression.ridge.scale
    expected = lagrange(regression, free.modes, strength, count, electrons)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_fixed_counts_hold_for_every_atom_whatever_its_features():
    regression = make_regression()
    count, electrons = count_below(ENERGIES, -0.6), np.array([2.0, 3.0])
    fixed = constrained(solve(regression, ALIGNED, 4), count, electrons, np.ones((2, 3)))
    atoms = 100.0 * np.random.default_rng(1).normal(size=(20, 3))
    for term, number in zip(fixed.terms, electrons, strict=True):
        held = (term + atoms @ fixed.weights @ fixed.modes) @ count
        np.testing.assert_allclose(held, number, atol=1e-9)


def test_counts_that_hold_already_change_nothing():
    regression = make_regression()
    count = count_below(ENERGIES, -0.6)
    same = replace(regression, targets=[regression.targets[0]] * 9)  # whatever the composition
    free = solve(same, ALIGNED, 4)
    fixed = constrained(free, count, free.terms @ count, np.ones((2, 3)))
    np.testing.assert_allclose(predictions(same, fixed), predictions(same, free), atol=1e-9)
