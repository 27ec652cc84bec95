"""Split into training and validation, by content and in blocks of consecutive frames.

Structures are ranked by a checksum of a seed and of themselves, so the choice depends neither on
the names and order of files nor on any state of a random generator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.descriptors.species import species_counts
from ase_dos.utils.digests import structure_checksum

__all__ = ["validation_rows"]

# Frames of one file that stay together, where it has enough of them for this many blocks.
_LONGEST_BLOCK = 10
_BLOCKS = 20
_FEWEST_TRAINING = 3


def validation_rows(
    frames: Sequence[Atoms], sources: Sequence[int], share: float, seed: int
) -> NDArray:
    """Choose structures for validation.

    Neighbouring frames of a trajectory are nearly the same, so blocks of consecutive frames of
    one source stay together: a twentieth of its frames, ten at most. Structures that a training
    set needs to know all species, or that it holds another copy of, are not chosen.

    Parameters
    ----------
    frames : sequence of Atoms
        ``n`` structures.
    sources : (n,) sequence of int
        Which file each comes from; frames of a file follow each other.
    share : float
        Share of the structures to choose.
    seed : int

    Returns
    -------
    (n,) array of bool

    Raises
    ------
    ValueError
        If the share is not from 0 to below 1.
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation: expected a share from 0 to below 1, got {share:g}")
    chosen = np.zeros(len(frames), dtype=bool)
    wanted = max(round(share * len(frames)), 1 if share > 0 else 0)
    wanted = min(wanted, len(frames) - _FEWEST_TRAINING)
    hashes = np.array([structure_checksum(atoms) for atoms in frames])
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    counts = species_counts(frames, species)
    rank = np.linalg.matrix_rank(counts) if len(frames) else 0
    for rows in _ranked(_blocks(np.asarray(sources)), hashes, seed):
        if chosen.sum() >= wanted:
            break
        tried = chosen.copy()
        tried[rows] = True
        if np.linalg.matrix_rank(counts[~tried]) == rank:
            chosen = tried
    return chosen & ~np.isin(hashes, hashes[~chosen])


def _blocks(sources: NDArray) -> list[NDArray]:
    """Return the indices of the frames of every block."""
    blocks = []
    for source in np.unique(sources):
        rows = np.flatnonzero(sources == source)
        length = min(max(len(rows) // _BLOCKS, 1), _LONGEST_BLOCK)
        blocks += [rows[start : start + length] for start in range(0, len(rows), length)]
    return blocks


def _ranked(blocks: list[NDArray], hashes: NDArray, seed: int) -> list[NDArray]:
    def key(rows: NDArray) -> str:
        return hashlib.sha256(" ".join([str(seed), *hashes[rows]]).encode()).hexdigest()

    return sorted(blocks, key=key)
