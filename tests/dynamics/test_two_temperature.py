"""Options and structures that two-temperature dynamics refuses, and what may change in a run."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms
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
        ({"max_drift": 0.0}, "max_drift: expected a number > 0"),
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


def heavier(dynamics):
    dynamics.atoms.set_masses(2 * dynamics.atoms.get_masses())


def other_calculator(dynamics):
    dynamics.atoms.calc = crystal((2, 2, 2)).calc


def other_number(dynamics):
    del dynamics.atoms[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.calc.set(electronic_temperature=9000.0), "use dynamics.set_electronic_temp"),
        (lambda d: setattr(d.calc, "electronic_temperature", 900.0), "use dynamics.set_electronic"),
        (lambda d: d.calc.set_group_temperatures([900.0], np.zeros(8, int)), "use dynamics.set_el"),
        (lambda d: d.atoms.set_cell([5.1] * 3), "the cell of the atoms changed"),
        (lambda d: d.atoms.set_cell([5.1] * 3, scale_atoms=True), "the cell of the atoms changed"),
        (lambda d: d.atoms.set_pbc([1, 1, 0]), "the periodic directions of the atoms changed"),
        (heavier, "the masses of the atoms changed"),
        (other_number, "the numbers of the atoms and the masses of the atoms changed"),
        (other_calculator, "the calculator of the atoms changed"),
        (lambda d: d.calc.set(model=FlatMetal(2.0)), "the model of the calculator changed"),
        (
            lambda d: d.calc.set(ground_state=Springs(d.atoms.positions)),
            "the ground_state of the calculator",
        ),
        (lambda d: d.calc.set(ground_state_smearing=900), "the ground_state_smearing of the"),
    ],
)
def test_what_may_not_change_between_steps(change, message):
    """Each of these was undone or taken half before: T_e set in the calculator, a new cell ..."""
    dynamics = TwoTemperature(crystal((2, 2, 2)), fs)
    dynamics.run(2)
    change(dynamics)
    before = dynamics.atoms.get_positions()
    with pytest.raises(ValueError, match=message):
        dynamics.run(2)
    np.testing.assert_array_equal(dynamics.atoms.positions, before)
    assert dynamics.nsteps == 2


def test_what_may_change_between_steps():
    dynamics = TwoTemperature(crystal((2, 2, 2), model=FlatMetal(wave=0.3)), fs)
    atoms = dynamics.atoms
    dynamics.run(2)
    dynamics.electronic_temperature = 5000.0
    assert dynamics.electronic_temperature == 5000.0
    atoms.set_momenta(2.0 * atoms.get_momenta())
    atoms.rattle(0.05, seed=2)
    atoms.set_constraint(FixAtoms([0]))
    drift, entropy = dynamics.drift, dynamics.state.entropy[0]
    dynamics.run(1)
    assert dynamics.drift == pytest.approx(drift, abs=1e-3)  # what others did does not count
    assert dynamics.state.entropy[0] == pytest.approx(entropy, rel=1e-12)
    assert (atoms.get_momenta()[0] == 0).all()


@pytest.mark.parametrize("name", ["coupling", "pulse", "bath_temperature", "temperature"])
def test_options_that_only_the_constructor_takes(name):
    dynamics = TwoTemperature(crystal((2, 2, 2)), fs)
    with pytest.raises(AttributeError, match=f"has no '{name}' to set; give it when you construct"):
        setattr(dynamics, name, 1.0)


def test_the_ground_state_keeps_its_parameters():
    atoms = crystal((2, 2, 2))
    atoms.calc = DOSCalculator(FlatMetal(), ground_state=LennardJones(epsilon=0.1, sigma=2.2))
    dynamics = TwoTemperature(atoms, fs)
    dynamics.run(1)
    atoms.calc.ground_state.set(epsilon=0.2)
    with pytest.raises(ValueError, match="the parameters of the ground_state changed"):
        dynamics.run(1)
