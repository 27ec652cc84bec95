"""Laser pulses: the energy that they bring, when and where."""

import numpy as np
import pytest
from ase.units import fs
from toy_md import crystal, follow

from ase_dos import LaserPulse, TwoTemperature


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


def run_of(steps=0, **pulse):
    dynamics = TwoTemperature(crystal((2, 2, 2)), fs, pulse=LaserPulse(**pulse))
    dynamics.run(steps)
    return dynamics


def test_light_before_the_start_is_said():
    with pytest.warns(UserWarning, match=r"at 0 fs of 60 fs: 50 % of its energy lies before the"):
        run = run_of(120, energy=0.3, center=0.0, duration=60 * fs)
    assert run.absorbed == pytest.approx(8 * 0.15, rel=1e-5)
    with pytest.warns(UserWarning, match=r"at 2\S+e-13 fs of .*: 50 % .* ASE's unit"):
        run_of(energy=0.3, center=2e-14, duration=60 * fs)  # seconds


def test_a_pulse_that_comes_after_the_steps_is_said():
    """A centre of 100, with fs forgotten, is at 1018 fs."""
    with pytest.warns(
        UserWarning, match=r"at 1018\.05 fs of 60 fs: comes after these steps, which"
    ):
        run = run_of(50, energy=0.3, center=100, duration=60 * fs)
    assert run.absorbed == pytest.approx(0, abs=1e-12)


def test_a_pulse_shorter_than_a_step_is_said():
    with pytest.warns(
        UserWarning, match=r"its duration is less than the time step, 1 fs; times are"
    ):
        run = run_of(10, energy=0.3, center=5 * fs, duration=60e-15)
    assert run.absorbed == pytest.approx(8 * 0.3, rel=1e-9)


def test_the_log_ends_with_the_light_outside(tmp_path):
    log = tmp_path / "run.log"
    pulse = LaserPulse(0.3, 30 * fs, 20 * fs)
    with TwoTemperature(crystal((2, 2, 2)), fs, pulse=pulse, logfile=str(log)) as run:
        run.run(30)
        last = log.read_text().splitlines()[-1]
        assert last.startswith("# pulses: of 0.3 eV per atom, 6.18106e-05 lie")
        assert last.endswith("before the start and 0.15 after 30 fs")
        run.run(60)
    assert "after" not in log.read_text().splitlines()[-1]
    assert np.loadtxt(log).shape[0] == 91


def test_light_missed_before_a_restart_is_said(tmp_path):
    path = tmp_path / "run.npz"
    dark = TwoTemperature(crystal((2, 2, 2)), fs, restart=path)
    dark.run(30)
    dark.write_restart()
    pulse = LaserPulse(0.3, 30 * fs, 20 * fs)
    bright = TwoTemperature(crystal((2, 2, 2)), fs, pulse=pulse, restart=path)
    with pytest.warns(
        UserWarning, match=r"0\.1499\d+ eV per atom lie before 30 fs, where this run"
    ):
        bright.read_restart(same_options=False)
