"""Frames to results: whole trajectories, running simulations, averaged heat capacities."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DOSObserver": "observer",
        "analyze_trajectory": "run",
        "heat_capacity_table": "heat_capacity",
    },
)
