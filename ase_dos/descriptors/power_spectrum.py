"""Basis of the power spectrum: the product of two radial functions behind each feature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ase_dos.utils.checks import as_array

__all__ = ["PowerSpectrumBasis"]


@dataclass(frozen=True)
class PowerSpectrumBasis:
    """Products of radial functions that the features of one atom belong to, in their order.

    The last index runs fastest: species pair (Z_a <= Z_b) in lexicographic order, n1, n2, l.
    Pairs of one species store n1 <= n2 only, those with n1 < n2 times sqrt(2); pairs of two
    species store all n1 (of Z_a) and n2 (of Z_b), times sqrt(2). So the dot product of two
    feature vectors is that of the complete power spectra.

    Parameters
    ----------
    species : tuple of int
        Atomic numbers, rising.
    n_radial : int
        Radial functions.
    max_angular : int
        Largest angular momentum.
    """

    species: tuple[int, ...]
    n_radial: int
    max_angular: int

    @property
    def n_features(self) -> int:
        """Number of features per atom."""
        n, s = self.n_radial, len(self.species)
        return (self.max_angular + 1) * (s * n * (n + 1) // 2 + s * (s - 1) // 2 * n * n)

    @cached_property
    def labels(self) -> NDArray:
        """Z_a, Z_b, n1, n2, l of every feature (n_features, 5)."""
        return np.array(
            [
                (za, zb, n1, n2, ell)
                for za, zb in self.species_pairs
                for n1 in range(self.n_radial)
                for n2 in range(n1 if za == zb else 0, self.n_radial)
                for ell in range(self.max_angular + 1)
            ]
        )

    @property
    def species_pairs(self) -> list[tuple[int, int]]:
        """Pairs of species (Z_a <= Z_b) in the order of the features."""
        return [(a, b) for i, a in enumerate(self.species) for b in self.species[i:]]

    @cached_property
    def _full_index(self) -> tuple[NDArray, NDArray, NDArray]:
        """Index of each feature, and of its mirror image, in the complete spectrum; its factor."""
        za, zb, n1, n2, ell = self.labels.T
        pairs = {pair: i for i, pair in enumerate(self.species_pairs)}
        pair = np.array([pairs[a, b] for a, b in zip(za, zb, strict=True)])
        shape = self.full_shape
        index = np.ravel_multi_index((pair, ell, n1, n2), shape)
        same = za == zb
        mirror = np.ravel_multi_index((pair, ell, *np.where(same, (n2, n1), (n1, n2))), shape)
        return index, mirror, np.where(same & (n1 != n2), np.sqrt(2.0), 1.0)

    @property
    def full_shape(self) -> tuple[int, int, int, int]:
        """Shape of the complete spectrum: species pairs, l_max + 1, n_radial, n_radial."""
        n = self.n_radial
        return len(self.species_pairs), self.max_angular + 1, n, n

    def unfold(self, features: NDArray) -> NDArray:
        """Expand features (atoms, n_features) to complete spectra, as featomic gives them.

        Returns (atoms, species pairs, l_max + 1, n_radial, n_radial), complete in n1 and n2. As
        in featomic, only the pairs of two species keep their factor sqrt(2).
        """
        features = as_array(features, "features", (None, self.n_features))
        index, mirror, fold = self._full_index
        full = np.empty((len(features), int(np.prod(self.full_shape))))
        full[:, index] = features / fold
        full[:, mirror] = features / fold
        return full.reshape(-1, *self.full_shape)

    def fold(self, full: NDArray) -> NDArray:
        """Inverse of `unfold`."""
        index, _, fold = self._full_index
        return full.reshape(len(full), -1)[:, index] * fold
