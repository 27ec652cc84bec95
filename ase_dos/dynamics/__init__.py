"""Two-temperature molecular dynamics: ions and hot electrons."""

from ase_dos._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Barostat": "barostat",
        "HeatedElectrons": "heated_electrons",
        "LaserPulse": "laser_pulse",
        "TwoTemperature": "two_temperature",
        "TwoTemperatureError": "two_temperature",
    },
)
