"""Errors of means of correlated series.

The variance of the mean of N samples is ``C(0) tau / N`` with the integrated autocorrelation
time ``tau = 1 + 2 sum_t rho(t)`` in units of the sampling interval: 1 for white noise,
``(1 + a)/(1 - a)`` for a first-order autoregressive series with coefficient a. The sum is cut at
the first lag above `WINDOW` times tau (Sokal), because beyond it there is only noise.

Averages over blocks of growing length give the same error in another way (Flyvbjerg and
Petersen): once blocks are longer than the correlations they are white noise.

Series run along the first axis; those of further axes (energies, temperatures) are independent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.checks import as_array

__all__ = [
    "Estimate",
    "FloatOrArray",
    "autocorrelation",
    "autocorrelation_time",
    "block_error",
    "estimate_mean",
]

FloatOrArray: TypeAlias = float | NDArray

WINDOW = 5.0  # autocorrelation times that the sum covers
ROUNDING = 1e-13  # relative fluctuation below which a series counts as constant
FEWEST_BLOCKS = 4  # of the longest length that block averaging tries
COLUMNS = 256  # series transformed at a time: bounds the memory that many of them take


@dataclass(frozen=True, eq=False)
class Estimate:
    """Mean of a series with its statistical error.

    Attributes have the shape of one sample: plain floats for a series of numbers.

    Attributes
    ----------
    mean : float or array
        Mean, in the unit of the series.
    error : float or array
        Standard error of the mean with correlations counted; NaN for a single sample.
    drift : float or array
        Change along the fitted straight line from the first to the last sample.
    drift_error : float or array
        Standard error of ``drift``, correlations of the residuals counted; NaN below 3 samples.
    n_samples : int
        Samples of a weight above zero.
    n_effective : float or array
        Independent samples of equal weight that give the same error: ``n_samples / tau`` where
        all weights are equal.
    spread : float or array
        Standard deviation of the samples about ``mean``.
    block_error : float or array
        Standard error of the mean from averages over blocks, see `block_error`.
    """

    mean: FloatOrArray
    error: FloatOrArray
    drift: FloatOrArray
    drift_error: FloatOrArray
    n_samples: int
    n_effective: FloatOrArray
    spread: FloatOrArray
    block_error: FloatOrArray

    @property
    def drifts(self) -> bool | NDArray:
        """Whether the drift exceeds three of its standard errors."""
        found = np.abs(self.drift) > 3.0 * np.asarray(self.drift_error)
        return found if np.ndim(found) else bool(found)

    def at(self, place: int) -> Estimate:
        """Return the estimate of one of several series."""
        one: dict[str, Any] = {
            field.name: float(np.asarray(getattr(self, field.name))[place])
            for field in fields(self)
            if field.name != "n_samples"
        }
        return Estimate(**one, n_samples=self.n_samples)


def autocorrelation(series: ArrayLike) -> NDArray:
    """Normalised autocorrelation rho(t) of a series, shape (n, ...), rho(0) = 1.

    Raises
    ------
    ValueError
        If the series has fewer than 2 samples or NaN, or is constant.
    """
    x = as_array(series, "series")
    if x.ndim == 0 or len(x) < 2:
        raise ValueError(f"series: expected at least 2 samples, got {x.size}")
    if _constant(x).any():
        raise ValueError("series: a constant series has no autocorrelation")
    return _correlations(x)


def autocorrelation_time(series: ArrayLike) -> FloatOrArray:
    """Integrated autocorrelation time of a series, in sampling intervals.

    Parameters
    ----------
    series : (n, ...) array_like
        Samples at equal intervals.

    Returns
    -------
    float or (...) array
        tau. Its relative standard error is ``sqrt(2 (2 M + 1) / n)`` with the window
        ``M = WINDOW * tau`` (Madras and Sokal). A series shorter than some 50 tau gives a rough
        value, one shorter than ``2 * WINDOW * tau`` a lower bound: the largest partial sum over
        half of the lags.

    Raises
    ------
    ValueError
        As `autocorrelation`.
    """
    rho = autocorrelation(series)
    return _shaped(_times(rho.reshape(len(rho), -1)), rho.shape[1:])


def estimate_mean(series: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Mean of a correlated series, its statistical error, and its drift.

    The weighted mean ``m = sum w x / sum w`` is a ratio of two means; to first order its error is
    that of the mean of ``w (x - m) / mean(w)``, a series whose correlations are counted like
    those of any other. A missing sample is one of weight zero: the distances in time of the
    others do not change.

    Anticorrelation is not used to claim an error below that of independent samples.

    Parameters
    ----------
    series : (n, ...) array_like
        Samples at equal intervals; those of weight zero may be NaN.
    weights : (n,) array_like, optional
        Relative weights of the samples, zero or above; equal by default.

    Raises
    ------
    ValueError
        If the series is empty or has NaN, or the weights are negative or all zero.
    """
    x, w = _weighted(series, weights)
    n, shape = len(x), x.shape[1:]
    x = x.reshape(n, -1)
    mean = w @ x / n
    used = int((w > 0).sum())
    if used == 1:
        unknown, zero = np.full(mean.shape, np.nan), np.zeros(mean.shape)
        parts = (mean, unknown, zero, unknown, np.ones_like(mean), zero, unknown)
    else:
        deviations = _deviations(x, w)
        variance, tau = _variances_and_times(deviations)
        # The sample variance lacks the fluctuation of the mean itself, C(0) tau/n.
        error = np.sqrt(variance * tau / np.maximum(n - tau, 1.0))
        spread = np.sqrt(w @ (x - mean) ** 2 / n)
        uncorrelated = np.full(mean.shape, n**2 / np.sum(w**2))  # Kish's count
        ratio = np.divide(spread, error, out=np.sqrt(uncorrelated - 1.0), where=error > 0)
        drift, drift_error = _drift(x, w)
        blocks = _block_errors(deviations)
        parts = (mean, error, drift, drift_error, 1.0 + ratio**2, spread, blocks)
    names = ("mean", "error", "drift", "drift_error", "n_effective", "spread", "block_error")
    found: dict[str, Any] = {
        name: _shaped(part, shape) for name, part in zip(names, parts, strict=True)
    }
    return Estimate(n_samples=used, **found)


def block_error(series: ArrayLike, weights: ArrayLike | None = None) -> FloatOrArray:
    """Estimate the standard error of the mean of a correlated series from averages over blocks.

    Neighbouring samples are averaged in pairs again and again (Flyvbjerg and Petersen,
    https://doi.org/10.1063/1.457480). Longer blocks are less correlated, and fewer: the first
    length B with ``B^3 > 2 n tau_B^2`` balances the two, where tau_B is by how much the squared
    error exceeds that of uncorrelated samples (Lee et al.,
    https://doi.org/10.1103/PhysRevE.83.066706). The last samples that fill no block are left out.

    Parameters
    ----------
    series, weights
        As those of `estimate_mean`, whose error from the autocorrelation this one checks.

    Returns
    -------
    float or (...) array
        NaN for fewer than two samples, and where even blocks of which there are only
        `FEWEST_BLOCKS` are too short: so is the series, to know its error.

    Raises
    ------
    ValueError
        As `estimate_mean`.
    """
    x, w = _weighted(series, weights)
    return _shaped(_block_errors(_deviations(x.reshape(len(x), -1), w)), x.shape[1:])


def _weighted(series: ArrayLike, weights: ArrayLike | None) -> tuple[NDArray, NDArray]:
    """Series with anything finite where it does not count, and weights of mean 1."""
    given = np.asarray(series)
    if given.ndim == 0 or len(given) == 0:
        raise ValueError("series: expected at least one sample, got none")
    if weights is None:
        return as_array(given, "series"), np.ones(len(given))
    w = as_array(weights, "weights", (len(given),))
    if (w < 0).any() or not w.any():
        raise ValueError("weights: expected numbers >= 0, not all zero")
    counts = (w > 0).reshape((-1,) + (1,) * (given.ndim - 1))
    return as_array(np.where(counts, given, given[np.argmax(w > 0)]), "series"), w / w.mean()


def _deviations(x: NDArray, w: NDArray) -> NDArray:
    """Series (n, m) whose mean has the error of the weighted mean; exactly zero if constant."""
    return np.where(_constant(x), 0.0, w[:, None] * (x - w @ x / len(x)))


def _shaped(values: NDArray, shape: tuple[int, ...]) -> FloatOrArray:
    return values.reshape(shape) if shape else float(values[0])


def _constant(x: NDArray) -> NDArray:
    return np.ptp(x, axis=0) <= ROUNDING * np.abs(x).max(axis=0)


def _correlations(x: NDArray) -> NDArray:
    n = len(x)
    power = np.abs(np.fft.rfft(x - x.mean(axis=0), 2 * n, axis=0)) ** 2
    counts = np.arange(n, 0, -1).reshape((-1,) + (1,) * (x.ndim - 1))
    covariance = np.fft.irfft(power, 2 * n, axis=0)[:n] / counts
    return covariance / covariance[0]


def _times(rho: NDArray) -> NDArray:
    """Autocorrelation times (m,) of correlations (n, m)."""
    n = len(rho)
    lags = np.arange(1, max(n // 2, 1) + 1)[:, None]
    tau = 1.0 + 2.0 * np.cumsum(rho[1 : len(lags) + 1], axis=0)
    # Taking the mean off lowers every covariance by Var(mean): restore it to first order.
    tau = tau * (1.0 + (2.0 * lags + 1.0) / n)
    closed = lags >= WINDOW * tau
    first = tau[closed.argmax(axis=0), np.arange(tau.shape[1])]
    return np.where(closed.any(axis=0), first, tau.max(axis=0))


def _variances_and_times(x: NDArray) -> tuple[NDArray, NDArray]:
    """Variances about the mean and autocorrelation times, clipped to 1 and n, of (n, m)."""
    variance, tau = np.zeros(x.shape[1]), np.ones(x.shape[1])
    moving = np.flatnonzero(~_constant(x))
    for columns in np.split(moving, range(COLUMNS, moving.size, COLUMNS)):
        variance[columns] = x[:, columns].var(axis=0)
        tau[columns] = np.clip(_times(_correlations(x[:, columns])), 1.0, len(x))
    return variance, tau


def _drift(x: NDArray, w: NDArray) -> tuple[NDArray, NDArray]:
    """Change along the least-squares line over the whole series, and its standard error."""
    n = len(x)
    t = np.linspace(-0.5, 0.5, n)
    t = t - w @ t / n
    square = w @ t**2
    slope = np.where(_constant(x), 0.0, (w * t) @ x / square)
    if (w > 0).sum() < 3:
        return slope, np.full(slope.shape, np.nan)
    residuals = _deviations(x - np.outer(t, slope), w)
    variance, tau = _variances_and_times(residuals)
    # Weights are those of the samples, not of their precision: they enter the error twice.
    scale = (w * t) @ (w * t) / ((w @ w) / n) / square**2
    return slope, np.sqrt(variance * n / (n - 2) * tau * scale)


def _block_errors(x: NDArray) -> NDArray:
    """Errors (m,) of the means of series (n, m)."""
    n, length = len(x), 1
    errors = np.full(x.shape[1], np.nan)
    while len(x) >= FEWEST_BLOCKS or (length == 1 and len(x) > 1):
        variance = x.var(axis=0) / (len(x) - 1)
        if length == 1:
            single = variance
        tau = np.divide(variance, single, out=np.zeros_like(single), where=single > 0)
        found = np.isnan(errors) & (length**3 > 2 * n * tau**2)
        errors[found] = np.sqrt(variance[found])
        x, length = 0.5 * (x[: len(x) // 2 * 2 : 2] + x[1::2]), 2 * length
    return errors
