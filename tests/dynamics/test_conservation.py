"""Conserved energies of two-temperature dynamics, and the state that it ends in."""

import numpy as np
import pytest
from ase.constraints import FixAtoms, FixCom
from ase.units import fs, kB
from toy_md import WAVY, FlatMetal, Insulator, Springs, crystal, follow, silicon

from ase_dos import LaserPulse, TwoTemperature

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]


def spread(steps, **options):
    atoms = crystal((3, 3, 3), 600.0, model=WAVY, hot=8000.0)
    dynamics = TwoTemperature(atoms, 160 / steps * fs, rng=3, **options)
    energy, entropy = follow(dynamics, steps, "conserved_energy", "state")
    return np.ptp(energy), np.array([state.entropy[0] for state in entropy]), dynamics


@pytest.mark.parametrize(
    "options",
    [
        {"bath_temperature": 8000.0},
        {},
        {"coupling": 1e19},
        {"coupling": 1e19, "bath_temperature": 8000.0},
        {"bath_temperature": 3000.0, "bath_rate": 1 / (50 * fs)},
        {"pulse": LaserPulse(0.5, 80 * fs, 40 * fs), "coupling": lambda t: 3e14 * t},
        {
            "pulse": LaserPulse(0.5, 80 * fs, 40 * fs, depth=4.0, direction="+x"),
            "coupling": 1e19,
            "conductivity": 100.0,
            "cells": (3, 1, 1),
        },
    ],
    ids=["fixed", "isolated", "coupled", "coupled-fixed", "bath", "pulse", "grid"],
)
def test_energy_is_conserved_to_second_order_in_the_time_step(options):
    coarse, _, _ = spread(40, **options)
    fine, entropy, dynamics = spread(80, **options)
    assert 2.8 < coarse / fine < 5.6
    assert fine < 2e-3 * dynamics.state.internal_energy.sum()
    if not options:
        assert np.ptp(entropy) < 1e-14 * entropy[0]


def test_electrons_of_fixed_temperature_conserve_the_free_energy():
    atoms = crystal((3, 3, 3), 600.0, model=WAVY, hot=300.0)
    dynamics = TwoTemperature(atoms, fs, bath_temperature=8000.0)
    conserved = []

    def record():
        free = atoms.get_kinetic_energy() + atoms.get_potential_energy()
        conserved.append([free, dynamics.conserved_energy, dynamics.electronic_temperature])

    dynamics.attach(record)
    dynamics.run(60)
    free, energy, temperature = np.array(conserved).T
    np.testing.assert_allclose(free - free[0], energy - energy[0], atol=1e-11)
    np.testing.assert_array_equal(temperature, 8000.0)
    assert dynamics.bath_heat != 0


def test_temperature_follows_the_density_of_states():
    atoms = crystal((3, 3, 3), 600.0, model=WAVY, hot=8000.0)
    dynamics = TwoTemperature(atoms, fs)
    (temperature,) = follow(dynamics, 60, "electronic_temperature")
    assert np.ptp(temperature) > 20.0
    gas = atoms.calc.get_electron_gas(dynamics.electronic_temperature)
    assert gas.entropy == pytest.approx(dynamics.state.entropy[0], rel=1e-9)


def test_silicon_conserves_energy_with_and_without_coupling():
    spreads = []
    for steps in (20, 40):
        dynamics = TwoTemperature(silicon(), 40 / steps * fs)
        spreads.append(np.ptp(follow(dynamics, steps, "conserved_energy")))
    assert 2.8 < spreads[0] / spreads[1] < 5.6
    coupled = TwoTemperature(silicon(), fs, coupling=1e18, rng=0)
    assert np.ptp(follow(coupled, 40, "conserved_energy")) < 3 * spreads[1]


def test_equipartition_of_a_harmonic_solid():
    """3 k (T_f - T_i) = gamma (T_e^2 - T_f^2) / 2 for an atom."""
    ions, hot = 300.0, 12_000.0
    atoms = crystal((8, 8, 8), ions, hot=hot, model=FlatMetal(half_width=20.0))
    gamma = atoms.calc.model.gamma(1)
    end = (np.sqrt((3 * kB) ** 2 + 2 * gamma * (3 * kB * ions + gamma * hot**2 / 2)) - 3 * kB) / (
        gamma
    )
    dynamics = TwoTemperature(atoms, 5 * fs, coupling=1e20, rng=1)
    dynamics.run(100)
    temperature, kinetic = [], []
    dynamics.attach(lambda: temperature.append(dynamics.electronic_temperature))
    dynamics.attach(lambda: kinetic.append(atoms.get_kinetic_energy()))
    dynamics.run(300)
    assert np.mean(temperature) == pytest.approx(end, rel=0.03)
    assert np.mean(kinetic) / (1.5 * 512 * kB) == pytest.approx(end, rel=0.03)


def test_constrained_atoms_take_nothing():
    atoms = crystal((3, 3, 3), 300.0, model=WAVY, hot=8000.0)
    atoms.set_constraint(FixAtoms(range(9)))
    atoms.set_momenta(atoms.get_momenta())
    before = atoms.positions[:9].copy()
    spreads = []
    for steps in (20, 40):
        moving = atoms.copy()
        moving.calc = atoms.calc
        moving.calc.set(electronic_temperature=8000.0)
        dynamics = TwoTemperature(moving, 40 / steps * fs, coupling=1e19, rng=1)
        (energy,) = follow(dynamics, steps, "conserved_energy")
        spreads.append(np.ptp(energy))
        np.testing.assert_array_equal(moving.positions[:9], before)
        assert (moving.get_momenta()[:9] == 0).all()
    assert 2.5 < spreads[0] / spreads[1] < 6.5


def test_centre_of_mass_with_fixcom():
    atoms = crystal((3, 3, 3), 300.0, hot=8000.0)
    atoms.set_constraint(FixCom())
    atoms.set_momenta(atoms.get_momenta())
    atoms.calc.ground_state = Springs(atoms.positions)
    dynamics = TwoTemperature(atoms, fs, coupling=1e19, rng=1)
    centre = atoms.get_center_of_mass()
    dynamics.run(20)
    np.testing.assert_allclose(atoms.get_momenta().sum(axis=0), 0, atol=1e-11)
    np.testing.assert_allclose(atoms.get_center_of_mass(), centre, atol=1e-11)


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
@pytest.mark.parametrize("hot", [0.0, 1e-6, 5.0, 300.0])
def test_insulators_and_cold_electrons(hot):
    """Electrons that hold next to nothing cannot pay for kicks, and take heat nonetheless."""
    for model in (Insulator(), FlatMetal()):
        atoms = crystal((2, 2, 2), 300.0, model=model, hot=hot)
        dynamics = TwoTemperature(atoms, fs, coupling=1e18, rng=0)
        (energy,) = follow(dynamics, 60, "conserved_energy")
        assert np.ptp(energy) < 1e-3 * energy[0]
        assert dynamics.state.internal_energy.sum() > 1e-3
        assert np.isfinite(dynamics.electronic_temperature)


def test_cold_electrons_stay_cold():
    atoms = crystal((2, 2, 2), 300.0, hot=0.0)
    dynamics = TwoTemperature(atoms, fs)
    dynamics.run(5)
    assert dynamics.state.entropy[0] == dynamics.state.internal_energy[0] == 0.0
    assert dynamics.electronic_temperature == 0.0


def test_smearing_of_the_ground_state_is_counted_once():
    atoms = crystal((2, 2, 2), hot=5000.0, ground_state_smearing=1000.0)
    dynamics = TwoTemperature(atoms, fs)
    gas = atoms.calc.get_electron_gas([1000.0, 5000.0])
    expected = gas.internal_energy[1] - gas.free_energy[0]
    assert dynamics.state.internal_energy[0] == pytest.approx(expected, rel=1e-9)
    ground = atoms.calc.ground_state.get_potential_energy(atoms)
    assert dynamics.ground_energy == pytest.approx(ground, rel=1e-9)


def test_atoms_moved_between_runs_take_the_entropy_along():
    atoms = crystal((2, 2, 2), model=WAVY, hot=5000.0)
    dynamics = TwoTemperature(atoms, fs)
    dynamics.run(2)
    entropy, temperature = dynamics.state.entropy[0], dynamics.electronic_temperature
    atoms.positions += 0.3
    dynamics.run(1)
    assert dynamics.state.entropy[0] == pytest.approx(entropy, rel=1e-12)
    assert abs(dynamics.electronic_temperature - temperature) > 1
