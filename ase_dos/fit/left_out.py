"""Groups of structures left out of a linear regression in turn, in closed form.

With G the structures of a group, P the residual maker of the regression on all and r its residuals,
the residuals of a regression without the group are ``P_GG^-1 r_G``. Structures that are nearly the
same belong to one group: one that is left out alone is predicted by its copy, which tells nothing
of how structures are predicted that have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_dos.fit.residual_maker import ResidualMaker

__all__ = ["LeftOut", "alone", "group_labels", "rows_of_groups"]

# Eigenvalue of a part of P below which something of its structures is told by nothing else.
_ALONE = 1e-12


def alone(n: int) -> NDArray:
    """Labels (n,) of groups of one structure each."""
    return np.arange(n)


def group_labels(groups: Sequence[Any], n: int) -> NDArray:
    """Integer labels (n,) of groups, counted from 0 in the order of their first structures.

    Parameters
    ----------
    groups : (n,) sequence
        Labels of any kind.
    n : int
        Structures.

    Raises
    ------
    ValueError
        If there is not one for each structure, or no two differ.
    """
    if len(groups) != n:
        raise ValueError(f"groups: expected one label per structure, {n}, got {len(groups)}")
    numbers: dict[Any, int] = {}
    labels = np.array([numbers.setdefault(label, len(numbers)) for label in groups], dtype=int)
    if len(numbers) < 2:
        raise ValueError(
            "groups: expected two or more different labels, got one; structures of one group are "
            "left out together, and nothing would be left to learn from"
        )
    return labels


def rows_of_groups(groups: NDArray) -> list[NDArray]:
    """Rising indices of the structures of each group, in the order of labels (n,)."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Regression without each group of structures in turn.

    Parameters
    ----------
    residual_maker : ResidualMaker
        Of the regression on all ``n`` structures.
    groups : (n,) array of int
        Label of the group of each.
    """

    residual_maker: ResidualMaker
    groups: NDArray

    @cached_property
    def _inverses(self) -> list[tuple[NDArray, NDArray]]:
        """Structures (r, g) and ``P_GG^-1`` (r, g, g) of groups of g that others can predict."""
        groups = rows_of_groups(self.groups)
        sizes = np.array([len(rows) for rows in groups])
        found = []
        for size in np.unique(sizes):
            rows = np.array([groups[i] for i in np.flatnonzero(sizes == size)])
            values, vectors = np.linalg.eigh(self.residual_maker.block(rows))
            told = values[:, 0] > _ALONE
            values, vectors = values[told, None], vectors[told]
            found.append((rows[told], vectors / values @ vectors.swapaxes(1, 2)))
        return found

    @cached_property
    def structures(self) -> NDArray:
        """Rising indices (k,) of structures that others predict: not the only ones of a species."""
        return np.sort(np.concatenate([rows.ravel() for rows, _ in self._inverses]))

    @cached_property
    def distances(self) -> NDArray:
        """``phi C phi`` (k,) of `structures`, with the posterior covariance C without the group."""
        result = np.zeros(len(self.groups))
        for rows, inverses in self._inverses:
            result[rows] = np.diagonal(inverses, axis1=1, axis2=2) - 1.0
        return result[self.structures]

    def residuals(self, targets: NDArray) -> NDArray:
        """Residuals (k, m) of `structures`, for targets (n, m)."""
        result = self.residual_maker @ targets
        for rows, inverses in self._inverses:
            result[rows] = inverses @ result[rows]
        return result[self.structures]

    def of_each(self) -> Iterator[tuple[NDArray, NDArray]]:
        """Structures (g,) and ``P_GG^-1`` (g, g) of each group that others predict."""
        return chain.from_iterable(zip(*some, strict=True) for some in self._inverses)
