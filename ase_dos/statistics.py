"""Errors of means of correlated series.

The variance of the mean of N samples is ``C(0) tau / N`` with the integrated autocorrelation
time ``tau = 1 + 2 sum_t rho(t)`` in units of the sampling interval: 1 for white noise,
``(1 + a)/(1 - a)`` for a first-order autoregressive series with coefficient a. The sum is cut at
the first lag above `WINDOW` times tau (Sokal), because beyond it there is only noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.checks import as_array

__all__ = ["Estimate", "autocorrelation", "autocorrelation_time", "estimate_mean"]

WINDOW = 5.0  # autocorrelation times that the sum covers
ROUNDING = 1e-13  # relative fluctuation below which a series counts as constant


@dataclass(frozen=True)
class Estimate:
    """Mean of a series with its statistical error.

    Attributes
    ----------
    mean : float
        Mean, in the unit of the series.
    error : float
        Standard error of the mean with correlations counted; NaN for a single sample.
    drift : float
        Change along the fitted straight line from the first to the last sample.
    drift_error : float
        Standard error of ``drift``, correlations of the residuals counted; NaN below 3 samples.
    n_samples : int
        Samples.
    n_effective : float
        Independent samples that give the same error: ``n_samples / tau``.
    """

    mean: float
    error: float
    drift: float
    drift_error: float
    n_samples: int
    n_effective: float

    @property
    def drifts(self) -> bool:
        """Whether the drift exceeds three of its standard errors."""
        return bool(abs(self.drift) > 3.0 * self.drift_error)


def autocorrelation(series: ArrayLike) -> NDArray:
    """Normalised autocorrelation rho(t) of a series, shape (n,), rho(0) = 1.

    Raises
    ------
    ValueError
        If the series has fewer than 2 samples, is constant, or holds NaN.
    """
    x = as_array(series, "series", (None,))
    n = x.size
    if n < 2:
        raise ValueError(f"series: expected at least 2 samples, got {n}")
    if _is_constant(x):
        raise ValueError("series: a constant series has no autocorrelation")
    power = np.abs(np.fft.rfft(x - x.mean(), 2 * n)) ** 2
    covariance = np.fft.irfft(power, 2 * n)[:n] / np.arange(n, 0, -1)
    return covariance / covariance[0]


def autocorrelation_time(series: ArrayLike) -> float:
    """Integrated autocorrelation time of a series, in sampling intervals.

    Parameters
    ----------
    series : (n,) array_like
        Samples at equal intervals.

    Returns
    -------
    float
        tau. A series shorter than some 50 tau gives a rough value, one shorter than
        ``2 * WINDOW * tau`` a lower bound: the largest partial sum over half of the lags.

    Raises
    ------
    ValueError
        As `autocorrelation`.
    """
    rho = autocorrelation(series)
    lags = np.arange(1, max(rho.size // 2, 1) + 1)
    tau = 1.0 + 2.0 * np.cumsum(rho[1 : lags.size + 1])
    # Taking the mean off lowers every covariance by Var(mean): restore it to first order.
    tau = tau * (1.0 + (2.0 * lags + 1.0) / rho.size)
    closed = np.flatnonzero(lags >= WINDOW * tau)
    return float(tau[closed[0]] if closed.size else tau.max())


def estimate_mean(series: ArrayLike) -> Estimate:
    """Mean of a correlated series, its statistical error, and its drift.

    Anticorrelation is not used to claim an error below that of independent samples.

    Raises
    ------
    ValueError
        If the series is empty or holds NaN.
    """
    x = as_array(series, "series", (None,))
    if x.size == 0:
        raise ValueError("series: expected at least one sample, got none")
    mean = float(x.mean())
    if x.size == 1:
        return Estimate(mean, np.nan, 0.0, np.nan, 1, 1.0)
    variance, tau = _variance_and_time(x)
    # The sample variance misses what the mean itself fluctuates by, C(0) tau/n.
    error = np.sqrt(variance * tau / max(x.size - tau, 1.0))
    drift, drift_error = _drift(x)
    return Estimate(mean, float(error), drift, drift_error, x.size, x.size / tau)


def _is_constant(x: NDArray) -> bool:
    return bool(np.ptp(x) <= ROUNDING * np.abs(x).max())


def _variance_and_time(x: NDArray) -> tuple[float, float]:
    """Variance about the mean and autocorrelation time, kept between 1 and n."""
    if _is_constant(x):
        return 0.0, 1.0
    return float(x.var()), float(np.clip(autocorrelation_time(x), 1.0, x.size))


def _drift(x: NDArray) -> tuple[float, float]:
    """Change along the least-squares line over the whole series, and its standard error."""
    n = x.size
    t = np.linspace(-0.5, 0.5, n)
    slope = float(t @ x / (t @ t))
    if n < 3:
        return slope, float("nan")
    variance, tau = _variance_and_time(x - x.mean() - slope * t)
    return slope, float(np.sqrt(variance * n / (n - 2) * tau / (t @ t)))
