"""Spatial blocks of one frame, each with all neighbours of its atoms.

A block is an open cluster: its atoms, then a halo of one cutoff with periodic images written out.
The local DOS of its atoms is that in the whole frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.descriptors.neighbors import enclosing_box
from ase_dos.model.interface import DOSPredictor
from ase_dos.spectra.local_dos import LocalDOS, NoveltyWarning, warn_of_novelty
from ase_dos.utils.checks import as_array, as_count, as_positive

__all__ = ["Block", "cut_blocks", "cut_region", "predict_in_blocks"]

# Share of the cell by which halos are too wide, so that rounding cannot make them too narrow.
_SLACK = 1e-9


class Block(NamedTuple):
    """Part of a frame.

    Attributes
    ----------
    indices : (n,) int array
        Indices in the frame of the atoms of the block.
    atoms : Atoms
        These ``n`` atoms, then their halo, without periodic boundaries.
    """

    indices: NDArray
    atoms: Atoms


def cut_blocks(atoms: Atoms, cutoff: float, size: int) -> Iterator[Block]:
    """Yield blocks of at most ``size`` atoms, without those of the halo.

    The frame is halved, along its longest direction and at the median atom, until the parts are
    small enough.

    Parameters
    ----------
    atoms : Atoms
        The frame.
    cutoff : float
        Width of the halo (Angstrom).
    size : int
        Most atoms of a block, not counting its halo.

    Raises
    ------
    ValueError
        If an argument is out of range, the frame is empty, a position is not finite, or the
        periodic cell vectors span no volume.
    """
    size, cutoff = as_count(size, "size of a block", 1), as_positive(cutoff, "cutoff")
    if len(atoms) == 0:
        raise ValueError("atoms: the frame is empty; expected at least one atom")
    positions = as_array(atoms.positions, "positions", (None, 3))
    periodic = np.array(atoms.pbc, dtype=bool)
    cell, origin = enclosing_box(positions, as_array(atoms.cell.array, "cell", (3, 3)), periodic)
    images = _images(positions, cell, origin, periodic, cutoff)
    for part in _halve(images, size):
        home = part.home
        order = np.concatenate([np.flatnonzero(home), np.flatnonzero(~home)])
        numbers = atoms.numbers[part.atom[order]]
        block = Atoms(numbers=numbers, positions=part.positions[order])
        yield Block(part.atom[home], block)


def cut_region(atoms: Atoms, cutoff: float, which: NDArray) -> tuple[Atoms, NDArray]:
    """Cut some atoms that stand together, such as those of one process, out of a frame.

    Parameters
    ----------
    atoms : Atoms
        The frame.
    cutoff : float
        Width of the halo (Angstrom).
    which : (n,) int array
        Indices of the atoms, at least one.

    Returns
    -------
    region : Atoms
        These ``n`` atoms, then their halo, without periodic boundaries.
    sources : (m,) int array
        Index in the frame of every atom of the region.

    Raises
    ------
    ValueError
        If the cutoff or a position is not finite, or the periodic cell vectors span no volume.
    """
    cutoff = as_positive(cutoff, "cutoff")
    positions = as_array(atoms.positions, "positions", (None, 3))
    periodic = np.array(atoms.pbc, dtype=bool)
    cell, origin = enclosing_box(positions, as_array(atoms.cell.array, "cell", (3, 3)), periodic)
    inverse = np.linalg.inv(cell)
    margin = cutoff * np.linalg.norm(inverse, axis=0) + _SLACK
    scaled = (positions - origin) @ inverse
    low, high = scaled[which].min(axis=0) - margin, scaled[which].max(axis=0) + margin
    copies, turns = np.arange(len(scaled)), np.zeros(scaled.shape)
    for axis in range(3):
        along = scaled[copies, axis]
        first, last = np.ceil(low[axis] - along), np.floor(high[axis] - along)
        if not periodic[axis]:
            first, last = first.clip(min=0), last.clip(max=0)
        counts = (last - first + 1).clip(min=0).astype(np.int64)
        copies, turns = np.repeat(copies, counts), np.repeat(turns, counts, axis=0)
        starts = first - (np.cumsum(counts) - counts)
        turns[:, axis] = np.repeat(starts, counts) + np.arange(len(copies))
    chosen = np.zeros(len(scaled), dtype=bool)
    chosen[which] = True
    halo = turns.any(axis=1) | ~chosen[copies]
    sources = np.concatenate([which, copies[halo]])
    shifted = np.concatenate([positions[which], positions[copies[halo]] + turns[halo] @ cell])
    return Atoms(numbers=atoms.numbers[sources], positions=shifted), sources


def predict_in_blocks(
    model: DOSPredictor,
    atoms: Atoms,
    size: int,
    map_blocks: Callable[[Callable, Iterable], Iterable] = map,
) -> LocalDOS:
    """Local DOS of a frame that is too large to be predicted at once, or on one machine.

    Parameters
    ----------
    model : DOSPredictor
        The model.
    atoms : Atoms
        The frame.
    size : int
        Most atoms of a block, see `cut_blocks`.
    map_blocks : callable
        Applies a function to every block and gives the results in their order: ``map``, or a map
        over other processes. A block returns the coefficients and the novelty of its
        atoms, without its halo.

    Returns
    -------
    LocalDOS
        What ``model.predict(atoms)`` gives, to rounding, with its warning.

    Raises
    ------
    ValueError
        As `cut_blocks` and ``model.predict``; also if the model has no finite cutoff.
    """
    if not np.isfinite(model.cutoff):
        raise ValueError(
            f"blocks: the local DOS of the model {model.info['hash']} depends on atoms at any "
            "distance; predict without blocks"
        )
    indices: list[NDArray] = []

    def blocks() -> Iterator[tuple[int, Atoms]]:
        for block in cut_blocks(atoms, model.cutoff, size):
            indices.append(block.indices)
            yield len(block.indices), block.atoms

    per_atom: dict[str, NDArray] = {}
    for number, part in enumerate(map_blocks(partial(_predict_block, model), blocks())):
        for name in ("coefficients", "valence", "novelty"):
            values = getattr(part, name)
            if values is None:
                continue
            if name not in per_atom:
                per_atom[name] = np.empty((len(atoms), *values.shape[1:]))
            per_atom[name][indices[number]] = values
    whole = replace(part, **per_atom)
    warn_of_novelty(whole)
    return whole


def _predict_block(model: DOSPredictor, block: tuple[int, Atoms]) -> LocalDOS:
    n_atoms, atoms = block
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoveltyWarning)  # one warning for the whole frame
        return model.predict(atoms, which=np.arange(n_atoms))


class _Images(NamedTuple):
    """Atoms and periodic images in a region and its halo."""

    atom: NDArray  # index in the frame
    home: NDArray  # atoms themselves, in the region: not images, not its halo
    scaled: NDArray  # coordinates in units of the box
    positions: NDArray
    lengths: NDArray  # between opposite faces of the box (Angstrom)
    margin: NDArray  # width of the halo in units of the box

    def take(self, which: NDArray, home: NDArray) -> _Images:
        return self._replace(
            atom=self.atom[which],
            home=home[which],
            scaled=self.scaled[which],
            positions=self.positions[which],
        )


def _images(
    positions: NDArray, cell: NDArray, origin: NDArray, periodic: NDArray, cutoff: float
) -> _Images:
    """Atoms at home in the box, and their images within the cutoff of it."""
    inverse = np.linalg.inv(cell)
    lengths = 1.0 / np.linalg.norm(inverse, axis=0)
    margin = cutoff / lengths + _SLACK
    scaled = (positions - origin) @ inverse
    turns = np.where(periodic, np.floor(scaled), 0.0)
    index, scaled, positions = np.arange(len(scaled)), scaled - turns, positions - turns @ cell
    home = np.ones(len(index), dtype=bool)
    for axis in np.flatnonzero(periodic):
        reach = int(np.ceil(margin[axis]))
        pieces = []
        for turn in range(-reach, reach + 1):
            along = scaled[:, axis] + turn
            near = np.flatnonzero((along > -margin[axis]) & (along < 1.0 + margin[axis]))
            step = np.eye(3)[axis] * turn
            pieces.append(
                (
                    index[near],
                    home[near] & (turn == 0),
                    scaled[near] + step,
                    positions[near] + step @ cell,
                )
            )
        index, home, scaled, positions = map(np.concatenate, zip(*pieces, strict=True))
    return _Images(index, home, scaled, positions, lengths, margin)


def _halve(images: _Images, size: int) -> Iterator[_Images]:
    """Cut a region until no part has more than ``size`` atoms at home."""
    at_home = images.scaled[images.home]
    extent = np.ptp(at_home, axis=0) * images.lengths
    axis = int(extent.argmax())
    if len(at_home) <= size or extent[axis] == 0.0:
        yield images
        return
    along = images.scaled[:, axis]
    cut = np.median(at_home[:, axis])
    if cut == at_home[:, axis].min():  # half of the atoms in one plane
        cut = along[images.home & (along > cut)].min()
    margin = images.margin[axis]
    below = along < cut
    yield from _halve(images.take(along < cut + margin, images.home & below), size)
    yield from _halve(images.take(along > cut - margin, images.home & ~below), size)
