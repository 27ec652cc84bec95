"""Conduction of heat by the electrons between cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState

__all__ = ["conduct_heat"]

_CONVERGED = 1e-10  # of the energies of the cells: where Newton steps end
_ROUNDING = 1e-13  # of the temperatures: shorter Newton steps are noise
_MAX_STEPS = 100


def conduct_heat(
    electrons: CellElectrons,
    state: ElectronState,
    pairs: NDArray,
    factors: NDArray,
    conductivity: Callable[[NDArray], NDArray],
    duration: float,
) -> ElectronState:
    """Let heat flow between cells that hold atoms.

    Implicit Euler steps, one of the whole duration and two of half of it, are extrapolated to
    second order. If a cell then had a negative energy, the two half steps count alone. For any
    duration, no temperature becomes negative, and what one cell loses the next one gains.

    Parameters
    ----------
    electrons : CellElectrons
        The cells.
    state : ElectronState
        Their electrons before.
    pairs, factors
        From `CellGrid.faces`.
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
    energy = 2.0 * halves.internal_energy - whole.internal_energy
    if (energy < electrons.least_energy).any():
        energy = halves.internal_energy
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
    enough = _CONVERGED * np.abs(before.internal_energy - electrons.least_energy).max()
    enough += electrons.rounding.max()
    now, temperature = before, before.temperature
    for _ in range(_MAX_STEPS):
        flow = transfer * (temperature[second] - temperature[first])
        gain = np.bincount(first, flow, n) - np.bincount(second, flow, n)
        rest = now.internal_energy - before.internal_energy - gain
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
    return replace(now, internal_energy=before.internal_energy + gain)
