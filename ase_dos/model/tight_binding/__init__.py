"""Models of the density of states by tight binding, behind the interface of all models."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "HamiltonianModel": "hamiltonian_model",
        "KernelPolynomialModel": "kernel_polynomial_model",
        "TightBindingModel": "tight_binding_model",
    },
)
