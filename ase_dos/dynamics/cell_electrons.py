"""Electrons of one or many cells, each with its own DOS, temperature and chemical potential.

Energies count from the free energy F(T_0) of the electrons that the ground state contains already:
``internal_energy = U(T) - F(T_0)`` is what is added to E_0, and it does not depend on the zero of
energy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.units import kB
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.filling import Filling
from ase_dos.electrons.weights import functional_weights
from ase_dos.kernels import inversion
from ase_dos.spectra.local_dos import LocalDOS

__all__ = ["CellElectrons", "ElectronState"]

_FIRST_GUESS = 1000.0  # K, for cells that are cold
_ROUNDING = 1e-14  # of the energy of all bands: rounding error of a difference of two


@dataclass(frozen=True, eq=False)
class ElectronState:
    """Electrons of the cells at one moment; all zero in a cell without atoms.

    Parameters
    ----------
    temperature : (cells,) array
        T_e (K).
    fermi_level : (cells,) array
        Chemical potential (eV).
    entropy : (cells,) array
        S_e (eV/K).
    internal_energy : (cells,) array
        U - F(T_0) (eV).
    heat_capacity : (cells,) array
        At fixed electron number (eV/K).
    """

    temperature: NDArray
    fermi_level: NDArray
    entropy: NDArray
    internal_energy: NDArray
    heat_capacity: NDArray

    @property
    def free_energy(self) -> NDArray:
        """F(T) - F(T_0) of every cell (eV)."""
        return self.internal_energy - self.temperature * self.entropy


class CellElectrons:
    """Electrons of cells whose atoms are known: T, S and U of each from one another.

    Every cell is neutral: it has the valence electrons of its atoms.

    Parameters
    ----------
    local : LocalDOS
        Density of states of every atom.
    labels : (atoms,) int array
        Cell of every atom.
    n_cells : int
        Number of cells; some may be empty.
    ground_temperature : float
        T_0 (K), see the module.

    Attributes
    ----------
    occupied : int array
        Cells that hold atoms.
    least_energy : (cells,) array
        Energy of cold electrons, U(0) - F(T_0) (eV).
    rounding : (cells,) array
        Rounding error of energies (eV).

    Raises
    ------
    ValueError
        If the known states cannot hold the electrons of a cell.
    """

    def __init__(
        self, local: LocalDOS, labels: NDArray, n_cells: int = 1, ground_temperature: float = 0.0
    ) -> None:
        self.local, self.labels = local, labels
        coefficients = np.zeros((n_cells, local.coefficients.shape[1]))
        np.add.at(coefficients, labels, local.coefficients)
        electrons = np.bincount(labels, local.valence, n_cells)
        self.occupied = np.flatnonzero(electrons > 0)
        values = local.expand(coefficients[self.occupied])
        self._filling = Filling.of_dos(local.energies, values, electrons[self.occupied])
        self.n_cells = n_cells
        self.rounding = _ROUNDING * np.ptp(local.energies) * electrons
        start = np.full(n_cells, float(ground_temperature))
        self.least_energy = np.zeros(n_cells)  # with which energies count from U(0) = F(0)
        self.least_energy = -self._solve(inversion.TEMPERATURE, kB * start, start).free_energy

    def at_temperature(self, temperature: ArrayLike, *, checked: bool = True) -> ElectronState:
        """State of the cells at given temperatures (K).

        Raises
        ------
        ValueError
            If electrons would be in unknown states, unless ``checked`` is false.
        """
        temperature = np.broadcast_to(np.asarray(temperature, float), (self.n_cells,))
        state = self._solve(inversion.TEMPERATURE, kB * temperature, temperature)
        return self._checked(state) if checked else state

    def at_entropy(self, entropy: NDArray, guess: NDArray) -> ElectronState:
        """State of the cells with these entropies (eV/K), T near ``guess`` (K).

        An entropy of zero or below is that of cold electrons.
        """
        return self._checked(self._solve(inversion.ENTROPY, entropy / kB, guess))

    def at_energy(self, energy: NDArray, guess: NDArray) -> ElectronState:
        """State of the cells with these energies U - F(T_0) (eV), T near ``guess`` (K).

        Raises
        ------
        ValueError
            If a cell would have less energy than cold electrons have.
        """
        excess = energy - self.least_energy
        lacking = excess < -self.rounding
        if lacking.any():
            cell = int(np.argmin(excess))
            raise ValueError(
                f"the electrons of cell {cell} would have {-excess[cell]:.3g} eV less than at "
                "T_e = 0"
            )
        return self._checked(self._solve(inversion.ENERGY, excess, guess))

    def entropy_shares(self, state: ElectronState) -> NDArray:
        """Part (atoms,) that every atom has of the entropy of its cell; zero or above."""
        weights = np.zeros((self.n_cells, self.local.energies.size))
        here = self.occupied
        entropy = functional_weights(
            self.local.energies, state.fermi_level[here], state.temperature[here]
        ).entropy
        weights[here] = self._filling.local_weights(entropy[:, None])[:, 0]
        modes = self.local.reduce(weights)
        parts = np.einsum("ik,ik->i", self.local.coefficients, modes[self.labels]).clip(min=0.0)
        sums = np.bincount(self.labels, parts, self.n_cells)[self.labels]
        valence = np.bincount(self.labels, self.local.valence, self.n_cells)[self.labels]
        even = self.local.valence / valence
        return np.where(sums > 0, parts / np.where(sums > 0, sums, 1.0), even)

    def _solve(self, kind: int, value: NDArray, guess: NDArray) -> ElectronState:
        here = self.occupied
        first = kB * np.where(guess[here] > 0, guess[here], _FIRST_GUESS)
        kt, ground_energy, found = self._filling.invert(kind, value[here], first)
        good = np.isfinite(kt) & np.isfinite(found).all(axis=1)
        if not good.all():
            cell = here[int(np.argmin(good))]
            raise ValueError(
                f"electrons of cell {cell} (at {guess[cell]:.6g} K): no state found; did they "
                "gain more than the known states can hold?"
            )
        mu, free, entropy, capacity = found.T[:4]
        columns = np.zeros((5, self.n_cells))
        columns[:, here] = [
            guess[here] if kind == inversion.TEMPERATURE else kt / kB,
            mu,
            kB * entropy,
            free - ground_energy + kt * entropy + self.least_energy[here],
            kB * capacity,
        ]
        return ElectronState(*columns)

    def _checked(self, state: ElectronState) -> ElectronState:
        """Refuse a state in which electrons would be in unknown states."""
        here = self.occupied
        mu, kt = state.fermi_level[here, None], kB * state.temperature[here, None]
        self._filling.check_window(mu, kt)
        return state
