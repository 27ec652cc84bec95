"""Map of local densities of states: principal components, and clusters of atoms in them.

The distance of two atoms is that of their local DOS, ``int (g_i - g_j)^2 dE``. The mode
coefficients of an atom, times the square root of the overlap of the modes, have the same
distances, so that an atom costs as many numbers as there are modes and not energies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.vq import kmeans2, vq
from scipy.sparse import eye_array

from ase_dos.results.atoms import AtomicFrame, as_atomic_frames
from ase_dos.results.dataset import Results
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.checks import as_array, equal_to_rounding
from ase_dos.utils.short_repr import short_repr
from ase_dos.utils.signs import signs_of

__all__ = ["LocalMap", "assign_clusters", "find_clusters", "fit_local_map"]

STARTS = 8  # of k-means; the best is taken


@dataclass(frozen=True, eq=False)
class LocalMap:
    """Principal components of local densities of states.

    The local DOS of an atom is ``mean + scores @ components``, up to the components that are left
    out.

    Attributes
    ----------
    energies : (n,) array
        Energies of the model (eV).
    mean : (n,) array
        Average local DOS (states/eV).
    components : (p, n) array
        Orthonormal over energy (eV^-1/2), the largest value of each positive.
    variances : (p,) array
        Of the scores (states^2/eV).
    explained : (p,) array
        Share of the whole variance.
    projection : (modes, p) array
        From mode coefficients to scores.
    offset : (p,) array
        Scores of zero coefficients.
    """

    energies: NDArray
    mean: NDArray
    components: NDArray
    variances: NDArray
    explained: NDArray
    projection: NDArray
    offset: NDArray

    __repr__ = short_repr

    def scores(self, frame: AtomicFrame | LocalDOS) -> NDArray:
        """Coordinates (atoms, p) in the map of the atoms of a `AtomicFrame` or `LocalDOS`."""
        coefficients = as_array(frame.coefficients, "coefficients", (None, len(self.projection)))
        return coefficients @ self.projection + self.offset


def fit_local_map(frames: Results | Iterable[AtomicFrame], n_components: int = 2) -> LocalMap:
    """Find the directions in which the local DOS of the atoms differ most.

    One pass over the frames: the triangular factor of all coefficients is updated frame by frame,
    and its singular values are those of all atoms. Energies are those of the model, in which
    atoms with similar surroundings have states at similar energies.

    Parameters
    ----------
    frames : xarray.Dataset, TrajectoryResult or iterable of AtomicFrame
        Results of a trajectory with the local DOS, or frames in memory.
    n_components : int
        Dimensions of the map.

    Raises
    ------
    ValueError
        If the frames have no local DOS, or different modes, or there are fewer than two
        atoms, or modes than components.
    """
    factor: NDArray | None = None
    first: tuple[NDArray, NDArray | None] | None = None
    atoms = 0
    for frame in as_atomic_frames(frames):
        energies, basis, coefficients = frame.modes()
        columns = energies if basis is None else basis  # what the coefficients belong to
        if first is None:
            first, expected = (energies, basis), columns
        elif not equal_to_rounding(columns, expected):
            raise ValueError(
                f"frame {frame.index}: its energy modes differ from those of the frames before"
            )
        # A column of ones takes the mean out of the others.
        rows = np.column_stack([np.ones(len(coefficients)), coefficients])
        rows = rows if factor is None else np.concatenate([factor, rows])
        factor = np.asarray(np.linalg.qr(rows, mode="r"))
        atoms += len(coefficients)
    if first is None or factor is None or atoms < 2:
        raise ValueError(f"local map: expected at least 2 atoms, got {atoms}")
    most = min(factor.shape[1], atoms) - 1
    if not 1 <= n_components <= most:
        raise ValueError(f"n_components: expected 1 to {most}, got {n_components}")
    return _local_map(*first, factor, atoms, n_components)


def _local_map(
    energies: NDArray, basis: NDArray | None, factor: NDArray, atoms: int, n_components: int
) -> LocalMap:
    step = energies[1] - energies[0]
    if basis is None:  # the coefficients are the values
        basis = axes = eye_array(energies.size)
        metric = np.sqrt(step) * axes
    else:
        axes, metric = np.linalg.qr(np.sqrt(step) * basis.T)
    # basis = metric.T @ axes.T / sqrt(step)
    mean = factor[0, 1:] / factor[0, 0]
    _, values, directions = np.linalg.svd(factor[1:, 1:] @ metric.T, full_matrices=False)
    directions = directions[:n_components]
    components = directions @ axes.T / np.sqrt(step)
    signs = signs_of(components)
    directions, components = signs * directions, signs * components
    projection = metric.T @ directions.T
    variances = values**2 / (atoms - 1)
    total = variances.sum()
    return LocalMap(
        energies,
        mean @ basis,
        components,
        variances[:n_components],
        variances[:n_components] / (total if total > 0 else 1.0),
        projection,
        -mean @ projection,
    )


def find_clusters(scores: ArrayLike, n_clusters: int, seed: int = 0) -> NDArray:
    """Centres of clusters of atoms in the map, by k-means.

    The best of several starts, chosen by k-means++: that with the smallest squared distances.

    Parameters
    ----------
    scores : (atoms, p) array_like
        Coordinates in the map: of all atoms, or of a part where there are too many.
    n_clusters : int
        Number of clusters.
    seed : int
        Of the starts.

    Returns
    -------
    (n_clusters, p) array
        Rising along the first component.

    Raises
    ------
    ValueError
        If there are fewer different atoms than clusters.
    """
    points = as_array(scores, "scores", (None, None))
    different = len(np.unique(points, axis=0))
    if not 1 <= n_clusters <= different:
        raise ValueError(f"n_clusters: expected 1 to {different} (atoms), got {n_clusters}")
    rng = np.random.default_rng(seed)
    best, least = points[:n_clusters], np.inf
    for _ in range(STARTS):
        centers, labels = kmeans2(points, n_clusters, iter=100, minit="++", seed=rng)
        cost = np.sum((points - centers[labels]) ** 2)
        if cost < least:
            best, least = centers, cost
    return best[np.argsort(best[:, 0])]


def assign_clusters(scores: ArrayLike, centers: ArrayLike) -> NDArray:
    """Return the nearest of the centres (clusters, p) for every atom, shape (atoms,)."""
    centers = as_array(centers, "centers", (None, None))
    return vq(as_array(scores, "scores", (None, centers.shape[1])), centers)[0]
