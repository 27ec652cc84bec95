"""Means and deviations of labels: exact on lines, and how far off on grids."""

import numba
import numpy as np
import pytest
from reference_fields import FractionalBeliefs, PlainField, dense_precision
from toy_fields import band_costs, random_parts

from ase_dos.kernels.field_marginals import label_marginals
from ase_dos.kernels.markov_field import make_field
from ase_dos.kernels.tree_reweighted import no_messages


def solve(field, tolerance=1e-6, iterations=100):
    return label_marginals(field, tolerance, iterations, no_messages(field))


@pytest.mark.parametrize("shape", [(1, 6, 5), (6, 1, 5), (7, 1, 4)])
def test_lines_are_exact(shape):
    for seed in range(10):
        parts = random_parts(seed, *shape)
        found = solve(make_field(*parts))
        mean, deviation = PlainField(*parts).marginals()
        np.testing.assert_allclose(found.mean.ravel(), mean, atol=1e-9)
        np.testing.assert_allclose(found.deviation.ravel(), deviation, atol=1e-9)
        assert (found.converged, found.iterations) == (True, 2)


@pytest.mark.parametrize("shape", [(4, 5, 6), (3, 7, 11), (17, 18, 3)])
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_passes_are_those_of_the_plain_twin(shape, scale):
    """Also where numbers leave the range of doubles: sums are their largest term there."""
    parts = [scale * part for part in random_parts(2, *shape)[:3]] + [0.0, 0.0]
    field = make_field(*parts)
    zero = [np.zeros_like(part) for part in parts[1:3]]
    plain = FractionalBeliefs(PlainField(*parts[:3], *zero), 0.7)
    for iterations in (1, 2, 3):
        plain.run(True)
        mean, deviation = plain.run(False)
        found = solve(field, 0.0, iterations)
        atol = 1e-10 if scale == 1.0 else 0.01
        np.testing.assert_allclose(found.mean.ravel(), mean, atol=atol)
        np.testing.assert_allclose(found.deviation.ravel(), deviation, atol=atol)


def test_weak_coupling_is_near_all_labelings():
    for seed in range(5):
        costs, *weights, shift_x, shift_y = random_parts(seed, 3, 3, 4)
        parts = [costs / 2, *(0.1 * weight for weight in weights), shift_x, shift_y]
        mean, deviation = PlainField(*parts).marginals()
        found = solve(make_field(*parts))
        np.testing.assert_allclose(found.mean.ravel(), mean, atol=0.02)
        np.testing.assert_allclose(found.deviation.ravel(), deviation, rtol=0.02)


@pytest.mark.parametrize(
    ("ratio", "low", "high"), [(1, 1.0, 1.06), (10, 1.0, 1.08), (100, 0.68, 0.9)]
)
def test_deviations_of_a_gaussian_field_are_off_as_stated(ratio, low, high):
    n, weight = 12, 0.1
    costs = weight / ratio * (np.arange(71) - 35.0) ** 2
    found = solve(make_field(np.broadcast_to(costs, (n, n, 71)), weight, weight, 0.0, 0.0))
    pairs = np.full((n - 1, n), 2 * weight)
    precision = dense_precision(np.full((n, n), 2 * weight / ratio), pairs, pairs.T)
    exact = np.sqrt(np.diag(np.linalg.inv(precision))).reshape(n, n)
    assert found.converged
    np.testing.assert_allclose(found.mean, 35.0, atol=0.02)
    assert low < (found.deviation / exact).min()
    assert (found.deviation / exact).max() < high


def test_nodes_without_pairs_keep_their_own_distribution():
    costs, _ = band_costs(4, 5, 12)
    found = solve(make_field(costs, 0.0, 0.0, 0.0, 0.0))
    chances = np.exp(costs.min(2, keepdims=True) - costs)
    chances /= chances.sum(2, keepdims=True)
    mean = chances @ np.arange(12)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-10)
    second = (chances * (np.arange(12) - mean[..., None]) ** 2).sum(2)
    np.testing.assert_allclose(found.deviation, np.sqrt(second), rtol=1e-10)


def test_a_forbidden_label_has_no_part():
    costs, _ = band_costs(6, 6, 10)
    costs[:, :, 4:] = np.inf
    found = solve(make_field(costs, 0.1, 0.1, 0.0, 0.0))
    short = solve(make_field(costs[:, :, :4], 0.1, 0.1, 0.0, 0.0))
    np.testing.assert_allclose(found.mean, short.mean, atol=1e-9)
    np.testing.assert_allclose(found.deviation, short.deviation, atol=1e-9)


def test_too_few_iterations_are_not_called_converged():
    costs, _ = band_costs(40, 40, 12, counts=0.1)
    field = make_field(costs, 3.0, 3.0, 0.0, 0.0)
    first, second, last = (solve(field, 1e-3, count) for count in (1, 2, 300))
    assert not first.converged
    assert not second.converged
    assert last.converged
    assert second.error > np.abs((second.mean - last.mean) / last.deviation).max()


def test_threads_do_number_by_number_what_one_does():
    costs, _ = band_costs(33, 50, 16)
    field = make_field(costs, 0.5, 0.2, 0.1, 0.0)
    before, results = numba.get_num_threads(), []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            results.append(solve(field, 0.0, 3))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
