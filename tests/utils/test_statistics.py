"""Errors of means of correlated series, against repetitions and closed forms."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ase_dos.utils.statistics import (
    ENOUGH,
    FEWEST,
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


def stationary(coefficient, n, count=400):
    """First-order autoregressive series of unit variance, side by side."""
    noise = np.random.default_rng(7).normal(size=(n, count))
    noise[1:] *= np.sqrt(1 - coefficient**2)
    return lfilter([1.0], [1.0, -coefficient], noise, axis=0)


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.8, 0.9, 0.95, 0.98])
@pytest.mark.parametrize("n", [3, 4, 6, 10, 20, 50, 200, 1000, 5000])
def test_intervals_hold_what_they_promise_or_say_that_they_cannot(n, coefficient):
    """Of 400 stationary series, whatever their length and correlation."""
    found = estimate_mean(stationary(coefficient, n))
    known = np.isfinite(found.error)
    for half_width in (found.interval, 1.96 * found.error):  # both are 95 % intervals
        covers = np.abs(found.mean) < half_width
        assert np.mean(covers | ~known) >= 0.9
        if known.mean() > 0.6:
            assert covers[known].mean() >= 0.9
    # 400 series of a chance of 0.27 % give more than five false ones in one of 500 trials.
    assert found.drifts.sum() <= 5
    tau = (1 + coefficient) / (1 - coefficient)
    assert known.mean() > 0.9 or n < 2.5 * ENOUGH * tau
    assert known.mean() < 0.1 or n > 0.4 * ENOUGH * tau
    if n < 0.4 * ENOUGH * tau:  # nobody is told that there are enough
        assert np.mean(found.n_effective < ENOUGH) > 0.9


def test_few_samples_have_no_error_whatever_they_are():
    for n in range(1, FEWEST + 1):
        found = estimate_mean(stationary(0.0, n))
        assert np.isnan(found.error).all()
        assert np.isnan(found.drift_probability).all()
        assert not found.drifts.any()


def test_slow_changes_below_a_strong_vibration_are_seen():
    n, period, tau = 4000, 10, 100
    rng = np.random.default_rng(4)
    damping = 0.97
    kicks = rng.normal(size=(n, 100))
    vibration = lfilter(
        [1.0], [1.0, -2 * damping * np.cos(2 * np.pi / period), damping**2], kicks, axis=0
    )
    x = vibration / vibration.std() + 0.5 * stationary((tau - 1) / (tau + 1), n, 100)
    found = estimate_mean(x)
    known = np.isfinite(found.error)
    right = np.abs(found.mean) < found.interval
    assert np.mean(right | ~known) >= 0.9
    # The vibration alone would have an error ten times smaller.
    assert np.median(found.error[known]) == pytest.approx(0.5 * np.sqrt(tau / n), rel=0.3)


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.8, 0.9])
def test_autocorrelation_time_is_found_within_its_error(coefficient):
    n, tau = 20000, (1 + coefficient) / (1 - coefficient)
    series = repetitions(coefficient, n)
    times = autocorrelation_time(series)
    known = np.isfinite(times)
    assert known.mean() > 0.95
    freedom = np.median(estimate_mean(series).degrees_of_freedom)
    assert times[known].mean() == pytest.approx(tau, rel=0.06)  # 5 % by the modes that count
    low, middle, high = np.quantile(times[known], [0.16, 0.5, 0.84])
    assert (high - low) / (2 * middle) < 1.25 * np.sqrt(2 / freedom)


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("n", [1500, 2048])
def test_both_errors_are_the_spread_of_means_over_repetitions(coefficient, n):
    found = estimate_mean(repetitions(coefficient, n))
    spread = np.std(found.mean)  # known to 5 %
    assert np.nanmean(found.error) == pytest.approx(spread, rel=0.15)
    blocks = found.block_error[np.isfinite(found.block_error)]
    assert blocks.size > 0.7 * SEEDS
    assert np.mean(blocks) == pytest.approx(spread, rel=0.15)
    assert np.nanmean(found.drift_probability < 0.05) < 0.12


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
            one = getattr(together, name)[i, j]
            assert one == pytest.approx(getattr(alone, name), rel=1e-9, nan_ok=True)
        assert together.block_error[i, j] == pytest.approx(alone.block_error, nan_ok=True)


def test_equal_weights_change_nothing():
    x = autoregressive(0.7, 400, 0)
    plain, weighted = estimate_mean(x), estimate_mean(x, np.full(400, 3.0))
    assert vars(plain) == pytest.approx(vars(weighted), rel=1e-12)
    assert plain.n_effective == pytest.approx(400 / autocorrelation_time(x), rel=0.01)


@pytest.mark.parametrize("coefficient", [0.0, 0.8])
def test_error_of_a_reweighted_mean_is_its_spread_over_repetitions(coefficient):
    n, tilt = 1000, 0.5
    scale = np.sqrt(1 - coefficient**2)
    x = scale * repetitions(coefficient, n)
    found = [estimate_mean(column, np.exp(tilt * column)) for column in x.T]
    means = np.array([e.mean for e in found])
    # exp(t x) turns the normal distribution into one whose mean is t.
    assert means.mean() == pytest.approx(tilt, abs=4 * means.std() / np.sqrt(SEEDS))
    assert np.nanmean([e.error for e in found]) == pytest.approx(means.std(), rel=0.15)
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
    assert np.nanmean(found.error) == pytest.approx(np.std(found.mean), rel=0.15)
    assert np.nanmean(found.error) == pytest.approx(np.nanmean(whole.error), rel=0.1)


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
    assert not constant.drifts
    assert estimate_mean(np.arange(20.0)).drifts
    pair = estimate_mean([1.0, 2.0])
    assert pair.mean == 1.5
    assert np.isnan(pair.error)
    assert pair.n_effective == pytest.approx(2)


def test_bad_series():
    with pytest.raises(ValueError, match="at least one sample"):
        estimate_mean([])
    with pytest.raises(ValueError, match="NaN"):
        estimate_mean([1.0, np.nan])
    with pytest.raises(ValueError, match="constant"):
        autocorrelation_time(np.ones(5))
    with pytest.raises(ValueError, match="2 samples"):
        autocorrelation_time([1.0])
    with pytest.raises(ValueError, match="weights"):
        estimate_mean([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(ValueError, match="weights"):
        estimate_mean([1.0, 2.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="shape"):
        block_error([1.0, 2.0], [1.0])
