"""ASE calculator and MD analysis plugin for the electronic density of states (DOS).

Public names are resolved on first use, so importing the package reads, writes and
compiles nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ase_dos._version import __version__

_HOMES = {
    "DOS": "spectrum",
    "EnergyGrid": "spectrum",
    "LocalDOS": "spectrum",
    "ElectronicStates": "states",
    "read_states": "readers",
    "ElectronGas": "thermo",
    "SOAP": "soap",
    "DOSModel": "model",
    "DOSCalculator": "calculator",
    "LaserPulse": "pulse",
    "TwoTemperature": "md",
    "analyze_trajectory": "trajectory",
    "heat_capacity_table": "heat_capacity",
    "TrajectoryResult": "results",
    "DOSObserver": "observer",
    "open_frames": "frames",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
