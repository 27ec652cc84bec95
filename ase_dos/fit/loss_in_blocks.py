"""Loss of the energy shifts of many structures, some structures at a time.

It is that of `ase_dos.fit.projected_loss` with two differences. With far fewer features than
structures, all that structures know of each other is in sums over them, of the size of features
times energies. And a grid point does not become known or unknown as the shifts move, which would be
a step in the loss: what is known where they start counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.known_energies import KnownEnergies
from ase_dos.fit.regression import Regression
from ase_dos.fit.residual_maker import ResidualMaker
from ase_dos.kernels.masked_loss import masked_loss

__all__ = ["LossInBlocks"]

_BLOCK = 512  # structures whose targets fit into the cache of a processor
_FLAT = 1e-8  # smallest curvature, as a share of the largest


class LossInBlocks:
    """Loss of the shifts and its gradient, weights and unknown energies eliminated.

    Parameters
    ----------
    regression : Regression
        Regression, targets and reference shifts.
    residual_maker : ResidualMaker
        ``P`` of the regression.
    penalty : float
        Weight of the squared shifts.
    start : (n,) array
        First shifts, relative to the reference.
    """

    def __init__(
        self,
        regression: Regression,
        residual_maker: ResidualMaker,
        penalty: float,
        start: NDArray,
    ) -> None:
        self.regression, self.penalty, self.root = regression, penalty, residual_maker.root
        self._diagonal = residual_maker.diagonal
        shifts = regression.origin + regression.centre(start)
        lengths = regression.stack.known(regression.energies, shifts)
        self.known = KnownEnergies(lengths, regression.energies.size, residual_maker)
        self._values, self._slopes = np.empty((2, len(shifts), regression.energies.size))
        self._move(shifts)
        self._others = [
            LossInBlocks(one, residual_maker, 0.0, start) for one in regression.spectra[1:]
        ]

    def _blocks(self) -> Iterator[slice]:
        n = len(self._values)
        return (slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK))

    def unit(self) -> NDArray:
        """Shifts (n,) in which the curvature by each of them alone is 1, the others held."""
        own = self._curvature() + sum(other._curvature() for other in self._others)
        return 1.0 / np.sqrt(2.0 * (own + self.penalty).clip(min=_FLAT * own.max() or 1.0))

    def _curvature(self) -> NDArray:
        """Half of the second derivative (n,) by each shift alone, without the penalty."""
        parts = [self.regression.metric.loss(self._slopes[rows]) for rows in self._blocks()]
        return np.concatenate(parts) * self._diagonal

    def __call__(self, free: NDArray) -> tuple[float, NDArray]:
        """Loss and gradient (n,) for shifts (n,) relative to the reference.

        Only what the gauge leaves of them counts.
        """
        centred = self.regression.centre(free)
        fit = self.known.coefficients(*self._move(self.regression.origin + centred))
        loss, gradient, unknown = self._against(fit)
        if not self.known.is_complete and self.regression.metric_name != "dos":
            # Unknown entries have no residual, but the metric ties them to those that have; they
            # follow the others.
            late = slice(self.known.first, None)
            loss += float(np.sum(fit[:, late] * unknown))
            following = self.known.solve(unknown)
            for rows in self._blocks():
                along = self.root[rows] @ following
                gradient[rows] += np.einsum("ij,ij->i", self._slopes[rows, late], along)
        loss += self.penalty * float(np.sum(centred**2))
        gradient = 2 * gradient + 2 * self.penalty * centred
        for other in self._others:
            more, slopes = other(centred)
            loss, gradient = loss + more, gradient + slopes
        return loss, self.regression.centre(gradient)

    def _move(self, shifts: NDArray) -> tuple[NDArray, NDArray]:
        """Move the targets; return ``F_k^T g_k`` (k, m) and the sums (m,) of what is known."""
        energies, lengths = self.regression.energies, self.known.lengths
        sums, totals = np.zeros((self.root.shape[1], energies.size)), np.zeros(energies.size)
        for rows in self._blocks():
            values, slopes = self._values[rows], self._slopes[rows]
            self.regression.stack.evaluate(energies, shifts, lengths, values, slopes, rows)
            values /= self.regression.n_atoms[rows, None]
            slopes /= self.regression.n_atoms[rows, None]
            sums += self.root[rows].T @ values
            totals += values.sum(axis=0)
        return sums, totals

    def _against(self, fit: NDArray) -> tuple[float, NDArray, NDArray]:
        """Compare the targets with a fit, given by its coefficients (k, m).

        Returns the loss of what is known, half of its gradient with the unknown entries held, and
        ``F_u^T (P G M)_u`` for the energies that some structures miss.
        """
        loss, gradient, first = 0.0, np.empty(len(self.root)), self.known.first
        unknown = np.zeros((self.root.shape[1], self.known.size - first))
        for rows in self._blocks():
            own = self.root[rows]
            at_unknown = np.empty((len(own), self.known.size - first))
            loss += masked_loss(
                self._values[rows],
                self._slopes[rows],
                own @ fit,
                self.known.lengths[rows],
                *self.regression.metric.weights,
                first,
                gradient[rows],
                at_unknown,
            )
            unknown += own.T @ at_unknown
        return loss, gradient, unknown
