"""The model of the density of states, its interface, training and evaluation."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DOSModel": "dos_model",
    },
)
