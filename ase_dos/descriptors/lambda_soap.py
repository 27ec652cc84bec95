"""Equivariant features of atoms (lambda-SOAP): numbers that turn with the frame as Y_lm do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.descriptors.equivariant_points import EquivariantPoints
from ase_dos.descriptors.expansion import ExpansionHyperparameters
from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.descriptors.species import species_index
from ase_dos.kernels.coupling import Couplings, coupling_tables
from ase_dos.kernels.equivariant_products import equivariant_products
from ase_dos.kernels.equivariants import equivariants, expand_atoms
from ase_dos.kernels.threads import on_threads
from ase_dos.utils.checks import as_count

__all__ = ["EquivariantPoints", "LambdaSOAP"]

# Atoms that threads take at a time are multiples of this: the expansion goes by lanes.
_GRAIN = 64
# Their features take up to 40 MB for four species and l up to 4.
_ATOMS_PER_BLOCK = 64


@dataclass(frozen=True)
class LambdaSOAP(ExpansionHyperparameters):
    """Equivariant power spectrum of the neighbour density (lambda-SOAP).

    The density coefficients c_nlm are those of `ase_dos.descriptors.soap.SOAP`, with the same
    hyperparameters. For every lambda and mu = -lambda..lambda the features are

        p^(lambda mu)_(a1 n1 l1)(a2 n2 l2) = sum_(m1 m2) C^(lambda mu)_(l1 m1)(l2 m2)
                                             c_(a1 n1 l1 m1) c_(a2 n2 l2 m2)

    with real coupling coefficients C (Grisafi, Wilkins, Csanyi and Ceriotti,
    https://doi.org/10.1103/PhysRevLett.120.036002). They turn with the frame as the real spherical
    harmonics Y_(lambda mu) do, order mu = -lambda..lambda, and under inversion change by
    (-1)^lambda: only l1 + l2 + lambda even is kept.

    Parameters
    ----------
    max_lambda : int
        Largest lambda, at most 2 ``max_angular``.
    cutoff, max_radial, max_angular, width, species
        As in `ase_dos.descriptors.soap.SOAP`.
    cutoff_smoothing, radial_scaling, center_weight, contraction
        As there.

    Raises
    ------
    ValueError
        If a hyperparameter is out of range.

    Notes
    -----
    As in featomic's ``EquivariantPowerSpectrum``, of l1 < l2 and l2 > l1 the first is kept, and
    counts once in dot products. For lambda 0, 1 and 3 these are then those of the complete set, up
    to a factor; for others the blocks l1 = l2 weigh twice as much as there. Of the two orders of
    channels with l1 = l2 one is kept, times sqrt(2). At lambda = 0 the features are those of `SOAP`
    in another order.
    """

    max_lambda: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "max_lambda", as_count(self.max_lambda, "max_lambda", 0))
        if self.max_lambda > 2 * self.max_angular:
            raise ValueError(
                f"max_lambda: expected at most {2 * self.max_angular}, twice max_angular, got "
                f"{self.max_lambda}"
            )

    @property
    def n_channels(self) -> int:
        """Species of neighbours times radial functions."""
        return len(self.species) * self.n_radial

    def n_features(self, ell: int) -> int:
        """Features of every mu of lambda = ``ell``.

        Raises
        ------
        ValueError
            If it is not 0 to `max_lambda`.
        """
        return sum(self._block_sizes(ell))

    def labels(self, ell: int) -> NDArray:
        """Z_1, n_1, l_1, Z_2, n_2, l_2 of every feature of lambda = ``ell`` (n_features, 6)."""
        channels = [(z, n) for z in self.species for n in range(self.n_radial)]
        return np.array(
            [
                (*first, l1, *second, l2)
                for l1, l2 in self._blocks_of(ell)
                for i, second in enumerate(channels)
                for first in (channels[: i + 1] if l1 == l2 else channels)
            ]
        )

    def compute(self, atoms: Atoms) -> list[NDArray]:
        """Features of all atoms of a frame.

        Returns
        -------
        list of (atoms, 2 lambda + 1, n_features(lambda)) arrays
            For lambda = 0 to `max_lambda`.

        Raises
        ------
        ValueError
            As `SOAP.compute` does: for an empty frame, a species not in ``species``, two atoms at
            one position, a NaN position, a periodic cell without volume.
        """
        return self.features(self.points(atoms))

    def blocks(
        self, atoms: Atoms, size: int = _ATOMS_PER_BLOCK
    ) -> Iterator[tuple[slice, list[NDArray]]]:
        """Yield (slice of the atoms, their features), at most ``size`` atoms at a time.

        Errors as in `compute`.
        """
        size = as_count(size, "block size", 1)
        points = self.points(atoms)
        for where in _slices(len(points), size):
            yield where, self.features(points.take(where))

    def features(self, points: EquivariantPoints) -> list[NDArray]:
        """Features of expanded surroundings, as in `compute`."""
        self._checked(points)
        shapes = [
            (len(points), 2 * ell + 1, self.n_features(ell)) for ell in range(self.max_lambda + 1)
        ]
        out, starts, arrays = _one_array(shapes)

        def compute_range(a: int, b: int) -> None:
            equivariants(a, b, points.coefficients, self._couplings, starts, out)

        on_threads(len(points), compute_range)
        return arrays

    def points(self, atoms: Atoms, which: NDArray | None = None) -> EquivariantPoints:
        """Density expansion around the atoms of a frame, or around ``which`` of them (indices).

        Errors as in `compute`.
        """
        kinds = self.species_of(atoms)
        search = NeighborSearch(atoms, self.cutoff)
        chosen = np.arange(len(atoms))[slice(None) if which is None else which]
        places = search.place_of[chosen]
        sorted_kinds = kinds[search.order]
        hypers = self.kernel_arguments(float)
        out = np.empty((len(places), (self.max_angular + 1) ** 2, self.n_channels))

        def expand_range(a: int, b: int) -> int:
            return expand_atoms(
                places[a:b], search.bins, sorted_kinds, hypers, out[a:b].reshape(-1)
            )

        search.refuse_coincident(max(on_threads(len(places), expand_range, grain=_GRAIN)))
        return EquivariantPoints(atoms.numbers[chosen], out)

    def products(
        self,
        atoms: Atoms | EquivariantPoints,
        points: EquivariantPoints,
        which: NDArray | None = None,
    ) -> list[NDArray]:
        """Dot products of the features of atoms with those of sparse points.

        The features are never made: memory is that of the products.

        Parameters
        ----------
        atoms : Atoms or EquivariantPoints
            A frame, or surroundings expanded before.
        points : EquivariantPoints
            From `points` of this descriptor.
        which : (n,) int array, optional
            Indices of the atoms to do, in this order; all by default.

        Returns
        -------
        list of (n, 2 lambda + 1, n_points, 2 lambda + 1) arrays
            For lambda = 0 to `max_lambda`; zero between different species.

        Raises
        ------
        ValueError
            As in `compute`; also for points of another descriptor.
        """
        if isinstance(atoms, Atoms):
            rows = self.points(atoms, which)
        else:
            rows = atoms if which is None else atoms.take(which)
        kinds = self._checked(rows)
        self._checked(points)
        widths = 2 * np.arange(self.max_lambda + 1) + 1
        shapes = [(len(rows), w, len(points), w) for w in widths.tolist()]
        out, starts, arrays = _one_array(shapes)
        grouped, lanes, species = points.side_by_side()
        groups = grouped, lanes, species_index(species, self.species), len(points)

        def multiply_range(a: int, b: int) -> None:
            equivariant_products(
                a, b, rows.coefficients, kinds, *groups, self._couplings, starts, out
            )

        on_threads(len(rows), multiply_range)
        return arrays

    def lengths(self, points: EquivariantPoints) -> NDArray:
        """Lengths of the features of each point, (max_lambda + 1, n_points).

        The square root of the sum of squares over mu and features, which no rotation changes.
        """
        self._checked(points)
        out = np.empty((self.max_lambda + 1, len(points)))
        for where in _slices(len(points), _ATOMS_PER_BLOCK):
            for ell, features in enumerate(self.features(points.take(where))):
                out[ell, where] = np.linalg.norm(features.reshape(len(features), -1), axis=1)
        return out

    @cached_property
    def _couplings(self) -> Couplings:
        return coupling_tables(self.max_angular, self.max_lambda)

    def _blocks_of(self, ell: int) -> list[tuple[int, int]]:
        """l1 and l2 of the blocks of lambda = ``ell``."""
        if not isinstance(ell, (int, np.integer)) or not 0 <= ell <= self.max_lambda:
            raise ValueError(f"lambda: expected an integer from 0 to {self.max_lambda}, got {ell}")
        tables = self._couplings
        of_ell = slice(*tables.first_block[ell : ell + 2])
        return list(zip(tables.l1[of_ell].tolist(), tables.l2[of_ell].tolist(), strict=True))

    def _block_sizes(self, ell: int) -> list[int]:
        n = self.n_channels
        return [n * (n + 1) // 2 if l1 == l2 else n * n for l1, l2 in self._blocks_of(ell)]

    def _checked(self, points: EquivariantPoints) -> NDArray:
        """Return the index of the species of points, if this descriptor may have made them."""
        expected = ((self.max_angular + 1) ** 2, self.n_channels)
        if points.coefficients.shape[1:] != expected:
            raise ValueError(
                f"points: expected coefficients of {expected} for each, as this descriptor makes "
                f"them, got {points.coefficients.shape[1:]}"
            )
        return species_index(points.species, self.species)


def _slices(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover 0 to ``count``."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _one_array(shapes: Sequence[tuple[int, ...]]) -> tuple[NDArray, NDArray, list[NDArray]]:
    """Make a flat array of zeros; where parts of these shapes begin in it, and the parts."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    out = np.zeros(ends[-1])
    parts = [out[a:b].reshape(shape) for a, b, shape in zip(ends, ends[1:], shapes, strict=False)]
    return out, ends[:-1], parts
