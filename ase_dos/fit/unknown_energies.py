"""Energies that some targets do not tell, eliminated from the loss of a regression.

For structures so few that a matrix of all by all costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from ase_dos.fit.residual_maker import ResidualMaker

__all__ = ["UnknownEnergies"]

_ROUNDING = 1e-14  # well above that of a residual maker, whose eigenvalues are 0 to 1


@dataclass(frozen=True)
class _Stretch:
    """Energies that the same structures miss: the first ``count`` in the order of their ends."""

    energies: slice
    count: int


class UnknownEnergies:
    """Elimination of the entries (structure, energy) of which the target is not known.

    Every target is known up to some energy. In the order in which targets end, those that miss
    an energy are the first ones, so that one Cholesky factor of ``P_uu`` serves all energies.
    Of many structures that is a large matrix; see `ase_dos.fit.known_energies`.

    Parameters
    ----------
    known : (n, m) array of bool
    residual_maker : ResidualMaker
        ``P``.
    """

    def __init__(self, known: NDArray, residual_maker: ResidualMaker) -> None:
        lengths = known.sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        ever = int(np.sum(lengths < known.shape[1]))
        self.known, self.residual_maker, self.missing = known, residual_maker, order[:ever]
        ends = np.unique([0, *lengths, known.shape[1]])
        counts = np.searchsorted(lengths[order], ends[:-1], side="right")
        self.stretches = [
            _Stretch(slice(first, end), int(count))
            for (first, end), count in zip(pairwise(ends), counts, strict=True)
            if count
        ]

    @cached_property
    def factor(self) -> NDArray:
        """Lower triangle (u, u) of the factors of ``P_uu`` of all that miss some energy."""
        # What the loss does not feel at all stays where it started.
        block = self.residual_maker.block(self.missing)
        block[np.diag_indices_from(block)] += _ROUNDING
        return cholesky(block, lower=True, check_finite=False) if block.size else block

    def _solve(self, stretch: _Stretch, right: NDArray) -> NDArray:
        """Apply the inverse of the P_uu of those that miss a stretch."""
        factor = self.factor[: stretch.count, : stretch.count]
        return cho_solve((factor, True), right, check_finite=False)

    def fill(self, values: NDArray) -> NDArray:
        """Give unknown entries the values without a residual: P_uu x = -P_uk g for every energy.

        This is the fixed point of filling with the prediction and fitting again. Energies that no
        structure knows, as a shift can make of the last ones, are zero.
        """
        if not self.stretches:
            return values
        mean = values.sum(axis=0) / np.maximum(self.known.sum(axis=0), 1)
        filled = np.where(self.known, values, mean)
        for stretch in self.stretches:
            rows, energies = self.missing[: stretch.count], stretch.energies
            residuals = self.residual_maker.at(rows, filled[:, energies])
            filled[rows, energies] -= self._solve(stretch, residuals)
        return filled

    def through(self, gradient: NDArray) -> NDArray:
        """Turn a derivative by all entries into that by known ones, which others follow."""
        result = gradient.copy()
        for stretch in self.stretches:
            rows, energies = self.missing[: stretch.count], stretch.energies
            by_filling = self._solve(stretch, gradient[rows, energies])
            result[:, energies] -= self.residual_maker.of(rows, by_filling)
        return np.where(self.known, result, 0.0)

    def known_parts(self) -> Iterator[tuple[slice, NDArray]]:
        """Stretches of energies, and ``P`` (n, n) with what is unknown there eliminated."""
        part, before = self.residual_maker.matrix.copy(), 0
        first = self.stretches[0].energies.start if self.stretches else self.known.shape[1]
        if first:
            yield slice(0, first), part
        if not self.stretches:
            return
        half = part[self.missing]
        half = solve_triangular(self.factor, half, lower=True, check_finite=False)
        for stretch in self.stretches:
            part -= half[before : stretch.count].T @ half[before : stretch.count]
            before = stretch.count
            yield stretch.energies, part
