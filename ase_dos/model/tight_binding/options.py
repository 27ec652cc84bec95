"""Hyperparameters of a tight-binding model, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ase_dos.model.options import ModelOptions
from ase_dos.tight_binding.form import HamiltonianForm
from ase_dos.tight_binding.hamiltonian import TightBindingHamiltonian
from ase_dos.utils.checks import as_array, as_positive

__all__ = ["TightBindingOptions"]


@dataclass(frozen=True, eq=False)
class TightBindingOptions:
    """Hamiltonian, and how what it misses is learned.

    Parameters
    ----------
    hamiltonian : TightBindingHamiltonian
        Fitted to levels.
    residual : ModelOptions
        Of the regression on what the Hamiltonian misses; smearing and energies are those of the
        whole model. Shifts start from those that bring each DOS closest to that of the
        Hamiltonian: adaptive ones go on from there, and ``reference="fermi"`` keeps them.
    top, width : float
        The DOS of the Hamiltonian is faded out around ``top`` above the mean Fermi level, as
        1 / (1 + exp((E - top) / width)) (eV); above, the regression alone describes it. Levels
        should be fitted up to there.
    noise : float
        What a mesh of k-points may leave as root-mean-square error (states eV^-1/2 per atom).
    """

    hamiltonian: TightBindingHamiltonian
    residual: ModelOptions
    top: float = 9.0
    width: float = 1.0
    noise: float = 0.02

    def __post_init__(self) -> None:
        if self.residual.reference == "average_potential":
            raise ValueError(
                "reference: expected 'adaptive' or 'fermi', got 'average_potential'; the "
                "Hamiltonian has no average potential"
            )
        if self.residual.spin != "total":
            raise ValueError(
                f"spin: expected 'total', got {self.residual.spin!r}; the Hamiltonian has no spin "
                "channels"
            )
        known, species = self.hamiltonian.form.species, self.residual.descriptor.species
        if set(known) != set(species):
            raise ValueError(
                f"descriptor: expected the species of the Hamiltonian, {list(known)}, got "
                f"{list(species)}"
            )
        object.__setattr__(self, "top", float(as_array(self.top, "top", ())))
        for name in ("width", "noise"):
            object.__setattr__(self, name, as_positive(getattr(self, name), name))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the parameters of the Hamiltonian are no part of them."""
        return {
            "form": self.hamiltonian.form.to_dict(),
            "residual": self.residual.to_dict(),
            **{name: getattr(self, name) for name in ("top", "width", "noise")},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], parameters: NDArray) -> TightBindingOptions:
        """Inverse of `to_dict`, with the parameters of the Hamiltonian."""
        plain = {name: value for name, value in values.items() if name not in ("form", "residual")}
        return cls(
            TightBindingHamiltonian(HamiltonianForm.from_dict(values["form"]), parameters),
            ModelOptions.from_dict(values["residual"]),
            **plain,
        )
