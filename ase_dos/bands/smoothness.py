"""Prior on smooth bands: differences between neighbouring momenta, and linear systems with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

__all__ = ["Smoothness"]

_ITERATIONS = 400


@dataclass(frozen=True, eq=False)
class Smoothness:
    """Gaussian prior on fields d over momenta: -log P = 1/2 sum_<ij> (d_i - d_j)^2 / (eta dk_ij)^2.

    The sum is over nearest neighbours, with free edges. Arrays are (bands, *momenta), one field per
    band, in eV.

    Parameters
    ----------
    spacings : tuple of float
        Distance dk of neighbours along each axis of momentum (1/Angstrom).
    eta : float
        Typical slope of a field (eV Angstrom).
    jumps : (bands, *momenta) array, optional
        Typical step (eV) that a field makes to its next neighbour all the same; an edge takes the
        larger of its two ends.
    """

    spacings: tuple[float, ...]
    eta: float
    jumps: NDArray | None = None

    @cached_property
    def weights(self) -> tuple[NDArray | float, ...]:
        """1 / ((eta dk)^2 + jump^2) of the edges along each axis (1/eV^2)."""
        return tuple(
            1.0 / ((self.eta * dk) ** 2 + self._jumps(axis) ** 2)
            for axis, dk in enumerate(self.spacings, start=1)
        )

    def _jumps(self, axis: int) -> NDArray | float:
        if self.jumps is None:
            return 0.0
        along = np.moveaxis(self.jumps, axis, 0)
        return np.moveaxis(np.maximum(along[1:], along[:-1]), 0, axis)

    def of_band(self, band: int) -> list[NDArray]:
        """Weights of the edges of one band, along each axis; one number if all are the same."""
        weights = (np.asarray(weight) for weight in self.weights)
        return [weight[band] if weight.ndim else weight for weight in weights]

    def on_grid(self, band: int) -> tuple[NDArray, NDArray | float]:
        """Weights of one band as kernels take them: of two axes, the second perhaps of length 1."""
        weights = self.of_band(band)
        return (weights[0], weights[1]) if len(weights) == 2 else (weights[0].reshape(-1, 1), 0.0)

    def energy(self, fields: NDArray) -> float:
        """Return -log P of all fields, without the constant."""
        return 0.5 * sum(
            float((weight * np.diff(fields, axis=axis) ** 2).sum())
            for axis, weight in enumerate(self.weights, start=1)
        )

    def energy_of_band(self, field: NDArray, band: int) -> float:
        """Return -log P of the field (*momenta) of one band alone."""
        return 0.5 * sum(
            float((weight * np.diff(field, axis=axis) ** 2).sum())
            for axis, weight in enumerate(self.of_band(band))
        )

    def gradient(self, fields: NDArray) -> NDArray[np.float64]:
        """Return the derivative of the energy (1/eV): the weighted Laplacian of the grid."""
        return self._spread([np.diff(fields, axis=a) * w for a, w in enumerate(self.weights, 1)])

    def _spread(self, flows: list[NDArray]) -> NDArray[np.float64]:
        """Transpose of the differences: what flows along edges, summed into their ends."""
        total: NDArray | None = None
        for axis, flow in enumerate(flows, start=1):
            pad = [(0, 0)] * flow.ndim
            pad[axis] = (1, 1)
            ends = -np.diff(np.pad(flow, pad), axis=axis)
            total = ends if total is None else total + ends
        assert total is not None
        return total

    def solve(
        self, information: NDArray, right: NDArray, tolerance: float = 1e-5
    ) -> NDArray[np.float64]:
        """Solve (information + Laplacian) x = right by conjugate gradients.

        Parameters
        ----------
        information : (*momenta, bands, bands) array
            Precision of the data at each momentum (1/eV^2); zero where there are none.
        right : (bands, *momenta) array
            Right side (1/eV).
        tolerance : float
            Of the residual, as part of the right side, both as long as the inverse of the
            preconditioner makes them.

        Returns
        -------
        (bands, *momenta) array
            Solution (eV).
        """
        precondition = _Preconditioner([np.mean(weight) for weight in self.weights], information)
        x = np.zeros_like(right)
        residual = right.copy()
        step = np.zeros_like(right)
        last, goal = 1.0, 0.0
        for iteration in range(_ITERATIONS):
            nearer = precondition(residual)
            now = float((residual * nearer).sum())
            if iteration == 0:
                goal = tolerance**2 * now
            if now <= goal:
                break
            step = nearer + (now / last) * step
            last = now
            image = self.gradient(step) + np.einsum("...bc,c...->b...", information, step)
            length = now / float((step * image).sum())
            x += length * step
            residual -= length * image
        return x


class _Preconditioner:
    """Inverse with the mean precision of each band everywhere: diagonal in cosine transforms."""

    def __init__(self, weights: list[np.floating], information: NDArray) -> None:
        momenta = information.shape[:-2]
        diagonal = np.moveaxis(np.diagonal(information, axis1=-2, axis2=-1), -1, 0)
        mean = diagonal.reshape(len(diagonal), -1).mean(axis=1)
        floor = max(1e-12 * float(mean.max(initial=0.0)), 1e-300)
        eigenvalues = np.zeros(momenta)
        for axis, (weight, n) in enumerate(zip(weights, momenta, strict=True)):
            shape = [1] * len(momenta)
            shape[axis] = n
            eigenvalues = eigenvalues + (
                2.0 * weight * (1.0 - np.cos(np.pi * np.arange(n) / n))
            ).reshape(shape)
        self._axes = tuple(range(1, len(momenta) + 1))
        self._spectrum = np.maximum(mean, floor).reshape(-1, *[1] * len(momenta)) + eigenvalues

    def __call__(self, fields: NDArray) -> NDArray[np.float64]:
        transform = dctn(fields, axes=self._axes, norm="ortho", workers=-1)
        return idctn(transform / self._spectrum, axes=self._axes, norm="ortho", workers=-1)
