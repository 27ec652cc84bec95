"""Ridge, shifts and errors on spectra made so that the answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from ase_dos.fit.energy_reference import (
    Alignment,
    align,
    choose,
    cross_correlation_shifts,
    leave_one_out,
)
from ase_dos.fit.metric import METRICS
from ase_dos.fit.modes import solve
from ase_dos.fit.projected_loss import curvature, filled_targets, projected_loss
from ase_dos.fit.regression import Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.scores import aligned_errors, best_shift
from ase_dos.spectra.target import DOSTarget

STEP = 0.05
ENERGIES = np.arange(-6, 8, 0.1)


def peaks(energies, centers, heights, width=0.6):
    x = (energies[:, None] - centers) / width
    g = heights * np.exp(-0.5 * x**2)
    return g.sum(axis=1), (-x / width * g).sum(axis=1)


def make_regression(n=24, seed=0, shifts=None, noise=0.0, valid_to=20.0, bound=3.0, contrast=0.35):
    """Spectra linear in random features, each with its own energy zero."""
    rng = np.random.default_rng(seed)
    centers = np.linspace(-4, 5, 6)
    base, mixing = np.full(6, 1.0), rng.normal(0, contrast, (3, 6))
    features = rng.normal(size=(n, 3))
    true = rng.normal(0, 0.4, n) if shifts is None else shifts
    nodes = np.arange(-14, 16, STEP)
    targets = []
    for x, shift in zip(features, true, strict=True):
        heights = base + x @ mixing + noise * rng.normal(size=6)
        value, slope = peaks(nodes - shift, centers, heights)
        targets.append(DOSTarget(-14.0, STEP, value, slope, valid_to, 4.0, 0.0, 0.6))
    ridge = Ridge.decompose(features, np.ones((n, 1)))
    regression = Regression(ridge, targets, np.ones(n), ENERGIES, np.zeros(n), bound)
    return regression, true


def test_residual_maker_is_that_of_the_plain_normal_equations():
    rng = np.random.default_rng(3)
    phi, z, g = rng.normal(size=(12, 5)), np.ones((12, 1)), rng.normal(size=(12, 4))
    ridge = Ridge.decompose(phi, z)
    strength = 0.3 * ridge.scale
    design = np.hstack([phi, z])
    penalty = np.diag([strength] * 5 + [0.0])
    hat = design @ np.linalg.solve(design.T @ design + penalty, design.T)
    assert np.allclose(ridge.residual_maker(0.3), np.eye(12) - hat, atol=1e-12)
    weights, terms = ridge.solve(0.3, g)
    assert np.allclose(phi @ weights + z @ terms, hat @ g, atol=1e-12)


def test_leave_one_out_in_closed_form_equals_refitting():
    regression, _ = make_regression(n=10, noise=0.3)
    residual_maker = regression.ridge.residual_maker(0.1)
    strength = 0.1 * regression.ridge.scale
    g = regression.per_atom(np.zeros(10))[0]
    closed = residual_maker @ g / np.diag(residual_maker)[:, None]
    design = np.hstack([regression.ridge.features, np.ones((10, 1))])
    for out in range(10):
        rest = np.arange(10) != out
        a = design[rest].T @ design[rest] + np.diag([strength] * 3 + [0.0])
        coefficients = np.linalg.solve(a, design[rest].T @ g[rest])
        assert np.allclose(g[out] - design[out] @ coefficients, closed[out], atol=1e-10)


def test_shifts_are_recovered():
    regression, true = make_regression()
    found = align(regression, 1e-6, 0.0, regression.origin)
    assert np.allclose(found.shifts, true - true.mean(), atol=2e-3)
    assert abs(found.shifts.mean()) < 1e-12


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


def test_newton_ends_where_the_gradient_vanishes():
    # without a penalty, and with next to no ridge, the loss hardly feels some of the shifts
    regression, _ = make_regression(n=40, noise=0.2)
    found = align(regression, 1e-6, 0.0, regression.origin)
    residual_maker = regression.ridge.residual_maker(1e-6)
    first = np.linalg.norm(projected_loss(regression.origin, regression, residual_maker, 0.0)[1])
    last = np.linalg.norm(projected_loss(found.shifts, regression, residual_maker, 0.0)[1])
    assert last < 1e-6 * first


def masked(regression, ends):
    """Return the same regression with targets known up to ``ends`` (eV) only."""
    targets = [replace(t, valid_to=float(e)) for t, e in zip(regression.targets, ends, strict=True)]
    return replace(regression, targets=targets)


def test_masked_descent_ends_at_a_step_of_the_loss_or_where_it_is_flat():
    regression = masked(make_regression(n=24, noise=0.2)[0], np.linspace(1.0, 9.0, 24))
    residual_maker = regression.ridge.residual_maker(0.01)
    found = align(regression, 0.01, 0.01, regression.origin)
    assert found.loss < 0.6 * projected_loss(regression.origin, regression, residual_maker, 0.01)[0]
    rng = np.random.default_rng(3)
    for _ in range(40):
        near = found.shifts + 1e-3 * rng.normal(size=24)
        assert found.loss < (1 + 1e-4) * projected_loss(near, regression, residual_maker, 0.01)[0]


def test_targets_of_which_nothing_is_known_stay_where_they_are():
    regression = masked(make_regression(n=3)[0], [-20.0] * 3)
    found = align(regression, 0.1, 0.01, regression.origin)
    np.testing.assert_array_equal(found.shifts, regression.origin)


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
    assert abs(residual_maker[0, 0]) < 1e-14
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


@pytest.mark.parametrize(
    ("composition", "blocks"),
    [
        ([[1, 0], [1, 0], [1, 0]], [0, 0, 0]),
        ([[1, 0], [0, 1], [1, 0]], [0, 1, 0]),
        ([[1, 0], [0.5, 0.5], [0.5, 0.5]], [0, 1, 1]),
        ([[1, 0], [0.5, 0.5], [0.25, 0.75]], [0, 0, 0]),
        ([[0.5, 0.5, 0], [0, 0, 1], [0.2, 0.8, 0], [0.4, 0.6, 0]], [0, 1, 0, 0]),
    ],
)
def test_blocks_of_composition(composition, blocks):
    composition = np.array(composition, dtype=float)
    ridge = Ridge.decompose(np.zeros((len(composition), 1)), composition)
    assert ridge.composition.blocks.tolist() == blocks


@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_compositions_with_terms_of_their_own_are_brought_together(penalty):
    """Two compositions of two species: only together do their terms predict a third.

    The loss does not feel a shift between them, and their Fermi levels (the origin) are off.
    """
    rng = np.random.default_rng(0)
    nodes = np.arange(-14, 16, STEP)
    centers = np.array([-3.0, 0.5, 3.0])
    heights = np.array([[4.0, 1.0, 2.0], [2.5, 2.0, 1.5]])  # of two pure species
    composition = np.array([[1.0, 0.0]] * 5 + [[0.6, 0.4]] * 5)
    true = rng.normal(0, 0.3, 10) + np.repeat([0.6, -0.6], 5)
    spectra = [
        peaks(nodes - shift, centers, heights.T @ x)
        for x, shift in zip(composition, true, strict=True)
    ]
    targets = [DOSTarget(-14.0, STEP, *one, 20.0, 4.0, 0.0, 0.6) for one in spectra]
    ridge = Ridge.decompose(np.zeros((10, 1)), composition)
    regression = Regression(ridge, targets, np.ones(10), ENERGIES, np.zeros(10))
    best, _ = choose(regression, [1.0], [penalty], adaptive=True)
    np.testing.assert_allclose(best.shifts, true - true.mean(), atol=0.1)
    assert abs(best.shifts.mean()) < 1e-9
    terms = ridge.solve(1.0, regression.per_atom(best.shifts)[0])[1]
    pure = peaks(ENERGIES, centers, heights[1])[0]
    _, squared = best_shift(
        DOSTarget(-14.0, STEP, *peaks(nodes, centers, heights[1]), 20.0, 4.0, 0.0, 0.6),
        terms[1],
        ENERGIES,
        0.0,
    )
    assert np.sqrt(squared) < 0.15 * np.sqrt(np.sum(pure**2) * 0.1)


@pytest.mark.parametrize("metric", METRICS)
def test_metric_decides_the_shifts_but_not_the_weights_for_given_shifts(metric):
    plain, _ = make_regression(noise=0.02)
    other = replace(plain, metric_name=metric)
    shifts = [
        align(regression, 0.01, 0.0, regression.origin).shifts for regression in (plain, other)
    ]
    moved = np.abs(shifts[1] - shifts[0]).max()
    assert (moved == 0) == (metric == "dos")
    assert moved < 0.3  # they all bring the peaks together
    given = Alignment(shifts[0], np.nan, 0.01, 0.0)
    one, two = (solve(regression, given, None) for regression in (plain, other))
    np.testing.assert_allclose(one.weights @ one.modes, two.weights @ two.modes, atol=1e-10)
    np.testing.assert_allclose(one.terms, two.terms, atol=1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_no_shift_is_better_than_those_found(metric):
    regression = replace(make_regression(noise=0.2)[0], metric_name=metric)
    residual_maker = regression.ridge.residual_maker(0.01)
    found = align(regression, 0.01, 0.0, regression.origin)
    rng = np.random.default_rng(1)
    others = [
        projected_loss(found.shifts + rng.normal(0, 0.02, 24), regression, residual_maker, 0.0)[0]
        for _ in range(20)
    ]
    assert found.loss < min(others)


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


def test_result_does_not_depend_on_the_order_of_structures():
    regression, _ = make_regression(noise=0.1)
    order = np.random.default_rng(7).permutation(24)
    shuffled = Regression(
        Ridge.decompose(regression.ridge.features[order], np.ones((24, 1))),
        [regression.targets[i] for i in order],
        np.ones(24),
        ENERGIES,
        np.zeros(24),
    )
    one = align(regression, 0.01, 0.01, regression.origin).shifts
    two = align(shuffled, 0.01, 0.01, shuffled.origin).shifts
    assert np.allclose(one[order], two, atol=1e-4)


def test_penalty_pulls_to_the_reference_and_bound_holds():
    regression, _ = make_regression(noise=0.1)
    loose = align(regression, 0.01, 0.0, regression.origin).shifts
    stiff = align(regression, 0.01, 1e4, regression.origin).shifts
    assert np.abs(stiff).max() < 0.01 * np.abs(loose).max()
    bounded, true = make_regression(bound=0.1)
    found = align(bounded, 0.01, 0.0, bounded.origin).shifts
    assert np.abs(found).max() <= 0.2 + 1e-9 < np.abs(true).max()


def test_masked_energies_are_filled_not_taken_as_zero():
    full, true = make_regression()
    cut = make_regression()[0]
    # every second structure ends inside the window
    targets = [
        t if i % 2 else DOSTarget(t.start, t.step, t.values, t.derivatives, 3.0, 4.0, 0.0, 0.6)
        for i, t in enumerate(cut.targets)
    ]
    cut = Regression(cut.ridge, targets, cut.n_atoms, ENERGIES, cut.origin)
    found = align(cut, 1e-6, 0.0, cut.origin)
    assert np.allclose(found.shifts, true - true.mean(), atol=0.02)
    filled = filled_targets(cut, found.shifts, cut.ridge.residual_maker(1e-6))
    complete = full.per_atom(found.shifts)[0]
    assert np.abs(filled - complete).max() < 0.05 * complete.max()


def test_cross_correlation_brings_peaks_together():
    # the peaks are 1.8 eV apart: shifts within half of that are unambiguous
    regression, true = make_regression(shifts=np.linspace(-0.8, 0.8, 24), contrast=0.1)
    shifts = cross_correlation_shifts(regression)
    assert np.std(shifts - true) < 0.25 * np.std(true)


def test_adaptive_beats_a_wrong_fixed_reference():
    regression, _ = make_regression(noise=0.05)
    grid = 10.0 ** np.arange(-5, 1)
    fixed, _ = choose(regression, grid, [0.0], adaptive=False)
    free, history = choose(regression, grid, [0.0, 0.01], adaptive=True)
    assert leave_one_out(regression, free).loss < 0.25 * leave_one_out(regression, fixed).loss
    assert {entry["penalty"] for entry in history} == {0.0, 0.01}


def test_best_shift_is_global():
    regression, _ = make_regression(n=3, shifts=np.array([2.3, -1.9, 0.0]))
    for target, shift in zip(regression.targets, (2.3, -1.9, 0.0), strict=True):
        prediction = target(ENERGIES, shift)[0]
        found, squared = best_shift(target, prediction, ENERGIES, 0.0)
        assert found == pytest.approx(shift, abs=1e-4)
        assert squared < 1e-6


def test_errors_are_per_atom_and_blind_to_shifts():
    regression, true = make_regression(n=6)
    exact = np.array([t(ENERGIES, s)[0] for t, s in zip(regression.targets, true, strict=True)])
    wrong = exact + 0.01
    errors = aligned_errors(regression.targets, wrong, np.ones(6), ENERGIES, np.zeros(6))
    length = ENERGIES.size * 0.1
    assert errors.rmse == pytest.approx(0.01 * np.sqrt(length), rel=0.02)
    doubled = [
        DOSTarget(t.start, t.step, 2 * t.values, 2 * t.derivatives, 20.0, 8.0, 0.0, 0.6)
        for t in regression.targets
    ]
    again = aligned_errors(doubled, wrong, np.full(6, 2), ENERGIES, np.zeros(6))
    assert again.rmse == pytest.approx(errors.rmse, rel=1e-6)
    assert again.spread == pytest.approx(errors.spread, rel=1e-4)


def test_spread_counts_known_energies_only():
    regression, true = make_regression(n=6)
    exact = np.array([t(ENERGIES, s)[0] for t, s in zip(regression.targets, true, strict=True)])
    cut = [
        DOSTarget(
            t.start,
            t.step,
            np.where(np.arange(t.values.size) * STEP - 14 > 5, 0, t.values),
            t.derivatives,
            5.0,
            4.0,
            0.0,
            0.6,
        )
        for t in regression.targets
    ]
    errors = aligned_errors(cut, exact, np.ones(6), ENERGIES, true)
    inside = np.all([ENERGIES + s <= 5 for s in true], axis=0)
    deviation = (exact - exact.mean(axis=0))[:, inside]
    expected = np.sqrt((deviation**2).mean() * ENERGIES.size * 0.1)
    assert errors.spread == pytest.approx(expected, rel=0.1)
