"""Spin DOS learned beside the DOS: one regression, shifts that see both."""

from dataclasses import replace

import numpy as np
import pytest
from toy_regression import make_regression, masked

from ase_dos.fit import energy_reference, residual_maker
from ase_dos.fit.energy_reference import align, choose
from ase_dos.fit.leave_one_out import leave_one_out
from ase_dos.fit.loss_in_blocks import LossInBlocks
from ase_dos.fit.modes import joined, solve
from ase_dos.fit.projected_loss import curvature, projected_loss
from ase_dos.fit.regression import Alignment

N = 24


def regressions(ends=None):
    """A regression of a DOS and a spin DOS on the same features, and one of each alone."""
    first, true = make_regression(n=N, noise=0.1)
    other, _ = make_regression(n=N, noise=0.1, contrast=0.8, shifts=true)
    if ends is not None:
        first, other = masked(first, ends), masked(other, ends)
    return replace(first, spin_targets=other.targets), first, other, true


@pytest.mark.parametrize("ends", [None, np.linspace(2.0, 9.0, N)])
def test_losses_add(ends):
    both, first, other, _ = regressions(ends)
    residual_maker = both.ridge.residual_maker(0.01)
    point = both.centre(np.random.default_rng(5).normal(0, 0.2, N))
    found = projected_loss(point, both, residual_maker, 0.3)
    parts = [projected_loss(point, one, residual_maker, p) for one, p in ((first, 0.3), (other, 0))]
    assert found[0] == pytest.approx(sum(loss for loss, _ in parts))
    np.testing.assert_allclose(found[1], sum(slopes for _, slopes in parts), atol=1e-10)
    in_blocks = LossInBlocks(both, residual_maker, 0.3, point)
    np.testing.assert_allclose(in_blocks(point)[0], found[0], rtol=1e-9)
    np.testing.assert_allclose(in_blocks(point)[1], found[1], atol=1e-9 * np.abs(found[1]).max())
    assert (in_blocks.unit() < LossInBlocks(first, residual_maker, 0.3, point).unit()).all()


def test_curvature_is_the_derivative_of_the_gradient():
    both, *_ = regressions()
    residual_maker = both.ridge.residual_maker(0.01)
    point = np.random.default_rng(5).normal(0, 0.2, N)
    second, h = curvature(point, both, residual_maker, 0.3), 1e-4

    def gradient(x):
        return projected_loss(x, both, residual_maker, 0.3)[1]

    numeric = np.array(
        [(gradient(point + h * e) - gradient(point - h * e)) / (2 * h) for e in np.eye(N)]
    )
    # The gauge gives the mean curvature to a common shift; the second derivatives of the targets
    # are differences over the grid.
    numeric, second = both.centre(numeric), both.centre(both.centre(second).T)
    assert np.abs(second - numeric).max() < (0.1 / 0.6) ** 2 * np.abs(numeric).max()


def test_the_spin_dos_helps_to_find_the_shifts():
    both, first, _, true = regressions()
    errors = [np.std(align(one, 1e-4, 0.0, one.origin).shifts - true) for one in (both, first)]
    assert errors[0] < errors[1]


def test_many_structures_begin_with_a_part(monkeypatch):
    both, *_, true = regressions()
    for module in (energy_reference, residual_maker):
        monkeypatch.setattr(module, "MOST_DENSE", 16)
    monkeypatch.setattr(energy_reference, "_PART", 12)
    best, _ = choose(both, np.array([1e-1, 1e-2]), [0.0], adaptive=True)
    np.testing.assert_allclose(best.shifts, true - true.mean(), atol=0.1)
    part = both.part(np.arange(0, N, 2))
    assert part.spectra[1].targets == list(both.spin_targets)[::2]


def test_each_is_fitted_as_it_would_be_alone():
    both, first, other, true = regressions()
    best = Alignment(true - true.mean(), 0.0, 1e-3, 0.0)
    solution, spin_basis = joined([solve(one, best, 5) for one in both.spectra])
    assert solution.weights.shape == (3, 10)
    rows = np.random.default_rng(1).normal(size=(4, 3)) @ solution.weights
    rows = np.hstack([np.ones((4, 1)), rows])
    for one, basis in ((first, np.vstack([solution.terms, solution.modes])), (other, spin_basis)):
        alone = solve(one, best, 5)
        features = np.linalg.lstsq(solution.weights.T, rows[:, 1:].T, rcond=None)[0].T
        expected = alone.terms + features @ alone.weights @ alone.modes
        np.testing.assert_allclose(rows @ basis, expected, atol=1e-9)


def test_errors_of_structures_left_out():
    both, first, _, true = regressions()
    best = Alignment(true - true.mean(), 0.0, 1e-3, 0.0)
    found, alone = leave_one_out(both, best), leave_one_out(first, best)
    np.testing.assert_array_equal(found.differences[0], alone.differences[0])
    np.testing.assert_array_equal(found.errors.shifts, alone.errors.shifts)
    losses = [both.metric.loss(one).mean() for one in found.differences]
    assert found.loss == pytest.approx(sum(losses))
    assert losses[1] > 0
