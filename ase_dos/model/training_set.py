"""Training set: targets and checksum of its structures, features of their atoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from ase_dos.descriptors.feature_map import FeatureMap, mean_outputs
from ase_dos.descriptors.radial_basis import principal_functions
from ase_dos.descriptors.soap import SOAP
from ase_dos.descriptors.species import species_index
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.states import ElectronicStates
from ase_dos.spectra.target import DOSTarget, target_from_dos, target_from_states
from ase_dos.utils.checks import as_array
from ase_dos.utils.digests import checksum, structure_checksum
from ase_dos.utils.structure_errors import of_structure

__all__ = ["States", "TrainingFeatures", "make_target", "make_targets", "training_set_hash"]

# Bytes of features that are kept for the next pass.
_MOST_MEMORY = 2**29
# What a structure is trained on.
States = Sequence[ElectronicStates | DOS | DOSTarget]


def make_targets(states: States, smearing: float) -> list[DOSTarget]:
    """Targets of eigenvalues, or of DOS that are broadened already; targets are not changed.

    Raises
    ------
    StructureError
        As `make_target`; it names the structure.
    """
    targets = []
    for index, one in enumerate(states):
        with of_structure(index):
            targets.append(make_target(one, smearing))
    return targets


def make_target(one: ElectronicStates | DOS | DOSTarget, smearing: float) -> DOSTarget:
    """Target of one structure.

    Raises
    ------
    ValueError
        If a DOS is broadened in another way, or the known states cannot hold the electrons.
    """
    if isinstance(one, (DOS, DOSTarget)) and one.smearing != smearing:
        raise ValueError(
            f"its DOS is broadened by {one.smearing:g} eV, the model by {smearing:g} eV; expected "
            "the same smearing of both"
        )
    if isinstance(one, DOSTarget):
        return one
    return target_from_dos(one) if isinstance(one, DOS) else target_from_states(one, smearing)


def training_set_hash(frames: Sequence[Atoms], targets: Sequence[DOSTarget]) -> str:
    """Checksum of structures and of the levels or DOS they were given with, in their order."""
    pairs = zip(frames, targets, strict=True)
    return checksum(
        header=" ".join(f"{structure_checksum(atoms)} {target.source}" for atoms, target in pairs)
    )


class TrainingFeatures:
    """Features of the atoms of the training set, known beforehand or computed.

    They are kept if they take up to 512 MB, and computed on each pass otherwise.

    Parameters
    ----------
    descriptor : SOAP
    frames : sequence of Atoms
    features : sequence of (atoms, n_features) arrays, optional
        Features of every frame by ``descriptor``.
    """

    def __init__(
        self, descriptor: SOAP, frames: Sequence[Atoms], features: Sequence[NDArray] | None = None
    ) -> None:
        if features is not None and len(features) != len(frames):
            raise ValueError(f"features: expected {len(frames)} arrays, got {len(features)}")
        if features is not None:
            features = [
                as_array(some, "features", (len(atoms), descriptor.n_features))
                for some, atoms in zip(features, frames, strict=True)
            ]
        self.descriptor, self.frames, self.features = descriptor, frames, features

    def __iter__(self) -> Iterator[NDArray]:
        """Features (atoms, n_features) of every frame."""
        if self.features is None and self._fit_into_memory:
            self.features = list(self._computed())
        if self.features is not None:
            return iter(self.features)
        return self._computed()

    @property
    def _fit_into_memory(self) -> bool:
        atoms = sum(len(atoms) for atoms in self.frames)
        return atoms * self.descriptor.n_features * np.dtype(float).itemsize <= _MOST_MEMORY

    def _computed(self) -> Iterator[NDArray]:
        for index, atoms in enumerate(self.frames):
            with of_structure(index):
                features = self.descriptor.compute(atoms)
            yield features

    def of(self, number: int) -> NDArray:
        """Features (atoms, n_features) of one frame, by its index."""
        if self.features is not None:
            return self.features[number]
        return self.descriptor.compute(self.frames[number])

    @cached_property
    def kinds(self) -> list[NDArray]:
        """Index of the species of every atom of every frame."""
        return [species_index(atoms.numbers, self.descriptor.species) for atoms in self.frames]

    def contracted(self, n: int) -> TrainingFeatures:
        """Return the same with the optimal radial basis of ``n`` functions."""
        total = np.sum([features.sum(axis=0) for features in self], axis=0)
        descriptor = principal_functions(self.descriptor, total, n)
        if self.features is None:
            return TrainingFeatures(descriptor, self.frames)
        return TrainingFeatures(
            descriptor, self.frames, [descriptor.contract(features) for features in self]
        )

    def by_species(self) -> tuple[list[NDArray], list[NDArray]]:
        """Features of all atoms of each species, and the index of the frame of each atom.

        Raises
        ------
        ValueError
            If no frame holds a species.
        """
        features, owners = [], []
        rows = list(self)
        for kind in range(len(self.descriptor.species)):
            chosen = [kinds == kind for kinds in self.kinds]
            features.append(
                np.concatenate([row[which] for row, which in zip(rows, chosen, strict=True)])
            )
            owners.append(np.repeat(np.arange(len(chosen)), [which.sum() for which in chosen]))
            if not len(features[-1]):
                raise ValueError(
                    f"training set: no {chemical_symbols[self.descriptor.species[kind]]} in any "
                    "structure; kernels and networks need environments of every species of the "
                    "descriptor"
                )
        return features, owners

    def means(self, maps: Sequence[FeatureMap]) -> NDArray:
        """Design matrix of the regression (frames, outputs of all species)."""
        return np.array(
            [
                mean_outputs(maps, features, kinds)
                for features, kinds in zip(self, self.kinds, strict=True)
            ]
        )
