"""Restart files: runs go on bit for bit, those of every format so far are read."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from ase.units import fs
from paths import FORMATS
from toy_md import WAVY, FlatMetal, Springs, crystal, silicon

from ase_dos import DOSCalculator, LaserPulse, TwoTemperature
from ase_dos.dynamics.two_temperature import TwoTemperatureError

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]


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


def test_a_run_of_format_1_goes_on(tmp_path):
    """Seven steps are those of the release that wrote the file."""
    continued = grid_run(tmp_path / "run.npz")
    continued.read_restart(FORMATS / "restart_v1.npz")
    assert continued.nsteps == 7
    assert continued.get_time() == 7 * continued.dt
    with np.load(FORMATS / "restart_v1.npz") as file:
        np.testing.assert_array_equal(continued.atoms.positions, file["positions"])
        np.testing.assert_array_equal(continued.state.temperature, file["temperature"])
    pulse, energy = continued.heat_exchange.pulses[0], continued.conserved_energy
    assert continued.absorbed == pytest.approx(12 * pulse.absorbed(0, 14 * fs), rel=1e-9)
    continued.run(9)
    assert continued.absorbed == pytest.approx(12 * pulse.absorbed(0, 32 * fs), rel=1e-9)
    assert continued.conserved_energy == pytest.approx(energy, abs=0.02)
    assert continued.drift == pytest.approx(continued.conserved_energy - energy, abs=1e-12)


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
    class Failing(Springs):
        def calculate(self, atoms=None, *args):
            if steps[-1] == 3:
                raise CalculationFailed("no convergence")
            super().calculate(atoms, *args)

    steps = [0]
    atoms = crystal((2, 2, 2))
    atoms.calc.set(ground_state=Failing(atoms.positions))
    run = TwoTemperature(atoms, fs, restart=tmp_path / "last.npz")
    run.attach(lambda: steps.append(run.nsteps))
    with pytest.raises(TwoTemperatureError, match="step 4 failed: no convergence"):
        run.run(5)
    assert run.nsteps == 3
    steps.append(0)  # mended
    again = TwoTemperature(atoms, fs, restart=tmp_path / "last.npz")
    again.read_restart()
    again.run(2)
    assert again.nsteps == 5


def test_a_negative_coupling_stops_the_run_cleanly(tmp_path):
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


def test_a_restart_with_another_time_step_keeps_the_time(tmp_path):
    """The pulse comes when it should; after a stop, a shorter step is what helps."""
    pulse = LaserPulse(0.3, 20 * fs, 10 * fs)

    def make(step):
        return TwoTemperature(
            crystal((2, 2, 2)), step * fs, pulse=pulse, restart=tmp_path / "run.npz"
        )

    first = make(2.0)
    first.run(10)
    first.write_restart()
    second = make(0.5)
    second.read_restart(same_options=False)
    assert second.get_time() == pytest.approx(20 * fs, rel=1e-12)
    second.run(80)
    assert second.get_time() == pytest.approx(60 * fs, rel=1e-12)
    assert second.absorbed == pytest.approx(8 * 0.3, rel=1e-4)
    second.write_restart()
    third = make(0.5)
    third.read_restart()
    assert third.get_time() == second.get_time()
    first.dt = 1.0 * fs  # and so it is within a run
    assert first.get_time() == pytest.approx(20 * fs, rel=1e-12)
    first.run(40)
    assert first.absorbed == pytest.approx(8 * 0.3, rel=1e-4)


def test_a_restart_in_another_cell_is_refused(tmp_path):
    TwoTemperature(crystal((2, 2, 2)), fs, restart=tmp_path / "run.npz").write_restart()
    atoms = crystal((2, 2, 2))
    atoms.set_cell(1.1 * atoms.cell.array)
    with pytest.raises(ValueError, match=r"in the cell \[\[5\.0, .* was made with \[\[5\.5, "):
        TwoTemperature(atoms, fs, restart=tmp_path / "run.npz").read_restart()


def exploding(path, **options):
    """Springs of 2 eV/Angstrom^2 that are stable below 74 fs."""
    return TwoTemperature(crystal((2, 2, 2), 600.0), 80 * fs, restart=path, **options)


def test_an_explosion_stops_at_the_stated_drift(tmp_path):
    run = exploding(tmp_path / "run.npz")
    start = run.atoms.get_positions()
    message = (
        r"changed by \S+ eV per atom, more than max_drift = 0\.1; take a shorter time step than "
        r"80 fs.*last complete state, at 0 fs .*run\.npz"
    )
    with pytest.raises(TwoTemperatureError, match=message):
        run.run(500)
    np.testing.assert_array_equal(run.atoms.positions, start)
    assert run.nsteps == run.drift == 0
    assert run.atoms.get_temperature() < 2000
    again = exploding(tmp_path / "run.npz", max_drift=np.inf)
    again.read_restart()
    again.run(60)  # on request
    assert abs(again.drift) > 0.1 * 8
    assert again.atoms.get_temperature() > 1e5


def test_an_explosion_leaves_the_restart_before_it(tmp_path):
    """An error of energy that doubles in every step: 0.1, 0.2, 0.4 ... meV per atom."""

    class Growing(Springs):
        def calculate(self, atoms=None, *args):
            super().calculate(atoms, *args)
            if not places or (places[-1] != atoms.positions).any():
                places.append(atoms.get_positions())
            self.results["energy"] += 8 * 1e-4 * 2.0 ** len(places)

    places, path = [], tmp_path / "run.npz"
    atoms = crystal((2, 2, 2))
    atoms.calc.set(ground_state=Growing(atoms.positions))
    run = TwoTemperature(atoms, fs, restart=path)
    run.attach(run.write_restart)
    with (
        pytest.warns(UserWarning, match="not written, because the conserved energy has changed by"),
        pytest.raises(TwoTemperatureError, match=r"step \d+ failed: .*last good state, at 6 fs"),
    ):
        run.run(50)
    assert run.nsteps == 6
    again = TwoTemperature(crystal((2, 2, 2)), fs, restart=path)
    again.read_restart()
    assert again.nsteps == 6
    assert again.drift < 0.02 * 8
    np.testing.assert_array_equal(again.atoms.positions, run.atoms.positions)


def test_momenta_that_a_user_has_set_are_not_lost(tmp_path):
    run = TwoTemperature(crystal((2, 2, 2)), fs, restart=tmp_path / "run.npz", max_drift=1e-9)
    run.atoms.set_momenta(2.0 * run.atoms.get_momenta())
    momenta = run.atoms.get_momenta()
    with pytest.raises(TwoTemperatureError, match="last complete state, at 0 fs"):
        run.run(50)
    again = TwoTemperature(crystal((2, 2, 2)), fs, restart=tmp_path / "run.npz")
    again.read_restart()
    np.testing.assert_array_equal(again.atoms.get_momenta(), momenta)


def test_a_bad_state_is_not_written_over_a_good_one(tmp_path):
    path = tmp_path / "run.npz"
    run = TwoTemperature(crystal((2, 2, 2), 600.0), 2 * fs, restart=path)
    run.run(3)
    run.write_restart()
    good = path.read_bytes()
    run.drift += 0.05 * 8
    with pytest.warns(UserWarning, match="changed by 50 meV per atom since .* of step 3"):
        run.write_restart()
    assert path.read_bytes() == good
    run.write_restart(tmp_path / "other.npz")
    assert (tmp_path / "other.npz").exists()


def test_any_failure_of_a_ground_state_leaves_a_whole_state(tmp_path):
    """Also what is no error of ASE, and an interrupt by the user."""

    class Failing(Springs):
        def calculate(self, atoms=None, *args):
            if failure:
                raise failure[0]
            super().calculate(atoms, *args)

    failure = []
    atoms = crystal((2, 2, 2))
    atoms.calc.set(ground_state=Failing(atoms.positions))
    run = TwoTemperature(atoms, fs, restart=tmp_path / "last.npz")
    run.run(2)
    positions = atoms.get_positions()
    failure.append(RuntimeError("out of memory"))
    with pytest.raises(TwoTemperatureError, match="step 3 failed: out of memory"):
        run.run(2)
    np.testing.assert_array_equal(atoms.positions, positions)
    failure[0] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run.run(2)
    np.testing.assert_array_equal(atoms.positions, positions)
    failure.clear()
    run.run(2)
    assert run.nsteps == 4
