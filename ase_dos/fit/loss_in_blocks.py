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

__all__ = ["LossInBlocks"]

_BLOCK = 512  # structures whose targets fit into the cache of a processor


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
        shifts = regression.origin + regression.centre(start)
        lengths = regression.stack.known(regression.energies, shifts)
        self.known = KnownEnergies(lengths, regression.energies.size, residual_maker)
        self._values, self._slopes = np.empty((2, len(shifts), regression.energies.size))

    def _blocks(self) -> Iterator[tuple[slice, NDArray]]:
        """Rows of some structures, and which late energies they miss."""
        late = np.arange(self.known.first, self.known.size)
        for start in range(0, len(self._values), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(self._values)))
            yield rows, late >= self.known.lengths[rows, None]

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
            for rows, _ in self._blocks():
                along = self.root[rows] @ following
                gradient[rows] += np.sum(self._slopes[rows, late] * along, axis=1)
        gradient = 2 * gradient + 2 * self.penalty * centred
        return loss + self.penalty * float(np.sum(centred**2)), self.regression.centre(gradient)

    def _move(self, shifts: NDArray) -> tuple[NDArray, NDArray]:
        """Move the targets; return ``F_k^T g_k`` (k, m) and the sums (m,) of what is known."""
        first, energies = self.known.first, self.regression.energies
        sums, totals = np.zeros((self.root.shape[1], energies.size)), np.zeros(energies.size)
        for rows, missing in self._blocks():
            n_atoms = self.regression.n_atoms[rows, None]
            for kept, new in zip(
                (self._values, self._slopes),
                self.regression.stack.splines(energies, shifts, rows),
                strict=True,
            ):
                new[:, first:][missing] = 0.0
                np.divide(new, n_atoms, out=kept[rows])
            sums += self.root[rows].T @ self._values[rows]
            totals += self._values[rows].sum(axis=0)
        return sums, totals

    def _against(self, fit: NDArray) -> tuple[float, NDArray, NDArray]:
        """Compare the targets with a fit, given by its coefficients (k, m).

        Returns the loss of what is known, half of its gradient with the unknown entries held, and
        ``F_u^T (P G M)_u`` for the energies that some structures miss.
        """
        metric, first = self.regression.metric, self.known.first
        loss, gradient = 0.0, np.empty(len(self.root))
        unknown = np.zeros((self.root.shape[1], self.known.size - first))
        for rows, missing in self._blocks():
            residual = self._values[rows] - self.root[rows] @ fit
            residual[:, first:][missing] = 0.0
            residual = metric(residual)
            loss += float(np.sum(self._values[rows] * residual))
            gradient[rows] = np.sum(self._slopes[rows] * residual, axis=1)
            unknown += self.root[rows].T @ np.where(missing, residual[:, first:], 0.0)
        return loss, gradient, unknown
