"""Electrons that keep their entropy but for what they absorb, against a metal solved by hand."""

import numpy as np
import pytest
from ase.units import fs
from toy_metal import GAMMA, Metal, metals

from ase_dos.dynamics import HeatedElectrons, LaserPulse


def dos(stretch):
    """Metal whose DOS, and so gamma, is larger by the given part; two atoms."""
    return Metal().predict(metals([stretch])[0]).total()


def test_entropy_is_kept_while_the_dos_changes():
    """S = gamma T: with a larger gamma the electrons are colder."""
    electrons = HeatedElectrons(3000.0)
    for time, stretch in enumerate([0.0, 0.2, 0.5, 0.0]):
        temperature = electrons.temperature(dos(stretch), 2, time * fs)
        assert temperature == pytest.approx(3000.0 / (1 + stretch), rel=1e-6)


def test_light_and_other_gains_heat_the_electrons():
    """U = gamma T^2 / 2."""
    gains = iter([0.5, 0.5, 0.7])
    pulse = LaserPulse(energy=0.3, center=100 * fs, duration=20 * fs)
    electrons = HeatedElectrons(300.0, [pulse], gain=lambda: next(gains))
    assert electrons.temperature(dos(0.0), 2, 0.0) == pytest.approx(300.0)
    heated = np.sqrt(300.0**2 + 2 * 0.3 / GAMMA)
    assert electrons.temperature(dos(0.0), 2, 200 * fs) == pytest.approx(heated, rel=1e-5)
    more = np.sqrt(heated**2 + 2 * 0.1 / GAMMA)
    assert electrons.temperature(dos(0.0), 2, 201 * fs) == pytest.approx(more, rel=1e-5)


def test_what_cannot_be():
    with pytest.raises(ValueError, match="temperature of the electrons"):
        HeatedElectrons(0.0)
    with pytest.raises(ValueError, match="expected no depth"):
        HeatedElectrons(300.0, [LaserPulse(0.1, 0.0, 1.0, depth=100.0)])
    losses = iter([0.0, -1.0])
    electrons = HeatedElectrons(300.0, gain=lambda: next(losses))
    electrons.temperature(dos(0.0), 2, 0.0)
    with pytest.raises(ValueError, match="less than at"):
        electrons.temperature(dos(0.0), 2, 1.0)
    electrons = HeatedElectrons(300.0)
    electrons.temperature(dos(0.0), 2, 100 * fs)
    electrons.temperature(dos(0.0), 2, 100 * fs)  # a run that goes on
    with pytest.raises(ValueError, match="went back from 100 to 50 fs"):
        electrons.temperature(dos(0.0), 2, 50 * fs)
