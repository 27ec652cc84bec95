"""Energies that some targets do not tell, eliminated from the loss of a regression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from ase_dos.fit.residual_maker import MOST_DENSE, ResidualMaker

__all__ = ["UnknownEnergies"]

_ROUNDING = 1e-14  # well above that of a residual maker, whose eigenvalues are 0 to 1


@dataclass(frozen=True)
class _Stretch:
    """Energies that the same structures miss: the first ``count`` in the order of their ends."""

    number: int
    energies: slice
    count: int


class UnknownEnergies:
    """Elimination of the entries (structure, energy) of which the target is not known.

    Every target is known up to some energy. In the order in which targets end, those that miss
    an energy are the first ones, so that one Cholesky factor of ``P_uu`` serves all energies.
    Where more structures than features miss some, factors of the size of the features do:
    ``P_uu^-1 = 1 + F_u (1 - F_u^T F_u)^-1 F_u^T`` (Woodbury).

    Parameters
    ----------
    known : (n, m) array of bool
    residual_maker : ResidualMaker
        ``P = I - F F^T``.
    """

    def __init__(self, known: NDArray, residual_maker: ResidualMaker) -> None:
        lengths = known.sum(axis=1)
        order = np.argsort(lengths, kind="stable")
        ever = int(np.sum(lengths < known.shape[1]))
        self.known, self.residual_maker, self.missing = known, residual_maker, order[:ever]
        self.is_small = ever <= max(MOST_DENSE, residual_maker.basis.shape[1])
        ends = np.unique([0, *lengths, known.shape[1]])
        counts = np.searchsorted(lengths[order], ends[:-1], side="right")
        self.stretches = [
            _Stretch(number, slice(first, end), int(count))
            for number, ((first, end), count) in enumerate(zip(pairwise(ends), counts, strict=True))
            if count
        ]

    @cached_property
    def factor(self) -> NDArray:
        """Lower triangle (u, u) of the factors of ``P_uu`` of all that miss some energy."""
        # What the loss does not feel at all stays where it started.
        block = self.residual_maker.block(self.missing)
        block[np.diag_indices_from(block)] += _ROUNDING
        return cholesky(block, lower=True, check_finite=False) if block.size else block

    @cached_property
    def inner_factors(self) -> dict[int, NDArray]:
        """Lower triangles (k, k) of the factors of ``1 - F_u^T F_u`` for every stretch."""
        root = self.residual_maker.root
        rest = (1.0 + _ROUNDING) * np.eye(root.shape[1])
        factors, before = {}, 0
        for stretch in self.stretches:
            more = root[self.missing[before : stretch.count]]
            rest = rest - more.T @ more
            before = stretch.count
            factors[stretch.number] = cholesky(rest, lower=True, check_finite=False)
        return factors

    def _solve(self, stretch: _Stretch, right: NDArray) -> NDArray:
        """Apply the inverse of the P_uu of those that miss a stretch."""
        count = stretch.count
        if self.is_small:
            return cho_solve((self.factor[:count, :count], True), right, check_finite=False)
        root = self.residual_maker.root[self.missing[:count]]
        factor = (self.inner_factors[stretch.number], True)
        return right + root @ cho_solve(factor, root.T @ right, check_finite=False)

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
