"""Fits at every energy to the structures that know it: unknown energies of many structures.

With ``P = 1 - F F^T`` the residual maker of a regression on all structures, the entries u of an
energy that have no residual are ``g_u = F_u c``, and so is the fit to the known ones k, with

    c = (1 - F_u^T F_u)^-1 F_k^T g_k,

a system of the size of the features. Every target is known up to some energy, so the matrices of
all energies follow from each other by adding the structures that end there.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotrs

from ase_dos.fit.residual_maker import ResidualMaker

__all__ = ["KnownEnergies"]

# Well above the rounding of sums over many structures; what no structure that knows an energy
# tells stays where it started.
_ROUNDING = 1e-12


class KnownEnergies:
    """Elimination of the entries (structure, energy) of which the target is not known.

    Parameters
    ----------
    lengths : (n,) array of int
        How many energies, from the first on, the target of each structure is known at.
    size : int
        Number of energies ``m``.
    residual_maker : ResidualMaker
        Of fewer features than structures; the composition is fully described (``P 1 = 0``).
    """

    def __init__(self, lengths: NDArray, size: int, residual_maker: ResidualMaker) -> None:
        self.lengths, self.size, self.root = lengths, size, residual_maker.root
        self.first = int(lengths.min())  # energy that some structure misses

    @property
    def is_complete(self) -> bool:
        """Whether every structure knows every energy."""
        return self.first == self.size

    @cached_property
    def _ending(self) -> list[NDArray]:
        """Structures that miss every energy from `first` on but none before; last those of none."""
        order = np.argsort(self.lengths, kind="stable")
        ends = np.searchsorted(self.lengths[order], np.arange(self.first, self.size) + 1)
        return np.split(order, ends)

    @cached_property
    def _factors(self) -> list[NDArray]:
        """Lower triangles (k, k) of the factors of ``1 - F_u^T F_u`` at energies from `first`."""
        rest = (1.0 + _ROUNDING) * np.eye(self.root.shape[1])
        factors: list[NDArray] = []
        for rows in self._ending[:-1]:
            if rows.size:
                more = self.root[rows]
                rest = rest - more.T @ more
                factors.append(cholesky(rest, lower=True, check_finite=False))
            else:
                factors.append(factors[-1])
        return factors

    def solve(self, columns: NDArray) -> NDArray:
        """Apply the inverses of ``1 - F_u^T F_u`` to columns (k, m - first) of their energies."""
        return np.column_stack(
            [
                dpotrs(factor, column, lower=True)[0]
                for factor, column in zip(self._factors, columns.T, strict=True)
            ]
        )

    @cached_property
    def _common(self) -> tuple[NDArray, NDArray]:
        """Coefficients (k,) of what is 1 in all structures, and their ``F_k^T 1`` (k, m - first).

        The fit describes it without a residual.
        """
        sums = np.array([self.root[rows].sum(axis=0) for rows in self._ending])
        known = np.cumsum(sums[:0:-1], axis=0)[::-1]
        return sums.sum(axis=0), known.T

    def coefficients(self, sums: NDArray, totals: NDArray) -> NDArray:
        """Coefficients ``c`` (k, m) of the fit at every energy.

        Where nothing tells the unknown values, they are the mean of the known ones.

        Parameters
        ----------
        sums : (k, m) array
            ``F_k^T g_k``.
        totals : (m,) array
            Sums of the known values.
        """
        if self.is_complete:
            return sums
        ones, known = self._common
        late = slice(self.first, None)
        missing = np.cumsum(np.bincount(self.lengths, minlength=self.size + 1))[: self.size]
        means = (totals / np.maximum(len(self.lengths) - missing, 1))[late]
        found = sums.copy()
        found[:, late] = ones[:, None] * means + self.solve(sums[:, late] - known * means)
        return found

    def fill(self, values: NDArray) -> NDArray:
        """Give unknown entries of values (n, m), which are zero, those without a residual.

        Energies that no structure knows, as a shift can make of the last ones, are zero.
        """
        if self.is_complete:
            return values
        late = slice(self.first, None)
        coefficients = self.coefficients(self.root.T @ values, values.sum(axis=0))
        filled = values.copy()
        missing = np.arange(self.first, self.size) >= self.lengths[:, None]
        filled[:, late] += np.where(missing, self.root @ coefficients[:, late], 0.0)
        return filled
