"""The model of the density of states, its interface, training and evaluation."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DOSModel": "dos_model",
        "DOSPredictor": "interface",
        "Evaluation": "evaluation",
        "ModelOptions": "options",
        "HamiltonianModel": "tight_binding.hamiltonian_model",
        "TightBindingModel": "tight_binding.tight_binding_model",
        "load_metatomic": "metatomic.loading",
        "load_model": "loading",
        "predict_in_blocks": "blocks",
        "validate_model": "validation",
    },
)
