"""Pairs of one frame in compressed (CSR) form, at a cost linear in the number of atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.kernels.neighbors import Bins, count_pairs, fill_pairs, flat_positions, sort_into_bins
from ase_dos.kernels.threads import on_threads
from ase_dos.utils.checks import as_array, as_positive

__all__ = ["NeighborSearch", "Pairs", "enclosing_box", "find_pairs"]

# Bins are at least half a cutoff wide: narrower ones prune better but there are more to visit.
_BINS_PER_CUTOFF = 2
# Atoms that are worth a thread.
_GRAIN = 256


@dataclass(frozen=True, eq=False)
class Pairs:
    """Neighbours of a run of atoms.

    Parameters
    ----------
    offsets : (atoms + 1,) int array
        The pairs of the k-th atom of the run are ``offsets[k]`` to ``offsets[k + 1]``.
    neighbors : (pairs,) int array
        Index of the second atom in the frame.
    vectors : (pairs, 3) array
        From the first atom to the second, periodic image included (Angstrom).
    start : int
        Index in the frame of the first atom of the run.
    """

    offsets: NDArray
    neighbors: NDArray
    vectors: NDArray
    start: int = 0

    @property
    def first(self) -> NDArray:
        """Index in the frame of the first atom of every pair (pairs,)."""
        counts = np.diff(self.offsets)
        return self.start + np.repeat(np.arange(counts.size), counts)

    @property
    def distances(self) -> NDArray:
        """Lengths of the vectors (pairs,) in Angstrom."""
        return np.sqrt(np.einsum("pk,pk->p", self.vectors, self.vectors))

    def __len__(self) -> int:
        return self.neighbors.size


class NeighborSearch:
    """Bins of one frame, ready to give the pairs of any run of its atoms.

    An atom is no neighbour of itself, but its own periodic images are. Distances are below
    the cutoff (equal to it, rounding decides), which may exceed the cell.

    Parameters
    ----------
    atoms : ase.Atoms
        The frame; atoms may lie outside the cell, and any of the boundaries may be open.
    cutoff : float
        Largest distance (Angstrom).
    skin : float
        With a skin (Angstrom) the bins also serve later positions of the same atoms, see `move`.

    Attributes
    ----------
    bins : ase_dos.kernels.neighbors.Bins
        The sorted frame, for kernels that search on their own.
    order : (atoms,) int array
        Atom at each place of ``bins``.
    place_of : (atoms,) int array
        Place of each atom.

    Raises
    ------
    ValueError
        If the frame is empty, a position is NaN or infinite, or the periodic cell vectors
        span no volume.
    """

    def __init__(self, atoms: Atoms, cutoff: float, skin: float = 0.0) -> None:
        if len(atoms) == 0:
            raise ValueError("atoms: the frame is empty; expected at least one atom")
        self.cutoff = as_positive(cutoff, "cutoff")
        self.skin = as_positive(skin, "skin", zero=True)
        positions = as_array(atoms.positions, "positions", (None, 3)).copy()
        periodic = np.array(atoms.pbc, dtype=bool)
        cell = as_array(atoms.cell.array, "cell", (3, 3))
        self._frame = positions, cell.copy(), periodic
        self._taken = positions  # those of the bins: the same, until `move` takes others
        cell, origin = enclosing_box(positions, cell, periodic)
        inverse = np.linalg.inv(cell)
        scaled = (positions - origin) @ inverse
        # Only along periodic axes: the box encloses the atoms along the others.
        turns = np.where(periodic, np.floor(scaled), 0.0)
        scaled -= turns
        self._moved_home = turns @ cell
        # Distances between opposite faces: columns of the inverse are their normals.
        heights = 1.0 / np.linalg.norm(inverse, axis=0)
        reach = self.cutoff + self.skin
        counts = _bin_counts(heights, reach, len(atoms))
        start = np.empty(int(np.prod(counts)) + 1, np.int64)
        self.order, bin_of = np.empty((2, len(atoms)), np.int64)
        sort_into_bins(scaled.ravel(), counts, start, self.order, bin_of)
        self.place_of = np.empty_like(self.order)
        self.place_of[self.order] = np.arange(len(atoms))
        self.bins = Bins(
            positions=flat_positions((positions - self._moved_home)[self.order]),
            bin_of=bin_of,
            start=start,
            cell=cell.ravel(),
            periodic=periodic,
            counts=counts,
            reach=np.ceil(reach * counts / heights).astype(np.int64),
            cutoff=self.cutoff,
        )

    def __len__(self) -> int:
        return len(self.order)

    def move(self, atoms: Atoms) -> bool:
        """Take new positions of the same atoms, if the bins still serve them.

        They do while the cell is the same and no atom has moved by more than half the skin since
        the search was made. Returns whether the positions were taken.
        """
        before, cell, periodic = self._frame
        same = len(atoms) == len(self) and np.array_equal(atoms.cell.array, cell)
        if not same or not np.array_equal(atoms.pbc, periodic):
            return False
        if np.array_equal(atoms.positions, self._taken):
            return True
        steps = as_array(atoms.positions, "positions", (None, 3)) - before
        if 4.0 * np.einsum("ik,ik->i", steps, steps).max() > self.skin**2:
            return False
        home = (atoms.positions - self._moved_home)[self.order]
        self.bins = self.bins._replace(positions=flat_positions(home))
        self._taken = atoms.positions.copy()
        return True

    def pairs(self, start: int = 0, stop: int | None = None) -> Pairs:
        """Pairs whose first atom is one of ``start`` to ``stop`` (all atoms by default).

        Raises
        ------
        ValueError
            If two atoms stand at the same position.
        """
        start, stop, _ = slice(start, stop).indices(len(self))
        places = self.place_of[start : max(stop, start)]
        offsets = np.zeros(len(places) + 1, np.int64)
        bins, counts = self.bins, offsets[1:]
        on_threads(
            len(places), lambda a, b: count_pairs(places[a:b], bins, counts[a:b]), grain=_GRAIN
        )
        self.refuse_coincident(int(places[offsets[1:] < 0].max(initial=-1)))
        np.cumsum(offsets, out=offsets)
        neighbors = np.empty(offsets[-1], np.int64)
        vectors = np.empty(3 * offsets[-1])
        on_threads(
            len(places),
            lambda a, b: fill_pairs(places[a:b], bins, offsets[a:b], neighbors, vectors),
            grain=_GRAIN,
        )
        return Pairs(offsets, self.order[neighbors], vectors.reshape(-1, 3), start)

    def refuse_coincident(self, shared: int) -> None:
        """Raise where a kernel found a place (-1: none) whose position two atoms share."""
        if shared < 0:
            return
        positions = self.bins.positions.reshape(3, -1)[:, : len(self)].T
        inverse = self.bins.cell.reshape(3, 3)
        apart = (positions - positions[shared]) @ np.linalg.inv(inverse)
        apart -= np.where(self.bins.periodic, np.rint(apart), 0.0)
        distances = np.linalg.norm(apart @ inverse, axis=1)
        first, second = np.sort(self.order[np.argsort(distances, kind="stable")[:2]])
        raise ValueError(
            f"positions: atoms {first} and {second} are at the same place "
            f"({distances[self.place_of[[first, second]]].max():.1e} Angstrom apart); "
            "remove one of them"
        )


def find_pairs(atoms: Atoms, cutoff: float) -> Pairs:
    """Pairs of the whole frame; see `NeighborSearch` for arguments and errors."""
    return NeighborSearch(atoms, cutoff).pairs()


def enclosing_box(
    positions: NDArray, cell: NDArray, periodic: NDArray, margin: float = 1.0
) -> tuple[NDArray, NDArray]:
    """Cell (3, 3) and origin (3,) of a box that holds the atoms (Angstrom).

    Periodic vectors stay; the others become normals to them (and to each other) that enclose
    the atoms with at least ``margin`` on both sides, whatever the frame has there.

    Raises
    ------
    ValueError
        If the periodic vectors span no volume.
    """
    box = np.where(periodic[:, None], cell, 0.0)
    # Rows of V beyond the rank span what the periodic vectors leave open.
    _, lengths, directions = np.linalg.svd(box)
    n_periodic = int(periodic.sum())
    longest = np.linalg.norm(box, axis=1).max() if n_periodic else 0.0
    if n_periodic and lengths[n_periodic - 1] <= 1e-10 * longest:
        raise ValueError(
            f"cell: periodic along {np.flatnonzero(periodic).tolist()}, but the vectors "
            f"{cell[periodic].tolist()} span no volume; set the cell, or remove the periodicity"
        )
    origin = np.zeros(3)
    for axis, normal in zip(np.flatnonzero(~periodic), directions[n_periodic:], strict=True):
        along = positions @ normal
        low, high = along.min(), along.max()
        # The share of the extent keeps the outermost atoms inside in spite of rounding.
        gap = 0.01 * (high - low) + margin
        origin += (low - gap) * normal
        box[axis] = (high - low + 2 * gap) * normal
    return box, origin


def _bin_counts(heights: NDArray, cutoff: float, n_atoms: int) -> NDArray:
    """Bins along the three axes, not many more than there are atoms."""
    bins = np.maximum(np.minimum(_BINS_PER_CUTOFF * heights / cutoff, 2**20), 1.0).astype(np.int64)
    while np.prod(bins) > 2 * n_atoms + 8 and bins.max() > 1:
        bins[np.argmax(bins)] //= 2
    return bins
