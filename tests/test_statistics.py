import numpy as np
import pytest

from ase_dos.statistics import autocorrelation, autocorrelation_time, estimate_mean


def autoregressive(coefficient, n, seed):
    rng = np.random.default_rng(seed)
    x = np.empty(n)
    x[0] = rng.normal() / np.sqrt(1 - coefficient**2)
    for i, noise in enumerate(rng.normal(size=n - 1)):
        x[i + 1] = coefficient * x[i] + noise
    return x


def test_white_noise_has_autocorrelation_time_one():
    times = [autocorrelation_time(np.random.default_rng(s).normal(size=2000)) for s in range(50)]
    assert np.mean(times) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("coefficient", [0.5, 0.8, 0.9])
def test_autoregressive_series_has_its_known_time(coefficient):
    times = [autocorrelation_time(autoregressive(coefficient, 20000, s)) for s in range(8)]
    assert np.mean(times) == pytest.approx((1 + coefficient) / (1 - coefficient), rel=0.06)


def test_autocorrelation_equals_the_plain_sum():
    x = np.random.default_rng(0).normal(size=30)
    d = x - x.mean()
    plain = [np.mean(d[: 30 - t] * d[t:]) for t in range(30)]
    np.testing.assert_allclose(autocorrelation(x), np.array(plain) / plain[0], atol=1e-12)


@pytest.mark.parametrize("coefficient", [0.0, 0.8])
def test_error_is_the_spread_of_means_over_repetitions(coefficient):
    found = [estimate_mean(autoregressive(coefficient, 800, s)) for s in range(150)]
    spread = np.std([e.mean for e in found])
    assert np.mean([e.error for e in found]) == pytest.approx(spread, rel=0.15)
    z = np.abs([e.drift / e.drift_error for e in found])
    assert np.mean(z > 2) < 0.12


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
