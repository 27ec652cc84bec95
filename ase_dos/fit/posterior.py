"""Uncertainty of the regression: the posterior of its weights, in closed form.

Ridge regression is the mean of a Gaussian process whose weights have the posterior covariance
``C x Sigma``, C = (Phi^T Q Phi + lambda)^-1 over the outputs of an atom and Sigma over the energy
modes. The error of a structure with mean outputs phi and composition z then has the covariance

    (a + b q) Sigma,   q = |A^T (phi - z m)|^2 + z^T (Z^T Z)^-1 z,   C = A A^T,

with m the outputs that the composition alone predicts. What the model cannot describe in any
structure is a; both a and b are the most likely ones for errors of structures that the weights do
not know. Errors of like structures are correlated: the members of an ensemble differ by one draw
of the weights each, the same for every structure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ase_dos.fit.regression import Regression

__all__ = [
    "NOVELTY_SIZE",
    "Posterior",
    "fit_posterior",
    "most_likely_noise",
    "novelty_projection",
    "recalibrated",
]

# Random directions that stand for all of A where only the length of A^T (h - m) matters.
NOVELTY_SIZE = 16


@dataclass(frozen=True, eq=False)
class Posterior:
    """Covariance of predicted mode coefficients.

    Parameters
    ----------
    centers : (species, outputs) array
        ``m``.
    factor : (outputs, outputs) array
        ``A``, symmetric.
    composition : (species, species) array
        Root R of (Z^T Z)^-1 = R R, symmetric.
    covariance : (k, k) array
        Root of Sigma, which has unit trace, symmetric.
    noise, scale : float
        ``a`` and ``b`` (states^2/eV per atom^2, in the metric of the model).
    """

    centers: NDArray
    factor: NDArray
    composition: NDArray
    covariance: NDArray
    noise: float
    scale: float

    def distances(self, deviations: NDArray, composition: NDArray) -> NDArray:
        """``q`` (n,) for A^T (phi - z m) (n, r) and z (n, species)."""
        return np.sum(deviations**2, axis=1) + np.sum((composition @ self.composition) ** 2, axis=1)

    def errors(self, distances: NDArray) -> NDArray:
        """Return the expected error, root of the mean square loss per atom, for ``q``."""
        return np.sqrt(self.noise + self.scale * distances)

    def error_unit(self, modes: NDArray, step: float) -> float:
        """Root-mean-square error of a DOS (states eV^-1/2) of which that in the metric is 1.

        Parameters
        ----------
        modes : (k, m) array
            Energy modes on a grid.
        step : float
            Its spacing (eV).
        """
        return float(np.linalg.norm(self.covariance.T @ modes)) * step**0.5

    def draws(self, deviations: NDArray, composition: NDArray, count: int, seed: int) -> NDArray:
        """Deviations of mode coefficients per atom, (n, members, k).

        Parameters
        ----------
        deviations : (n, r) array
            ``A^T (phi - z m)`` of every structure.
        composition : (n, species) array
        count : int
            Members of the ensemble.
        seed : int
            The same seed gives the same weights, so that ensembles of different structures go
            together member by member.
        """
        rng = np.random.default_rng(seed)
        k = len(self.covariance)
        shape = (deviations.shape[1] + len(self.composition), count * k)
        inputs = np.hstack([deviations, composition @ self.composition])
        drawn = np.sqrt(self.scale) * (inputs @ rng.normal(size=shape)).reshape(-1, count, k)
        drawn += np.sqrt(self.noise) * rng.normal(size=(count, k))
        return drawn @ self.covariance.T


def fit_posterior(
    regression: Regression,
    regularization: float,
    distances: NDArray,
    errors: NDArray,
    squared: NDArray,
    modes: NDArray,
) -> Posterior:
    """Posterior of a regression, its size from leave-one-out errors.

    Parameters
    ----------
    regression : Regression
    regularization : float
        Relative to the mean eigenvalue of the Gram matrix.
    distances : (n,) array
        Of the structures with a leave-one-out error, as `LeaveOneOut` has them.
    errors : (n, k) array
        Mode coefficients of their errors.
    squared : (n,) array
        Their squared errors (states^2/eV per atom^2), which decide on the size.
    modes : (k, m) array
        Energy modes on the energies of the regression.
    """
    ridge = regression.ridge
    inverse = ridge.composition.inverse
    inner = ridge.composition.remainder(ridge.features)
    noise, scale = most_likely_noise(distances, np.sum(errors**2, axis=1))
    whitened = errors / np.sqrt(noise + scale * distances)[:, None]
    sigma = whitened.T @ whitened
    posterior = Posterior(
        centers=ridge.composition.terms(ridge.features),
        factor=_power(inner.T @ inner, -0.5, shift=regularization * ridge.scale),
        composition=_power(inverse @ inverse.T, 0.5),
        covariance=_power(sigma / np.trace(sigma), 0.5),
        noise=noise,
        scale=scale,
    )
    unit = posterior.error_unit(modes, float(regression.energies[1] - regression.energies[0]))
    return recalibrated(posterior, distances, squared / unit**2)


def _power(matrix: NDArray, exponent: float, shift: float = 0.0) -> NDArray:
    """Return a power of a symmetric matrix that is positive but for rounding, plus ``shift``.

    Symmetric roots are unique. Others depend on the signs and order of eigenvectors, which differ
    from machine to machine, and with them would the members of an ensemble and the novelty.
    """
    values, vectors = np.linalg.eigh(matrix)
    return vectors * (values.clip(min=0.0) + shift) ** exponent @ vectors.T


def recalibrated(posterior: Posterior, distances: NDArray, squared: NDArray) -> Posterior:
    """Take the size of the errors from other structures, errors in squares of `error_unit`."""
    noise, scale = most_likely_noise(distances, squared)
    return replace(posterior, noise=noise, scale=scale)


def most_likely_noise(distances: NDArray, squared: NDArray) -> tuple[float, float]:
    """Numbers a, b that make squared errors (n,) with mean a + b q most likely, for q (n,)."""
    size = squared.mean()
    unit = distances.mean() or 1.0

    def minus_log_likelihood(logs: NDArray) -> tuple[float, NDArray]:
        noise, slope = np.exp(logs)
        variance = noise + slope * distances / unit
        value = np.mean(np.log(variance) + squared / variance)
        by_variance = (1.0 - squared / variance) / variance
        return value, np.array(
            [noise * by_variance.mean(), slope * np.mean(by_variance * distances / unit)]
        )

    start = np.log([size / 2, size / 2])
    limits = [(low, np.log(size) + 4) for low in (np.log(size) - 12,) * 2]
    found = minimize(minus_log_likelihood, start, jac=True, method="L-BFGS-B", bounds=limits)
    noise, slope = np.exp(found.x)
    return float(noise), float(slope / unit)


def novelty_projection(factor: NDArray) -> NDArray:
    """Few random directions (outputs, NOVELTY_SIZE) whose lengths stand for those of ``A``.

    |S^T x|^2 equals |A^T x|^2 on average, with a relative spread of (2 / NOVELTY_SIZE)^(1/2).
    """
    shape = (factor.shape[1], NOVELTY_SIZE)
    return factor @ np.random.default_rng(0).normal(size=shape) / np.sqrt(NOVELTY_SIZE)
