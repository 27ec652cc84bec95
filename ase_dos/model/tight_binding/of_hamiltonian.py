"""What all models of a tight-binding Hamiltonian have, however they come by its states."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ase_dos.spectra.dos import EnergyGrid
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.utils.checks import as_positive
from ase_dos.utils.digests import checksum

__all__ = ["OfHamiltonian"]


@dataclass(frozen=True, eq=False)
class OfHamiltonian:
    """Hamiltonian, and the energies on which the DOS of its states is wanted.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
    grid : EnergyGrid
        Energies (eV).
    smearing : float
        Standard deviation of the Gaussian (eV).
    """

    hamiltonian: TightBindingHamiltonian
    grid: EnergyGrid
    smearing: float = 0.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "smearing", as_positive(self.smearing, "smearing"))

    @property
    def species(self) -> tuple[int, ...]:
        """Atomic numbers with parameters."""
        return self.hamiltonian.form.species

    @property
    def cutoff(self) -> float:
        """Infinite: states reach through the whole cell."""
        return np.inf

    @cached_property
    def info(self) -> dict[str, Any]:
        """Form, energies and what the states depend on, with a hash of these and the parameters."""
        plain = {
            "form": self.hamiltonian.form.to_dict(),
            "grid": asdict(self.grid),
            "smearing": self.smearing,
            **self._about(),
        }
        return plain | {"hash": checksum(self.hamiltonian.parameters, header=str(plain))}

    def _about(self) -> dict[str, Any]:
        """Kind of the model and its own options, as plain values."""
        raise NotImplementedError
