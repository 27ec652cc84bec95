"""A grid of electron cells over the sample, and the conduction of heat between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState

__all__ = ["CellGrid", "conduct"]

_CONVERGED = 1e-10  # of the energies of the cells: where Newton steps end
_ROUNDING = 1e-13  # of the temperatures: shorter Newton steps are noise
_MAX_STEPS = 100
_SKEW = 1e-6


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
                f"cells: {self.shape} divide a cell of three vectors; this structure has "
                f"{atoms.cell.rank}: set atoms.cell around it"
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

    def links(self) -> tuple[NDArray, NDArray]:
        """Faces between cells.

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
                    f"conduction: cell vector {axis} is not perpendicular to the other two, along "
                    f"which heat would flow as well; divide only vectors that are, not {self.shape}"
                )
            ahead = np.roll(cells, -1, axis=axis)
            here, there = np.moveaxis(cells, axis, 0), np.moveaxis(ahead, axis, 0)
            if not self.pbc[axis]:
                here, there = here[:-1], there[:-1]
            pairs.append(np.stack([here.ravel(), there.ravel()], axis=1))
            factor = (face * count / self.size) / (edge / count)
            factors.append(np.full(here.size, factor))
        return np.concatenate(pairs), np.concatenate(factors)


def conduct(
    electrons: CellElectrons,
    state: ElectronState,
    pairs: NDArray,
    factors: NDArray,
    conductivity: Callable[[NDArray], NDArray],
    duration: float,
) -> ElectronState:
    """Let heat flow between cells that hold atoms.

    Implicit Euler steps, one of the whole duration and two of half of it, extrapolated to second
    order; where that would take more than a cell has, the two alone. Whatever the step, no
    temperature becomes negative, and what one cell loses the next one gains.

    Parameters
    ----------
    electrons : CellElectrons
        The cells.
    state : ElectronState
        Their electrons before.
    pairs, factors
        From `CellGrid.links`.
    conductivity : callable
        kappa in eV / (Angstrom K time) for temperatures (faces,) in K.
    duration : float
        Time.

    Raises
    ------
    ValueError
        If the temperatures after the time are not found, or leave the energies that are known.
    """
    filled = np.isin(pairs, electrons.occupied).all(axis=1)
    pairs, factors = pairs[filled], factors[filled]
    if not len(pairs):
        return state

    def step(before: ElectronState, time: float) -> ElectronState:
        between = before.temperature[pairs].mean(axis=1)
        return _implicit_step(electrons, before, pairs, time * factors * conductivity(between))

    whole = step(state, duration)
    halves = step(step(state, 0.5 * duration), 0.5 * duration)
    energy = 2.0 * halves.energy - whole.energy
    if (energy < electrons.least_energy).any():
        energy = halves.energy
    return electrons.at_energy(energy, halves.temperature)


def _implicit_step(
    electrons: CellElectrons, before: ElectronState, pairs: NDArray, transfer: NDArray
) -> ElectronState:
    """Give the state after ``transfer`` (eV/K) times the differences of its own temperatures.

    The temperatures solve this to the tolerance, the energies are those before and what flowed.
    """
    first, second = pairs.T
    n = electrons.n_cells
    exchange = csr_matrix((transfer, (first, second)), shape=(n, n))
    exchange = exchange + exchange.T
    laplacian = diags(np.asarray(exchange.sum(axis=1)).ravel()) - exchange
    enough = _CONVERGED * np.abs(before.energy - electrons.least_energy).max()
    enough += electrons.rounding.max()
    now, temperature = before, before.temperature
    for _ in range(_MAX_STEPS):
        flow = transfer * (temperature[second] - temperature[first])
        gain = np.bincount(first, flow, n) - np.bincount(second, flow, n)
        rest = now.energy - before.energy - gain
        if np.abs(rest).max() <= enough:
            break
        # Cold cells have none to begin with, cells without atoms never.
        capacity = np.maximum(now.heat_capacity, 1e-12 * now.heat_capacity.max())
        capacity[capacity == 0.0] = 1.0
        move = spsolve((diags(capacity) + laplacian).tocsc(), -rest)
        if np.abs(move).max() <= _ROUNDING * temperature.max():
            # Too short for the temperatures, not for what a large conductivity makes of it.
            gain -= laplacian @ move
            break
        temperature = np.maximum(temperature + move, 0.1 * temperature)
        now = electrons.at_temperature(temperature, checked=False)  # may overshoot
    else:
        raise ValueError("conduction: no temperatures found after the time step; take shorter ones")
    return replace(now, energy=before.energy + gain)
