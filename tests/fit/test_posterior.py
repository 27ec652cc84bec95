"""Uncertainty of the weights: closed forms against refitting, draws against their covariance."""

from dataclasses import replace

import numpy as np
import pytest

from ase_dos.fit.posterior import (
    NOVELTY_SIZE,
    Posterior,
    fit_posterior,
    most_likely_noise,
    novelty_projection,
    recalibrated,
)
from ase_dos.fit.regression import Regression
from ase_dos.fit.ridge import Ridge

N, P, K = 9, 4, 3
STRENGTH = 0.7


def composition(n, species, seed=1):
    if species == 1:
        return np.ones((n, 1))
    share = np.random.default_rng(seed).uniform(size=n)
    return np.column_stack([share, 1 - share])


def fitted(features, fractions):
    """Posterior with a given strength of the penalty, and arbitrary errors."""
    ridge = Ridge.decompose(features, fractions)
    n = len(features)
    regression = Regression(ridge, [], np.ones(n), np.arange(2.0), np.zeros(n))
    errors = np.random.default_rng(2).normal(size=(n, K))
    squared = np.sum(errors**2, axis=1)
    strength = STRENGTH / ridge.scale
    distances = 1.0 / ridge.residual_maker(strength).diagonal - 1.0
    return fit_posterior(regression, strength, distances, errors, squared, np.eye(K)), ridge


def data(species):
    return np.random.default_rng(0).normal(size=(N, P)) + 2.0, composition(N, species)


def distance(posterior, features, fractions):
    deviations = (features - fractions @ posterior.centers) @ posterior.factor
    return posterior.distances(deviations[None], fractions[None])[0]


def plain_distance(features, fractions, point, share):
    """x^T (X^T X + penalty)^-1 x of the normal equations with features and composition."""
    design = np.hstack([features, fractions])
    penalty = np.diag([STRENGTH] * P + [0.0] * fractions.shape[1])
    x = np.append(point, share)
    return x @ np.linalg.solve(design.T @ design + penalty, x)


@pytest.mark.parametrize("species", [1, 2])
def test_distance_is_that_of_the_normal_equations(species):
    features, fractions = data(species)
    posterior, _ = fitted(features, fractions)
    rng = np.random.default_rng(3)
    for _ in range(5):
        point, share = rng.normal(size=P), composition(1, species, rng.integers(99))[0]
        expected = plain_distance(features, fractions, point, share)
        assert distance(posterior, point, share) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("species", [1, 2])
def test_leave_one_out_distances_in_closed_form_equal_refitting(species):
    features, fractions = data(species)
    ridge = fitted(features, fractions)[1]
    closed = 1.0 / ridge.residual_maker(STRENGTH / ridge.scale).diagonal - 1.0
    for out in range(N):
        rest = np.arange(N) != out
        without, _ = fitted(features[rest], fractions[rest])
        assert distance(without, features[out], fractions[out]) == pytest.approx(closed[out])


def test_far_compositions_are_uncertain():
    """Trained on alloys close to 1:1, the terms of the pure species are not known well."""
    features, _ = data(2)
    share = 0.5 + 0.02 * np.random.default_rng(0).normal(size=N)
    posterior, _ = fitted(features, np.column_stack([share, 1 - share]))
    middle, pure = (
        distance(posterior, posterior.centers.T @ z, z)
        for z in (np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    )
    assert middle < 0.5
    assert pure > 100 * middle


def test_errors_grow_from_the_noise_with_the_distance():
    posterior = Posterior(*(np.eye(2),) * 4, noise=0.09, scale=4.0)
    np.testing.assert_allclose(posterior.errors(np.array([0.0, 0.04])), [0.3, 0.5])


@pytest.mark.parametrize(("noise", "scale"), [(0.5, 2.0), (1e-3, 2.0), (2.0, 0.2)])
def test_noise_and_scale_are_recovered(noise, scale):
    rng = np.random.default_rng(4)
    distances = rng.uniform(0.0, 3.0, 200_000) ** 2
    squared = (noise + scale * distances) * rng.chisquare(3, 200_000) / 3
    a, b = most_likely_noise(distances, squared)
    assert a == pytest.approx(noise, rel=0.05)
    assert b == pytest.approx(scale, rel=0.05)


def test_units_of_errors_and_distances_follow_through():
    rng = np.random.default_rng(5)
    distances = rng.uniform(0.1, 2.0, 200)
    squared = (0.3 + distances) * rng.chisquare(2, 200)
    a, b = most_likely_noise(distances, squared)
    other = most_likely_noise(1e3 * distances, 1e-6 * squared)
    np.testing.assert_allclose(other, [1e-6 * a, 1e-9 * b], rtol=1e-3)


def test_no_pair_of_numbers_is_more_likely():
    rng = np.random.default_rng(6)
    distances = rng.uniform(0.0, 2.0, 30)
    squared = (0.3 + distances) * rng.chisquare(1, 30)
    found = most_likely_noise(distances, squared)

    def likelihood(noise, scale):
        variance = noise + scale * distances
        return -np.mean(np.log(variance) + squared / variance)

    for _ in range(50):
        assert likelihood(*found) >= likelihood(*(found * rng.lognormal(0, 0.3, 2))) - 1e-9


def test_new_errors_change_the_size_only():
    posterior, _ = fitted(*data(2))
    rng = np.random.default_rng(7)
    distances, squared = rng.uniform(size=20), rng.uniform(size=20)
    again = recalibrated(posterior, distances, squared)
    assert (again.noise, again.scale) == most_likely_noise(distances, squared)
    for name in ("centers", "factor", "composition", "covariance"):
        np.testing.assert_array_equal(getattr(again, name), getattr(posterior, name))


def test_covariance_of_the_draws():
    """E[d_A d_B^T] = (a + b phi_A C phi_B + b z_A (Z^T Z)^-1 z_B) Sigma."""
    features, fractions = data(2)
    posterior, _ = fitted(features, fractions)
    posterior = replace(posterior, noise=0.3, scale=0.8)
    design = np.hstack([features, fractions])
    precision = design.T @ design + np.diag([STRENGTH] * P + [0.0, 0.0])
    chosen = design[:2] * [[1.5], [1.0]]  # one of them outside of the training set
    deviations = (chosen[:, :P] - chosen[:, P:] @ posterior.centers) @ posterior.factor
    draws = posterior.draws(deviations, chosen[:, P:], 100_000, seed=0)
    assert draws.shape == (2, 100_000, K)
    sigma = posterior.covariance @ posterior.covariance.T
    assert np.trace(sigma) == pytest.approx(1.0)
    expected = 0.3 + 0.8 * chosen @ np.linalg.solve(precision, chosen.T)
    for i in range(2):
        for j in range(2):
            found = draws[i].T @ draws[j] / 100_000
            np.testing.assert_allclose(found, expected[i, j] * sigma, atol=0.02 * expected.max())
    assert np.abs(draws.mean(axis=1)).max() < 0.02
    np.testing.assert_allclose(
        posterior.errors(posterior.distances(deviations, chosen[:, P:])) ** 2, np.diag(expected)
    )


def test_same_seed_same_weights():
    posterior, _ = fitted(*data(1))
    rng = np.random.default_rng(8)
    some = rng.normal(size=(3, posterior.factor.shape[1]))
    shares = np.ones((3, 1))
    together = posterior.draws(some, shares, 7, seed=5)
    for row, share, draw in zip(some, shares, together, strict=True):
        alone = posterior.draws(row[None], share[None], 7, seed=5)
        np.testing.assert_allclose(alone[0], draw, rtol=1e-10)
    assert not np.allclose(posterior.draws(some, shares, 7, seed=6), together)


def test_random_projection_stands_for_the_lengths():
    rng = np.random.default_rng(9)
    factor = rng.normal(size=(40, 40))
    vectors = rng.normal(size=(300, 40))
    projection = novelty_projection(factor)
    assert projection.shape == (40, NOVELTY_SIZE)
    ratio = np.sum((vectors @ projection) ** 2, axis=1) / np.sum((vectors @ factor) ** 2, axis=1)
    assert ratio.mean() == pytest.approx(1.0, abs=0.15)
    assert ratio.std() < 1.5 * np.sqrt(2 / NOVELTY_SIZE)


def test_roots_are_the_unique_symmetric_ones():
    """So that members and novelty do not depend on the signs that a library gives eigenvectors."""
    posterior, _ = fitted(*data(2))
    for name in ("factor", "composition", "covariance"):
        root = getattr(posterior, name)
        np.testing.assert_allclose(root, root.T, atol=1e-12 * np.abs(root).max())
        assert np.linalg.eigvalsh(root).min() > -1e-12 * np.abs(root).max()
