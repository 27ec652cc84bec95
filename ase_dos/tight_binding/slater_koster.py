"""Slater-Koster blocks: what two-centre integrals and a direction give for whole shells.

A block between the shells l1 and l2 of two atoms is a sum over the two-centre integrals sigma, pi,
delta of J. C. Slater and G. F. Koster, https://doi.org/10.1103/PhysRev.94.1498,

    H_(l1 m1, l2 m2)(R) = sum_mu V_(l1 l2 mu)(R) T^mu_(m1 m2)(R / |R|)

whose angular factors T^mu couple the two shells to harmonics of the direction,

    T^mu_(m1 m2)(n) = sum_L A_(L mu) sum_M G_(l1 m1, l2 m2, L M) Y_LM(n),    L = |l1-l2| ... l1+l2

with the integrals G of three real harmonics, L + l1 + l2 even, and A such that T^mu is one for
|m1| = |m2| = mu, m1 = m2, and zero otherwise where n is along z. Orbitals of a shell are the real
harmonics by rising m: (y, z, x) and (xy, yz, z2, xz, x2-y2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ase_dos.kernels.gaunt import gaunt_coefficients
from ase_dos.kernels.harmonics import gradient_terms, harmonics_of

__all__ = ["Integral", "SlaterKosterBlocks"]

_SHELLS, _BONDS = "spdf", ("sigma", "pi", "delta", "phi")


class Integral(NamedTuple):
    """Two-centre integral between two shells.

    Attributes
    ----------
    first, second : int
        Places of the shells among those of their atoms.
    order : int
        0 (sigma), 1 (pi), 2 (delta).
    """

    first: int
    second: int
    order: int


class SlaterKosterBlocks:
    """Angular factors of the blocks between the shells of two atoms.

    Parameters
    ----------
    first, second : sequence of int
        Angular momenta of the shells on the two atoms.

    Attributes
    ----------
    integrals : tuple of Integral
        The two-centre integrals.
    shape : (int, int)
        Orbitals on the two atoms.
    components : (components, 3) int array
        Row and column in the block, and integral, of every angular factor.
    """

    def __init__(self, first: Sequence[int], second: Sequence[int]) -> None:
        self.first, self.second = tuple(first), tuple(second)
        self.shape = (sum(2 * ell + 1 for ell in first), sum(2 * ell + 1 for ell in second))
        self._l_max = max(self.first) + max(self.second)
        integrals: list[Integral] = []
        components: list[tuple[int, int, int]] = []
        columns: list[NDArray] = []
        for i, l1 in enumerate(self.first):
            for j, l2 in enumerate(self.second):
                row = sum(2 * ell + 1 for ell in self.first[:i])
                column = sum(2 * ell + 1 for ell in self.second[:j])
                for order, factors in enumerate(_angular_factors(l1, l2, self._l_max)):
                    for m1, m2 in np.argwhere(factors.any(axis=2)).tolist():
                        components.append((row + m1, column + m2, len(integrals)))
                        columns.append(factors[m1, m2])
                    integrals.append(Integral(i, j, order))
        self.integrals = tuple(integrals)
        self.components = np.array(components)
        self._table = np.array(columns).T
        row, column, integral = self.components.T
        self._elements = row * self.shape[1] + column
        self._to_elements = np.eye(self.shape[0] * self.shape[1])[self._elements]
        self._to_integrals = np.eye(len(integrals))[integral]

    def name(self, integral: Integral) -> str:
        """Return the usual name of an integral, such as "pd pi"."""
        shells = _SHELLS[self.first[integral.first]] + _SHELLS[self.second[integral.second]]
        return f"{shells} {_BONDS[integral.order]}"

    def angular(self, directions: NDArray) -> NDArray:
        """Angular factors (n, components) along unit vectors (n, 3)."""
        return harmonics_of(directions, self._l_max) @ self._table

    def blocks(self, values: NDArray, angular: NDArray) -> NDArray:
        """Blocks (n, a, b) of integrals with the values (n, integrals)."""
        elements = (values[:, self.components[:, 2]] * angular) @ self._to_elements
        return elements.reshape(-1, *self.shape)

    def by_integrals(self, densities: NDArray, angular: NDArray) -> NDArray:
        """Turn derivatives by the blocks (n, a, b) into those by the integrals (n, integrals)."""
        return (self._at_components(densities) * angular) @ self._to_integrals

    def by_vectors(self, values: NDArray, densities: NDArray, vectors: NDArray) -> NDArray:
        """Turn derivatives by the blocks into those by the vectors (n, 3), integrals constant."""
        distances = np.linalg.norm(vectors, axis=1, keepdims=True)
        harmonics = harmonics_of(vectors / distances, self._l_max)
        by_components = values[:, self.components[:, 2]] * self._at_components(densities)
        slopes = by_components @ self._table.T
        degree = np.sqrt(np.arange(harmonics.shape[1])).astype(int)
        along = np.sum(degree * slopes * harmonics, axis=1, keepdims=True) / distances
        places, factors = gradient_terms(self._l_max)
        matrices = np.zeros((3, degree.size, degree.size))
        matrices[tuple(places.T)] = factors
        across = np.einsum("pi,kij,pj->pk", slopes, matrices, harmonics, optimize=True)
        return (across - along * vectors) / distances

    def _at_components(self, densities: NDArray) -> NDArray:
        return densities.reshape(len(densities), -1)[:, self._elements]


def _angular_factors(l1: int, l2: int, l_max: int) -> list[NDArray]:
    """Coefficients (2 l1 + 1, 2 l2 + 1, (l_max + 1)^2) of harmonics, for every order."""
    totals = range(abs(l1 - l2), l1 + l2 + 1, 2)
    orders = range(min(l1, l2) + 1)
    along_z = np.empty((len(orders), len(totals)))
    for n, t in enumerate(totals):
        # Of the harmonics of z only those of m = 0 are not zero.
        couplings = gaunt_coefficients(l1, l2, t)[:, :, t] * np.sqrt((2 * t + 1) / (4 * np.pi))
        along_z[:, n] = [couplings[l1 + m, l2 + m] for m in orders]
    amplitudes = np.linalg.inv(along_z)
    out = []
    for order in orders:
        factors = np.zeros((2 * l1 + 1, 2 * l2 + 1, (l_max + 1) ** 2))
        for amplitude, t in zip(amplitudes[:, order], totals, strict=True):
            factors[:, :, t * t : (t + 1) ** 2] = amplitude * gaunt_coefficients(l1, l2, t)
        out.append(factors)
    return out
