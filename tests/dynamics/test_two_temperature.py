"""Options and structures that two-temperature dynamics refuses."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from ase.units import fs
from toy_md import FlatMetal, Springs, crystal

from ase_dos import DOSCalculator, LaserPulse, TwoTemperature


class NoForces(Calculator):
    implemented_properties = ["energy"]  # noqa: RUF012


def vacuum():
    atoms = crystal((2, 2, 2))
    atoms.pbc[2] = False
    return atoms


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coupling": -1e17}, "coupling: expected a number >= 0, got -1e"),
        ({"coupling": np.nan}, "coupling: .*NaN"),
        ({"atomic_volume": 0, "coupling": 1e17}, "atomic_volume: expected a number > 0"),
        ({"cells": (2, 0, 1)}, "cells: expected three integers above zero"),
        ({"cells": 4}, "cells: expected three integers above zero"),
        ({"conductivity": 100.0}, "conductivity: heat flows between cells, but there is only one"),
        ({"conductivity": -1.0, "cells": (2, 1, 1)}, "conductivity: expected a number >= 0"),
        ({"bath_rate": 1.0}, "bath_rate: expected a bath_temperature"),
        ({"bath_temperature": -1.0}, "bath_temperature: expected a number >= 0"),
        ({"bath_temperature": 9.0, "pulse": LaserPulse(1, 0, 1)}, "fixes T_e: neither a pulse"),
        ({"pulse": ["laser"]}, "pulse: expected LaserPulse, got str"),
        ({"pulse": LaserPulse(1, 0, 1, depth=5.0)}, "a depth needs cells along z"),
        ({"reassign_interval": 0}, "reassign_interval: expected 1 or more"),
        ({"timestep": 0.0}, "timestep: expected a number > 0"),
    ],
)
def test_options_without_meaning(change, message):
    options = {"timestep": fs} | change
    with pytest.raises(ValueError, match=message):
        TwoTemperature(crystal((2, 2, 2)), **options)


def test_structures_without_meaning():
    with pytest.raises(ValueError, match="give its atomic_volume"):
        TwoTemperature(vacuum(), fs, coupling=1e17)
    assert TwoTemperature(vacuum(), fs, coupling=1e17, atomic_volume=16.0).thermostat is not None
    atoms = crystal((2, 2, 2))
    atoms.set_cell([[5, 1, 0], [0, 5, 0], [0, 0, 5]])
    with pytest.raises(ValueError, match="cell vector 0 is not perpendicular"):
        TwoTemperature(atoms, fs, cells=(2, 1, 1), conductivity=10.0)
    atoms.cell = None
    atoms.pbc = False
    with pytest.raises(ValueError, match="needs a cell with three vectors, got 0"):
        TwoTemperature(atoms, fs, cells=(2, 1, 1))
    for ground, name in ((None, "none"), (NoForces(), "NoForces")):
        atoms.calc = DOSCalculator(FlatMetal(), ground_state=ground)
        with pytest.raises(ValueError, match=f"need a ground state with forces, got {name}"):
            TwoTemperature(atoms, fs)
    atoms.calc = Springs(atoms.positions)
    with pytest.raises(ValueError, match="expected atoms with a DOSCalculator, got Springs"):
        TwoTemperature(atoms, fs)
