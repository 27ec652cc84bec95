"""One step: what it computes, and atoms that change their cells."""

import numpy as np
import pytest
from ase.units import fs
from toy_md import WAVY, FlatMetal, crystal, follow, silicon, tersoff

from ase_dos import DOSCalculator, LaserPulse, TwoTemperature

pytestmark = [
    pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning"),
    pytest.mark.filterwarnings("ignore::ase_dos.electrons.smearing.SmearingWarning"),
]


@pytest.mark.parametrize("coupling", [None, 1e18])
def test_one_dos_and_one_gradient_a_step(coupling):
    """The thermostat needs the DOS where it acts, in the middle of the step; the rest does not."""
    model = FlatMetal(wave=0.2)
    atoms = crystal((2, 2, 2), model=model, hot=5000.0)
    dynamics = TwoTemperature(atoms, fs, coupling=coupling, rng=0)
    model.calls.update(predict=0, differentiate=0)
    dynamics.run(10)
    assert model.calls == {"predict": 10 if coupling is None else 20, "differentiate": 10}


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


def test_fixed_temperature_stays_when_atoms_change_cells():
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
