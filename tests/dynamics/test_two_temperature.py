"""Two-temperature dynamics: what is conserved, where it ends, and that it can be continued."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms, FixCom
from ase.io import Trajectory
from ase.units import fs, kB
from toy_md import FlatMetal, Springs, crystal, tersoff

from ase_dos import DOSCalculator, LaserPulse, TwoTemperature
from ase_dos.dynamics.cell_electrons import CellElectrons
from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.dynamics.heat_conduction import conduct_heat
from ase_dos.dynamics.two_temperature import TwoTemperatureError
from ase_dos.spectra.local_dos import LocalDOS

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*surroundings unlike"),
    pytest.mark.filterwarnings("ignore:.*tail of its Gaussian smearing"),
]
WAVY = FlatMetal(level=1.0, wave=0.3)


def follow(dynamics, steps, *names):
    """Run and return the course of attributes."""
    course = []
    dynamics.attach(lambda: course.append([getattr(dynamics, name) for name in names]))
    dynamics.run(steps)
    return np.array(course).T


def silicon(repeat=1, temperature=600.0, hot=6000.0):
    atoms = bulk("Si", a=5.432, cubic=True).repeat((repeat, 1, 1))
    atoms.calc = DOSCalculator("silicon", ground_state=tersoff(), electronic_temperature=hot)
    masses = atoms.get_masses()[:8, None]
    velocities = np.random.default_rng(1).normal(0, np.sqrt(kB * 2 * temperature / masses), (8, 3))
    atoms.set_velocities(np.tile(velocities - velocities.mean(axis=0), (repeat, 1)))
    return atoms


# What is conserved


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
    ids=["held", "isolated", "coupled", "coupled-held", "bath", "pulse", "grid"],
)
def test_energy_is_conserved_to_second_order_in_the_time_step(options):
    coarse, _, _ = spread(40, **options)
    fine, entropy, dynamics = spread(80, **options)
    assert 2.8 < coarse / fine < 5.6
    assert fine < 1e-3 * dynamics.state.internal_energy.sum()
    if not options:
        assert np.ptp(entropy) < 1e-14 * entropy[0]


def test_held_electrons_conserve_the_free_energy():
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


@pytest.mark.parametrize("coupling", [None, 1e18])
def test_one_dos_and_one_gradient_a_step(coupling):
    """The thermostat needs the DOS where it acts, in the middle of the step; the rest does not."""
    model = FlatMetal(wave=0.2)
    atoms = crystal((2, 2, 2), model=model, hot=5000.0)
    dynamics = TwoTemperature(atoms, fs, coupling=coupling, rng=0)
    model.calls.update(predict=0, differentiate=0)
    dynamics.run(10)
    assert model.calls == {"predict": 10 if coupling is None else 20, "differentiate": 10}


def test_silicon_conserves_energy_with_and_without_coupling():
    spreads = []
    for steps in (20, 40):
        dynamics = TwoTemperature(silicon(), 40 / steps * fs)
        spreads.append(np.ptp(follow(dynamics, steps, "conserved_energy")))
    assert 2.8 < spreads[0] / spreads[1] < 5.6
    coupled = TwoTemperature(silicon(), fs, coupling=1e18, rng=0)
    assert np.ptp(follow(coupled, 40, "conserved_energy")) < 3 * spreads[1]


# Where it ends


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


def test_coupling_is_the_rate_of_cooling():
    """Start of a run: n^-1 G (T_e - T_ion) is what an atom gains in a unit of time."""
    coupling, gains = 5e17, []
    for seed in range(40):
        atoms = crystal((4, 4, 4), 300.0, seed=seed, hot=9000.0)
        dynamics = TwoTemperature(atoms, fs, coupling=coupling, rng=1000 + seed)
        before = dynamics.state.internal_energy.sum()
        dynamics.run(4)
        gains.append((before - dynamics.state.internal_energy.sum()) / 64)
    volume = 2.5**3
    joule, second, metre = 6.241509e18, 1e15 * fs, 1e10
    rate = coupling * joule / second / metre**3 * volume * (9000 - 300)
    assert np.mean(gains) == pytest.approx(rate * 4 * fs, rel=0.1)
    assert abs(np.mean(gains) - rate * 4 * fs) < 4 * np.std(gains) / np.sqrt(40)


# Light, bath, conduction


def test_pulse_brings_what_it_says():
    pulse = LaserPulse(0.3, 80 * fs, 25 * fs)
    atoms = crystal((2, 2, 2), hot=300.0)
    dynamics = TwoTemperature(atoms, 3 * fs, pulse=[pulse, LaserPulse(0.1, 40 * fs, 10 * fs)])
    start = dynamics.state.internal_energy.sum()
    absorbed, state = follow(dynamics, 60, "absorbed", "state")
    energy = np.array([s.internal_energy.sum() for s in state])
    np.testing.assert_allclose(energy, start + absorbed.astype(float), atol=1e-11)
    assert absorbed[-1] == pytest.approx(8 * 0.4, rel=1e-9)
    # Half of it at the centre, and the width is that at half maximum.
    assert pulse.absorbed(-1e4, 80 * fs) == pytest.approx(0.15, rel=1e-12)
    rates = [pulse.absorbed(t - 0.01 * fs, t + 0.01 * fs) for t in (80 * fs, 92.5 * fs)]
    assert rates[1] == pytest.approx(rates[0] / 2, rel=1e-4)


def test_light_decays_with_depth():
    counts = np.zeros((1, 1, 6))
    counts[..., 1:5] = [[[3, 2, 4, 1]]]
    down = LaserPulse(1.0, 0.0, fs, depth=8.0, direction="-z").shares(counts, 4.0)[0, 0]
    up = LaserPulse(1.0, 0.0, fs, depth=8.0, direction="+z").shares(counts, 4.0)[0, 0]
    expected = np.array([0, 3 * np.exp(-1.5), 2 * np.exp(-1.0), 4 * np.exp(-0.5), 1, 0])
    np.testing.assert_allclose(down, expected / expected.sum(), rtol=1e-14)
    assert up.sum() == pytest.approx(1, rel=1e-14)
    assert up[1] / up[2] == pytest.approx(1.5 * np.exp(0.5), rel=1e-13)


def test_bath_relaxes_at_its_rate():
    atoms = crystal((2, 2, 2), hot=8000.0)
    dynamics = TwoTemperature(atoms, 2 * fs, bath_temperature=2000.0, bath_rate=1 / (50 * fs))
    dynamics.run(25)
    expected = 2000 + 6000 * np.exp(-1)
    assert dynamics.electronic_temperature == pytest.approx(expected, rel=1e-6)


def row(count):
    """Flat metal on a line of cells with one atom each."""
    atoms = Atoms(f"Al{count}", pbc=True, cell=[4.0 * count, 3.0, 2.0])
    atoms.positions[:, 0] = 4.0 * np.arange(count) + 2.0
    grid = CellGrid((count, 1, 1), atoms)
    metal = FlatMetal()
    return metal, grid, CellElectrons(metal.predict(atoms), grid.assign(atoms.positions), grid.size)


def test_conduction_decays_a_wave_at_the_analytic_rate():
    metal, grid, electrons = row(8)
    x = 2 * np.pi * np.arange(8) / 8
    state = electrons.at_temperature(3000.0 + 3.0 * np.cos(x))
    kappa = 2e-3
    # Area 3 x 2 over the distance 4 between cells, heat capacity gamma T.
    rate = kappa * 6.0 / 4.0 / (metal.gamma(1) * 3000.0) * (2 - 2 * np.cos(2 * np.pi / 8))
    time, before = 0.7 / rate, state.internal_energy.sum()
    errors = []
    for steps in (10, 20):
        now = state
        for _ in range(steps):
            now = conduct_heat(electrons, now, *grid.faces(), lambda t: 0 * t + kappa, time / steps)
        assert now.internal_energy.sum() == pytest.approx(before, rel=1e-13)
        amplitude = now.temperature @ np.cos(x) / 4 / 3.0
        errors.append(abs(amplitude - np.exp(-0.7)))
    assert errors[1] < 1e-3
    assert errors[1] < 0.35 * errors[0]


def test_conduction_is_stable_whatever_the_step():
    _, grid, electrons = row(6)
    cold = electrons.at_temperature(np.array([9000.0, 0, 0, 0, 0, 0]))
    hot = conduct_heat(electrons, cold, *grid.faces(), lambda t: 0 * t + 1.0, 1e3)
    np.testing.assert_allclose(hot.temperature, hot.temperature[0], rtol=1e-5)
    assert hot.internal_energy.sum() == pytest.approx(cold.internal_energy.sum(), rel=1e-12)
    little = conduct_heat(electrons, cold, *grid.faces(), lambda t: 0 * t + 1e-4, 1.0)
    assert (little.temperature >= 0).all()
    assert little.internal_energy.sum() == pytest.approx(cold.internal_energy.sum(), rel=1e-12)


def test_vacuum_and_closed_ends_stop_heat():
    atoms = Atoms("Al4", pbc=(False, True, True), cell=[24.0, 3.0, 2.0])
    atoms.positions[:, 0] = [2, 6, 14, 18]  # cells 0, 1, 3, 4 of 6
    grid = CellGrid((6, 1, 1), atoms)
    electrons = CellElectrons(FlatMetal().predict(atoms), grid.assign(atoms.positions), 6)
    state = electrons.at_temperature(np.array([4000.0, 3000.0, 0, 500.0, 700.0, 0]))
    for _ in range(20):
        state = conduct_heat(electrons, state, *grid.faces(), lambda t: 0 * t + 1.0, 100.0)
    temperature = state.temperature
    assert temperature[0] == pytest.approx(np.sqrt((4000**2 + 3000**2) / 2), rel=1e-5)
    assert temperature[4] == pytest.approx(np.sqrt((500**2 + 700**2) / 2), rel=1e-5)
    np.testing.assert_allclose(temperature[[0, 3]], temperature[[1, 4]], rtol=1e-9)
    assert (temperature[[2, 5]] == 0).all()
    pairs, _ = CellGrid((2, 1, 1), Atoms("Al", cell=[4, 4, 4], pbc=True)).faces()
    assert pairs.tolist() == [[0, 1], [1, 0]]  # two faces


# Cells


def test_atoms_outside_belong_to_the_nearest_or_the_periodic_cell():
    atoms = Atoms("Al", cell=[10, 10, 10], pbc=(True, False, False))
    grid = CellGrid((2, 5, 1), atoms)
    labels = grid.assign(np.array([[-1.0, 3, 50], [11, -7, 0], [4, 9.9, -3], [6, 40, 2]]))
    assert labels.tolist() == [6, 0, 4, 9]


def test_forces_of_cells_are_the_derivative_of_their_free_energies():
    atoms = silicon(repeat=2)
    atoms.rattle(0.1, seed=3)
    groups = CellGrid((2, 1, 1), atoms).assign(atoms.positions)
    calc = DOSCalculator("silicon", electronic_temperature=300.0)
    calc.set_group_temperatures(np.array([12_000.0, 3000.0]), groups)
    forces, stress = calc.get_property("forces", atoms), calc.get_property("stress", atoms)
    whole = calc.get_property("energies", atoms).sum()
    assert whole == pytest.approx(calc.get_property("energy", atoms), rel=1e-9)
    assert calc.get_property("electronic_charges", atoms)[groups == 1].sum() == pytest.approx(
        0, abs=1e-8
    )

    def energy(step, atom=0, strain=0.0):
        moved = atoms.copy()
        moved.positions[atom, 1] += step
        moved.set_cell(moved.cell.array @ np.diag([1 + strain, 1, 1]), scale_atoms=True)
        return calc.get_property("energy", moved)

    def central(function, h=1e-3):
        f = [function(k * h) for k in (-2, -1, 1, 2)]
        return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)

    for atom in (0, 9):
        expected = -central(lambda h: energy(h, atom))  # noqa: B023
        assert forces[atom, 1] == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(forces).max())
    expected = central(lambda h: energy(0.0, strain=h), 3e-4) / atoms.get_volume()
    assert stress[0] == pytest.approx(expected, rel=1e-6)
    calc.set(electronic_temperature=12_000.0)
    assert not np.allclose(calc.get_property("forces", atoms), forces)


def test_equal_cells_are_copies_of_one():
    small = silicon()
    small.rattle(0.05, seed=1)
    large = small.repeat((2, 1, 1))
    large.calc = DOSCalculator("silicon", ground_state=tersoff(), electronic_temperature=6000.0)
    pulse = {"pulse": LaserPulse(0.2, 5 * fs, 5 * fs)}
    one = TwoTemperature(small, fs, **pulse)
    two = TwoTemperature(large, fs, cells=(2, 1, 1), **pulse)
    for dynamics in (one, two):
        dynamics.run(10)
    np.testing.assert_allclose(large.positions[:8], small.positions, atol=1e-9)
    np.testing.assert_allclose(two.electronic_temperatures.ravel(), one.electronic_temperature)
    assert two.electronic_temperatures.shape == (2, 1, 1)


def test_atoms_take_their_energy_to_another_cell():
    atoms = crystal((4, 1, 1), 0.0, hot=1000.0)
    atoms.calc.ground_state.constant = 0.0
    atoms.set_momenta(atoms.get_masses()[:, None] * np.array([[0.1, 0, 0]]))
    dynamics = TwoTemperature(atoms, 2 * fs, cells=(4, 1, 1), reassign_interval=5)
    dynamics.set_electronic_temperature(np.array([4000.0, 2000, 1000, 0]).reshape(4, 1, 1))
    energy, state = follow(dynamics, 130, "conserved_energy", "state")
    np.testing.assert_allclose(energy.astype(float), energy[0], atol=1e-11)
    assert atoms.positions[0, 0] - 1.25 > 2.5
    final = dynamics.electronic_temperatures.ravel()
    np.testing.assert_allclose(final, [0, 4000, 2000, 1000], atol=1e-6)  # all moved by one
    assert state[-1].internal_energy.sum() == pytest.approx(
        state[0].internal_energy.sum(), rel=1e-12
    )


def test_held_electrons_stay_held_when_atoms_change_cells():
    atoms = crystal((4, 1, 1), 0.0, hot=1000.0, model=WAVY)
    atoms.calc.ground_state.constant = 0.0
    atoms.set_momenta(atoms.get_masses()[:2].max() * np.array([[0.5, 0, 0]] * 2 + [[0] * 3] * 2))
    dynamics = TwoTemperature(
        atoms, fs, cells=(4, 1, 1), reassign_interval=5, bath_temperature=5000.0
    )
    energy, temperature = follow(dynamics, 80, "conserved_energy", "electronic_temperature")
    np.testing.assert_array_equal(temperature, 5000.0)
    assert len(np.unique(dynamics.labels)) < 4
    assert np.abs(np.diff(energy)).max() < 1e-6  # no jump: cells that merge book far more
    assert abs(dynamics.bath_heat) > 1e-3


# The ions: thermostat and constraints


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


class Insulator(FlatMetal):
    """A gap of 2 eV at the Fermi level."""

    def __init__(self):
        super().__init__()
        self.basis[0] *= np.abs(self.energies) > 1.0
        self.basis[1] *= 0
        self.electrons = float(np.trapezoid(self.basis[0] * (self.energies < 0), self.energies))


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


def test_a_kick_that_electrons_cannot_pay_is_refused():
    atoms = crystal((2, 1, 1), 0.0, model=Insulator(), hot=1500.0)
    dynamics = TwoTemperature(atoms, fs, coupling=1e19, rng=0)
    before = dynamics.conserved_energy
    with pytest.warns(
        UserWarning, match="in 1 of 1 cells the electrons have less energy than the thermostat"
    ):
        dynamics.run(5)
    assert dynamics.refused > 0
    assert dynamics.conserved_energy == pytest.approx(before, rel=1e-6)
    assert dynamics.state.internal_energy[0] >= 0


def test_cold_electrons_stay_cold():
    atoms = crystal((2, 2, 2), 300.0, hot=0.0)
    dynamics = TwoTemperature(atoms, fs)
    dynamics.run(5)
    assert dynamics.state.entropy[0] == dynamics.state.internal_energy[0] == 0.0
    assert dynamics.electronic_temperature == 0.0


@pytest.mark.parametrize("temperature", [1e-3, 20.0, 300.0, 9000.0])
@pytest.mark.parametrize("metal", [FlatMetal(), Insulator()], ids=["metal", "insulator"])
def test_temperature_from_entropy_and_from_energy(metal, temperature):
    atoms = crystal((2, 2, 2), 300.0)
    electrons = CellElectrons(metal.predict(atoms), np.zeros(8, int))
    state = electrons.at_temperature(temperature)
    for guess in (1.0, temperature, 3e4):
        back = electrons.at_entropy(state.entropy, np.array([guess]))
        assert back.entropy[0] == pytest.approx(state.entropy[0], rel=1e-12)
        assert back.internal_energy[0] == pytest.approx(
            state.internal_energy[0], rel=1e-9, abs=1e-11
        )
        back = electrons.at_energy(state.internal_energy, np.array([guess]))
        assert back.internal_energy[0] == pytest.approx(
            state.internal_energy[0], rel=1e-9, abs=1e-11
        )


def test_many_cells_are_each_like_one():
    """Enough of them for the kernel that runs on several threads."""
    _, _, many = row(40)
    _, _, one = row(1)
    temperature = np.linspace(10.0, 9000.0, 40)
    together = many.at_temperature(temperature)
    alone = [one.at_temperature(t) for t in temperature]
    for name in ("entropy", "internal_energy", "heat_capacity"):
        expected = [getattr(state, name)[0] for state in alone]
        np.testing.assert_allclose(getattr(together, name), expected, rtol=1e-10, atol=1e-13)
    back = many.at_entropy(together.entropy, np.full(40, 500.0))
    np.testing.assert_allclose(back.temperature, temperature, rtol=1e-11)


def test_smearing_of_the_ground_state_is_counted_once():
    atoms = crystal((2, 2, 2), hot=5000.0, ground_state_smearing=1000.0)
    dynamics = TwoTemperature(atoms, fs)
    gas = atoms.calc.get_electron_gas([1000.0, 5000.0])
    expected = gas.internal_energy[1] - gas.free_energy[0]
    assert dynamics.state.internal_energy[0] == pytest.approx(expected, rel=1e-9)
    ground = atoms.calc.ground_state.get_potential_energy(atoms)
    assert dynamics.ground_energy == pytest.approx(ground, rel=1e-9)


# Continuing


def grid_run(path, **changes):
    options = {
        "coupling": 1e18,
        "cells": (3, 1, 1),
        "conductivity": 50.0,
        "rng": 5,
        "pulse": LaserPulse(0.3, 20 * fs, 15 * fs, depth=5.0, direction="+x"),
        "reassign_interval": 4,
        "restart": path,
    } | changes
    return TwoTemperature(crystal((3, 2, 2), 900.0, model=WAVY, hot=900.0), 2 * fs, **options)


def silicon_run(path):
    return TwoTemperature(
        silicon(), fs, coupling=1e18, rng=2, pulse=LaserPulse(0.1, 6 * fs, 5 * fs), restart=path
    )


@pytest.mark.parametrize("make", [grid_run, silicon_run])
def test_a_continued_run_is_the_same_bit_for_bit(make, tmp_path):
    whole = make(tmp_path / "whole.npz")
    whole.run(16)
    first = make(tmp_path / "half.npz")
    first.run(7)  # in the middle of the pulse
    first.write_restart()
    assert 0 < first.absorbed < whole.absorbed
    second = make(tmp_path / "half.npz")
    second.read_restart()
    assert second.nsteps == 7
    second.run(9)
    for name in ("positions", "momenta"):
        np.testing.assert_array_equal(
            getattr(whole.atoms, f"get_{name}")(), getattr(second.atoms, f"get_{name}")()
        )
    for name in ("temperature", "entropy", "internal_energy", "fermi_level"):
        np.testing.assert_array_equal(getattr(whole.state, name), getattr(second.state, name))
    assert whole.absorbed == second.absorbed
    assert whole.get_time() == second.get_time()
    assert whole.conserved_energy == second.conserved_energy
    assert whole.rng.random() == second.rng.random()


def test_ground_states_with_a_memory_start_afresh(tmp_path):
    """ASE's EMT keeps neighbour lists, which the order of its sums depends on."""

    def make():
        atoms = bulk("Al", cubic=True).repeat((2, 2, 1))
        atoms.rattle(0.1, seed=1)
        atoms.set_velocities(np.random.default_rng(2).normal(0, 0.05, (16, 3)))
        atoms.calc = DOSCalculator(WAVY, ground_state=EMT(), electronic_temperature=3000.0)
        return TwoTemperature(atoms, 4 * fs, restart=tmp_path / "emt.npz")

    whole, second = make(), make()
    whole.run(20)
    whole.write_restart()
    whole.run(5)
    second.read_restart()
    second.run(5)
    np.testing.assert_array_equal(whole.atoms.positions, second.atoms.positions)
    np.testing.assert_array_equal(whole.atoms.get_forces(), second.atoms.get_forces())


def test_restart_files_of_other_runs_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    run = grid_run(path)
    run.write_restart()
    with pytest.raises(ValueError, match=r"coupling was 1e\+18, is 2e\+18\); continue with the"):
        grid_run(path, coupling=2e18).read_restart()
    grid_run(path, coupling=2e18).read_restart(same_options=False)
    with pytest.raises(ValueError, match=r"cells was \[3, 1, 1\], is \[1, 1, 2\]"):
        grid_run(path, cells=(1, 1, 2), pulse=()).read_restart(same_options=False)
    other = TwoTemperature(crystal((2, 2, 2)), fs, restart=path)
    with pytest.raises(ValueError, match="holds 12 atoms that are not the 8 of this run"):
        other.read_restart()
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="expected a restart file of TwoTemperature"):
        run.read_restart()
    np.savez(path, numbers=[1])
    with pytest.raises(ValueError, match="expected a restart file of TwoTemperature"):
        run.read_restart()


def test_a_run_that_becomes_too_hot_stops_cleanly(tmp_path):
    path = tmp_path / "last.npz"

    def make(energy):
        atoms = crystal((2, 2, 2), hot=2000.0, model=FlatMetal(half_width=6.0))
        return TwoTemperature(
            atoms,
            fs,
            pulse=LaserPulse(energy, 20 * fs, 10 * fs),
            coupling=1e17,
            rng=1,
            restart=path,
        )

    run, twin = make(0.8), make(0.8)
    message = r"step 21 failed: at \d+.* K some .* unknown states .*The last complete state, at 20"
    with pytest.raises(TwoTemperatureError, match=message + r" fs with T_e up to \d+.*last\.npz"):
        run.run(40)
    assert run.nsteps == 20
    twin.run(run.nsteps)
    np.testing.assert_array_equal(run.atoms.positions, twin.atoms.positions)
    np.testing.assert_array_equal(run.atoms.get_momenta(), twin.atoms.get_momenta())
    assert run.conserved_energy == pytest.approx(twin.conserved_energy, rel=1e-12)
    again = make(0.0)
    again.read_restart(same_options=False)
    assert again.state.entropy == twin.state.entropy
    again.run(3)
    assert again.absorbed == run.absorbed


def test_a_ground_state_that_fails_stops_the_run_cleanly(tmp_path):
    run = TwoTemperature(
        crystal((2, 2, 2)),
        fs,
        coupling=lambda t: np.where(t > 299, -1.0, 1e17),
        rng=0,
        restart=tmp_path / "last.npz",
    )
    with pytest.raises(TwoTemperatureError, match=r"coupling: expected numbers >= 0 .* got -1 at"):
        run.run(2)
    assert (tmp_path / "last.npz").exists()


# What ASE users expect


def test_log_trajectory_and_observers(tmp_path):
    atoms = crystal((2, 2, 2), model=WAVY, hot=4000.0)
    log = tmp_path / "run.log"
    with TwoTemperature(
        atoms,
        fs,
        coupling=lambda t: 1e14 * t,
        rng=0,
        pulse=LaserPulse(0.1, 5 * fs, 5 * fs),
        logfile=str(log),
        trajectory=str(tmp_path / "run.traj"),
        loginterval=2,
    ) as dynamics:
        seen = [step for step in dynamics.irun(6)]
    assert seen == [False] * 6 + [True]
    table = np.loadtxt(log)
    names = log.read_text().splitlines()[0].lstrip("#").split()
    assert table.shape == (4, len(names))
    column = dict(zip(names, table.T, strict=True))
    np.testing.assert_allclose(column["time_fs"], [0, 2, 4, 6])
    total = column["E_kin_eV"] + column["E_0_eV"] + column["U_e_eV"]
    np.testing.assert_allclose(
        total - column["absorbed_eV"] - column["bath_eV"], column["conserved_eV"], rtol=1e-10
    )
    assert column["T_e_K"][-1] == pytest.approx(dynamics.electronic_temperature, rel=1e-10)
    with Trajectory(tmp_path / "run.traj") as frames:
        assert len(frames) == 4
        assert frames.description["md-type"] == "TwoTemperature"
        last = frames[-1]
    np.testing.assert_array_equal(last.get_forces(), atoms.get_forces())
    assert last.calc.parameters["electronic_temperature"] == dynamics.electronic_temperature
    assert dynamics.todict()["coupling"] == "<lambda>"


def test_each_kind_of_warning_comes_once():
    class Wandering(FlatMetal):
        def predict(self, atoms):
            warnings.warn(f"{len(atoms)} of 8 atoms are far out", stacklevel=1)
            warnings.warn(f"at {np.random.default_rng().random()} K", stacklevel=1)
            local = super().predict(atoms)
            return LocalDOS(
                local.coefficients,
                local.basis,
                local.energies,
                local.valence,
                0.0,
                np.full(len(atoms), 1.5),
            )

    with pytest.warns(UserWarning, match=r"at the start: .* kind are only counted") as caught:
        dynamics = TwoTemperature(crystal((2, 2, 2), model=Wandering()), fs)
    assert len(caught) == 2
    dynamics.run(5)  # warnings are errors here
    assert sorted(dynamics.warned.values()) == [6, 6]
    assert dynamics.novelty == 1.5


def test_setting_the_temperature_is_booked():
    dynamics = TwoTemperature(crystal((2, 1, 1)), fs, cells=(2, 1, 1))
    before = dynamics.conserved_energy
    dynamics.set_electronic_temperature(np.array([3000.0, 500.0]).reshape(2, 1, 1))
    assert dynamics.conserved_energy == pytest.approx(before, abs=1e-12)
    np.testing.assert_allclose(dynamics.electronic_temperatures.ravel(), [3000, 500])
    with pytest.raises(ValueError, match=r"expected one or \(2, 1, 1\) of them, got shape \(3,\)"):
        dynamics.set_electronic_temperature([1.0, 2.0, 3.0])


def test_atoms_moved_between_runs_take_the_entropy_along():
    atoms = crystal((2, 2, 2), model=WAVY, hot=5000.0)
    dynamics = TwoTemperature(atoms, fs)
    dynamics.run(2)
    entropy, temperature = dynamics.state.entropy[0], dynamics.electronic_temperature
    atoms.positions += 0.3
    dynamics.run(1)
    assert dynamics.state.entropy[0] == pytest.approx(entropy, rel=1e-12)
    assert abs(dynamics.electronic_temperature - temperature) > 1


# What makes no sense


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
    with pytest.raises(ValueError, match="divide a cell of three vectors; this structure has 0"):
        TwoTemperature(atoms, fs, cells=(2, 1, 1))
    for ground, name in ((None, "none"), (NoForces(), "NoForces")):
        atoms.calc = DOSCalculator(FlatMetal(), ground_state=ground)
        with pytest.raises(ValueError, match=f"need a ground state with forces, got {name}"):
            TwoTemperature(atoms, fs)
    atoms.calc = Springs(atoms.positions)
    with pytest.raises(ValueError, match="expected atoms with a DOSCalculator, got Springs"):
        TwoTemperature(atoms, fs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": -1}, "pulse energy"),
        ({"duration": 0}, "pulse duration"),
        ({"center": np.inf}, "pulse center"),
        ({"depth": 0}, "pulse depth"),
        ({"direction": "up"}, "pulse direction: expected a sign and an axis"),
        ({"direction": "z"}, "pulse direction"),
    ],
)
def test_pulses_without_meaning(change, message):
    with pytest.raises(ValueError, match=message):
        LaserPulse(**({"energy": 1.0, "center": 0.0, "duration": 1.0} | change))


def test_groups_of_other_structures_are_refused():
    calc = DOSCalculator(FlatMetal(), electronic_temperature=300.0)
    calc.set_group_temperatures(np.array([300.0]), np.zeros(3, int))
    with pytest.raises(Exception, match="groups of 3 atoms, the structure has 8"):
        calc.get_property("energy", crystal((2, 2, 2)))
