"""Chemical species: atomic numbers from what users give, and their index in a descriptor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_dos.utils.structure_errors import of_structure

__all__ = ["as_species", "species_counts", "species_index"]


def as_species(species: int | str | Iterable[int | str]) -> tuple[int, ...]:
    """Atomic numbers in rising order, from numbers or symbols.

    Raises
    ------
    ValueError
        If there is none, one is no element, or one is there twice.
    """
    given = [species] if isinstance(species, (str, int, np.integer)) else list(species)
    numbers = [atomic_numbers.get(z, z) if isinstance(z, str) else z for z in given]
    for one, z in zip(given, numbers, strict=True):
        if not isinstance(z, (int, np.integer)) or not 0 <= z < len(chemical_symbols):
            raise ValueError(f"species: expected atomic numbers or symbols, got {one!r}")
    if not numbers or len(set(numbers)) != len(numbers):
        raise ValueError(f"species: expected one or more different species, got {given}")
    return tuple(sorted(int(z) for z in numbers))


def species_index(numbers: ArrayLike, species: Sequence[int]) -> NDArray:
    """Index of atomic numbers, of any shape, in the rising numbers ``species``.

    Raises
    ------
    ValueError
        If a number is not among them.
    """
    numbers, known = np.asarray(numbers), np.asarray(species)
    index = known.searchsorted(numbers)
    wrong = known.take(index, mode="clip") != numbers
    if np.count_nonzero(wrong):  # faster than any() for short arrays
        unknown = np.unique(numbers[wrong])
        raise ValueError(
            f"atoms: unknown species {_names(unknown)}; the descriptor knows {_names(species)} only"
        )
    return index


def species_counts(frames: Sequence[Atoms], species: Sequence[int]) -> NDArray:
    """Atoms of every species in every frame (frames, species).

    Raises
    ------
    StructureError
        If a frame has another species; it names the frame.
    """
    counts = np.zeros((len(frames), len(species)), dtype=int)
    for index, atoms in enumerate(frames):
        with of_structure(index):
            counts[index] = np.bincount(
                species_index(atoms.numbers, species), minlength=len(species)
            )
    return counts


def _names(species: Iterable[int]) -> str:
    return ", ".join(f"{chemical_symbols[z]} ({z})" for z in species)
