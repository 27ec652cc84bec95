"""Heat that the electrons of a sample exchange with light, with a bath, and between cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray

from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState
from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.dynamics.heat_conduction import conduct_heat
from ase_dos.dynamics.laser_pulse import LaserPulse
from ase_dos.dynamics.temperature_function import TemperatureFunction
from ase_dos.utils.checks import as_positive

__all__ = ["HeatExchange"]

_CONDUCTIVITY = units.J / units.s / units.m  # W/m/K in ASE's units


class HeatExchange:
    """Changes of the energy of the electrons of a grid that are not due to the ions.

    Parameters
    ----------
    grid : CellGrid
        The cells.
    pulse, conductivity, bath_temperature, bath_rate
        As in `ase_dos.dynamics.two_temperature.TwoTemperature`.

    Attributes
    ----------
    fixed_temperature : float or None
        Temperature (K) that the bath keeps the electrons at.

    Raises
    ------
    ValueError
        If a number is negative or not finite, or options contradict each other.
    """

    def __init__(
        self,
        grid: CellGrid,
        pulse: LaserPulse | Sequence[LaserPulse] = (),
        conductivity: float | Callable[[NDArray], ArrayLike] | None = None,
        bath_temperature: float | None = None,
        bath_rate: float | None = None,
    ) -> None:
        self.grid = grid
        self.pulses = [pulse] if isinstance(pulse, LaserPulse) else list(pulse)
        self.bath_temperature, self.bath_rate = bath_temperature, bath_rate
        if bath_temperature is not None:
            as_positive(bath_temperature, "bath_temperature", zero=True)
        if bath_rate is not None:
            as_positive(bath_rate, "bath_rate")
            if bath_temperature is None:
                raise ValueError("bath_rate: expected a bath_temperature to relax to, got none")
        self.fixed_temperature = bath_temperature if bath_rate is None else None
        if self.fixed_temperature is not None and (self.pulses or conductivity is not None):
            raise ValueError(
                "bath_temperature without bath_rate fixes T_e: neither a pulse nor conduction can "
                "change it; give a bath_rate, or leave out the bath"
            )
        for each in self.pulses:
            if not isinstance(each, LaserPulse):
                raise ValueError(f"pulse: expected LaserPulse, got {type(each).__name__}")
            if each.depth is not None and grid.shape[each.axis] == 1:
                raise ValueError(
                    f"pulse: a depth needs cells along {each.direction[1]}, got a grid {grid.shape}"
                )
        self.conductivity = None
        if conductivity is not None:
            if grid.size == 1:
                raise ValueError("conductivity: heat flows between cells, but there is only one")
            self.conductivity = TemperatureFunction(conductivity, "conductivity", _CONDUCTIVITY)
            grid.faces()  # fails where heat cannot flow

    def is_active(self, start: float, stop: float) -> bool:
        """Whether any heat is exchanged between two times."""
        always = self.conductivity is not None or self.bath_rate is not None
        return always or any(pulse.absorbed(start, stop) for pulse in self.pulses)

    def advance(
        self, electrons: CellElectrons, state: ElectronState, start: float, stop: float
    ) -> tuple[ElectronState, float, float]:
        """State after the time from start to stop, the energy absorbed and that from the bath.

        Energies in eV, times in ASE's unit.
        """
        light = self._light(electrons, start, stop)
        if light.any():
            state = electrons.at_energy(state.internal_energy + light, state.temperature)
        if self.conductivity is not None:
            state = conduct_heat(
                electrons, state, *self.grid.faces(), self.conductivity, stop - start
            )
        from_bath = 0.0
        if self.bath_temperature is not None and self.bath_rate is not None:
            rest = np.exp(-self.bath_rate * (stop - start)) * state.temperature
            rest += -np.expm1(-self.bath_rate * (stop - start)) * self.bath_temperature
            after = electrons.at_temperature(rest)
            from_bath = float((after.internal_energy - state.internal_energy).sum())
            state = after
        return state, float(light.sum()), from_bath

    def _light(self, electrons: CellElectrons, start: float, stop: float) -> NDArray:
        """Energy (cells,) that pulses bring between two times (eV)."""
        energy = np.zeros(self.grid.size)
        counts = np.bincount(electrons.labels, minlength=self.grid.size).reshape(self.grid.shape)
        for pulse in self.pulses:
            shares = pulse.shares(counts, self.grid.thickness(pulse.axis))
            energy += counts.sum() * pulse.absorbed(start, stop) * shares.ravel()
        return energy

    def todict(self) -> dict[str, Any]:
        """Parameters as plain values."""
        return {
            "cells": list(self.grid.shape),
            "pulses": [pulse.todict() for pulse in self.pulses],
            "conductivity": None if self.conductivity is None else self.conductivity.label,
            "bath_temperature": self.bath_temperature,
            "bath_rate": self.bath_rate,
        }
