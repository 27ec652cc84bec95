"""Errors of means of correlated series.

The variance of the mean of n samples is ``W / n`` with the long-run variance W, the sum of all
autocovariances: variance times autocorrelation time, or the spectral density at zero frequency.
Each of the lowest modes ``sqrt(2 / n) cos(pi k (i + 1/2) / n)``, k = 1, 2, ..., of a stationary
series has a squared amplitude of mean W, independent of the others and of the mean of the series.
So the average over B of them is W with B degrees of freedom, and the mean has Student's t
distribution (Lazarus et al., https://doi.org/10.1080/07350015.2018.1506926).

Modes count as long as the spectrum is flat. From the lowest on they are taken up to a share
1 / `SHARE` of the variance: of a first-order autoregressive series their average is then 5 % below
W. If the lowest of them exceed the others by more than chance (`LEVEL`), as slow changes below a
strong vibration do, only these count. A series that leaves fewer than `FEWEST` modes is too short
to know its error.

Series run along the first axis; those of further axes (energies, temperatures) are independent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dct
from scipy.special import fdtrc, ndtr, stdtr, stdtrit

from ase_dos.utils.checks import as_array
from ase_dos.utils.short_repr import short_repr

__all__ = [
    "ENOUGH",
    "Estimate",
    "FloatOrArray",
    "autocorrelation_time",
    "block_error",
    "estimate_mean",
]

FloatOrArray: TypeAlias = float | NDArray

SHARE = 4.0  # the modes that count hold at most one part in so many of the variance
FEWEST = 6  # degrees of freedom of an error: with fewer, two errors cover less than 90 %
ENOUGH = int(SHARE * FEWEST)  # independent samples from which on errors are known
LEVEL = 0.003  # chance at which modes of one variance are taken for unequal
THREE_ERRORS = 2.0 * ndtr(-3.0)  # chance of a deviation of three errors, of either sign
# Random walks of so many samples or more have a line with so many times the variance of the
# residuals as rarely as a deviation of three errors (of more samples with 24 times).
WALK, STEEP = 10, 36.0
ROUNDING = 1e-13  # relative fluctuation below which a series counts as constant
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
        Standard uncertainty of the mean, correlations counted: the standard deviation of its
        Student's t distribution, ``sqrt(f / (f - 2))`` times the standard error with f degrees of
        freedom (JCGM 101:2008, 6.4.9.4), so that two of them cover 95 % whatever f. NaN where the
        series is too short to know it.
    degrees_of_freedom : float or array
        Of ``error``; below `FEWEST` where that is NaN.
    drift : float or array
        Change along the fitted straight line from the first to the last sample.
    drift_error : float or array
        Standard uncertainty of ``drift``, correlations of the residuals counted; NaN where the
        series is too short to know it.
    drift_probability : float or array
        Chance of a drift at least as large, of either sign, in a stationary series. Where
        ``drift_error`` is NaN an upper bound if even a random walk, the limit of slow stationary
        series, would hardly ever keep so close to a line; else NaN.
    n_samples : int
        Samples of a weight above zero.
    n_effective : float or array
        Independent samples of equal weight with the same standard error of the mean. A rough value
        where ``error`` is NaN.
    spread : float or array
        Standard deviation of the samples about ``mean``.
    block_error : float or array
        The same as ``error`` from averages over blocks, see `block_error`; NaN also where
        ``error`` is.
    """

    mean: FloatOrArray
    error: FloatOrArray
    degrees_of_freedom: FloatOrArray
    drift: FloatOrArray
    drift_error: FloatOrArray
    drift_probability: FloatOrArray
    n_samples: int
    n_effective: FloatOrArray
    spread: FloatOrArray
    block_error: FloatOrArray

    __repr__ = short_repr

    @property
    def interval(self) -> FloatOrArray:
        """Half of the 95 % confidence interval of the mean, by Student's t distribution."""
        freedom = np.asarray(self.degrees_of_freedom)
        quantile = stdtrit(np.maximum(freedom, FEWEST), 0.975)
        return (quantile * self.error / _widening(freedom))[()]

    @property
    def drifts(self) -> bool | NDArray:
        """Whether chance gives such a drift as rarely as a deviation of three standard errors."""
        found = np.asarray(self.drift_probability) <= THREE_ERRORS
        return found if np.ndim(found) else bool(found)

    def at(self, place: int) -> Estimate:
        """Return the estimate of one of several series."""
        one: dict[str, Any] = {
            field.name: float(np.asarray(getattr(self, field.name))[place])
            for field in fields(self)
            if field.name != "n_samples"
        }
        return Estimate(**one, n_samples=self.n_samples)


def autocorrelation_time(series: ArrayLike) -> FloatOrArray:
    """Integrated autocorrelation time of a series, in sampling intervals.

    The long-run variance in units of the variance, at least 1: ``1 + 2 sum_t rho(t)`` with the
    autocorrelation rho, 1 for white noise, ``(1 + a)/(1 - a)`` for a first-order autoregressive
    series with coefficient a.

    Parameters
    ----------
    series : (n, ...) array_like
        Samples at equal intervals.

    Returns
    -------
    float or (...) array
        NaN where the series is too short to know it.

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
    columns = x.reshape(len(x), -1)
    low, freedom = _long_run_variances(columns - columns.mean(axis=0))
    times = np.where(freedom >= FEWEST, low / columns.var(axis=0, ddof=1), np.nan)
    return _shaped(times, x.shape[1:])


def estimate_mean(series: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """Mean of a correlated series, its statistical error, and its drift.

    The weighted mean ``m = sum w x / sum w`` is a ratio of two means; to first order its error is
    that of the mean of ``w (x - m) / mean(w)``, a series whose correlations are counted like
    those of any other. A missing sample is one of weight zero: the distances in time of the
    others do not change. Unequal weights leave fewer degrees of freedom, in the proportion of
    ``(sum w)^2 / sum w^2`` to the number of samples.

    The drift is judged by the residuals of the line in the same way, without the lowest mode, which
    the line takes up. Anticorrelation is not used to claim an error below that of independent
    samples. `benchmarks.utils.statistics` measures how often the errors are right.

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
    uncorrelated = n**2 / np.sum(w**2)  # Kish's count
    drift, drift_error, probability = _drift(x, w, uncorrelated)
    deviations = _deviations(x, w)
    long_run, modes = _long_run_variances(deviations)
    freedom = modes * uncorrelated / n
    error = _uncertainties(long_run / n, freedom)
    spread = np.sqrt(w @ (x - mean) ** 2 / n)
    if_constant = np.full(mean.shape, uncorrelated - 1.0)
    ratio = np.divide(spread**2, long_run / n, out=if_constant, where=long_run > 0)
    drift, drift_error, probability = _drift(x, w, uncorrelated)
    found = {
        "mean": mean,
        "error": error,
        "degrees_of_freedom": freedom,
        "drift": drift,
        "drift_error": drift_error,
        "drift_probability": probability,
        "n_effective": 1.0 + ratio,
        "spread": spread,
        "block_error": np.where(np.isnan(error), np.nan, _block_errors(deviations)),
    }
    shaped: dict[str, Any] = {name: _shaped(part, shape) for name, part in found.items()}
    return Estimate(n_samples=int((w > 0).sum()), **shaped)


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
        As those of `estimate_mean`, whose error this one checks.

    Returns
    -------
    float or (...) array
        Standard uncertainty as `Estimate.error`. NaN where even blocks that leave only `FEWEST`
        degrees of freedom are too short: so is the series, to know its error.

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


def _long_run_variances(x: NDArray, first: int = 1) -> tuple[NDArray, NDArray]:
    """Long-run variances (m,) of series (n, m) of mean zero, and how many modes they are from.

    ``first`` is the lowest mode that is not fitted. Where fewer than `FEWEST` modes count, one more
    is averaged, for a rough value of less than `ENOUGH` independent samples.
    """
    parts = [
        _low_modes(x[:, start : start + COLUMNS], first) for start in range(0, x.shape[1], COLUMNS)
    ]
    variances, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    return np.maximum(variances, np.sum(x**2, axis=0) / max(len(x) - first, 1)), counts


def _low_modes(x: NDArray, first: int) -> tuple[NDArray, NDArray]:
    """Mean squared amplitudes (m,) of the lowest modes of series (n, m), and how many count."""
    power = dct(x, norm="ortho", axis=0)[first:] ** 2
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(power, axis=0)])
    column = np.arange(x.shape[1])
    counts = np.sum(sums[1:] <= sums[-1] / SHARE, axis=0)
    low = counts // 2
    while low.any():  # do the lowest half, quarter, ... of these modes exceed the others?
        high = counts - low
        below = sums[low, column] / np.maximum(low, 1)
        above = (sums[counts, column] - sums[low, column]) / np.maximum(high, 1)
        ratio = np.divide(below, above, out=np.zeros_like(below), where=above > 0)
        uneven = (low > 0) & (fdtrc(np.maximum(low, 1), np.maximum(high, 1), ratio) < LEVEL)
        counts = np.where(uneven, low, counts)
        low = low // 2
    averaged = np.where(counts < FEWEST, np.minimum(counts + 1, len(power)), counts)
    return sums[averaged, column] / np.maximum(averaged, 1), counts


def _widening(freedom: NDArray) -> NDArray:
    """Return the standard deviation of Student's t distribution; NaN where `FEWEST` is not met."""
    known = np.maximum(freedom, FEWEST)
    return np.where(freedom < FEWEST, np.nan, np.sqrt(known / (known - 2.0)))


def _uncertainties(variances: NDArray, freedom: NDArray) -> NDArray:
    """Return standard uncertainties of means with these variances; NaN where not known."""
    return np.sqrt(variances) * _widening(freedom)


def _drift(x: NDArray, w: NDArray, uncorrelated: float) -> tuple[NDArray, NDArray, NDArray]:
    """Change along the least-squares line over the whole series, its error and its chance."""
    n = len(x)
    t = np.linspace(-0.5, 0.5, n)
    t = t - w @ t / n
    square = w @ t**2 or 1.0  # of a single sample nothing is left
    slope = np.where(_constant(x), 0.0, (w * t) @ x / square)
    residuals = _deviations(x - np.outer(t, slope), w)
    variances, modes = _long_run_variances(residuals, first=2)
    freedom = modes * uncorrelated / n
    # Weights are those of the samples, not of their precision: they enter the error twice.
    scale = (w * t) @ (w * t) / ((w @ w) / n) / square**2
    error = np.sqrt(variances * scale)
    ratio = np.divide(np.abs(slope), error, out=np.where(slope == 0, 0.0, np.inf), where=error > 0)
    probability = 2.0 * stdtr(np.maximum(freedom, 1.0), -ratio)
    steep = slope**2 > STEEP * scale * np.sum(residuals**2, axis=0)
    bound = np.where(steep & (uncorrelated >= WALK), THREE_ERRORS, np.nan)
    return slope, _uncertainties(error**2, freedom), np.where(freedom < FEWEST, bound, probability)


def _block_errors(x: NDArray) -> NDArray:
    """Errors (m,) of the means of series (n, m)."""
    n, length = len(x), 1
    single = x.var(axis=0) / max(n - 1, 1)
    errors = np.full(x.shape[1], np.nan)
    while len(x) > FEWEST:
        freedom = len(x) - 1
        variance = x.var(axis=0) / freedom
        tau = np.divide(variance, single, out=np.zeros_like(single), where=single > 0)
        found = np.isnan(errors) & (length**3 > 2 * n * tau**2)
        errors[found] = _uncertainties(variance[found], np.array(freedom))
        x, length = 0.5 * (x[: len(x) // 2 * 2 : 2] + x[1::2]), 2 * length
    return errors
