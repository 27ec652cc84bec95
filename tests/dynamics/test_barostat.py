"""Pressure control: enthalpy, work on electrons, ensemble, restarts, and what is refused."""

import numpy as np
import pytest
from ase.build import fcc111
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.units import GPa, fs, kB
from toy_md import FlatMetal, Springs, crystal, follow, silicon

from ase_dos import Barostat, DOSCalculator, LaserPulse, TwoTemperature
from ase_dos.dynamics.barostat import Piston
from ase_dos.spectra.local_dos import LocalDOS

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]
BULK = 0.5  # eV/Angstrom^3
SITE = 2.5**3


class Solid(Springs):
    """Springs whose sites follow the cell, and an energy B V_0 (V/V_0 - 1)^2 / 2."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, atoms, constant=2.0):
        super().__init__(atoms.positions, constant)
        self.scaled = atoms.positions @ np.linalg.inv(atoms.cell.array)
        self.rest = atoms.get_volume()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        Calculator.calculate(self, atoms, properties, system_changes)
        away = atoms.positions - self.scaled @ atoms.cell.array
        volume = atoms.get_volume()
        strain = volume / self.rest - 1.0
        virial = self.constant * away.T @ away
        stress = virial / volume + BULK * strain * np.eye(3)
        self.results = {
            "energy": 0.5 * self.constant * (away**2).sum() + 0.5 * BULK * self.rest * strain**2,
            "forces": -self.constant * away,
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }


class Swelling(FlatMetal):
    """Flat metal with C = gamma(V) T: gamma is proportional to 1 + 2 (V/V_0 - 1)."""

    def __init__(self, half_width=12.0):
        super().__init__(half_width=half_width)
        self.basis[1] = 1.0

    def strain(self, atoms):
        return atoms.get_volume() / len(atoms) / SITE - 1.0

    def predict(self, atoms, which=None):
        level = np.full((len(atoms), 2), [1.0, 2.0 * self.strain(atoms)])
        valence = self.electrons * level.sum(axis=1)  # mu stays in the middle
        local = LocalDOS(level, self.basis, self.energies, valence)
        return local if which is None else local.take(which)

    def differentiate(self, atoms, weights, groups=None):
        groups = np.zeros(len(atoms), int) if groups is None else groups
        weights = np.atleast_2d(weights) @ self.basis[1]
        slope = 2.0 * weights[groups].sum() * (1.0 + self.strain(atoms))
        return np.zeros((len(atoms), 3)), slope * np.eye(3)


def solid(shape=(3, 3, 3), temperature=600.0, hot=600.0, model=None, **options):
    atoms = crystal(shape, temperature, hot=hot, model=model or FlatMetal(), **options)
    still = crystal(shape, 0.0)
    atoms.calc.ground_state = Solid(still)
    atoms.set_momenta(atoms.get_momenta() - atoms.get_momenta().mean(axis=0))
    return atoms


def barostat(pressure=0.0, **options):
    return Barostat(pressure, 200 * fs, BULK, **options)


@pytest.mark.parametrize(
    ("press", "options"),
    [
        (barostat(), {}),
        (barostat(2 * GPa, axes="z"), {}),
        (barostat(-1 * GPa, axes="xz", damping=0.0), {"bath_temperature": 6000.0}),
        (
            barostat(1 * GPa, axes="xyz"),
            {
                "cells": (3, 1, 1),
                "conductivity": 100.0,
                "coupling": lambda t: 3e14 * t,
                "pulse": LaserPulse(0.3, 80 * fs, 40 * fs, depth=4.0, direction="+x"),
                "reassign_interval": 10,
            },
        ),
    ],
    ids=["isotropic", "uniaxial", "fixed", "grid"],
)
def test_the_enthalpy_is_conserved_to_second_order(press, options):
    spreads, volumes = [], []
    for steps in (40, 80):
        model = Swelling()
        atoms = solid(hot=6000.0, model=model)
        dynamics = TwoTemperature(atoms, 160 / steps * fs, barostat=press, rng=3, **options)
        (energy,) = follow(dynamics, steps, "conserved_energy")
        spreads.append(np.ptp(energy))
        volumes.append(abs(atoms.get_volume() / 27 / SITE - 1.0))
        assert dynamics.drift == pytest.approx(energy[-1] - energy[0], abs=1e-9)
    assert min(volumes) > 1e-3
    assert 2.8 < spreads[0] / spreads[1] < 5.6
    assert spreads[1] < 2e-3 * dynamics.state.internal_energy.sum()


def test_silicon_conserves_its_enthalpy():
    spreads = []
    for steps in (20, 40):
        press = Barostat(2 * GPa, 100 * fs, 98 * GPa, axes="xyz")
        dynamics = TwoTemperature(silicon(), 40 / steps * fs, barostat=press, rng=0)
        spreads.append(np.ptp(follow(dynamics, steps, "conserved_energy")))
    assert 2.8 < spreads[0] / spreads[1] < 5.6


def test_electrons_follow_the_volume_at_constant_entropy():
    """T_e is proportional to 1/gamma(V), and what they lose is the work of their pressure."""
    atoms = solid(hot=6000.0, temperature=0.0, model=Swelling())
    atoms.positions = crystal((3, 3, 3), 0.0).positions
    dynamics = TwoTemperature(atoms, 2 * fs, barostat=barostat(damping=0.0))
    entropy, temperature, volume, energy = [], [], [], []

    def record():
        entropy.append(dynamics.state.entropy[0])
        temperature.append(dynamics.electronic_temperature)
        volume.append(atoms.get_volume())
        energy.append(dynamics.state.internal_energy[0])

    dynamics.attach(record)
    dynamics.run(60)
    volume = np.array(volume)
    gamma = 1.0 + 2.0 * (volume / volume[0] - 1.0)
    np.testing.assert_allclose(entropy, entropy[0], rtol=1e-12)
    np.testing.assert_allclose(np.array(temperature) * gamma, 6000.0, rtol=1e-4)
    assert np.ptp(temperature) > 100.0
    # P_e = U gamma' / gamma, at constant S_e
    pressure = np.array(energy) * 2.0 / volume[0] / gamma
    work = -np.sum(0.5 * (pressure[1:] + pressure[:-1]) * np.diff(volume))
    assert energy[-1] - energy[0] == pytest.approx(work, rel=1e-4)


@pytest.mark.parametrize(("axes", "clamped"), [("isotropic", ""), ("z", "xy"), ("xyz", "")])
def test_hot_electrons_expand_the_lattice(axes, clamped):
    """V/V_0 - 1 = (P_e - P) / B at rest: the springs of this solid do not feel its volume."""
    hot, pressure = 4000.0, 0.5 * GPa
    model = Swelling()
    atoms = solid(temperature=0.0, hot=300.0, model=model)
    atoms.positions = crystal((3, 3, 3), 0.0).positions
    start = atoms.cell.lengths()
    press = barostat(pressure, axes=axes, damping=1 / (30 * fs))
    dynamics = TwoTemperature(atoms, 4 * fs, barostat=press, bath_temperature=hot, rng=1)
    for _ in range(24):
        dynamics.run(10)
        atoms.set_momenta(np.zeros((27, 3)))  # takes what the piston has lost to the ions
    electrons = 0.5 * model.gamma(1) * hot**2 * 2.0 / SITE
    expected = (electrons - pressure) / BULK
    assert atoms.get_volume() / 27 / SITE - 1.0 == pytest.approx(expected, rel=1e-3)
    assert expected > 0.01
    for axis in clamped:
        assert atoms.cell.lengths()["xyz".index(axis)] == start["xyz".index(axis)]
    assert np.all(atoms.cell.angles() == 90.0)


def test_pressure_volume_and_piston_in_equilibrium():
    """Mean pressure is the target, W v^2 has k T, and <dV^2> = k T V / B: this B is that of NPT.

    The electrons are cold, so that the exchange with the piston alone mixes the springs.
    """
    pressure = 3 * GPa
    atoms = solid((3, 3, 3), 800.0, 0.0)
    atoms.set_cell((1.0 - pressure / BULK) ** (1 / 3) * atoms.cell.array, scale_atoms=True)
    press = barostat(pressure, damping=1 / (40 * fs))
    dynamics = TwoTemperature(atoms, 8 * fs, barostat=press, rng=1)
    rows = []

    def record():
        row = dynamics.log_row()
        rows.append([row[name] for name in ("volume_A^3", "P_GPa", "E_piston_eV", "T_ion_K")])

    dynamics.run(100)
    dynamics.attach(record)
    dynamics.run(1600)
    volume, inside, piston, ions = np.array(rows).T
    thermal = kB * ions.mean()
    blocks = [part.mean() for part in np.array_split(inside, 12)]
    assert inside.mean() == pytest.approx(3.0, abs=3 * np.std(blocks) / np.sqrt(12))
    assert np.std(blocks) < 0.4
    assert 2 * piston.mean() == pytest.approx(thermal, rel=0.2)
    assert volume.var() == pytest.approx(thermal * volume.mean() / BULK, rel=0.2)


@pytest.mark.parametrize("coupling", [None, 1e18])
def test_a_continued_run_is_the_same_bit_for_bit(coupling, tmp_path):
    def make(path):
        return TwoTemperature(
            solid(hot=6000.0, model=Swelling()),
            2 * fs,
            barostat=barostat(1 * GPa, axes="xz"),
            cells=(3, 1, 1),
            coupling=coupling,
            conductivity=50.0,
            rng=2,
            restart=tmp_path / path,
        )

    whole, first, second = make("whole.npz"), make("half.npz"), make("half.npz")
    whole.run(16)
    first.run(7)
    first.write_restart()
    second.read_restart()
    second.run(9)
    for name in ("positions", "cell"):
        np.testing.assert_array_equal(
            getattr(whole.atoms, f"get_{name}")(), getattr(second.atoms, f"get_{name}")()
        )
    np.testing.assert_array_equal(whole.state.temperature, second.state.temperature)
    np.testing.assert_array_equal(whole.piston.rates, second.piston.rates)
    assert whole.conserved_energy == second.conserved_energy
    other = make("half.npz")
    other.atoms.set_cell(1.01 * other.atoms.cell.array)
    with pytest.raises(ValueError, match="the cell of the atoms changed"):
        other.run(1)


def test_a_barostat_after_a_run_in_a_constant_cell(tmp_path):
    path = tmp_path / "run.npz"
    first = TwoTemperature(solid(), 2 * fs, restart=path)
    first.run(3)
    first.write_restart()
    second = TwoTemperature(solid(), 2 * fs, barostat=barostat(1 * GPa), restart=path)
    with pytest.raises(ValueError, match="barostat was None, is"):
        second.read_restart()
    second.read_restart(same_options=False)
    assert second.nsteps == 3
    second.run(3)
    assert second.atoms.get_volume() != first.atoms.get_volume()
    second.write_restart()
    with pytest.raises(ValueError, match=r"was made with \[\[7\.5, .*; make it with the cell"):
        first.read_restart(same_options=False)


def test_a_run_that_fails_goes_back_to_its_cell(tmp_path):
    """One that shrinks without end, too."""
    atoms = solid(hot=1000.0, model=Swelling())
    press = Barostat(4000 * GPa, 100 * fs, BULK, damping=0.0)
    dynamics = TwoTemperature(atoms, 4 * fs, barostat=press, restart=tmp_path / "run.npz")
    with pytest.raises(RuntimeError, match=r"step .* failed: .*The last"):
        dynamics.run(200)
    again = TwoTemperature(
        solid(hot=1000.0, model=Swelling()), 4 * fs, barostat=press, restart=tmp_path / "run.npz"
    )
    again.read_restart()
    np.testing.assert_array_equal(again.atoms.cell, atoms.cell)
    np.testing.assert_array_equal(again.grid.cell, atoms.cell)


def test_friction_follows_the_density_unless_it_is_given():
    """Gamma = G / (3 n k)."""
    for given in (None, SITE):
        atoms = solid(hot=6000.0, model=Swelling())
        dynamics = TwoTemperature(
            atoms, 4 * fs, barostat=barostat(), coupling=1e16, atomic_volume=given, rng=0
        )
        before = dynamics.thermostat.friction(np.array([6000.0]))
        dynamics.run(20)
        ratio = dynamics.thermostat.friction(np.array([6000.0])) / before
        assert ratio == pytest.approx(1.0 if given else atoms.get_volume() / 27 / SITE, rel=1e-12)


def slab(vacuum, pbc=(True, True, False)):
    atoms = fcc111("Al", (2, 2, 3), vacuum=vacuum / 2)
    atoms.rattle(0.1, seed=1)
    atoms.pbc = pbc
    atoms.calc = DOSCalculator(FlatMetal(), ground_state=EMT(), electronic_temperature=3000.0)
    return atoms


@pytest.mark.parametrize("pbc", [(True, True, False), True])
def test_a_slab_breathes_in_its_plane_whatever_its_vacuum(pbc):
    found = []
    for vacuum in (12.0, 30.0):
        atoms = slab(vacuum, pbc)
        start = atoms.cell.array.copy()
        press = Barostat(0.0, 100 * fs, 70 * GPa, axes="xy")
        dynamics = TwoTemperature(atoms, 2 * fs, barostat=press, rng=3)
        dynamics.run(30)
        np.testing.assert_array_equal(atoms.cell[2], start[2])
        assert np.abs(atoms.cell.array - start).max() > 0.02
        assert abs(dynamics.drift) < 1e-3
        found.append((atoms.cell[:2], atoms.positions - atoms.positions.mean(axis=0)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize(
    ("pbc", "options"),
    [
        ((True, True, False), {}),
        (True, {}),
        (True, {"axes": "z"}),
        ((True, True, False), {"axes": "xy", "pressure": GPa}),
        (False, {"axes": "xy"}),
    ],
)
def test_vacuum_is_neither_pressed_nor_stretched(pbc, options):
    with pytest.raises(ValueError, match=r"vacuum has no pressure .*a slab takes pressure=0 and"):
        TwoTemperature(slab(12.0, pbc), fs, barostat=barostat(**options))


def test_damping_keeps_energy_and_centre_of_mass():
    atoms = solid()
    piston = Piston(barostat(axes="xyz"), atoms)
    piston.rates = np.array([3.0, 1.0, -2.0]) * 1e-3
    rng = np.random.default_rng(4)
    energy = atoms.get_kinetic_energy() + piston.kinetic_energy
    for _ in range(20):
        piston.damp(atoms, 10 * fs, rng.standard_normal)
    assert atoms.get_kinetic_energy() + piston.kinetic_energy == pytest.approx(energy, rel=1e-13)
    np.testing.assert_allclose(atoms.get_momenta().sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pressure": np.nan}, "pressure: expected a finite number, got nan"),
        ({"time": 0.0}, "time of the barostat: expected a number > 0"),
        ({"bulk_modulus": -1.0}, "bulk_modulus: expected a number > 0"),
        ({"damping": -1.0}, "damping of the barostat: expected a number >= 0"),
        ({"axes": "zz"}, "axes: expected 'isotropic' or some of 'xyz', got 'zz'"),
        ({"axes": "c"}, "axes: expected 'isotropic'"),
        ({"axes": ""}, "axes: expected 'isotropic'"),
        ({"axes": (True, False, True)}, "axes: expected 'isotropic'"),
    ],
)
def test_barostats_without_meaning(change, message):
    with pytest.raises(ValueError, match=message):
        Barostat(**{"pressure": 0.0, "time": 100.0, "bulk_modulus": 0.5} | change)


def test_samples_without_a_pressure():
    atoms = solid()
    with pytest.raises(ValueError, match="barostat: expected Barostat, got float"):
        TwoTemperature(atoms, fs, barostat=1.0)
    atoms.cell[2] = 0.0
    with pytest.raises(ValueError, match="expected a cell of three vectors, got 2"):
        TwoTemperature(atoms, fs, barostat=barostat())
    with pytest.raises(ValueError, match="a ground state with a stress, got Springs"):
        TwoTemperature(crystal((2, 2, 2)), fs, barostat=barostat())
    atoms = solid()
    atoms.set_constraint(FixAtoms([0]))
    with pytest.raises(ValueError, match="cannot be constrained, got FixAtoms"):
        TwoTemperature(atoms, fs, barostat=barostat())
    atoms.set_constraint()
    dynamics = TwoTemperature(atoms, fs, barostat=barostat())
    atoms.set_constraint(FixAtoms([0]))
    with pytest.raises(ValueError, match="cannot be constrained, got FixAtoms"):
        dynamics.run(1)
