"""Momenta of a crystal in the plane of a map, in 1/Angstrom with 2 pi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase.dft.kpoints import BandPath

__all__ = ["path_momenta", "turned"]

_FLAT = 1e-6  # 1/Angstrom: far below any step of a path


def turned(points: NDArray, azimuth: float) -> NDArray:
    """Turn momenta (..., 2) about the normal by an angle in degrees, counter-clockwise."""
    cos, sin = np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth))
    return np.asarray(points) @ np.array([[cos, sin], [-sin, cos]])


def path_momenta(path: BandPath, azimuth: float = 0.0) -> NDArray:
    """Return the points (n, 2) of a path of the crystal in the plane of a map.

    Reciprocal cells of ASE have no factor 2 pi; momenta of maps have it.

    Raises
    ------
    ValueError
        If the points do not lie at one height.
    """
    points = 2 * np.pi * np.asarray(path.cartesian_kpts())
    if np.ptp(points[:, 2]) > _FLAT:
        raise ValueError(
            f"path {path.path}: its kz goes from {points[:, 2].min():.3f} to "
            f"{points[:, 2].max():.3f} 1/Angstrom, but a map lies at one kz; turn the cell so "
            "that the normal of the surface is z, and take a path in the plane"
        )
    return turned(points[:, :2], azimuth)
