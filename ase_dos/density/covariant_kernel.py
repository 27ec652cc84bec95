"""Sparse covariant kernel: surroundings of atoms compared with a few that were chosen.

Between atoms of one species the kernel of l is the matrix (2 l + 1, 2 l + 1)

    k^l(i, j) = p^l_i . p^l_j / (|p^0_i| |p^0_j|)  (p^0_i . p^0_j / (|p^0_i| |p^0_j|))^(zeta - 1)

of lambda-SOAP vectors p^l (Grisafi, Wilkins, Csanyi and Ceriotti,
https://doi.org/10.1103/PhysRevLett.120.036002). With K the kernel among the sparse points, the
outputs are k K^(-1/2), turned onto the directions in which the atoms of the training set differ:
all others would add weights to the model, but no accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis
from ase_dos.descriptors.lambda_soap import EquivariantPoints, LambdaSOAP
from ase_dos.fit.sparse_kernel import farthest_points, inverse_root
from ase_dos.utils.signs import signs_of
from ase_dos.utils.structure_errors import of_structure

__all__ = ["CovariantKernel", "Outputs", "momenta_of"]

# Directions of the kernel among the sparse points below this share of the largest are left out.
_SMALLEST = 1e-8
_ATOMS_PER_BLOCK = 64

# Outputs (atoms, 2 l + 1, n) of the atoms of one frame, by species and l.
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
        frames: Sequence[Atoms],
        n_points: int,
        tolerance: float,
        max_candidates: int,
    ) -> tuple[CovariantKernel, list[Outputs]]:
        """Choose sparse points among the atoms of a training set; also return its outputs.

        Parameters
        ----------
        descriptor : LambdaSOAP
        zeta : int
        basis : AuxiliaryBasis
            Outputs are made for every l that it has on a species.
        frames : sequence of Atoms
        n_points : int
            Of every species, farthest points of lambda = 0 first.
        tolerance : float
            Share of the largest variance of outputs, below which a direction is left out.
        max_candidates : int
            Atoms of a species to choose from; more are thinned out evenly.

        Raises
        ------
        ValueError
            If a species of the descriptor is in no frame.
        """
        points, owners = _sparse_points(descriptor, frames, n_points, max_candidates)
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
        whole, outputs = cls(descriptor, zeta, points, owners, mixes), []
        for index, atoms in enumerate(frames):
            with of_structure(index):
                outputs.append(whole.outputs(descriptor.points(atoms)))
        turns = {key: _principal_directions(outputs, key, tolerance) for key in mixes}
        turned = {key: mixes[key] @ turns[key] for key in mixes}
        reduced = [{key: one[key] @ turns[key] for key in one} for one in outputs]
        return cls(descriptor, zeta, points, owners, turned), reduced

    def n_outputs(self) -> dict[tuple[int, int], int]:
        """Count the outputs of every species and l."""
        return {key: mix.shape[-1] for key, mix in self.mixes.items()}

    def outputs(self, surroundings: EquivariantPoints) -> Outputs:
        """Give the outputs (atoms of a species, 2 l + 1, n) by species and l.

        Parameters
        ----------
        surroundings : EquivariantPoints
            Of all atoms of a frame, as ``descriptor.points(atoms)`` makes them.
        """
        return {
            key: values
            for species in np.unique(surroundings.species).tolist()
            for key, values in self._of_species(surroundings, species)
        }

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

    def _of_species(
        self, surroundings: EquivariantPoints, species: int
    ) -> Iterator[tuple[tuple[int, int], NDArray]]:
        chosen = np.flatnonzero(surroundings.species == species)
        points, lengths = self._of_points[species]
        keys = [key for key in self.mixes if key[0] == species]
        parts: dict[tuple[int, int], list[NDArray]] = {key: [] for key in keys}
        for start in range(0, len(chosen), _ATOMS_PER_BLOCK):
            some = surroundings.take(chosen[start : start + _ATOMS_PER_BLOCK])
            kernels = self._kernels(some, points, lengths)
            for key in keys:
                parts[key].append(np.tensordot(kernels[key[1]], self.mixes[key], 2))
        for key in keys:
            yield key, np.concatenate(parts[key])

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
    descriptor: LambdaSOAP, frames: Sequence[Atoms], n_points: int, max_candidates: int
) -> tuple[EquivariantPoints, NDArray]:
    """Surroundings of every species, farthest points of lambda = 0 first, and their frames."""
    scalar = replace(descriptor, max_lambda=0)
    features = []
    for index, atoms in enumerate(frames):
        with of_structure(index):
            features.append(scalar.compute(atoms)[0][:, 0])
    rows = np.concatenate(features)
    numbers = np.concatenate([atoms.numbers for atoms in frames])
    owners = np.repeat(np.arange(len(frames)), [len(atoms) for atoms in frames])
    places = np.concatenate([np.arange(len(atoms)) for atoms in frames])
    chosen = []
    for species in descriptor.species:
        candidates = np.flatnonzero(numbers == species)
        if not candidates.size:
            raise ValueError(
                f"training set: no {chemical_symbols[species]} in any structure; kernels need "
                "surroundings of every species of the descriptor"
            )
        candidates = candidates[:: -(-len(candidates) // max_candidates)]
        lengths = np.linalg.norm(rows[candidates], axis=1)
        # An atom without neighbours, and without a weight of its own, is like no other.
        candidates, lengths = candidates[lengths > 0], lengths[lengths > 0]
        unit = rows[candidates] / lengths[:, None]
        chosen.append(candidates[farthest_points(unit, n_points)])
    taken = np.concatenate(chosen)
    points = [descriptor.points(frames[owners[row]], places[[row]]) for row in taken.tolist()]
    return EquivariantPoints.join(points), owners[taken]


def _principal_directions(
    outputs: Sequence[Outputs], key: tuple[int, int], tolerance: float
) -> NDArray:
    """Directions (outputs, n) in which the outputs of a species and l differ from zero."""
    rows = [one[key].reshape(-1, one[key].shape[-1]) for one in outputs if key in one]
    values, vectors = np.linalg.eigh(np.sum([part.T @ part for part in rows], axis=0))
    vectors *= signs_of(vectors, axis=0)
    return vectors[:, values > tolerance * values[-1]]
