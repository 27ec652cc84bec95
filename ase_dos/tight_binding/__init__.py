"""Tight-binding Hamiltonians whose parameters can be fitted: form, matrices, bands, local DOS."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "HamiltonianForm": "form",
        "TightBindingHamiltonian": "hamiltonian",
    },
)
