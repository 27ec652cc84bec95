"""Metrics of the error of a DOS: positive matrices over the energies.

The loss of a difference d(E) between two densities of states is one of

    dos         int d(E)^2 dE
    cumulative  int D(E)^2 dE / (1 eV)^2,   D(E) = int^E d
    mix         their sum

The cumulative DOS counts electrons: an error that is spread over a long stretch of energies adds
up in it, one that moves states up at some energies and down at others does not. For differences
that hold no electrons in total it is the loss with the Coulomb kernel -|E - E'|/2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["METRICS", "Metric"]

METRICS = ("dos", "cumulative", "mix")


@dataclass(frozen=True)
class Metric:
    """Quadratic form over a uniform grid of energies.

    Parameters
    ----------
    name : {"dos", "cumulative", "mix"}
    step : float
        Spacing of the grid (eV).
    """

    name: str
    step: float

    @property
    def weights(self) -> tuple[float, float]:
        """Factors of the unit matrix and of that which takes sums from below, then from above."""
        return (
            self.step if self.name != "cumulative" else 0.0,
            self.step**3 if self.name != "dos" else 0.0,
        )

    def __call__(self, differences: NDArray) -> NDArray:
        """Differences (..., m) times the matrix: half of the gradient of their loss."""
        result = np.zeros_like(differences)
        if self.name != "cumulative":
            result += differences * self.step
        if self.name != "dos":
            counts = np.cumsum(differences, axis=-1) * self.step
            result += np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1] * self.step**2
        return result

    def loss(self, differences: NDArray) -> NDArray:
        """Loss (...) of differences (..., m)."""
        of_dos, of_counts = self.weights
        counts = np.cumsum(differences, axis=-1)
        return of_dos * _squares(differences) + of_counts * _squares(counts)

    def factor(self, size: int) -> NDArray:
        """Lower triangle L (size, size) of the matrix, which is L L^T."""
        return np.linalg.cholesky(self(np.eye(size)))


def _squares(values: NDArray) -> NDArray:
    """Add up the squares of values (..., m) over the last axis."""
    return np.einsum("...i,...i->...", values, values)
