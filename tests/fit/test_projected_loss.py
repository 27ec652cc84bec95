"""Loss of the shifts alone: its derivatives, and the energies that no target tells."""

from dataclasses import replace

import numpy as np
import pytest
from toy_regression import ENERGIES, make_regression, masked

from ase_dos.fit.metric import METRICS
from ase_dos.fit.projected_loss import curvature, filled_targets, projected_loss
from ase_dos.fit.regression import Regression
from ase_dos.fit.ridge import Ridge


@pytest.mark.parametrize("metric", METRICS)
def test_projected_loss_is_that_of_the_best_weights(metric):
    regression = replace(make_regression(n=10, noise=0.2)[0], metric_name=metric)
    strength = 0.05 * regression.ridge.scale
    value, _ = projected_loss(np.zeros(10), regression, regression.ridge.residual_maker(0.05), 0.0)
    g = regression.per_atom(np.zeros(10))[0]
    weights, terms = regression.ridge.solve(0.05, g)
    residual = g - regression.ridge.features @ weights - terms
    explicit = (
        regression.metric.loss(residual).sum() + strength * regression.metric.loss(weights).sum()
    )
    assert value == pytest.approx(explicit, rel=1e-10)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_gradient_of_the_projected_loss(penalty, metric):
    regression = replace(make_regression(noise=0.2)[0], metric_name=metric)
    residual_maker = regression.ridge.residual_maker(0.01)
    point = np.random.default_rng(5).normal(0, 0.2, 24)

    def loss(shifts):
        return projected_loss(shifts, regression, residual_maker, penalty)[0]

    gradient = projected_loss(point, regression, residual_maker, penalty)[1]
    h = 1e-5
    numeric = [(loss(point + h * e) - loss(point - h * e)) / (2 * h) for e in np.eye(24)]
    assert np.allclose(gradient, numeric, rtol=1e-5, atol=1e-6)
    assert np.abs(gradient).max() > 1e-2  # it does not vanish at the start
    assert loss(point + 0.3) == pytest.approx(loss(point))  # the gauge


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("masks", [False, True])
def test_curvature_is_the_derivative_of_the_gradient(metric, masks):
    regression = replace(make_regression(noise=0.2)[0], metric_name=metric)
    point = np.random.default_rng(5).normal(0, 0.2, 24)
    if masks:  # ending halfway between energies of the grid, most of them inside the window
        ends = 0.05 + np.linspace(2.0, 9.0, 24).round(1)
        regression = masked(regression, regression.centre(point) + ends)
    residual_maker = regression.ridge.residual_maker(0.01)
    second = curvature(point, regression, residual_maker, 0.3)
    h = 1e-4
    numeric = np.array(
        [
            (
                projected_loss(point + h * e, regression, residual_maker, 0.3)[1]
                - projected_loss(point - h * e, regression, residual_maker, 0.3)[1]
            )
            / (2 * h)
            for e in np.eye(24)
        ]
    )
    # g'' is a difference over the grid, whose steps are a sixth of the width of the peaks
    inside = regression.centre(regression.centre(second).T)
    assert np.abs(inside - numeric).max() < (0.1 / 0.6) ** 2 * np.abs(numeric).max()
    common = np.ones(24)  # which the gauge takes away: no valley of the loss
    assert common @ second @ common > 0


@pytest.mark.parametrize("metric", METRICS)
def test_gradient_of_the_projected_loss_with_unknown_energies(metric):
    """The entries that stand for them follow the others; in "dos" their change costs nothing."""
    regression = masked(make_regression(noise=0.2)[0], np.linspace(1.0, 9.0, 24))
    regression = replace(regression, metric_name=metric)
    residual_maker = regression.ridge.residual_maker(0.01)
    # Far from where a grid point crosses the end of a target, a step in the loss.
    point = np.random.default_rng(5).normal(0, 0.2, 24)
    edge = (np.array([t.valid_to for t in regression.targets]) - (point - point.mean()) + 6) % 0.1
    point -= np.where(np.minimum(edge, 0.1 - edge) < 0.01, 0.02, 0.0)
    gradient = projected_loss(point, regression, residual_maker, 0.0)[1]
    h = 1e-5
    numeric = [
        (
            projected_loss(point + h * e, regression, residual_maker, 0.0)[0]
            - projected_loss(point - h * e, regression, residual_maker, 0.0)[0]
        )
        / (2 * h)
        for e in np.eye(24)
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)


def test_unknown_energies_of_the_only_structure_of_its_composition():
    """Its residual is zero whatever stands for them: they stay at the mean of the others."""
    regression = masked(make_regression(n=12)[0], [2.0] + [20.0] * 11)
    composition = np.array([[0.5, 0.5]] + [[1.0, 0.0]] * 11)
    regression = replace(regression, ridge=Ridge.decompose(regression.ridge.features, composition))
    residual_maker = regression.ridge.residual_maker(1e-7)
    assert abs(residual_maker.diagonal[0]) < 1e-14
    filled = filled_targets(regression, regression.origin, residual_maker)
    above = ENERGIES > 2.0
    np.testing.assert_allclose(filled[0, above], filled[1:, above].mean(axis=0), rtol=0.2)
    assert np.isfinite(projected_loss(np.zeros(12), regression, residual_maker, 0.0)[0])


def test_energies_that_nobody_knows_are_zero():
    regression = masked(make_regression(n=12)[0], np.linspace(1.0, 6.5, 12))
    residual_maker = regression.ridge.residual_maker(0.01)
    filled = filled_targets(regression, regression.origin, residual_maker)
    unknown = ~regression.per_atom(regression.origin)[2].any(axis=0)
    assert unknown.sum() > 10
    assert not filled[:, unknown].any()
    assert np.isfinite(projected_loss(np.zeros(12), regression, residual_maker, 0.0)[1]).all()


@pytest.mark.parametrize("regularization", [1e-2, 1e-5])
def test_unknown_energies_minimise_the_loss_even_with_more_features_than_structures(
    regularization,
):
    rng = np.random.default_rng(8)
    features = rng.normal(size=(20, 60))
    regression, _ = make_regression(n=20)
    ridge = Ridge.decompose(features, np.ones((20, 1)))
    cut = Regression(
        ridge,
        [replace(t, valid_to=2.0 if i % 2 else 20.0) for i, t in enumerate(regression.targets)],
        regression.n_atoms,
        ENERGIES,
        regression.origin,
    )
    residual_maker = ridge.residual_maker(regularization)
    filled = filled_targets(cut, cut.origin, residual_maker)
    known = cut.per_atom(cut.origin)[2]
    assert not known.all()
    assert np.array_equal(filled[known], cut.per_atom(cut.origin)[0][known])
    stationary = (residual_maker @ filled)[
        ~known
    ]  # the derivative of tr G^T P G by the unknown entries
    assert np.abs(stationary).max() < 1e-8 * np.abs(filled).max()
