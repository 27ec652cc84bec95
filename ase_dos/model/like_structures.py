"""Groups of structures that are nearly the same, which leave-one-out leaves out together.

Two structures belong together if one of these holds.

- They differ by no more than random displacements of their atoms by 0.07 Angstrom (standard
  deviation of a coordinate, what atoms move at room temperature; and a strain of the cell by 0.2 %)
  make. They also have to be twice as close as structures of the set typically are, so that a
  set of small displacements is not one group.
- They are neighbouring frames of one run. It is cut into stretches of twice the time in which
  positions, or mean features, change half as much in the mean square as in unrelated frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ase_dos.descriptors.feature_map import FeatureMap
from ase_dos.descriptors.species import species_counts
from ase_dos.fit.left_out import group_labels
from ase_dos.kernels.nearest_rows import squared_differences
from ase_dos.model.training_set import TrainingFeatures

__all__ = ["LikeStructures", "as_groups", "like_structures"]

# What near copies may differ by: Angstrom, and strain.
_DISPLACEMENT, _STRAIN = 0.07, 0.002
_DIRECTIONS = 2  # random ones that this is tried in
# Near copies differ by this share of what structures typically differ by, at most.
_SHARE = 0.5
_SAMPLE = 25  # structures for that typical difference
# Share of the difference of near copies that the same structure in two files may have: 0.001
# Angstrom, as `ase_dos.model.repeats` has it.
_SAME = 0.001 / _DISPLACEMENT
# Structures of one group are no farther than this many near copies from the first of it.
_REACH = 1.5
_NEIGHBORS = 16  # of every structure that may be near copies
_PRINCIPAL = 16  # components of the features that they are searched in
_SHORTEST_RUN = 4
_SAME_CELL = 0.02  # strain between frames of one run


@dataclass(frozen=True, eq=False)
class LikeStructures:
    """Groups of structures.

    Parameters
    ----------
    groups : (n,) array of int
        Label of the group of each structure, counted from 0 in the order of their first ones.
    repeated : (k, 2) array of int
        Pairs of structures that are the same but for rounding, the first one before.
    """

    groups: NDArray
    repeated: NDArray

    @property
    def count(self) -> int:
        """Number of groups: as many structures are independent."""
        return len(np.unique(self.groups))

    def part(self, rows: NDArray) -> LikeStructures:
        """Return the groups of some of the structures, by their indices (k,)."""
        return LikeStructures(self.groups[rows], np.empty((0, 2), dtype=int))


def as_groups(groups: Sequence[Any] | LikeStructures, n: int) -> LikeStructures:
    """Make groups from labels (n,) of any kind.

    Raises
    ------
    ValueError
        If there is not one for each structure, or no two differ.
    """
    if isinstance(groups, LikeStructures):
        return groups
    return LikeStructures(group_labels(groups, n), np.empty((0, 2), dtype=int))


def like_structures(features: TrainingFeatures) -> LikeStructures:
    """Find the structures that belong together."""
    frames = features.frames
    means = features.means([FeatureMap()])
    fractions = species_counts(frames, features.descriptor.species)
    fractions = fractions / fractions.sum(axis=1, keepdims=True)
    runs = _runs(frames, means)
    repeated, links = [], [np.column_stack([np.arange(len(frames)), runs[:, 1]])]
    for rows in _equal_rows(fractions):
        near, same = _NearCopies(features, means, rows).find()
        repeated.append(same)
        # Frames of one run are told apart by time.
        links.append(near[(runs[near[:, 0], 0] != runs[near[:, 1], 0])])
    groups = _components(len(frames), np.concatenate(links))
    return LikeStructures(groups, np.concatenate(repeated))


def _equal_rows(values: NDArray) -> list[NDArray]:
    """Rising indices of equal rows."""
    labels = np.unique(values.round(9), axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _components(n: int, pairs: NDArray) -> NDArray:
    """Labels (n,) of what pairs (k, 2) of indices connect."""
    ties = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n, n))
    return connected_components(ties, directed=False)[1]


class _NearCopies:
    """Search for near copies among structures of one composition.

    The difference of two structures is the root-mean-square difference of the features of their
    atoms, matched one to one so that it is smallest. The order of the atoms does not matter, nor
    does it whether one structure is a supercell; numbers of atoms without such a relation make
    different structures.
    """

    def __init__(self, features: TrainingFeatures, means: NDArray, rows: NDArray) -> None:
        self.features, self.rows, self.means = features, rows, means[rows]
        self._known: dict[int, tuple[NDArray, NDArray]] = {}

    def find(self) -> tuple[NDArray, NDArray]:
        """Pairs (k, 2) of a structure and the first of its group, and pairs of equal ones."""
        if len(self.rows) < 2:
            return self.rows[_as_pairs([])], self.rows[_as_pairs([])]
        limit = _SHARE * self._typical()
        points = _principal(self.means)
        count = min(_NEIGHBORS + 1, len(points))
        # Mean features never differ by more than those of the atoms.
        distances, others = cKDTree(points).query(points, k=count, distance_upper_bound=limit)
        ones, places = np.nonzero(np.isfinite(distances))
        candidates = np.column_stack([ones, others[ones, places]])
        candidates = _as_pairs(np.sort(candidates[np.diff(candidates)[:, 0] != 0], axis=1))
        reach = np.zeros(len(points))
        for i in np.unique(candidates).tolist():
            reach[i] = min(self._reach(i), limit)
        apart = np.linalg.norm(np.diff(points[candidates], axis=1)[:, 0], axis=1)
        longest = reach[candidates].min(axis=1)
        near = apart <= longest
        candidates, longest = candidates[near], longest[near]
        off = np.array(
            [
                self._difference(i, j, most)
                for (i, j), most in zip(candidates.tolist(), longest.tolist(), strict=True)
            ]
        )
        pairs, equal = candidates[off <= longest], candidates[off <= _SAME * longest]
        return self.rows[self._balls(reach, pairs)], self.rows[equal]

    def _of_atoms(self, i: int) -> tuple[NDArray, NDArray]:
        """Features (atoms, n_features) of one structure, and the kinds of its atoms."""
        if i not in self._known:
            row = self.rows[i]
            self._known[i] = self.features.of(row).astype(np.float32), self.features.kinds[row]
        return self._known[i]

    def _difference(self, i: int, j: int, longest: float = np.inf) -> float:
        """Difference of two structures, or infinity where it is above ``longest``."""
        (one, kinds), (other, other_kinds) = self._of_atoms(i), self._of_atoms(j)
        if len(one) > len(other):
            one, kinds, other, other_kinds = other, other_kinds, one, kinds
        cells = len(other) // len(one)
        if cells * len(one) != len(other):
            return np.inf
        squared = np.empty((len(other), len(one)))
        mean = squared_differences(other, other_kinds, one, kinds, longest**2, squared)
        if mean > longest**2:
            return np.inf
        if (np.bincount(squared.argmin(axis=1), minlength=len(one)) == cells).all():
            return float(np.sqrt(mean))
        rows, columns = linear_sum_assignment(np.tile(squared, cells))
        return float(np.sqrt(np.mean(squared[rows, columns % len(one)])))

    def _typical(self) -> float:
        """Median difference of structures; infinite where no two can be compared."""
        some = range(0, len(self.rows), -(-len(self.rows) // _SAMPLE))
        found = [self._difference(i, j) for i, j in combinations(some, 2)]
        return float(np.median([one for one in found if np.isfinite(one)] or [np.inf]))

    def _reach(self, i: int) -> float:
        """Difference of a structure from near copies that are made at random."""
        atoms = self.features.frames[self.rows[i]]
        squared = 0.0
        for strain, displacements in _small_changes(len(atoms)):
            moved = atoms.copy()
            moved.cell = atoms.cell @ strain
            moved.positions = atoms.positions @ strain + displacements
            change = self.features.descriptor.compute(moved) - self._of_atoms(i)[0]
            squared += np.mean(np.sum(change**2, axis=1))
        return float(np.sqrt(squared / _DIRECTIONS))

    def _balls(self, reach: NDArray, pairs: NDArray) -> NDArray:
        """Pairs of structures with the first of their group, from pairs of near copies.

        A long chain of near copies, as a slow run is, becomes several groups.
        """
        chains = _components(len(reach), pairs)
        order = np.argsort(chains, kind="stable")
        linked = []
        for rest in np.split(order, np.flatnonzero(np.diff(chains[order])) + 1):
            while len(rest) > 1:
                first = rest[0]
                off = np.array([self._difference(first, i) for i in rest])
                inside = off <= _REACH * np.minimum(reach[rest], reach[first])
                linked += [(first, i) for i in rest[inside]]
                rest = rest[~inside & (rest != first)]
        return _as_pairs(linked)


@lru_cache(maxsize=16)
def _small_changes(n_atoms: int) -> list[tuple[NDArray, NDArray]]:
    """Strains (3, 3) and displacements (n_atoms, 3) that near copies may differ by."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_DIRECTIONS):
        strain = rng.normal(0.0, _STRAIN, (3, 3))
        displacements = rng.normal(0.0, _DISPLACEMENT, (n_atoms, 3))
        found.append((np.eye(3) + (strain + strain.T) / 2, displacements))
    return found


def _as_pairs(pairs: ArrayLike) -> NDArray:
    """Distinct pairs (k, 2) in rising order."""
    return np.unique(np.asarray(pairs, dtype=int).reshape(-1, 2), axis=0)


def _principal(means: NDArray) -> NDArray:
    """First principal components (n, k): distances in these are never larger."""
    centred = means - means.mean(axis=0)
    size = means.shape[1]
    first = max(size - _PRINCIPAL, 0)
    vectors = eigh(centred.T @ centred, subset_by_index=(first, size - 1))[1]
    return centred @ vectors


def _runs(frames: Sequence[Atoms], means: NDArray) -> NDArray:
    """Run of every structure and the first frame of its stretch of the run, (n, 2) indices.

    Structures that are no frames of a run are runs, and stretches, of their own.
    """
    result = np.column_stack([np.arange(len(frames))] * 2)
    start = 0
    for stop in range(1, len(frames) + 1):
        if stop < len(frames) and _may_follow(frames[stop - 1], frames[stop]):
            continue
        if stop - start >= _SHORTEST_RUN:
            length = _stretch(frames[start:stop], means[start:stop])
            if length > 1:
                result[start:stop, 0] = start
                steps = np.arange(stop - start)
                result[start:stop, 1] = start + steps - steps % length
        start = stop
    return result


def _may_follow(one: Atoms, other: Atoms) -> bool:
    """Whether two structures hold the same atoms in nearly the same cell."""
    if len(one) < 2 or not np.array_equal(one.numbers, other.numbers):
        return False
    if not np.array_equal(one.pbc, other.pbc):
        return False
    if not one.pbc.any():
        return True
    return bool(
        np.abs(other.cell.array - one.cell.array).max() < _SAME_CELL * one.cell.lengths().max()
    )


def _stretch(frames: Sequence[Atoms], means: NDArray) -> int:
    """Frames of a run that belong together: 1 if they are unrelated.

    Twice the lag at which atoms have moved, or mean features have changed, half as much in the
    mean square as in unrelated frames: those half a run and more apart. Atoms of a liquid are
    found near their last place for longer than their surroundings last.
    """

    def moved(lag: int) -> float:
        steps = [_displacement(*pair) for pair in zip(frames, frames[lag:], strict=False)]
        return float(np.mean([np.sum((one - one.mean(axis=0)) ** 2) for one in steps]))

    def changed(lag: int) -> float:
        return float(np.mean((means[lag:] - means[:-lag]) ** 2))

    total = len(frames)
    lag = min(_lag(moved, total), _lag(changed, total))
    return 1 if lag == 1 else min(2 * lag, -(-total // 2))


def _lag(change: Callable[[int], float], total: int) -> int:
    """Lag at which a mean square change is half of that of unrelated frames."""
    unrelated = (change(total // 2) + change(2 * total // 3)) / 2
    lag = 1
    while lag < total // 2 and change(lag) < unrelated / 2:
        lag += 1
    return lag


def _displacement(one: Atoms, other: Atoms) -> NDArray:
    """Displacements (atoms, 3) of the atoms, by the shortest way through periodic boundaries."""
    if not one.pbc.any():
        return other.positions - one.positions
    moved = other.get_scaled_positions(wrap=False) - one.get_scaled_positions(wrap=False)
    moved -= np.round(moved) * one.pbc
    return moved @ one.cell.array
