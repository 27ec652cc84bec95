"""Electrons that fill a density of states or levels: arrays in, arrays out."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "ElectronGas": "gas",
        "Excitation": "excitation",
        "Filling": "filling",
        "FunctionalWeights": "weights",
        "NegativeDOSWarning": "negative_dos",
        "SmearingWarning": "smearing",
        "ValenceRepair": "gap",
        "excite": "excitation",
        "functional_weights": "weights",
        "gas_from_dos": "gas",
        "gas_from_eigenvalues": "gas",
        "highest_temperature": "gas",
    },
)
