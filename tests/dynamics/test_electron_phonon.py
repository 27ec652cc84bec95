"""Electron-phonon coupling: the rate of cooling, and kicks that are refused."""

import numpy as np
import pytest
from ase.units import fs
from toy_md import Insulator, crystal

from ase_dos import TwoTemperature


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
    assert dynamics.conserved_energy == pytest.approx(before, rel=1e-6)
    assert dynamics.state.internal_energy[0] >= 0
