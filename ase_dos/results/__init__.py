"""Stored results of trajectories, and all that is read from them: averages, figures, pages."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Averages": "averages",
        "Difference": "difference",
        "HeatCapacityTable": "heat_capacity_table",
        "InfraredSpectrum": "infrared",
        "AtomicFrame": "atoms",
        "TrajectoryResult": "result",
        "assign_clusters": "local_map",
        "average": "averages",
        "average_windows": "averages",
        "compare": "difference",
        "find_clusters": "local_map",
        "finished_structures": "atoms",
        "fit_local_map": "local_map",
        "group_atoms": "groups",
        "infrared_spectrum": "infrared",
        "atomic_frames": "atoms",
        "trajectory_spectrum": "dipoles",
        "write_report": "html",
    },
)
