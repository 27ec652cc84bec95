"""Energy references: shifts on spectra made so that the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from toy_regression import ENERGIES, STEP, make_regression, masked, peaks

from ase_dos.fit import energy_reference, residual_maker
from ase_dos.fit.energy_reference import (
    align,
    choose,
    cross_correlation_shifts,
)
from ase_dos.fit.leave_one_out import leave_one_out
from ase_dos.fit.metric import METRICS
from ase_dos.fit.modes import solve
from ase_dos.fit.projected_loss import filled_targets, projected_loss
from ase_dos.fit.regression import Alignment, Regression
from ase_dos.fit.ridge import Ridge
from ase_dos.fit.scores import best_shift
from ase_dos.spectra.target import DOSTarget


def test_shifts_are_recovered():
    regression, true = make_regression()
    found = align(regression, 1e-6, 0.0, regression.origin)
    assert np.allclose(found.shifts, true - true.mean(), atol=2e-3)
    assert abs(found.shifts.mean()) < 1e-12


def test_newton_ends_where_the_gradient_vanishes():
    # without a penalty, and with next to no ridge, the loss hardly feels some of the shifts
    regression, _ = make_regression(n=40, noise=0.2)
    found = align(regression, 1e-6, 0.0, regression.origin)
    residual_maker = regression.ridge.residual_maker(1e-6)
    first = np.linalg.norm(projected_loss(regression.origin, regression, residual_maker, 0.0)[1])
    last = np.linalg.norm(projected_loss(found.shifts, regression, residual_maker, 0.0)[1])
    assert last < 1e-6 * first


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


@pytest.mark.parametrize("ends", [None, np.linspace(2.0, 9.0, 60)])
def test_many_structures_are_aligned_as_few(monkeypatch, ends):
    regression, _ = make_regression(n=60, noise=0.2)
    regression = replace(regression, metric_name="mix", of_groups=np.arange(60) // 2)
    if ends is not None:
        regression = masked(regression, np.random.default_rng(2).permutation(ends))
    given = (np.array([1e-2]), [0.01], True)
    few, _ = choose(regression, *given)
    for module in (energy_reference, residual_maker):
        monkeypatch.setattr(module, "MOST_DENSE", 20)
    monkeypatch.setattr(energy_reference, "_PART", 40)
    monkeypatch.setattr(energy_reference, "newton", None)  # for few structures only
    monkeypatch.setattr(energy_reference, "_from_part", lambda *_: (few, regression.origin))
    many, _ = choose(regression, *given)
    # A descent of few may end at one of the steps of the loss that masks make; with many they are
    # held while the shifts move, and renewed, so that nothing is gained by energies lost.
    assert many.loss == pytest.approx(few.loss, rel=1e-6 if ends is None else 2e-3)
    np.testing.assert_allclose(many.shifts, few.shifts, atol=1e-3 if ends is None else 0.02)


def test_a_part_of_the_structures_begins_the_search(monkeypatch):
    regression, true = make_regression(n=60, noise=0.05)
    for module in (energy_reference, residual_maker):
        monkeypatch.setattr(module, "MOST_DENSE", 40)
    monkeypatch.setattr(energy_reference, "_PART", 30)
    found, shifts = energy_reference._from_part(regression, [1e-1, 1e-2], [0.0], True)
    assert len(found.shifts) == 30
    np.testing.assert_allclose(shifts - shifts.mean(), true - true.mean(), atol=0.05)
    best, _ = choose(regression, np.array([1e-1, 1e-2]), [0.0], adaptive=True)
    np.testing.assert_allclose(best.shifts, true - true.mean(), atol=0.05)
    fixed, _ = choose(regression, np.array([1e-1, 1e-2]), [0.0], adaptive=False)
    np.testing.assert_array_equal(fixed.shifts, regression.origin)


def test_many_structures_walk_to_their_own_regularisation(monkeypatch):
    regression, _ = make_regression(n=60, noise=0.05)
    ladder = [10.0**-i for i in range(6)]
    monkeypatch.setattr(energy_reference, "MOST_DENSE", 40)
    monkeypatch.setattr(residual_maker, "MOST_DENSE", 40)
    strongest = Alignment(regression.origin, np.nan, ladder[0], 0.01)
    monkeypatch.setattr(energy_reference, "_from_part", lambda *_: (strongest, regression.origin))
    best, history = choose(regression, np.array(ladder), [0.01], adaptive=True)
    losses = {entry["regularization"]: entry["loss"] for entry in history}
    place = ladder.index(best.regularization)
    assert place > 1
    assert len(history) < 6
    for neighbour in ladder[place - 1 : place] + ladder[place + 1 : place + 2]:
        assert losses[neighbour] >= losses[best.regularization]
