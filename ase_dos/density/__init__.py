"""Electron densities on atom-centred bases: the basis, its integrals, the density itself."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AuxiliaryBasis": "basis",
        "Density": "density",
        "DensityDifference": "density",
        "DensityEvaluation": "evaluation",
        "DensityModel": "model",
        "DensityOptions": "options",
        "fit_density": "fitting",
        "read_densities": "files",
        "write_densities": "files",
    },
)
