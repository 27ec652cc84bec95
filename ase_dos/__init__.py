"""ASE calculator and MD analysis plugin for the electronic density of states (DOS).

Public names are resolved on first use, so importing the package reads, writes and
compiles nothing.
"""

from ase_dos._lazy import lazy_names
from ase_dos._version import __version__

__getattr__, __dir__, _names = lazy_names(
    __name__,
    {
        "Barostat": "dynamics.barostat",
        "DOS": "spectra.dos",
        "DOSCalculator": "adapters.ase",
        "DOSModel": "model.dos_model",
        "DensityCalculator": "adapters.density",
        "DensityModel": "density.model",
        "DOSObserver": "trajectory.observer",
        "ElectronGas": "electrons.gas",
        "ElectronicStates": "spectra.states",
        "EnergyGrid": "spectra.dos",
        "LambdaSOAP": "descriptors.lambda_soap",
        "LaserPulse": "dynamics.laser_pulse",
        "LocalDOS": "spectra.local_dos",
        "SOAP": "descriptors.soap",
        "TrajectoryResult": "results.result",
        "TwoTemperature": "dynamics.two_temperature",
        "analyze_trajectory": "trajectory.run",
        "heat_capacity_table": "trajectory.heat_capacity",
        "open_frames": "io.frames",
        "read_states": "io.dft",
    },
)
__all__ = ["__version__", *_names]
