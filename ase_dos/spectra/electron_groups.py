"""Groups of atoms, each with electrons in equilibrium at a temperature of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.electrons.excitation import Excitation
from ase_dos.spectra.local_dos import LocalDOS
from ase_dos.utils.short_repr import short_repr

__all__ = ["ElectronGroups", "ExcitedGroups"]


@dataclass(frozen=True, eq=False)
class ElectronGroups:
    """Division of the atoms of a cell; each group is neutral and has its own chemical potential.

    Parameters
    ----------
    temperatures : (groups,) array
        Electron temperatures (K).
    labels : (atoms,) int array
        Group of every atom. Groups without atoms do not count.
    """

    temperatures: NDArray
    labels: NDArray

    __repr__ = short_repr

    def __post_init__(self) -> None:
        # Groups without atoms are left out, the others numbered anew.
        if len(self) == 1:
            return
        present = np.bincount(self.labels) > 0
        temperatures = np.asarray(self.temperatures)[: present.size][present]
        object.__setattr__(self, "temperatures", temperatures)
        object.__setattr__(self, "labels", (present.cumsum() - 1)[self.labels])

    @classmethod
    def of_one_temperature(cls, temperature: float, n_atoms: int) -> ElectronGroups:
        """All atoms together."""
        return cls(np.array([temperature]), np.zeros(n_atoms, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.temperatures)

    @property
    def mean_temperature(self) -> float:
        """Mean over the atoms (K)."""
        return float(self.temperatures[self.labels].mean())

    def atoms(self) -> Sequence[NDArray | slice]:
        """Return the indices of the atoms of every group; a slice where one has all."""
        if len(self) == 1:
            return [slice(None)]
        ends = np.bincount(self.labels).cumsum()
        return np.split(np.argsort(self.labels, kind="stable"), ends[:-1])

    def thermal_sums(self, local: LocalDOS) -> dict[str, float]:
        """Entropy and heat capacity (eV/K) at T, and F(T) - F(0) (eV), of all groups together."""
        entropy = free_energy = capacity = 0.0
        for atoms, temperature in self._pairs():
            gas = local.total(atoms).electron_gas([0.0, temperature])
            cold, hot = np.asarray(gas.free_energy)
            free_energy += float(hot - cold)
            entropy += float(np.asarray(gas.entropy)[1])
            capacity += float(np.asarray(gas.heat_capacity)[1])
        return {"entropy": entropy, "free_energy": free_energy, "heat_capacity": capacity}

    def excite(self, local: LocalDOS, ground_temperature: float) -> ExcitedGroups:
        """Heat the electrons of every group from ``ground_temperature`` (K) to its own.

        Raises
        ------
        ValueError
            If the electrons of a group do not fit its known states.
        """
        parts = [
            local.total(atoms).excite(temperature, ground_temperature)
            for atoms, temperature in self._pairs()
        ]
        return ExcitedGroups(self, parts)

    def _pairs(self) -> Iterator[tuple[NDArray | slice, float]]:
        return zip(self.atoms(), self.temperatures.tolist(), strict=True)


@dataclass(frozen=True, eq=False)
class ExcitedGroups:
    """Excitation of the electrons of groups of atoms.

    Parameters
    ----------
    groups : ElectronGroups
        The groups.
    parts : list of Excitation
        Excitation of each.
    """

    groups: ElectronGroups
    parts: list[Excitation]

    @property
    def free_energy(self) -> float:
        """F(T) - F(T_0) of all groups (eV)."""
        return sum(part.free_energy for part in self.parts)

    @property
    def derivatives(self) -> NDArray:
        """Derivative (groups, n) of the free energy by the DOS of every group (eV^2/states)."""
        return np.array([part.derivative for part in self.parts])

    def moments(self, local: LocalDOS) -> NDArray:
        """Magnetic moments (atoms,) in Bohr magnetons at the temperatures of the groups.

        Raises
        ------
        ValueError
            If the spin channels are not known.
        """
        moments = np.empty(len(local))
        for atoms, part in zip(self.groups.atoms(), self.parts, strict=True):
            moments[atoms] = local.take(atoms).moments(part.electron_weights)
        return moments

    def shares(self, local: LocalDOS) -> NDArray:
        """Free energies (eV), entropies (eV/K) and charges (3, atoms) of the atoms.

        They sum to the values of the groups.
        """
        shares = np.empty((3, len(local)))
        for atoms, part in zip(self.groups.atoms(), self.parts, strict=True):
            shares[:, atoms] = local.take(atoms).share(part)
        return shares
