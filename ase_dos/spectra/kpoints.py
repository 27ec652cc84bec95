"""Lists of k-points: paths, which sample no density of states, and meshes, which do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["PATH", "follows_path", "kpoint_mesh", "mesh_points"]

PATH = "its k-points follow a path (a band structure), which samples no DOS"

_ROUNDING = 1e-5  # of a coordinate: far above what programs print, far below any step


def kpoint_mesh(atoms: Atoms, spacing: float) -> tuple[int, int, int]:
    """Size of the mesh with at most ``spacing`` (1/Angstrom, 2 pi included) between points."""
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    sizes = np.maximum(1, np.ceil(lengths / spacing - 1e-9)).astype(int)
    a, b, c = np.where(atoms.pbc, sizes, 1).tolist()
    return a, b, c


def mesh_points(mesh: Sequence[int]) -> tuple[NDArray, NDArray]:
    """Points (k, 3) of a Gamma-centred mesh, one of each pair k and -k, and their weights.

    In units of the reciprocal lattice vectors; weights sum to one.
    """
    size = np.array(mesh)
    index = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    opposite = np.ravel_multi_index((-index % size).T, size)
    here = np.arange(len(index))
    first = here <= opposite
    weights = np.where(opposite == here, 1.0, 2.0) / len(index)
    return (index / size)[first], weights[first]


def follows_path(kpoints: ArrayLike, weights: ArrayLike) -> bool:
    """Whether a list of k-points is the path of a band structure.

    A path has equal weights, goes on in equal steps most of the time, and is no mesh. A mesh of
    which symmetry left a part has different weights, and a whole one is a group of translations.

    Parameters
    ----------
    kpoints : (kpoints, 3) array
        In units of the reciprocal lattice vectors, in the order of the file.
    weights : (kpoints,) array
        Their weights. Points of weight zero do not count.
    """
    k, w = np.asarray(kpoints, dtype=float), np.asarray(weights, dtype=float)
    k, w = k[w > 0], w[w > 0]
    if len(k) < 3 or not np.allclose(w, w[0], rtol=1e-4):
        return False
    steps = np.diff(k, axis=0)
    still = np.abs(steps).max(axis=1) < _ROUNDING  # corners are listed twice
    same = np.abs(np.diff(steps, axis=0)).max(axis=1) < _ROUNDING
    onward = np.mean(same | still[1:] | still[:-1])
    return bool(onward >= 0.5 and not still.all() and not _is_mesh(k))


def _is_mesh(k: NDArray) -> bool:
    """Whether points of equal weight are a mesh, whole or half of it (k without -k)."""
    opposite = _distances(k, -k) < _ROUNDING
    if not opposite.all():
        if opposite.any():  # k = -k counts once, the others twice: their weights would differ
            return False
        k = np.concatenate([k, -k])
    shifts = k - k[0]
    if (_distances(shifts, shifts, rank=2) < _ROUNDING).any():
        return False
    some = shifts[np.linspace(0, len(shifts) - 1, 16).astype(int)]
    return all((_distances(shifts, shifts + shift) < _ROUNDING).all() for shift in some)


def _distances(k: NDArray, points: NDArray, rank: int = 1) -> NDArray:
    """Return how far ``points`` are from the nearest of ``k`` (rank 2: from the second)."""
    tree = cKDTree(_wrapped(k), boxsize=1.0)
    return tree.query(_wrapped(points), k=[rank])[0][:, 0]


def _wrapped(k: NDArray) -> NDArray:
    wrapped = k - np.floor(k)
    return np.where(wrapped >= 1.0, 0.0, wrapped)
