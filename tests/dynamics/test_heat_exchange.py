"""Heat exchange with a bath."""

import numpy as np
import pytest
from ase.units import fs
from toy_md import crystal

from ase_dos import TwoTemperature


def test_bath_relaxes_at_its_rate():
    atoms = crystal((2, 2, 2), hot=8000.0)
    dynamics = TwoTemperature(atoms, 2 * fs, bath_temperature=2000.0, bath_rate=1 / (50 * fs))
    dynamics.run(25)
    expected = 2000 + 6000 * np.exp(-1)
    assert dynamics.electronic_temperature == pytest.approx(expected, rel=1e-6)


def test_energy_of_a_set_temperature_counts_as_bath_heat():
    dynamics = TwoTemperature(crystal((2, 1, 1)), fs, cells=(2, 1, 1))
    before = dynamics.conserved_energy
    dynamics.set_electronic_temperature(np.array([3000.0, 500.0]).reshape(2, 1, 1))
    assert dynamics.conserved_energy == pytest.approx(before, abs=1e-12)
    np.testing.assert_allclose(dynamics.electronic_temperatures.ravel(), [3000, 500])
    with pytest.raises(ValueError, match=r"expected one or \(2, 1, 1\) of them, got shape \(3,\)"):
        dynamics.set_electronic_temperature([1.0, 2.0, 3.0])
