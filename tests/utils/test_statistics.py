"""Errors of means of correlated series, against repetitions and closed forms."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ase_dos.utils.statistics import (
    WINDOW,
    autocorrelation,
    autocorrelation_time,
    block_error,
    estimate_mean,
)

SEEDS = 200


def autoregressive(coefficient, n, seed):
    noise = np.random.default_rng(seed).normal(size=n)
    noise[0] /= np.sqrt(1 - coefficient**2)
    return lfilter([1.0], [1.0, -coefficient], noise)


def repetitions(coefficient, n):
    return np.stack([autoregressive(coefficient, n, seed) for seed in range(SEEDS)], axis=1)


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.8, 0.9])
def test_autocorrelation_time_is_found_within_its_error(coefficient):
    n, tau = 20000, (1 + coefficient) / (1 - coefficient)
    error = tau * np.sqrt(2 * (2 * WINDOW * tau + 1) / n)
    z = (autocorrelation_time(repetitions(coefficient, n)) - tau) / error
    # The mean of 200 is known to 0.07 of one error; the cut window may cost as much again.
    assert abs(z.mean()) < 0.25
    assert z.std() == pytest.approx(1.0, abs=0.2)
    assert np.mean(np.abs(z) < 2) > 0.92


def test_white_noise_has_autocorrelation_time_one():
    times = autocorrelation_time(np.random.default_rng(0).normal(size=(2000, SEEDS)))
    assert times.mean() == pytest.approx(1.0, abs=4 * times.std() / np.sqrt(SEEDS))
    assert times.std() == pytest.approx(np.sqrt(2 * (2 * WINDOW + 1) / 2000), rel=0.15)


def test_autocorrelation_equals_the_plain_sum():
    x = np.random.default_rng(0).normal(size=30)
    d = x - x.mean()
    plain = [np.mean(d[: 30 - t] * d[t:]) for t in range(30)]
    np.testing.assert_allclose(autocorrelation(x), np.array(plain) / plain[0], atol=1e-12)


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("n", [1500, 2048])
def test_both_errors_are_the_spread_of_means_over_repetitions(coefficient, n):
    found = estimate_mean(repetitions(coefficient, n))
    spread = np.std(found.mean)  # known to 5 %
    assert np.mean(found.error) == pytest.approx(spread, rel=0.15)
    blocks = found.block_error[np.isfinite(found.block_error)]
    assert blocks.size > 0.9 * SEEDS
    assert np.mean(blocks) == pytest.approx(spread, rel=0.15)
    z = np.abs(found.drift / found.drift_error)
    assert np.mean(z > 2) < 0.12


def test_blocks_admit_that_a_series_is_too_short():
    walks = np.cumsum(np.random.default_rng(0).normal(size=(200, SEEDS)), axis=0)
    assert np.isnan(block_error(walks)).mean() > 0.9
    assert np.isnan(block_error([1.0]))


def test_many_series_are_those_one_by_one():
    x = np.stack([autoregressive(a, 300, 1) for a in (0.0, 0.5, 0.9)], axis=1)
    x = np.concatenate([x, np.full((300, 1), 2.5), x[:, :2] - 7.0], axis=1).reshape(300, 3, 2)
    w = np.random.default_rng(0).uniform(0, 1, 300)
    together = estimate_mean(x, w)
    for i, j in np.ndindex(3, 2):
        alone = estimate_mean(x[:, i, j], w)
        for name in ("mean", "error", "drift", "drift_error", "n_effective", "spread"):
            assert getattr(together, name)[i, j] == pytest.approx(getattr(alone, name), rel=1e-9)
        assert together.block_error[i, j] == pytest.approx(alone.block_error, nan_ok=True)


def test_equal_weights_change_nothing():
    x = autoregressive(0.7, 400, 0)
    plain, weighted = estimate_mean(x), estimate_mean(x, np.full(400, 3.0))
    assert vars(plain) == pytest.approx(vars(weighted), rel=1e-12)
    assert plain.n_effective == pytest.approx(400 / autocorrelation_time(x))


@pytest.mark.parametrize("coefficient", [0.0, 0.8])
def test_error_of_a_reweighted_mean_is_its_spread_over_repetitions(coefficient):
    n, tilt = 1000, 0.5
    scale = np.sqrt(1 - coefficient**2)
    x = scale * repetitions(coefficient, n)
    found = [estimate_mean(column, np.exp(tilt * column)) for column in x.T]
    means = np.array([e.mean for e in found])
    # exp(t x) turns the normal distribution into one whose mean is t.
    assert means.mean() == pytest.approx(tilt, abs=4 * means.std() / np.sqrt(SEEDS))
    assert np.mean([e.error for e in found]) == pytest.approx(means.std(), rel=0.15)
    blocks = np.array([e.block_error for e in found])
    assert np.nanmean(blocks) == pytest.approx(means.std(), rel=0.15)
    assert np.mean([e.n_effective for e in found]) < n


def test_effective_number_of_independent_weighted_samples_is_that_of_kish():
    rng = np.random.default_rng(1)
    w = rng.uniform(0, 1, 4000)
    found = estimate_mean(rng.normal(size=(4000, SEEDS)), w)
    assert found.n_effective.mean() == pytest.approx(w.sum() ** 2 / (w @ w), rel=0.05)
    assert estimate_mean(np.ones(4000), w).n_effective == pytest.approx(w.sum() ** 2 / (w @ w))


def test_missing_samples_keep_the_others_apart():
    """Half of the samples of a slow series, left out at random, cost little."""
    coefficient, n = 0.9, 2000
    x = repetitions(coefficient, n)
    w = (np.random.default_rng(5).uniform(size=n) < 0.5).astype(float)
    gaps = np.where(w[:, None] > 0, x, np.nan)
    found, whole = estimate_mean(gaps, w), estimate_mean(x)
    assert found.n_samples == w.sum()
    np.testing.assert_allclose(found.mean, np.nanmean(gaps, axis=0))
    assert np.mean(found.error) == pytest.approx(np.std(found.mean), rel=0.15)
    assert np.mean(found.error) == pytest.approx(np.mean(whole.error), rel=0.1)


def test_drift_is_seen():
    x = np.linspace(0, 3, 200) + np.random.default_rng(1).normal(size=200)
    estimate = estimate_mean(x)
    assert estimate.drifts
    assert estimate.drift == pytest.approx(3.0, abs=4 * estimate.drift_error)
    assert estimate.n_effective < 50


def test_short_and_constant_series():
    single = estimate_mean([2.0])
    assert single.mean == 2.0
    assert np.isnan(single.error)
    assert not single.drifts
    constant = estimate_mean(np.full(10, 0.1))
    assert constant.error == 0
    assert constant.n_effective == 10
    pair = estimate_mean([1.0, 2.0])
    assert pair.mean == 1.5
    assert pair.error >= 0.5


def test_bad_series():
    with pytest.raises(ValueError, match="at least one sample"):
        estimate_mean([])
    with pytest.raises(ValueError, match="NaN"):
        estimate_mean([1.0, np.nan])
    with pytest.raises(ValueError, match="constant"):
        autocorrelation(np.ones(5))
    with pytest.raises(ValueError, match="2 samples"):
        autocorrelation_time([1.0])
    with pytest.raises(ValueError, match="weights"):
        estimate_mean([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(ValueError, match="weights"):
        estimate_mean([1.0, 2.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="shape"):
        block_error([1.0, 2.0], [1.0])
