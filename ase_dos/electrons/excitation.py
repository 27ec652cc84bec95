"""Free energy of excited electrons as a functional of the density of states.

At fixed electron number F(T) = Omega + mu N changes with the DOS by dF/dg(E) = omega(E), the
grand potential of one state: the change of mu drops out because dOmega/dmu + N = 0. The
derivative of F(T) - F(T_0) by anything that the DOS depends on is then one integral over
energies with the difference of two such functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_dos.electrons.filling import Filling
from ase_dos.electrons.gas import ElectronGas, gas_from_dos
from ase_dos.electrons.weights import FunctionalWeights
from ase_dos.utils.short_repr import short_repr

__all__ = ["Excitation", "excite"]


@dataclass(frozen=True, eq=False)
class Excitation:
    """F(T) - F(T_0) of one cell, and how it depends on the DOS.

    Parameters
    ----------
    free_energy : float
        F(T) - F(T_0) (eV).
    derivative : (n,) array
        By the values of the DOS on its grid, at fixed electron number (eV^2/states).
    per_electron : float
        mu(T) - mu(T_0) (eV), which every valence electron adds.
    weights : (3, n) array
        Weights over the energies of the DOS of ``filling`` that give the free energy (but for
        ``per_electron``), the entropy and the electrons at T.
    filling : Filling
        The states that the electrons fill.
    """

    free_energy: float
    derivative: NDArray
    per_electron: float
    weights: NDArray
    filling: Filling = field(repr=False)

    __repr__ = short_repr

    @classmethod
    def of_gas(cls, gas: ElectronGas) -> Excitation:
        """Take the electrons of one cell at T_0 and T."""
        filling, mu = gas.filling, np.asarray(gas.fermi_level)
        weights = FunctionalWeights.of_grid(
            filling.energies,
            filling.step,
            mu,
            np.asarray(gas.temperature),
            np.asarray(gas.fermi_slope),
        )
        change = weights.grand_potential[1] - weights.grand_potential[0]
        shift = float(mu[1] - mu[0])
        return cls(
            # The difference of two free energies would lose the digits of their band energies.
            free_energy=float(change @ filling.dos[0] + shift * filling.electrons[0]),
            derivative=filling.derivatives(change[None, None])[0, 0],
            per_electron=shift,
            weights=np.array([change, weights.entropy[1], weights.electrons[1]]),
            filling=filling,
        )

    @property
    def electron_weights(self) -> NDArray:
        """Weights (n,) that count the electrons at T of a local DOS, or of a spin channel."""
        return self.local_weights[2]

    @property
    def local_weights(self) -> NDArray:
        """The weights (3, n) for the local DOS of an atom, which give its parts."""
        return self.filling.local_weights(self.weights[None])[0]


def excite(
    energies: ArrayLike,
    values: ArrayLike,
    n_electrons: float,
    temperature: float,
    ground_temperature: float = 0.0,
    *,
    valid_to: float | None = None,
    smearing: float = 0.0,
) -> Excitation:
    """Heat the electrons of a cell from ``ground_temperature`` to ``temperature`` (K).

    Parameters
    ----------
    energies, values : (n,) array_like
        Uniform grid (eV), and the DOS of the cell on it (states/eV).
    n_electrons : float
        Electrons of the cell.
    temperature, ground_temperature : float
        T and T_0 (K), zero or above.
    valid_to, smearing : float
        As in `ase_dos.electrons.gas.gas_from_dos`.

    Raises
    ------
    ValueError
        If the electrons do not fit the known states at one of the temperatures.
    """
    gas = gas_from_dos(
        energies,
        values,
        n_electrons,
        [ground_temperature, temperature],
        valid_to=valid_to,
        smearing=smearing,
    )
    return Excitation.of_gas(gas)
