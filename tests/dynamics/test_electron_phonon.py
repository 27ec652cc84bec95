"""Electron-phonon coupling: its equilibrium, the rate of cooling, kicks that are refused."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixCom, FixConstraint
from ase.units import fs, kB
from toy_md import FlatMetal, Insulator, crystal

from ase_dos import TwoTemperature
from ase_dos.dynamics.cell_electrons import ElectronState
from ase_dos.dynamics.degrees_of_freedom import degrees_of_freedom
from ase_dos.dynamics.electron_phonon import ElectronPhonon

CAPACITY = 0.0487  # C_e (k/atom) of aluminium at 300 K
VOLUME, FLOW = 16.6, 1.602176634e-19 / 1e-15 / 1e-30  # Angstrom^3; eV/fs/Angstrom^3 in W/m^3


class Sommerfeld:
    """Electrons of cells with U = gamma T^2 / 2 and S = gamma T."""

    def __init__(self, gamma, labels, n_cells):
        self.gamma, self.labels, self.n_cells = gamma, labels, n_cells
        self.least_energy = np.zeros(n_cells)

    def at_temperature(self, temperature, *, checked=True):
        t = np.broadcast_to(np.asarray(temperature, float), (self.n_cells,))
        return ElectronState(t, 0 * t, self.gamma * t, self.gamma * t**2 / 2, self.gamma * t)

    def at_energy(self, energy, guess):
        return self.at_temperature(np.sqrt(2 * energy / self.gamma))


def copies(count, size, kelvin=300.0, cold=300.0):
    """Cells of one energy, each of some free ions and the electrons of a metal with C = gamma T."""
    n = count * size
    atoms = Atoms(f"Al{n}", np.zeros((n, 3)), cell=[10.0] * 3, pbc=True)
    labels = np.repeat(np.arange(count), size)
    normal = np.random.default_rng(1).normal(size=(n, 3))
    sums = np.bincount(labels, (normal**2).sum(axis=1) / 2)
    scale = np.sqrt(1.5 * size * kB * kelvin / sums)[labels]
    atoms.set_momenta(scale[:, None] * normal * np.sqrt(atoms.get_masses())[:, None])
    electrons = Sommerfeld(size * CAPACITY * kB / 300.0, labels, count)
    return atoms, electrons, electrons.at_temperature(cold)


def coupling_of(atoms, length, kelvin=None):
    """Coupling with Gamma t = length for steps of 1 fs; ~ T_e if it is that at a T_e."""
    value = length * 3.0 * kB / VOLUME * FLOW
    law = value if kelvin is None else lambda t: value * t / kelvin
    return ElectronPhonon(law, atoms, VOLUME)


def microcanonical(energy, gamma, degrees):
    """<T_e> of p(K) ~ K^(d/2-1) exp(S_e(E-K)/k), with U = gamma T^2/2 and S = gamma T."""
    temperature = np.linspace(0, np.sqrt(2 * energy / gamma), 200_001)[1:-1]
    kinetic = energy - gamma * temperature**2 / 2
    log = (degrees / 2 - 1) * np.log(kinetic) + gamma * temperature / kB + np.log(temperature)
    weight = np.exp(log - log.max())
    return (weight @ temperature) / weight.sum()


def sampled(atoms, electrons, state, coupling, steps, settle, seed=0):
    rng, kept = np.random.default_rng(seed), []
    for step in range(steps):
        state, _ = coupling.exchange(atoms, electrons, state, fs, rng.standard_normal)
        if step >= settle:
            kept.append(state.temperature)
    return np.mean(kept, axis=0)


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
@pytest.mark.parametrize(
    ("size", "count", "length", "steps", "expected"),
    [
        (4, 400, 1e-2, 150, 909.9),
        (32, 200, 1e-2, 150, 456.6),
        (256, 20, 1e-2, 150, 322.9),
        (32, 300, 1.0, 25, 456.6),
    ],
)
def test_electrons_of_few_k_reach_the_microcanonical_equilibrium(
    size, count, length, steps, expected
):
    """Whatever the length of the step is; ions at 300 K and 0.0487 k/atom at 300 K."""
    atoms, electrons, state = copies(count, size)
    energy = 1.5 * size * kB * 300.0 + state.internal_energy[0]
    assert microcanonical(energy, electrons.gamma, 3 * size) == pytest.approx(expected, abs=0.1)
    means = sampled(atoms, electrons, state, coupling_of(atoms, length), steps, steps // 3)
    assert means.std() / np.sqrt(count) < 0.01 * expected
    assert means.mean() == pytest.approx(expected, rel=0.02)


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
def test_a_run_of_free_ions_reaches_it_too():
    """Whole steps, with electrons of a density of states: 457 K, not 300 K, for 32 atoms."""
    atoms = crystal((4, 4, 2), 300.0, model=FlatMetal(level=CAPACITY / (np.pi**2 / 3 * kB * 300)))
    atoms.calc.ground_state.constant = 0.0
    dynamics = TwoTemperature(atoms, fs, coupling=coupling_of(atoms, 0.1).coupling.label, rng=4)
    ions = atoms.get_kinetic_energy()
    energy = ions + dynamics.state.internal_energy[0]
    expected = microcanonical(energy, dynamics.state.entropy[0] / 300.0, 96)
    temperature = []
    dynamics.attach(lambda: temperature.append(dynamics.electronic_temperature))
    dynamics.run(250)
    assert np.mean(temperature[50:]) == pytest.approx(expected, rel=0.06)
    assert dynamics.conserved_energy == pytest.approx(energy, rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
def test_the_equilibrium_does_not_depend_on_the_law_of_the_coupling():
    """Gamma ~ T_e has another drift, and the same equilibrium."""
    atoms, electrons, state = copies(200, 4)
    means = sampled(atoms, electrons, state, coupling_of(atoms, 1e-2, 900.0), 150, 50)
    assert means.mean() == pytest.approx(909.9, rel=0.02)


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
def test_constraints_take_their_degrees_of_freedom():
    atoms, electrons, state = copies(300, 5)
    atoms.set_constraint(FixAtoms(np.arange(1500)[np.arange(1500) % 5 < 2]))
    atoms.set_momenta(atoms.get_momenta())
    assert (degrees_of_freedom(atoms, electrons.labels, 300) == 9).all()
    kinetic = (0.5 * atoms.get_momenta() ** 2).sum(axis=1) / atoms.get_masses()
    energies = np.bincount(electrons.labels, kinetic) + state.internal_energy
    means = sampled(atoms, electrons, state, coupling_of(atoms, 1e-2), 150, 50)
    expected, free = (
        np.mean([microcanonical(e, electrons.gamma, degrees) for e in energies[:40]])
        for degrees in (9, 15)
    )
    assert means[:40].mean() == pytest.approx(expected, rel=0.04)
    assert free < 0.9 * expected


def test_degrees_of_freedom_of_cells():
    atoms = crystal((4, 1, 1))
    labels = np.array([0, 0, 1, 1])
    atoms.set_constraint([FixCom(), FixAtoms([0])])
    np.testing.assert_allclose(degrees_of_freedom(atoms, labels, 3), [1.5, 4.5, 0])
    atoms.set_constraint(FixConstraint())
    with pytest.raises(ValueError, match="FixConstraint does not say how many degrees of freedom"):
        degrees_of_freedom(atoms, labels, 2)


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
def test_energy_is_kept_to_the_last_digit():
    atoms, electrons, state = copies(3, 8, cold=4000.0)
    coupling, rng = coupling_of(atoms, 1e-2), np.random.default_rng(3)
    masses = atoms.get_masses()

    def energies(state):
        kinetic = 0.5 * (atoms.get_momenta() ** 2).sum(axis=1) / masses
        return np.bincount(electrons.labels, kinetic) + state.internal_energy

    before = energies(state)
    for _ in range(50):
        state, _ = coupling.exchange(atoms, electrons, state, fs, rng.standard_normal)
    np.testing.assert_allclose(energies(state), before, rtol=1e-13)
    assert state.temperature.max() < 3900


@pytest.mark.filterwarnings("ignore:.*less energy than the thermostat")
def test_refusals_vanish_with_the_time_step():
    refused = []
    for length in (1e-2, 1e-3, 1e-4):
        atoms, electrons, state = copies(400, 32, cold=457.0)
        rng, count = np.random.default_rng(5), 0
        for _ in range(5):
            state, here = coupling_of(atoms, length).exchange(
                atoms, electrons, state, fs, rng.standard_normal
            )
            count += here
        refused.append(count / 2000)
    assert refused[1] < 0.12
    assert refused[2] < 0.5 * refused[1]


@pytest.mark.parametrize("size", [4, 4096])
def test_hot_electrons_heat_ions_at_the_rate_of_the_coupling(size):
    """2 Gamma (3/2 N k T_e - K (1 + k/C_e)) in a unit of time; ions that stand still included."""
    for kelvin in (0.0, 300.0):
        count = 16384 // size
        atoms, electrons, state = copies(count, size, kelvin, cold=3000.0)
        before = state.internal_energy.mean()
        rng = np.random.default_rng(7)
        state, _ = coupling_of(atoms, 1e-3).exchange(
            atoms, electrons, state, fs, rng.standard_normal
        )
        ions = 1.5 * size * kB * kelvin
        rate = 2e-3 * (1.5 * size * kB * 3000 - ions * (1 + kB / state.heat_capacity.mean()))
        error = state.internal_energy.std() / np.sqrt(count)
        gained = before - state.internal_energy.mean()
        assert gained == pytest.approx(rate, abs=0.02 * rate + 4 * error)


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


def test_a_kick_beyond_the_energy_of_the_electrons_is_refused():
    atoms = crystal((2, 1, 1), 0.0, model=Insulator(), hot=1500.0)
    dynamics = TwoTemperature(atoms, fs, coupling=1e19, rng=0)
    before = dynamics.conserved_energy
    with pytest.warns(
        UserWarning, match="in 1 of 1 cells the electrons have less energy than the thermostat"
    ):
        dynamics.run(5)
    assert dynamics.refused > 0
    assert dynamics.conserved_energy == pytest.approx(before, rel=1e-3)
    assert dynamics.state.internal_energy[0] >= 0
