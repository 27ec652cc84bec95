"""Free energy of excited electrons as a functional of the density of states.

At fixed electron number F(T) = Omega + mu N changes with the DOS by dF/dg(E) = omega(E), the
grand potential of one state: the change of mu drops out because dOmega/dmu + N = 0. The
derivative of F(T) - F(T_0) by anything that the DOS depends on is then one integral over
energies with the difference of two such functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_dos.fermi import repair_gradient, repair_valence
from ase_dos.spectrum import DOS, LocalDOS

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
    local_weights : (3, n) array
        Weights over the energies of the local DOS of an atom that give its part of the free
        energy (but for ``per_electron``), its entropy and its electrons at T.
    per_electron : float
        mu(T) - mu(T_0) (eV), which every valence electron adds.
    """

    free_energy: float
    derivative: NDArray
    local_weights: NDArray
    per_electron: float

    def per_atom(self, local: LocalDOS) -> tuple[NDArray, NDArray, NDArray]:
        """Split the free energy (eV), the entropy at T (eV/K) and the charge among the atoms.

        Parts of shape (atoms,) that sum to the values of the cell; a positive charge lacks
        electrons.
        """
        free_energies, entropies, electrons = local.project(self.local_weights).T
        return (
            free_energies + self.per_electron * local.valence,
            entropies,
            (local.valence - electrons),
        )


def excite(dos: DOS, temperature: float, ground_temperature: float = 0.0) -> Excitation:
    """Heat the electrons of a cell from ``ground_temperature`` to ``temperature`` (K).

    Raises
    ------
    ValueError
        If the electrons do not fit the known states at one of the temperatures.
    """
    gas = dos.electron_gas([ground_temperature, temperature])
    weights = gas.weights(dos.energies)
    change = weights.grand_potential[1] - weights.grand_potential[0]
    repaired, _ = repair_valence(dos.energies, dos.values, dos.n_electrons)
    kept = np.divide(repaired, dos.values, out=np.ones_like(repaired), where=dos.values != repaired)
    shift = float(gas.fermi_level[1] - gas.fermi_level[0])
    return Excitation(
        # The difference of two free energies would lose the digits of their band energies.
        free_energy=float(change @ repaired + shift * dos.n_electrons),
        derivative=repair_gradient(dos.energies, dos.values, dos.n_electrons, change),
        local_weights=kept * np.array([change, weights.entropy[1], weights.electrons[1]]),
        per_electron=shift,
    )
