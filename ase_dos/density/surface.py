"""Points around a molecule, on which electrostatic potentials are compared."""

from __future__ import annotations

import numpy as np
from ase.data import vdw_radii
from numpy.typing import NDArray

__all__ = ["FACTORS", "surface_points"]

FACTORS = (1.4, 1.6, 1.8, 2.0)


def surface_points(
    numbers: NDArray,
    positions: NDArray,
    factors: tuple[float, ...] = FACTORS,
    per_sphere: int = 32,
) -> NDArray:
    """Points on spheres around the atoms, less those that are nearer to another atom's.

    The layers of the Merz-Kollman scheme: B. H. Besler, K. M. Merz, P. A. Kollman, J. Comput.
    Chem. 11, 431 (1990).

    Parameters
    ----------
    numbers : (n,) int array
        Atomic numbers.
    positions : (n, 3) array
        Angstrom.
    factors : tuple of float
        Radii of the spheres in van der Waals radii.
    per_sphere : int
        Points on each sphere, spread evenly.

    Returns
    -------
    (points, 3) array
        Angstrom, at distances of ``factors`` van der Waals radii from the nearest atom.

    Raises
    ------
    ValueError
        If the van der Waals radius of an element is not known.
    """
    radii = vdw_radii[numbers]
    if np.isnan(radii).any():
        unknown = sorted(set(np.asarray(numbers)[np.isnan(radii)].tolist()))
        raise ValueError(f"numbers: no van der Waals radius is known for atomic numbers {unknown}")
    directions = _spread_evenly(per_sphere)
    layers = []
    for factor in factors:
        points = (positions[:, None] + factor * radii[:, None, None] * directions).reshape(-1, 3)
        distances = np.linalg.norm(points[:, None] - positions, axis=-1) / radii
        layers.append(points[distances.min(axis=1) > factor - 1e-9])
    return np.concatenate(layers)


def _spread_evenly(count: int) -> NDArray:
    """Return unit vectors (count, 3) on a Fibonacci spiral."""
    steps = np.arange(count)
    height = 1.0 - (2.0 * steps + 1.0) / count
    angle = np.pi * (1.0 + 5.0**0.5) * steps
    radius = np.sqrt(1.0 - height**2)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), height])
