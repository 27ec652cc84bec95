"""Grid of electron cells over a sample, and the faces between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

__all__ = ["CellGrid"]

_SKEW = 1e-6  # 1 - cosine between a cell vector and the normal of its faces that is tolerated


class CellGrid:
    """Cells (nx, ny, nz) of equal size in scaled coordinates.

    Heat crosses the boundary of the sample along its periodic directions; the others are closed.

    Parameters
    ----------
    shape : sequence of 3 int
        Cells along the three cell vectors; (1, 1, 1) takes any structure, also without a cell.
    atoms : Atoms
        The sample, whose cell vectors and boundaries count.

    Raises
    ------
    ValueError
        If the shape is not three integers above zero, or the sample is divided without a
        three-dimensional cell.
    """

    def __init__(self, shape: Sequence[int], atoms: Atoms) -> None:
        given = np.asarray(shape)
        if given.shape != (3,) or given.dtype.kind not in "iu" or (given < 1).any():
            raise ValueError(f"cells: expected three integers above zero, got {shape!r}")
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        self.size = int(np.prod(self.shape))
        if self.size > 1 and atoms.cell.rank < 3:
            raise ValueError(
                f"cells: a grid {self.shape} needs a cell with three vectors, got "
                f"{atoms.cell.rank}; set atoms.cell"
            )
        self.cell, self.pbc = atoms.cell.array.copy(), atoms.pbc.copy()

    def assign(self, positions: NDArray) -> NDArray:
        """Cell (atoms,) of every atom; outside a closed boundary it is the cell next to it."""
        if self.size == 1:
            return np.zeros(len(positions), dtype=np.int64)
        scaled = positions @ np.linalg.inv(self.cell)
        index = np.floor(scaled * self.shape).astype(np.int64)
        inside = np.where(self.pbc, index % self.shape, index.clip(0, np.array(self.shape) - 1))
        return inside @ np.array([self.shape[1] * self.shape[2], self.shape[2], 1])

    def thickness(self, axis: int) -> float:
        """Thickness (Angstrom) of the layers of cells along a cell vector."""
        if self.size == 1:
            return 0.0
        return float(1.0 / np.linalg.norm(np.linalg.inv(self.cell)[:, axis]) / self.shape[axis])

    def faces(self) -> tuple[NDArray, NDArray]:
        """Pairs of cells that share a face, and the size of it.

        Returns
        -------
        pairs : (faces, 2) int array
            Cells on both sides; two cells of a periodic row share two faces.
        factors : (faces,) array
            Area over the distance of the centres (Angstrom).

        Raises
        ------
        ValueError
            If a divided cell vector is not perpendicular to its faces.
        """
        cells = np.arange(self.size).reshape(self.shape)
        area = np.cross(np.roll(self.cell, -1, axis=0), np.roll(self.cell, -2, axis=0))
        pairs, factors = [np.empty((0, 2), np.int64)], [np.empty(0)]
        for axis, count in enumerate(self.shape):
            if count == 1:
                continue
            face, edge = np.linalg.norm(area[axis]), np.linalg.norm(self.cell[axis])
            if 1.0 - abs(area[axis] @ self.cell[axis]) / (face * edge) > _SKEW:
                raise ValueError(
                    f"conduction: cell vector {axis} is not perpendicular to the other two; use "
                    f"one cell along it, got cells={self.shape}"
                )
            ahead = np.roll(cells, -1, axis=axis)
            left, right = np.moveaxis(cells, axis, 0), np.moveaxis(ahead, axis, 0)
            if not self.pbc[axis]:
                left, right = left[:-1], right[:-1]
            pairs.append(np.stack([left.ravel(), right.ravel()], axis=1))
            factor = (face * count / self.size) / (edge / count)
            factors.append(np.full(left.size, factor))
        return np.concatenate(pairs), np.concatenate(factors)
