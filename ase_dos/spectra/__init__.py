"""Values: electronic states, densities of states, training targets, ensembles."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DOS": "dos",
        "DOSEnsemble": "ensemble",
        "DOSTarget": "target",
        "ElectronGroups": "electron_groups",
        "ElectronicStates": "states",
        "EnergyGrid": "dos",
        "LocalDOS": "local_dos",
        "UndividedDOS": "undivided_dos",
        "mean_ensemble": "ensemble",
        "target_from_states": "target",
    },
)
