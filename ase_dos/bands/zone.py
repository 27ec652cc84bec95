"""Brillouin zone of a surface, and functions on it into which bands are compressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr
from scipy.spatial import Voronoi
from scipy.special import eval_jacobi

from ase_dos.bands.axes import grid_points
from ase_dos.bands.planes import turned
from ase_dos.utils.checks import as_array, as_count, as_positive
from ase_dos.utils.short_repr import short_repr

__all__ = ["BrillouinZone", "CompressedBands", "ZoneBasis", "momentum_axes"]

_EDGE = 1e-9  # of the zone: points on its edge are inside
_MARGIN = 1.25  # axes reach that many times as far as the corners of the zone
_STEP = 0.02  # 1/Angstrom: of axes, at most
_FLAT = 1e-6  # Angstrom: lattice vectors in the plane of the surface have no z


@dataclass(frozen=True, eq=False)
class BrillouinZone:
    """Brillouin zone of a two-dimensional lattice: the momenta nearer to 0 than to any other G.

    Parameters
    ----------
    reciprocal : (2, 2) array
        Reciprocal lattice vectors in rows (1/Angstrom), with the factor 2 pi.

    Raises
    ------
    ValueError
        If the vectors are parallel.
    """

    reciprocal: NDArray

    __repr__ = short_repr

    def __post_init__(self) -> None:
        vectors = _reduced(as_array(self.reciprocal, "reciprocal", (2, 2)))
        object.__setattr__(self, "reciprocal", vectors)

    @classmethod
    def from_cell(cls, cell: ArrayLike, azimuth: float = 0.0) -> BrillouinZone:
        """Zone of a crystal whose first two lattice vectors span the surface.

        Parameters
        ----------
        cell : (3, 3) array or ase.cell.Cell
            Lattice vectors in rows (Angstrom); the first two without z.
        azimuth : float
            Angle (degrees) by which the crystal of the map is turned against the cell,
            counter-clockwise.

        Raises
        ------
        ValueError
            If the first two vectors are not in the plane.
        """
        vectors = as_array(np.asarray(cell), "cell", (3, 3))
        if np.abs(vectors[:2, 2]).max() > _FLAT:
            raise ValueError(
                "cell: its first two vectors have z components up to "
                f"{np.abs(vectors[:2, 2]).max():.3f} Angstrom; expected two that span the surface, "
                "as ase.build.surface makes them"
            )
        return cls(turned(_dual(vectors[:2, :2]), azimuth))

    @classmethod
    def hexagonal(cls, a: float, azimuth: float = 0.0) -> BrillouinZone:
        """Zone of a hexagonal lattice with constant ``a`` (Angstrom), one vector along x."""
        a = as_positive(a, "a")
        return cls(turned(_dual(a * np.array([[1.0, 0.0], [-0.5, np.sqrt(0.75)]])), azimuth))

    @classmethod
    def square(cls, a: float, azimuth: float = 0.0) -> BrillouinZone:
        """Zone of a square lattice with constant ``a`` (Angstrom) and vectors along x and y."""
        return cls(turned(_dual(as_positive(a, "a") * np.eye(2)), azimuth))

    @property
    def corners(self) -> NDArray:
        """Corners (n, 2) of the zone (1/Angstrom), counter-clockwise."""
        steps = grid_points([np.arange(-2, 3)] * 2).reshape(-1, 2)
        diagram = Voronoi(steps @ self.reciprocal)
        middle = int(np.flatnonzero((steps == 0).all(axis=1))[0])
        corners = diagram.vertices[diagram.regions[diagram.point_region[middle]]]
        return corners[np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))]

    @property
    def area(self) -> float:
        """Area of the zone (1/Angstrom^2)."""
        return float(abs(np.linalg.det(self.reciprocal)))

    @property
    def radius(self) -> float:
        """Distance (1/Angstrom) of the farthest corner from the centre."""
        return float(np.linalg.norm(self.corners, axis=1).max())

    def reach(self, directions: ArrayLike) -> NDArray:
        """Distance (...) in 1/Angstrom from the centre to the edge along unit vectors (..., 2)."""
        unit = np.asarray(directions, dtype=float)
        with np.errstate(divide="ignore"):
            edges = [0.5 * (g @ g) / np.abs(unit @ g) for g in self._neighbours()]
        return np.min(edges, axis=0)

    def _neighbours(self) -> tuple[NDArray, ...]:
        """Lattice vectors of which half is an edge of the zone, or beyond it; one of each pair."""
        first, second = self.reciprocal
        return first, second, first + second, first - second

    def contains(self, points: ArrayLike) -> NDArray:
        """Whether momenta (..., 2) in 1/Angstrom lie in the zone; its edge does."""
        k = np.asarray(points, dtype=float)
        inside = np.ones(k.shape[:-1], dtype=bool)
        for g in self._neighbours():
            inside &= np.abs(k @ g) <= (0.5 + _EDGE) * (g @ g)
        return inside

    def mask(self, momenta: Sequence[ArrayLike]) -> NDArray:
        """Momenta (nx, ny) of a grid with these two axes that lie in the zone."""
        if len(momenta) != 2:
            raise ValueError(f"momenta: expected the axes kx and ky, got {len(momenta)}")
        return self.contains(grid_points(momenta))


@dataclass(frozen=True, eq=False)
class CompressedBands:
    """Bands as coefficients of a `ZoneBasis`.

    Parameters
    ----------
    coefficients : (bands, functions) array
        In eV. The first is the mean of the band over the zone; the root of the sum of squares of
        the others is the standard deviation of the energies from it.
    rms_error, max_error : (bands,) array
        Root mean square and largest difference (eV) of what the coefficients give back.
    """

    coefficients: NDArray
    rms_error: NDArray
    max_error: NDArray

    __repr__ = short_repr


class ZoneBasis:
    r"""Orthonormal functions on the masked momenta of a grid, made of Zernike polynomials.

    Zernike's polynomials of the circle around the mask, in the order of their degree, are
    orthonormalised on its points one after the other. On a hexagon this gives its own Zernike
    polynomials (V. N. Mahajan and G.-m. Dai, J. Opt. Soc. Am. A 24, 2994 (2007)); other zones work
    alike. The mean over the mask of a product of two functions is 0, and of a square it is 1.

    Parameters
    ----------
    momenta : sequence of two (n,) arrays
        Axes of the grid (1/Angstrom).
    mask : (nx, ny) array of bool
        Points that count, as `BrillouinZone.mask` gives them.
    size : int
        Number of functions.

    Raises
    ------
    ValueError
        If the mask has another shape, or has fewer points than functions.
    """

    def __init__(self, momenta: Sequence[ArrayLike], mask: ArrayLike, size: int = 400) -> None:
        self.mask = np.array(mask)
        axes = [as_array(axis, "axis of momentum", (None,)) for axis in momenta]
        expected = tuple(len(axis) for axis in axes)
        if self.mask.dtype != bool or self.mask.shape != expected or len(expected) != 2:
            raise ValueError(
                f"mask: expected booleans of shape {expected}, got {self.mask.dtype} of shape "
                f"{self.mask.shape}"
            )
        size = as_count(size, "size", 1)
        if self.mask.sum() < size:
            raise ValueError(
                f"size: {size} functions need as many points, and the mask has {self.mask.sum()}"
            )
        points = grid_points(axes)[self.mask]
        self.orders = _orders(size)
        functions, triangle = qr(
            _zernike(points, self.orders), mode="economic", overwrite_a=True, check_finite=False
        )
        signs = np.where(np.diag(triangle) < 0, -1.0, 1.0)
        self._functions = functions * (signs * np.sqrt(len(points)))

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.orders)

    def compress(self, bands: ArrayLike) -> CompressedBands:
        """Turn bands (bands, nx, ny) into coefficients, and say what is lost.

        Raises
        ------
        ValueError
            If the shape is another one, or energies in the mask are not known.
        """
        energies = np.asarray(bands, dtype=float)
        if energies.ndim != 3 or energies.shape[1:] != self.mask.shape:
            raise ValueError(
                f"bands: expected shape (bands, {self.mask.shape[0]}, {self.mask.shape[1]}), got "
                f"{energies.shape}"
            )
        values = energies[:, self.mask]
        if not np.isfinite(values).all():
            missing = int((~np.isfinite(values)).any(axis=0).sum())
            raise ValueError(
                f"bands: not known at {missing} of the {values.shape[1]} momenta of the mask; take "
                "a smaller mask, as zone.mask(momenta) & np.isfinite(bands).all(axis=0)"
            )
        coefficients = values @ self._functions / values.shape[1]
        lost = coefficients @ self._functions.T - values
        return CompressedBands(
            coefficients, np.sqrt((lost**2).mean(axis=1)), np.abs(lost).max(axis=1)
        )

    def expand(self, coefficients: ArrayLike) -> NDArray:
        """Turn coefficients (bands, functions) into bands (bands, nx, ny), NaN off the mask."""
        given = as_array(coefficients, "coefficients", (None, self.size))
        bands = np.full((len(given), *self.mask.shape), np.nan)
        bands[:, self.mask] = given @ self._functions.T
        return bands


def momentum_axes(cell: NDArray, size: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    """Return axes kx and ky that reach beyond the zone of a k mesh, finer than the mesh."""
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    inplane = [b[:2] for b, n in zip(reciprocal, size, strict=True) if n > 1]
    steps = [np.hypot(*b[:2]) / n for b, n in zip(reciprocal, size, strict=True) if n > 1]
    if not inplane:
        raise ValueError("kpoints: there is one point only, no mesh")
    if len(inplane) == 2:
        reach = _MARGIN * BrillouinZone(np.array(inplane)).radius
    else:
        reach = _MARGIN * float(max(np.linalg.norm(b + c) / 2 for b in inplane for c in inplane))
    step = min(_STEP, min(s for s in steps if s > _FLAT) / 3)
    n = int(np.ceil(reach / step))
    axis = np.linspace(-reach, reach, 2 * n + 1)
    return axis, axis.copy()


def _orders(size: int) -> list[tuple[int, int]]:
    """Return degree and angular order of the first polynomials; negative orders are sines."""
    orders = [(n, m) for n in range(size) for m in range(-n, n + 1, 2) if n * (n + 1) < 2 * size]
    return orders[:size]


def _zernike(points: NDArray, orders: list[tuple[int, int]]) -> NDArray:
    """Return Zernike polynomials (points, functions) on the circle around the points."""
    k = points[:, 0] + 1j * points[:, 1]
    centre = (k.real.min() + k.real.max()) / 2 + 1j * (k.imag.min() + k.imag.max()) / 2
    k = k - centre
    radius, angle = np.abs(k), np.angle(k)
    radius = radius / max(radius.max(), np.finfo(float).tiny)
    square = 1 - 2 * radius**2
    columns = np.empty((len(k), len(orders)))
    for i, (n, m) in enumerate(orders):
        half = (n - abs(m)) // 2
        radial = (-1) ** half * radius ** abs(m) * eval_jacobi(half, abs(m), 0, square)
        columns[:, i] = radial * (np.sin(-m * angle) if m < 0 else np.cos(m * angle))
    return columns


def _dual(vectors: NDArray) -> NDArray:
    """Return the reciprocal vectors, in rows and with 2 pi, of two lattice vectors in rows."""
    if abs(np.linalg.det(vectors)) < 1e-12:
        raise ValueError("cell: its two vectors in the plane are parallel")
    return 2 * np.pi * np.linalg.inv(vectors).T


def _reduced(vectors: NDArray) -> NDArray:
    """Return the two shortest vectors of a plane lattice (Lagrange and Gauss)."""
    first, second = vectors
    if abs(first[0] * second[1] - first[1] * second[0]) < 1e-12:
        raise ValueError("reciprocal: the two vectors are parallel")
    while True:
        if first @ first > second @ second:
            first, second = second, first
        n = np.rint(first @ second / (first @ first))
        if n == 0:
            return np.stack([first, second])
        second = second - n * first
