"""Models of other programs in the metatomic format, behind the interface of all models."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DOSConvention": "convention",
        "MetatomicModel": "model",
        "load_metatomic": "loading",
    },
)
