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
