"""Tight-binding Hamiltonians fitted to levels: form, bands, local DOS, derivatives."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "HamiltonianFit": "fitting",
        "HamiltonianForm": "form",
        "KernelPolynomials": "kernel_polynomials",
        "KnownLevels": "levels",
        "SparseHamiltonian": "sparse_hamiltonian",
        "TightBindingHamiltonian": "hamiltonian",
        "fit_hamiltonian": "fitting",
        "hueckel_parameters": "hueckel",
        "level_errors": "fitting",
        "load_hamiltonian": "hamiltonian_file",
        "load_levels": "levels",
        "save_hamiltonian": "hamiltonian_file",
        "save_levels": "levels",
        "universal_parameters": "start",
    },
)
