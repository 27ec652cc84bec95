"""Pairs of one frame in compressed (CSR) form, at a cost linear in the number of atoms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.kernels.neighbors import Bins, count_pairs, fill_pairs, sort_into_bins
from ase_dos.kernels.threads import on_threads
from ase_dos.kernels.vector import WIDTH
from ase_dos.utils.checks import as_array, as_positive
from ase_dos.utils.short_repr import short_repr

__all__ = ["NeighborSearch", "Pairs", "enclosing_box", "find_pairs"]

# Bins behind one another along the third axis are searched as one, so that narrow ones cost nothing
# there. Along the others they are at least as wide as the cutoff: half as wide they would prune
# better, but are more to visit, which pays only where wide ones do not fit into the cell well.
_NARROW, _WIDE = 0.25, 4 / 3
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

    __repr__ = short_repr

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

    def __init__(self, atoms: Atoms, cutoff: float) -> None:
        if len(atoms) == 0:
            raise ValueError("atoms: the frame is empty; expected at least one atom")
        self.cutoff = as_positive(cutoff, "cutoff")
        positions = as_array(atoms.positions, "positions", (None, 3))
        cell, periodic = as_array(atoms.cell.array, "cell", (3, 3)), np.array(atoms.pbc, dtype=bool)
        if periodic.all():
            grid = _periodic_grid(cell.tobytes(), self.cutoff, len(atoms))
        else:
            grid = _grid_of(*enclosing_box(positions, cell, periodic), self.cutoff, len(atoms))
        self._frame = _frame_of(atoms)
        self.order, self.place_of, bin_of = np.empty((3, len(atoms)), np.int64)
        self.bins = Bins(
            positions=np.zeros(3 * (len(atoms) + WIDTH)),
            bin_of=bin_of,
            start=np.empty(grid.size + 1, np.int64),
            cell=grid.cell,
            periodic=periodic,
            counts=grid.counts,
            reach=grid.reach,
            cutoff=self.cutoff,
        )
        sort_into_bins(
            positions.ravel(), grid.origin, grid.inverse, self.bins, self.order, self.place_of
        )

    def __len__(self) -> int:
        return len(self.order)

    def is_of(self, atoms: Atoms) -> bool:
        """Whether a frame has the positions, the cell and the boundaries of the search."""
        return self._frame == _frame_of(atoms)

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


class _Grid(NamedTuple):
    """So many bins of a box, without atoms; fields as those of `Bins` and `sort_into_bins`."""

    cell: NDArray
    origin: NDArray
    inverse: NDArray
    counts: NDArray
    reach: NDArray
    size: int


def _grid_of(cell: NDArray, origin: NDArray, cutoff: float, n_atoms: int) -> _Grid:
    """Divide a box into bins, not many more than there are atoms."""
    inverse = np.linalg.inv(cell)
    # Distances between opposite faces: columns of the inverse are their normals.
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    wide, halves = (_divided(heights, size * cutoff) for size in (1.0, 0.5))
    counts = np.where(heights <= _WIDE * cutoff * wide, wide, halves)
    counts[2] = _divided(heights[2], _NARROW * cutoff)
    while np.prod(counts) > 2 * n_atoms + 8 and counts.max() > 1:
        counts[np.argmax(counts)] //= 2
    reach = np.ceil(cutoff * counts / heights).astype(np.int64)
    return _Grid(cell.ravel(), origin, inverse.ravel(), counts, reach, int(counts.prod()))


def _divided(heights: NDArray, size: float) -> NDArray:
    """Divide axes into bins that are not below a size."""
    return np.clip(heights / size, 1, 2**20).astype(np.int64)


@lru_cache(maxsize=8)
def _periodic_grid(cell: bytes, cutoff: float, n_atoms: int) -> _Grid:
    """Divide a cell that is periodic along all axes: nothing of it depends on the positions."""
    nowhere, periodic = np.empty((0, 3)), np.ones(3, dtype=bool)
    box, origin = enclosing_box(nowhere, np.frombuffer(cell).reshape(3, 3), periodic)
    return _grid_of(box, origin, cutoff, n_atoms)


def _frame_of(atoms: Atoms) -> tuple[bytes, ...]:
    """Positions, cell and boundaries, to tell frames apart."""
    return atoms.positions.tobytes(), atoms.cell.array.tobytes(), atoms.pbc.tobytes()
