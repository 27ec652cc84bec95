"""Functional weights: totals, derivatives of the free energy, parts of atoms."""

import numpy as np
import pytest
from toy_dos import rough_metal, semiconductor

from ase_dos.electrons.gas import (
    gas_from_dos,
)
from ase_dos.electrons.weights import functional_weights


@pytest.mark.parametrize("temperature", [0.0, 50.0, 2000.0, 30000.0])
def test_weights_reproduce_the_totals(temperature):
    e, g = rough_metal()
    gas = gas_from_dos(e, g, 11.0, temperature)
    w = gas.weights(e)
    assert w.electrons @ g == pytest.approx(11.0, rel=1e-12)
    assert w.internal_energy @ g == pytest.approx(gas.internal_energy, rel=1e-11)
    assert w.entropy @ g == pytest.approx(gas.entropy, rel=1e-10, abs=0)
    assert w.grand_potential @ g == pytest.approx(gas.grand_potential, rel=1e-12)
    assert w.heat_capacity @ g == pytest.approx(gas.heat_capacity, rel=1e-9, abs=0)
    assert w.thermal_dos @ g == pytest.approx(gas.thermal_dos, rel=1e-9)
    assert w.dos_at_fermi_level @ g == pytest.approx(np.interp(gas.fermi_level, e, g), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.0, 300.0, 20000.0])
def test_grand_potential_weight_is_the_derivative_of_the_free_energy_at_fixed_number(temperature):
    e, g = rough_metal()
    w = gas_from_dos(e, g, 11.0, temperature).weights(e).grand_potential
    h = 1e-4
    for j in (10, 40, 62, 63, 64, 65, 90):
        bump = np.zeros_like(g)
        bump[j] = h
        pair = [gas_from_dos(e, g + s * bump, 11.0, temperature).free_energy for s in (1, -1)]
        assert (pair[0] - pair[1]) / (2 * h) == pytest.approx(w[j], rel=1e-6, abs=1e-9)


def test_kernel_of_the_free_energy_change():
    e, g = rough_metal()
    gas = gas_from_dos(e, g, 11.0, np.array([0.0, 4000.0]))
    w = gas.weights(e).grand_potential
    kernel = w[1] - w[0]
    mu0, mu = gas.fermi_level
    change = gas.free_energy[1] - gas.free_energy[0]
    assert kernel @ g + (mu - mu0) * 11 == pytest.approx(change, rel=1e-10)
    # Deep states feel only the change of mu; the hats have the width of the grid.
    assert kernel[2] / 0.1 == pytest.approx(mu0 - mu, rel=1e-6)


def test_weights_in_a_gap_and_over_many_temperatures():
    e, g, n = semiconductor(gap=1.0)
    gas = gas_from_dos(e, g, n, np.array([[0.0, 30.0], [300.0, 3000.0]]))
    w = gas.weights(e)
    assert w.entropy.shape == (2, 2, e.size)
    assert w.entropy @ g == pytest.approx(gas.entropy, rel=1e-9, abs=0)
    assert w.heat_capacity @ g == pytest.approx(gas.heat_capacity, rel=1e-7, abs=0)


def test_heat_capacity_is_at_fixed_number_not_at_fixed_mu():
    """On a steep DOS the K_1 term between them is a large part: 1.8 times here."""
    e = np.arange(0, 12.01, 0.05)
    g = e**3
    gas = gas_from_dos(e, g, 20.0, 6000.0)
    w = functional_weights(e, gas.fermi_level, 6000.0)  # no slope: fixed mu
    assert w.heat_capacity @ g / gas.heat_capacity == pytest.approx(1.8, rel=0.02)
    slope = gas_from_dos(e, g, 20.0, np.array([5990.0, 6010.0])).internal_energy
    assert (slope[1] - slope[0]) / 20 == pytest.approx(gas.heat_capacity, rel=1e-5)
