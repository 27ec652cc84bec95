"""Electron-phonon coupling as a Langevin thermostat of the ions at the temperature of electrons.

With the electrons' energy ``U = E - K`` as the bath of the momenta p, the noise
``sqrt(2 Gamma M k T_e(E - K)) dW`` depends on p. The Fokker-Planck flux
``A rho - d(Gamma M k T_e rho)/dp`` of the microcanonical law ``rho ~ exp(S_e(E - K)/k)`` is zero if

    A = -Gamma p (1 + k/C_e)                        (for a Gamma that does not depend on T_e)

since ``d rho/dp = -p/(M k T_e) rho`` and ``dT_e/dp = -p/(M C_e)``. The second part is small unless
the electrons of a cell hold few k. Steps of finite length obey the same law exactly, because every
exchange of energy passes the test of Metropolis and Hastings (doi:10.1093/biomet/57.1.97).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
from ase import Atoms, units
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, xlogy

from ase_dos.dynamics.cell_electrons import CellElectrons, ElectronState
from ase_dos.dynamics.degrees_of_freedom import degrees_of_freedom
from ase_dos.dynamics.temperature_function import TemperatureFunction
from ase_dos.utils.checks import as_positive

__all__ = ["ElectronPhonon"]

_COUPLING = units.J / units.s / units.m**3  # W/m^3/K in ASE's units
_SOMMERFELD = 1000.0  # K, where C_e / T_e is taken for the length of parts of a step
_CHANGE = 0.1  # d Gamma t k / C_e of a part of a step: beyond, exchanges are often refused
_MOST_PARTS = 32

Draw = Callable[[tuple[int, ...]], NDArray]


class ElectronPhonon:
    """Exchange of energy between ions and the electrons of their cells.

    Parameters
    ----------
    coupling : float or callable
        G in W/m^3/K, or a function that gives it for T_e (K).
    atoms : Atoms
        The sample.
    atomic_volume : float, optional
        Volume of an atom (Angstrom^3); by default that of the periodic cell over the atoms.

    Attributes
    ----------
    follows_volume : bool
        Whether the volume of an atom is that of the cell, and changes with it.

    Raises
    ------
    ValueError
        If G is negative, or the volume of an atom is not known.
    """

    def __init__(
        self,
        coupling: float | Callable[[NDArray], ArrayLike],
        atoms: Atoms,
        atomic_volume: float | None = None,
    ) -> None:
        self.coupling = TemperatureFunction(coupling, "coupling", _COUPLING)
        self.follows_volume = atomic_volume is None
        if atomic_volume is not None:
            self.atomic_volume = as_positive(atomic_volume, "atomic_volume")
        elif atoms.pbc.all() and atoms.cell.rank == 3:
            self.atomic_volume = float(atoms.get_volume() / len(atoms))
        else:
            raise ValueError(
                "coupling: a value in W/m^3/K needs the density of atoms, but the structure is not "
                "periodic in three directions; give its atomic_volume (Angstrom^3)"
            )

    def friction(self, temperature: NDArray) -> NDArray:
        """Friction Gamma = G / (3 n k) (1 / ASE's unit of time) at T_e (K)."""
        return self.coupling(temperature) * self.atomic_volume / (3.0 * units.kB)

    def kick(
        self, atoms: Atoms, labels: NDArray, temperature: NDArray, time: float, draw: Draw
    ) -> NDArray:
        """Take the exact Langevin step of the momenta at constant T_e.

        Parameters
        ----------
        atoms : Atoms
            Their momenta change, within their constraints.
        labels : (atoms,) int array
            Cell of every atom.
        temperature : (cells,) array
            T_e (K).
        time : float
            Length of the step, in ASE's unit.
        draw : callable
            Random numbers of a normal distribution of unit width, for a shape.

        Returns
        -------
        gain : (cells,) array
            Kinetic energy that the ions have gained, as measured (eV).
        """
        before = atoms.get_momenta()
        decay = np.exp(-self.friction(temperature) * time)
        variance = (1.0 - decay**2) * units.kB * temperature
        _move(atoms, labels, decay, variance, draw)
        return _gain(atoms, labels, before, len(temperature))

    def exchange(
        self, atoms: Atoms, electrons: CellElectrons, state: ElectronState, time: float, draw: Draw
    ) -> tuple[ElectronState, int]:
        """Exchange energy of the ions and of electrons that nothing else holds at their T_e.

        Each cell samples ``exp(S_e(E - K)/k)`` at its energy E, whatever the length of the step.

        Parameters
        ----------
        atoms : Atoms
            Their momenta change, within their constraints.
        electrons : CellElectrons
            Electrons of the atoms where they are.
        state : ElectronState
            Their state before.
        time : float
            Length of the step, in ASE's unit.
        draw : callable
            Random numbers of a normal distribution of unit width, for a shape.

        Returns
        -------
        state : ElectronState
            State after; its energy has changed by what the kinetic energy of the ions lost, as
            measured.
        refused : int
            Exchanges of energy that were refused in cells.

        Warns
        -----
        UserWarning
            If electrons had less energy than ions would have taken.

        Notes
        -----
        The kinetic energy K of d degrees of freedom is r^2/2. A proposal for r is normal, with the
        mean and the variance of an Ornstein-Uhlenbeck step at the T_e before it; the direction of
        the momenta is that of such a step. Every direction is as likely, so that r alone decides:
        with ``p(r) ~ r^(d-1) exp(S_e(E - r^2/2)/k)`` and q the density of proposals, it is accepted
        with the probability ``min(1, p(r') q(r' -> r) / (p(r) q(r -> r')))``. If it is refused, the
        momenta have turned and keep their r.

        The number of parts into which a step is divided depends on what an exchange does not
        change. Constraints between atoms of several cells make the law approximate, to the order
        of 1 / atoms.
        """
        degrees = degrees_of_freedom(atoms, electrons.labels, electrons.n_cells)
        parts, share = self._parts(atoms, electrons, state, degrees, time)
        refused = 0
        for _ in range(parts):
            part = _Exchange(self, electrons, degrees, time / parts, share)
            state, here = part.take(atoms, state, draw)
            refused += here
        return state, refused

    def _parts(
        self,
        atoms: Atoms,
        electrons: CellElectrons,
        state: ElectronState,
        degrees: NDArray,
        time: float,
    ) -> tuple[int, NDArray]:
        """Parts of a step, and the part (cells,) of K that friction takes in each.

        Of the energy E and the positions only: a number that depended on T_e would change the law.
        """
        total = _kinetic(atoms, electrons.labels, electrons.n_cells)
        total += state.internal_energy - electrons.least_energy
        warm = electrons.at_temperature(_SOMMERFELD, checked=False)
        slope, ions = warm.heat_capacity / _SOMMERFELD, 0.5 * units.kB * degrees
        # Of ions and electrons in equilibrium: gamma T^2 / 2 + d k T / 2 = E.
        root = ions + np.sqrt(ions**2 + 2.0 * slope * total.clip(min=0.0))
        temperature = np.divide(2.0 * total.clip(min=0.0), root, where=root > 0, out=0.0 * root)
        length, capacity = self.friction(temperature) * time, slope * temperature
        change = np.divide(
            2.0 * ions * length, capacity, where=capacity > 0, out=np.zeros_like(capacity)
        )
        parts = int(np.clip(np.ceil(change.max() / _CHANGE), 1, _MOST_PARTS))
        return parts, -np.expm1(-2.0 * length / parts)


class _Exchange:
    """One proposal for the kinetic energy of every cell, and its test."""

    def __init__(
        self,
        coupling: ElectronPhonon,
        electrons: CellElectrons,
        degrees: NDArray,
        time: float,
        share: NDArray,
    ) -> None:
        self.coupling, self.electrons, self.degrees = coupling, electrons, degrees
        self.time, self.share = time, share

    def take(self, atoms: Atoms, state: ElectronState, draw: Draw) -> tuple[ElectronState, int]:
        electrons, labels, n_cells = self.electrons, self.electrons.labels, self.electrons.n_cells
        before = atoms.get_momenta()
        radius = np.sqrt(2.0 * _kinetic(atoms, labels, n_cells))
        decay, variance = self._bath(state, radius)
        mean = self._mean(radius, decay, variance)
        _move(atoms, labels, decay, variance, draw)
        step, chance = draw((2, n_cells))
        proposed = mean + np.sqrt(variance) * step
        gain = 0.5 * (proposed**2 - radius**2)
        spare = state.internal_energy - electrons.least_energy
        able = (self.degrees > 0) & (variance > 0)
        poor = able & (gain > spare)
        possible = able & (proposed > 0) & ~poor
        after = electrons.at_energy(
            state.internal_energy - np.where(possible, gain, 0.0), state.temperature
        )
        reverse = self._bath(after, proposed)
        back = self._mean(proposed, *reverse)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (after.entropy - state.entropy) / units.kB
            ratio += xlogy(self.degrees - 1.0, proposed / radius)
            ratio += 0.5 * np.log(variance / reverse[1])
            ratio += 0.5 * ((proposed - mean) ** 2 / variance - (radius - back) ** 2 / reverse[1])
        taken = possible & (log_ndtr(chance) < ratio)
        if poor.any():
            warnings.warn(
                f"in {int(poor.sum())} of {n_cells} cells the electrons have less energy than "
                "the thermostat would give to the ions; these ions keep their kinetic energy. This "
                "leaves the equilibrium as it is and makes the exchange slower",
                UserWarning,
                stacklevel=2,
            )
        turned = np.sqrt(2.0 * _kinetic(atoms, labels, n_cells))
        kept = np.where(taken, proposed, radius)
        scale = np.divide(kept, turned, where=turned > 0, out=np.ones_like(kept))
        binding = n_cells > 1 and bool(atoms.constraints)  # perhaps atoms of several cells
        atoms.set_momenta(scale[labels][:, None] * atoms.get_momenta(), apply_constraint=binding)
        energy = state.internal_energy - _gain(atoms, labels, before, n_cells)
        refused = int((able & ~taken).sum())
        if not binding:
            return _choose(taken, after, state, energy), refused
        if (energy < electrons.least_energy).any():
            atoms.set_momenta(before, apply_constraint=False)
            return state, int(able.sum())
        return electrons.at_energy(energy, state.temperature), refused

    def _bath(self, state: ElectronState, radius: NDArray) -> tuple[NDArray, NDArray]:
        """Decay of the momenta and variance of their noise; electrons as friction heats them."""
        least = self.electrons.least_energy
        friction_heat = least + 0.5 * self.share * radius**2
        if (friction_heat > state.internal_energy).any():  # T_e = 0 would give no noise
            energy = np.maximum(state.internal_energy, friction_heat)
            state = self.electrons.at_energy(energy, state.temperature)
        thermal = units.kB * state.temperature
        # 1 + k/C_e, but no more than twice the friction: any proposal leads to the same law.
        extra = 1.0 + units.kB / np.maximum(state.heat_capacity, units.kB)
        rate = extra * self.coupling.friction(state.temperature) * self.time
        return np.exp(-rate), -np.expm1(-2.0 * rate) * thermal / extra

    def _mean(self, radius: NDArray, decay: NDArray, variance: NDArray) -> NDArray:
        """Radius of momenta that decay, with the noise of all directions but their own."""
        across = variance * (self.degrees - 1.0).clip(min=0.0)
        return np.sqrt((decay * radius) ** 2 + across)


def _move(atoms: Atoms, labels: NDArray, decay: NDArray, variance: NDArray, draw: Draw) -> None:
    """Let momenta decay, and add noise of a variance (cells,) of p / sqrt(M)."""
    noise = np.sqrt(variance)[labels][:, None] * np.sqrt(atoms.get_masses())[:, None]
    normal = draw((len(atoms), 3))
    atoms.set_momenta(decay[labels][:, None] * atoms.get_momenta() + noise * normal)


def _kinetic(atoms: Atoms, labels: NDArray, n_cells: int) -> NDArray:
    """Kinetic energy (cells,) of the ions (eV)."""
    energy = 0.5 * (atoms.get_momenta() ** 2).sum(axis=1) / atoms.get_masses()
    return np.bincount(labels, energy, n_cells)


def _gain(atoms: Atoms, labels: NDArray, before: NDArray, n_cells: int) -> NDArray:
    """Kinetic energy (cells,) gained since the momenta before (eV)."""
    change = 0.5 * (atoms.get_momenta() ** 2 - before**2).sum(axis=1) / atoms.get_masses()
    return np.bincount(labels, change, n_cells)


def _choose(
    taken: NDArray, after: ElectronState, before: ElectronState, energy: NDArray
) -> ElectronState:
    """State after in the cells that took the exchange, with an energy of the last digit."""
    columns = [
        np.where(taken, getattr(after, field.name), getattr(before, field.name))
        for field in fields(ElectronState)
    ]
    return replace(ElectronState(*columns), internal_energy=energy)
