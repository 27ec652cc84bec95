"""Energies on a regular k mesh of a crystal: whole from irreducible, and between its points."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from ase_dos.bands.axes import grid_points
from ase_dos.utils.checks import as_array

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["CrystalMesh", "point_operations"]

_ROUNDING = 1e-4  # of a reciprocal lattice vector: programs print k-points with 5 digits or more
_SAME = 0.005  # eV: levels of k-points that symmetry makes the same
_DEGREE = 5  # of the splines


@dataclass(frozen=True, eq=False)
class CrystalMesh:
    """Energies on the whole of a regular k mesh, interpolated periodically.

    Parameters
    ----------
    energies : (n1, n2, n3, bands) array
        Energies (eV), bands ascending.
    offset : (3,) array
        Its first point, in units of the reciprocal lattice vectors.
    cell : (3, 3) array
        Lattice vectors in rows (Angstrom).
    operations : (n, 3, 3) array of int, optional
        Operations on k-points that leave the energies as they are.

    Notes
    -----
    Splines of the fifth degree along the reciprocal lattice vectors. Along a vector with one point
    only, the energies are taken as constant: right for a layer in vacuum. Splines along two of
    three equal directions break the symmetry where bands turn sharply, so the mean is taken over
    the operations.
    """

    energies: NDArray
    offset: NDArray
    cell: NDArray
    operations: NDArray = field(default_factory=lambda: np.eye(3, dtype=int)[None])

    @classmethod
    def from_irreducible(
        cls,
        kpoints: ArrayLike,
        energies: ArrayLike,
        cell: ArrayLike,
        operations: NDArray,
        size: Sequence[int] | None = None,
    ) -> CrystalMesh:
        """Make the whole mesh from points of which symmetry gives the others.

        Parameters
        ----------
        kpoints : (kpoints, 3) array
            In units of the reciprocal lattice vectors; all of a mesh or a part of it.
        energies : (kpoints, bands) array
            Energies (eV).
        cell : (3, 3) array
            Lattice vectors in rows (Angstrom).
        operations : (operations, 3, 3) array of int
            They act on k-points; see `point_operations`.
        size : three integers, optional
            Size of the mesh. By default it is found from the distances of the points.

        Raises
        ------
        ValueError
            If the points are no mesh, or a part from which the operations do not give the whole,
            or if energies differ at points that the operations make the same.
        """
        k = as_array(kpoints, "kpoints", (None, 3))
        levels = np.sort(as_array(energies, "eigenvalues", (len(k), None)), axis=1)
        images = np.einsum("ki,gij->gkj", k, operations)
        for shape in _shapes(k, images, size):
            offset = _offset(k, shape)
            lowest, highest = _on_mesh(images, levels, offset, shape)
            own = _places(k, offset, shape)[1]
            if np.isfinite(lowest).all() and own.all():
                break
        if not own.all():
            raise ValueError(
                f"kpoints: {(~own).sum()} of {len(k)} are off a mesh "
                f"{' x '.join(map(str, shape))}; is the size right? Bands along a path come in "
                "with TheoryBands.from_ase"
            )
        n_points = len(lowest)
        missing = int((~np.isfinite(lowest[:, 0])).sum())
        if missing:
            raise ValueError(
                f"kpoints: {len(k)} points and {len(operations)} operations give "
                f"{n_points - missing} of the {n_points} points of a mesh "
                f"{' x '.join(map(str, shape))}; pass the atoms if symmetry reduced the mesh, "
                "and its size if this is another one"
            )
        spread = float((highest - lowest).max())
        if spread > _SAME:
            raise ValueError(
                f"eigenvalues: they differ by up to {spread:.3f} eV at k-points that the symmetry "
                "of the atoms makes the same; pass the atoms of the calculation (a magnetic "
                "order counts: set their magnetic moments; with spin-orbit coupling it may break "
                "time reversal)"
            )
        whole = (lowest + highest) / 2
        return cls(whole.reshape(*shape, -1), offset, np.asarray(cell, dtype=float), operations)

    def depends_on_kz(self) -> bool:
        """Whether the mesh has several points along a direction with a component along z."""
        size = np.array(self.energies.shape[:3])
        return bool((np.abs(self.cell[size > 1, 2]) > 1e-6).any())

    def at(self, momenta: ArrayLike) -> NDArray:
        """Energies (bands, *points) in eV at Cartesian momenta (*points, 3) in 1/Angstrom."""
        fractions = np.asarray(momenta) @ self.cell.T / (2 * np.pi)
        turned = [
            _interpolated(self.energies, fractions @ one - self.offset, _DEGREE)
            for one in _representatives(self.operations)
        ]
        return np.mean(turned, axis=0)

    def interpolation_error(self) -> float:
        """Root mean square error (eV) of the interpolation, rather too large than too small.

        Where the mesh has even sizes it is that of the mesh of every second point, at the points
        left out; else the difference from linear interpolation halfway between the points.
        """
        shape = np.array(self.energies.shape[:3])
        if not (shape > 1).any():
            return 0.0
        even = ((shape % 2 == 0) | (shape == 1)).all()
        grid = grid_points([np.arange(n) / n for n in shape])
        if even:
            every = tuple(slice(None, None, 2 if n > 1 else 1) for n in shape)
            left_out = np.ones(shape, dtype=bool)
            left_out[every] = False
            estimate = _interpolated(self.energies[every], grid[left_out], _DEGREE)
            reference = self.energies[left_out].T
        else:
            halfway = grid + np.where(shape > 1, 0.5 / shape, 0.0)
            estimate = _interpolated(self.energies, halfway, _DEGREE)
            reference = _interpolated(self.energies, halfway, 1)
        return float(np.sqrt(((estimate - reference) ** 2).mean()))


def point_operations(atoms: Atoms | None, time_reversal: bool = True) -> NDArray:
    """Operations (n, 3, 3) that leave the energies as they are: ``k' = k @ operation``.

    Parameters
    ----------
    atoms : ase.Atoms, optional
        Crystal; spglib finds its symmetry. Atoms of one element with different initial magnetic
        moments are different. Without atoms there is no symmetry but time reversal.
    time_reversal : bool
        Whether k and -k have the same energies.

    Raises
    ------
    ImportError
        If spglib is not installed (extra ``bands``).
    """
    rotations = np.eye(3, dtype=int)[None] if atoms is None else _rotations(atoms)
    if time_reversal:
        rotations = np.concatenate([rotations, -rotations])
    return np.unique(rotations, axis=0)


def _rotations(atoms: Atoms) -> NDArray:
    """Return the rotations (n, 3, 3) of the space group of a crystal."""
    try:
        import spglib
    except ImportError as error:
        raise ImportError(
            f"symmetry of crystals needs spglib: pip install 'ase_dos[bands]' ({error})"
        ) from error
    moments = np.round(atoms.get_initial_magnetic_moments().reshape(len(atoms), -1), 3)
    kinds = np.column_stack([atoms.numbers, moments])
    _, labels = np.unique(kinds, axis=0, return_inverse=True)
    positions = atoms.get_scaled_positions()
    crystal: Any = (atoms.cell.complete().array, positions, labels.ravel() + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how it will give errors one day
        found = spglib.get_symmetry(crystal, symprec=1e-4)
    if found is None:
        raise ValueError("atoms: spglib finds no symmetry; do two of them coincide?")
    return np.asarray(found["rotations"], dtype=int)


def _places(k: NDArray, offset: NDArray, shape: NDArray) -> tuple[NDArray, NDArray]:
    """Return the nearest places of k-points (..., 3) in a mesh, and which are at them."""
    steps = (k - offset) * shape
    nearest = np.rint(steps)
    there = np.abs(steps - nearest).max(axis=-1) < _ROUNDING * shape.max()
    return nearest.astype(int) % shape, there


def _representatives(operations: NDArray) -> list[NDArray]:
    """Return one operation of each kind that differs for a spline along the reciprocal vectors.

    What swaps these vectors, or turns them round, makes no difference to it.
    """
    found: list[NDArray] = []
    for operation in operations:
        for other in found:
            step = np.rint(np.linalg.inv(other) @ operation).astype(int)
            if (np.abs(step).sum(axis=0) == 1).all() and (np.abs(step).sum(axis=1) == 1).all():
                break
        else:
            found.append(operation)
    return found


def _shapes(k: NDArray, images: NDArray, size: Sequence[int] | None) -> list[NDArray]:
    """Return the sizes (3,) that the mesh may have.

    Operations may lead from a shifted mesh to points that are not on it; so the first is what the
    points say alone, with their opposites.
    """
    if size is not None:
        shape = np.array(size)
        if shape.shape != (3,) or shape.dtype.kind != "i" or (shape < 1).any():
            raise ValueError(f"size: expected three integers >= 1, got {size!r}")
        return [shape]
    # Along a vector on which all points lie at one height there is one plane of them.
    flat = [len(_heights(k[:, axis])) == 1 for axis in range(3)]
    points = [np.concatenate([k, -k]), images.reshape(-1, 3)]
    return [
        np.array([1 if flat[i] else _count(_heights(some[:, i]), i) for i in range(3)])
        for some in points
    ]


def _offset(k: NDArray, shape: NDArray) -> NDArray:
    """Return the first point (3,) of the mesh."""
    offset = np.mod(k[0], 1 / shape)
    offset[np.abs(offset * shape - 1) < _ROUNDING * shape] = 0.0
    return np.where(shape == 1, k[0], offset)


def _on_mesh(
    images: NDArray, levels: NDArray, offset: NDArray, shape: NDArray
) -> tuple[NDArray, NDArray]:
    """Return the lowest and highest energies (points, bands) that fall on each point of a mesh.

    Infinite at points on which none falls; images between the points are left out.
    """
    places, there = _places(images, offset, shape)
    index = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), tuple(shape))[there]
    source = np.broadcast_to(np.arange(len(levels)), there.shape)[there]
    lowest = np.full((int(shape.prod()), levels.shape[1]), np.inf)
    highest = -lowest
    np.minimum.at(lowest, index, levels[source])
    np.maximum.at(highest, index, levels[source])
    return lowest, highest


def _heights(coordinates: NDArray) -> NDArray:
    """Return the different coordinates of points, in the first cell."""
    wrapped = np.sort(np.mod(coordinates + _ROUNDING, 1.0) - _ROUNDING)
    return wrapped[np.append(True, np.diff(wrapped) > _ROUNDING)]


def _count(heights: NDArray, axis: int) -> int:
    gap = np.diff(np.append(heights, heights[0] + 1)).min()
    count = round(1 / gap)
    if abs(gap * count - 1) > _ROUNDING * count:
        raise ValueError(
            f"kpoints: along reciprocal vector {axis + 1} they are {gap:.5f} apart, which is no "
            "part of 1: no regular mesh. If it is one, pass size=(n1, n2, n3) in Python; bands "
            "along a path come in with TheoryBands.from_ase"
        )
    return count


def _interpolated(energies: NDArray, fractions: NDArray, degree: int) -> NDArray:
    """Return bands (bands, *points) at fractions (*points, 3) of the periods of a mesh."""
    shape = np.array(energies.shape[:3])
    used = shape > 1
    places = np.moveaxis(fractions[..., used] * shape[used], -1, 0)
    bands = np.moveaxis(energies.reshape(*shape[used], -1), -1, 0)
    if not used.any():
        return np.broadcast_to(
            bands[(...,) + (None,) * (fractions.ndim - 1)], (len(bands), *fractions.shape[:-1])
        ).copy()
    values = [map_coordinates(band, places, order=degree, mode="grid-wrap") for band in bands]
    return np.sort(np.stack(values), axis=0)
