"""Sparse covariant kernel: surroundings of atoms compared with a few that were chosen.

Between atoms of one species the kernel of l is the matrix (2 l + 1, 2 l + 1)

    k^l(i, j) = p^l_i . p^l_j / (|p^0_i| |p^0_j|)  (p^0_i . p^0_j / (|p^0_i| |p^0_j|))^(zeta - 1)

of lambda-SOAP vectors p^l (Grisafi, Wilkins, Csanyi and Ceriotti,
https://doi.org/10.1103/PhysRevLett.120.036002). With K the kernel among the sparse points, the
outputs are k K^(-1/2), turned onto the principal directions of the atoms of the training set, those
of the largest variance first: a few of them make a smaller function space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.descriptors.lambda_soap import EquivariantPoints, LambdaSOAP
from ase_dos.fit.sparse_kernel import farthest_points, inverse_root
from ase_dos.utils.signs import signs_of

__all__ = ["CovariantKernel", "Outputs", "momenta_of"]

# Directions of the kernel among the sparse points below this share of the largest are left out.
_SMALLEST = 1e-8
# Variances of outputs below this share of the largest are rounding errors.
_SMALLEST_VARIANCE = 1e-16
_ATOMS_PER_BLOCK = 64

# Outputs (atoms, 2 l + 1, n) of the atoms of each species, by species and l.
Outputs = dict[tuple[int, int], NDArray]


def momenta_of(basis: AuxiliaryBasis, species: int) -> list[int]:
    """Return every l of the functions on an atom of a species."""
    return sorted({shell.l for shell in basis.shells[species]})


@dataclass(frozen=True, eq=False)
class CovariantKernel:
    """Kernel with its sparse points.

    Parameters
    ----------
    descriptor : LambdaSOAP
    zeta : int
        Degree of the kernel.
    points : EquivariantPoints
        Sparse points of all species.
    owners : (n_points,) int array
        Index of the frame of the training set that each point is of.
    mixes : dict of (n_points, 2 l + 1, outputs) arrays
        What turns kernels into outputs, by species and l.
    """

    descriptor: LambdaSOAP
    zeta: int
    points: EquivariantPoints
    owners: NDArray
    mixes: dict[tuple[int, int], NDArray]

    @classmethod
    def fit(
        cls,
        descriptor: LambdaSOAP,
        zeta: int,
        basis: AuxiliaryBasis,
        surroundings: EquivariantPoints,
        frame_of: NDArray,
        n_points: int,
        max_candidates: int,
    ) -> tuple[CovariantKernel, dict[tuple[int, int], NDArray]]:
        """Choose sparse points among the atoms of a training set, and sort the outputs.

        Parameters
        ----------
        descriptor : LambdaSOAP
        zeta : int
        basis : AuxiliaryBasis
            Outputs are made for every l that it has on a species.
        surroundings : EquivariantPoints
            Of all atoms of the training set.
        frame_of : (n_atoms,) int array
            Index of the frame of each.
        n_points : int
            Of every species, farthest points of lambda = 0 first.
        max_candidates : int
            Atoms of a species to choose from; more are thinned out evenly.

        Returns
        -------
        kernel : CovariantKernel
        variances : dict of (outputs,) arrays
            Sums of squares of each output over the training set, falling, by species and l.

        Raises
        ------
        ValueError
            If a species of the descriptor is in no frame.
        """
        chosen = _sparse_points(descriptor, surroundings, n_points, max_candidates)
        points, owners = surroundings.take(chosen), frame_of[chosen]
        plain, mixes = cls(descriptor, zeta, points, owners, {}), {}
        for species in descriptor.species:
            own = points.take(np.flatnonzero(points.species == species))
            kernels = plain.kernels(own, own)
            for l in momenta_of(basis, species):  # noqa: E741
                size = len(own) * (2 * l + 1)
                kernel = kernels[l].reshape(size, size)
                unit = np.trace(kernel) / size or 1.0
                root = inverse_root(kernel / unit, _SMALLEST)
                mixes[species, l] = root.reshape(len(own), 2 * l + 1, -1) / unit
        whole = cls(descriptor, zeta, points, owners, mixes)
        turned, variances = {}, {}
        for key, moments in whole._second_moments(surroundings).items():
            turn, variances[key] = _principal_directions(moments)
            turned[key] = mixes[key] @ turn
        return cls(descriptor, zeta, points, owners, turned), variances

    def first_outputs(self, n_outputs: Mapping[tuple[int, int], int]) -> CovariantKernel:
        """Kernel with only so many outputs, by species and l, those of the largest variance."""
        mixes = {key: self.mixes[key][..., :count] for key, count in n_outputs.items()}
        return replace(self, mixes=mixes)

    def n_outputs(self) -> dict[tuple[int, int], int]:
        """Count the outputs of every species and l."""
        return {key: mix.shape[-1] for key, mix in self.mixes.items()}

    def outputs(self, surroundings: EquivariantPoints) -> Outputs:
        """Give the outputs (atoms of a species, 2 l + 1, n) by species and l.

        Parameters
        ----------
        surroundings : EquivariantPoints
            Of all atoms of a frame, as ``descriptor.points(atoms)`` makes them, or of several.
        """
        found: dict[tuple[int, int], list[NDArray]] = {}
        for key, values in self._blocks(surroundings):
            found.setdefault(key, []).append(values)
        return {key: np.concatenate(parts) for key, parts in found.items()}

    def kernels(self, atoms: EquivariantPoints, points: EquivariantPoints) -> list[NDArray]:
        """Kernels (atoms, 2 l + 1, points, 2 l + 1) of every l between two sets of surroundings."""
        return self._kernels(atoms, points, self._lengths(points))

    def _kernels(
        self, atoms: EquivariantPoints, points: EquivariantPoints, lengths: NDArray
    ) -> list[NDArray]:
        """Kernels with points of which the lengths are known."""
        both = np.outer(self._lengths(atoms), lengths)[:, None, :, None]
        cosines = [one / both for one in self.descriptor.products(atoms, points)]
        alike = cosines[0] ** (self.zeta - 1)
        return [one * alike for one in cosines]

    def distances(self, surroundings: EquivariantPoints) -> NDArray:
        """Distances (atoms, points) of unit vectors of lambda = 0; infinite to other species.

        The parameter is that of `outputs`.
        """
        result = np.full((len(surroundings), len(self.points)), np.inf)
        for species in np.unique(surroundings.species).tolist():
            rows = np.flatnonzero(surroundings.species == species)
            columns = np.flatnonzero(self.points.species == species)
            some, (points, lengths) = surroundings.take(rows), self._of_points[species]
            products = self._scalar.products(some, points)[0][:, 0, :, 0]
            cosines = products / np.outer(self._lengths(some), lengths)
            result[np.ix_(rows, columns)] = np.sqrt((2.0 - 2.0 * cosines).clip(min=0.0))
        return result

    def _blocks(self, surroundings: EquivariantPoints) -> Iterator[tuple[tuple[int, int], NDArray]]:
        """Yield outputs of one block of atoms of a species after the other, by species and l."""
        for species in np.unique(surroundings.species).tolist():
            chosen = np.flatnonzero(surroundings.species == species)
            points, lengths = self._of_points[species]
            keys = [key for key in self.mixes if key[0] == species]
            for start in range(0, len(chosen), _ATOMS_PER_BLOCK):
                some = surroundings.take(chosen[start : start + _ATOMS_PER_BLOCK])
                kernels = self._kernels(some, points, lengths)
                for key in keys:
                    yield key, np.tensordot(kernels[key[1]], self.mixes[key], 2)

    def _second_moments(self, surroundings: EquivariantPoints) -> dict[tuple[int, int], NDArray]:
        """Sum products of two outputs over atoms and m: (outputs, outputs)."""
        moments: dict[tuple[int, int], NDArray] = {}
        for key, values in self._blocks(surroundings):
            rows = values.reshape(-1, values.shape[-1])
            moments[key] = moments.get(key, 0.0) + rows.T @ rows
        return moments

    def _lengths(self, points: EquivariantPoints) -> NDArray:
        """Lengths of the vectors of lambda = 0; those of atoms that are like no other are one."""
        lengths = self._scalar.lengths(points)[0]
        return np.where(lengths > 0.0, lengths, 1.0)

    @cached_property
    def _of_points(self) -> dict[int, tuple[EquivariantPoints, NDArray]]:
        """Sparse points of every species, and their lengths."""
        rows = {z: np.flatnonzero(self.points.species == z) for z in self.descriptor.species}
        points = {z: self.points.take(chosen) for z, chosen in rows.items()}
        return {z: (own, self._lengths(own)) for z, own in points.items()}

    @cached_property
    def _scalar(self) -> LambdaSOAP:
        return replace(self.descriptor, max_lambda=0)


def _sparse_points(
    descriptor: LambdaSOAP, surroundings: EquivariantPoints, n_points: int, max_candidates: int
) -> NDArray:
    """Atoms that become sparse points: of every species, farthest points of lambda = 0 first."""
    scalar = replace(descriptor, max_lambda=0)
    taken = []
    for species in descriptor.species:
        candidates = np.flatnonzero(surroundings.species == species)
        if not candidates.size:
            raise ValueError(
                f"training set: no {chemical_symbols[species]} in any structure; kernels need "
                "surroundings of every species of the descriptor"
            )
        candidates = candidates[:: -(-len(candidates) // max_candidates)]
        rows = scalar.features(surroundings.take(candidates))[0][:, 0]
        lengths = np.linalg.norm(rows, axis=1)
        # An atom without neighbours, and without a weight of its own, is like no other.
        candidates, rows = candidates[lengths > 0], rows[lengths > 0]
        unit = rows / lengths[lengths > 0, None]
        taken.append(candidates[farthest_points(unit, n_points)])
    return np.concatenate(taken)


def _principal_directions(moments: NDArray) -> tuple[NDArray, NDArray]:
    """Directions (outputs, n) of falling variance, and the variances."""
    values, vectors = np.linalg.eigh(moments)
    vectors *= signs_of(vectors, axis=0)
    large = values > _SMALLEST_VARIANCE * values[-1]
    return vectors[:, large][:, ::-1], values[large][::-1]
