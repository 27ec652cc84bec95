"""Electron-phonon coupling as a Langevin thermostat of the ions at the temperature of electrons."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from ase import Atoms, units
from numpy.typing import ArrayLike, NDArray

from ase_dos.dynamics.temperature_function import TemperatureFunction
from ase_dos.utils.checks import as_positive

__all__ = ["ElectronPhonon"]

_COUPLING = units.J / units.s / units.m**3  # W/m^3/K in ASE's units


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
        self,
        atoms: Atoms,
        labels: NDArray,
        temperature: NDArray,
        spare: NDArray,
        time: float,
        normal: NDArray,
    ) -> tuple[NDArray, int]:
        """Take the exact Langevin step of the momenta at constant T_e.

        Parameters
        ----------
        atoms : Atoms
            Their momenta change, within their constraints.
        labels : (atoms,) int array
            Cell of every atom.
        temperature : (cells,) array
            T_e (K).
        spare : (cells,) array
            Energy (eV) that the electrons can give at most. The ions of a cell that would take
            more keep their momenta.
        time : float
            Length of the step, in ASE's unit.
        normal : (atoms, 3) array
            Random numbers of a normal distribution of unit width.

        Returns
        -------
        gain : (cells,) array
            Kinetic energy that the ions have gained, as measured (eV).
        refused : int
            Cells whose ions kept their momenta.

        Warns
        -----
        UserWarning
            If any did.
        """
        decay = np.exp(-self.friction(temperature) * time)
        noise = np.sqrt((1.0 - decay**2) * units.kB * temperature)
        masses, cells = atoms.get_masses()[:, None], labels[:, None]
        before = atoms.get_momenta()
        atoms.set_momenta(decay[cells] * before + noise[cells] * np.sqrt(masses) * normal)
        after = atoms.get_momenta()
        change = (0.5 * (after**2 - before**2) / masses).sum(axis=1)
        gain = np.bincount(labels, change, len(temperature))
        poor = gain > spare
        if poor.any():
            atoms.set_momenta(np.where(poor[cells], before, after), apply_constraint=False)
            gain[poor] = 0.0
            warnings.warn(
                f"in {int(poor.sum())} of {len(poor)} cells the electrons have less energy than "
                "the thermostat would give to the ions; these ions keep their momenta. The "
                "electrons are too few or too cold for this coupling and time step",
                UserWarning,
                stacklevel=2,
            )
        return gain, int(poor.sum())
