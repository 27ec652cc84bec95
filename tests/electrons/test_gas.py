"""Electron thermodynamics: identities, closed forms, fine quadrature, shapes."""

import numpy as np
import pytest
import reference_thermo as reference
from ase.units import J, kB, mol
from toy_dos import NAMES, free_electrons, rough_metal, semiconductor

from ase_dos.electrons.gas import (
    gas_from_dos,
)


@pytest.mark.parametrize("case", ["rough", "free", "semiconductor"])
def test_heat_capacity_and_entropy_are_derivatives_at_fixed_number(case):
    if case == "rough":
        (e, g), n = rough_metal(), 11.0
    elif case == "free":
        (e, g), n = free_electrons(), 12.0
    else:
        e, g, n = semiconductor()
    t0 = np.array([600.0, 1500.0, 3000.0])
    h = 1e-3 * t0
    gas = [gas_from_dos(e, g, n, t0 + s * h) for s in (-2, -1, 0, 1, 2)]

    def slope(name):
        v = [getattr(x, name) for x in gas]
        return (v[0] - 8 * v[1] + 8 * v[3] - v[4]) / (12 * h)

    mid = gas[2]
    assert t0 * slope("entropy") == pytest.approx(mid.heat_capacity, rel=1e-8, abs=0)
    assert slope("internal_energy") == pytest.approx(mid.heat_capacity, rel=1e-6, abs=1e-12)
    assert -slope("free_energy") == pytest.approx(mid.entropy, rel=1e-6, abs=1e-12)
    assert slope("fermi_level") == pytest.approx(mid.fermi_slope, rel=1e-6, abs=1e-12)
    assert (mid.heat_capacity > 0).all()
    assert mid.free_energy == pytest.approx(mid.internal_energy - t0 * mid.entropy, rel=1e-14)


@pytest.mark.parametrize("shift", [0.0317, -7.3])
def test_shift_of_all_energies(shift):
    e, g = rough_metal()
    t = np.array([0.0, 300.0, 5000.0])
    a, b = gas_from_dos(e, g, 11.0, t), gas_from_dos(e + shift, g, 11.0, t)
    assert b.fermi_level == pytest.approx(a.fermi_level + shift, rel=1e-12)
    assert b.internal_energy == pytest.approx(a.internal_energy + 11 * shift, rel=1e-12)
    assert b.free_energy == pytest.approx(a.free_energy + 11 * shift, rel=1e-12)
    assert b.entropy == pytest.approx(a.entropy, rel=1e-10)
    assert b.heat_capacity == pytest.approx(a.heat_capacity, rel=1e-10)
    change = np.diff(a.free_energy)
    assert np.diff(b.free_energy) == pytest.approx(change, rel=1e-9)


def test_sommerfeld_limit():
    e = np.linspace(-6, 6, 121)
    g = 2.0 + 0.1 * e
    n = float(np.trapezoid(g[e <= 1e-9], e[e <= 1e-9]))
    gas = gas_from_dos(e, g, n, np.array([0.0, 1.0, 20.0]))
    gamma = np.pi**2 / 3 * kB**2 * 2.0
    # One state per eV and atom is 2.3571 mJ/mol/K^2.
    assert gamma / 2.0 / (1e-3 * J / mol) == pytest.approx(2.3571, abs=1e-4)
    assert gas.heat_capacity[1:] == pytest.approx(gamma * gas.temperature[1:], rel=1e-6, abs=0)
    assert gas.entropy[1:] == pytest.approx(gamma * gas.temperature[1:], rel=1e-6, abs=0)
    drop = gas.free_energy[2] - gas.free_energy[0]
    assert drop == pytest.approx(-gamma * 400 / 2, rel=1e-6, abs=0)


def test_constant_dos_keeps_mu_and_has_a_linear_heat_capacity():
    e = np.linspace(-10, 10, 41)
    gas = gas_from_dos(e, np.full(41, 1.5), 15.0, np.array([1.0, 30.0, 300.0, 3000.0]))
    assert gas.fermi_level == pytest.approx(np.zeros(4), abs=1e-12)
    gamma = np.pi**2 / 3 * kB**2 * 1.5
    assert gas.heat_capacity == pytest.approx(gamma * gas.temperature, rel=1e-11, abs=0)
    assert gas.entropy == pytest.approx(gamma * gas.temperature, rel=1e-11, abs=0)
    excess = gas.internal_energy - (-75.0)
    assert excess[2:] == pytest.approx(gamma * gas.temperature[2:] ** 2 / 2, rel=1e-9)


@pytest.mark.parametrize("step", [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("temperature", [10.0, 300.0, 3000.0, 30000.0])
def test_matches_fine_quadrature(step, temperature):
    e, g = rough_metal(step)
    gas = gas_from_dos(e, g, 11.0, temperature)
    want = reference.gas_of_dos(e, g, 11.0, temperature)
    for name in NAMES:
        # K_1 is a small difference: the rounding of x near the band is felt at 10 K.
        tolerance = 1e-7 / temperature if name == "fermi_slope" else 1e-11
        assert getattr(gas, name) == pytest.approx(want[name], rel=tolerance, abs=0), name


@pytest.mark.parametrize("step", [0.05, 0.2])
def test_coarse_grid_at_ten_kelvin_differs_from_a_plain_sum(step):
    """A plain sum is too small by orders of magnitude; the integral of the same g is not."""
    e, g = free_electrons(step)
    gas = gas_from_dos(e, g, 12.0, 10.0)
    want = reference.gas_of_dos(e, g, 12.0, 10.0)
    assert gas.heat_capacity == pytest.approx(want["heat_capacity"], rel=1e-9, abs=0)
    x = np.clip((e - gas.fermi_level) / (kB * 10), -500, 500)
    plain = kB * step * np.sum(g * x**2 / (4 * np.cosh(x / 2) ** 2))
    assert plain < 1e-5 * gas.heat_capacity


def test_free_electrons_against_the_square_root_itself():
    """On a fine grid the piecewise-linear DOS is the square root to its own error."""
    e, g = free_electrons(step=0.005, bottom=0.0)
    gas = gas_from_dos(e, g, 20.0, 3000.0)
    kt = kB * 3000
    u = np.linspace(0, 4, 400001)  # E = u^2 takes the root away
    for mu, n in ((gas.fermi_level, 20.0),):
        f = 1 / (1 + np.exp(np.clip((u**2 - mu) / kt, -700, 700)))
        assert np.trapezoid(2 * u**2 * f, u) == pytest.approx(n, rel=3e-5)
        assert np.trapezoid(2 * u**4 * f, u) == pytest.approx(gas.internal_energy, rel=3e-5)


@pytest.mark.parametrize("temperature", [1e5, 1e6])
def test_hot_limit(temperature):
    e, g = rough_metal()
    gas = gas_from_dos(e, g, 11.0, temperature)
    want = reference.gas_of_dos(e, g, 11.0, temperature)
    for name in NAMES:
        assert getattr(gas, name) == pytest.approx(want[name], rel=1e-10, abs=0), name
    held = np.trapezoid(g, e)
    share = 11.0 / held
    mixing = -held * kB * (share * np.log(share) + (1 - share) * np.log(1 - share))
    assert gas_from_dos(e, g, 11.0, 1e9).entropy == pytest.approx(mixing, rel=1e-6)


def test_zero_temperature():
    e, g, n = semiconductor(gap=1.0)
    gas = gas_from_dos(e, g, n, 0.0)
    assert gas.fermi_level == pytest.approx(0.0, abs=1e-12)
    assert (gas.entropy, gas.heat_capacity, gas.fermi_slope) == (0, 0, 0)
    assert gas.free_energy == gas.internal_energy
    e, g = rough_metal()
    cold = gas_from_dos(e, g, 11.0, np.array([0.0, 1.0]))
    assert cold.fermi_level[1] == pytest.approx(cold.fermi_level[0], abs=1e-7)
    assert cold.free_energy[1] == pytest.approx(cold.free_energy[0], abs=1e-6)
    filled = reference.gas_of_dos(e, g, 11.0, 0.1)
    assert cold.free_energy[0] == pytest.approx(filled["free_energy"], abs=1e-9)
    assert gas_from_dos(e, g, 11.0, 0).occupations([-3.0, 9.0]).tolist() == [1, 0]


@pytest.mark.parametrize("step", [0.5, 0.1, 0.02])
def test_fermi_level_does_not_lag_by_a_step(step):
    """As it would with a cumulative sum that is paired with the wrong end of the grid."""
    e = np.arange(-5, 5 + step / 2, step)
    gas = gas_from_dos(e, np.full(e.size, 2.0), 10.5, np.array([0.0, 100.0]))
    assert gas.fermi_level == pytest.approx([0.25, 0.25], abs=1e-10)


def test_vectorised_equals_loop():
    e, _ = rough_metal()
    g = np.stack([rough_metal(seed=s)[1] for s in range(6)]).reshape(2, 3, -1)
    n = np.array([9.0, 11.0, 13.0])
    t = np.array([0.0, 300.0, 2000.0, 9000.0])
    gas = gas_from_dos(e, g, n, t)
    for name in (*NAMES, "temperature", "n_electrons", "valence_factor"):
        assert getattr(gas, name).shape == (2, 3, 4), name
    for i in np.ndindex(2, 3, 4):
        one = gas_from_dos(e, g[i[:2]], n[i[1]], t[i[2]])
        for name in NAMES:
            assert type(getattr(one, name)) is float
            assert getattr(gas, name)[i] == getattr(one, name), name
    occupations = gas.occupations(e)
    assert occupations.shape == (2, 3, 4, e.size)
    assert ((occupations >= 0) & (occupations <= 1)).all()
    # One DOS, several fillings.
    assert gas_from_dos(e, g[0, 0], n, 300.0).fermi_level.shape == (3,)


def test_small_negative_values_of_a_prediction_keep_the_electrons():
    e, g, n = semiconductor(gap=1.0)
    g = g + 1e-3 * np.random.default_rng(0).normal(size=g.size)
    gas = gas_from_dos(e, g, n, np.array([0.0, 300.0, 3000.0]))
    assert np.isfinite(gas.free_energy).all()
    electrons = gas.weights(e).electrons
    np.testing.assert_allclose(electrons @ gas.filling.dos[0], n, rtol=1e-9)
    np.testing.assert_allclose(gas.filling.local_weights(electrons[None])[0] @ g, n, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": -1.0}, "temperature: expected kelvin >= 0, got -1"),
        ({"temperature": np.nan}, "temperature: 1 of 1 values"),
        ({"values": np.full(5, np.nan)}, "values: 5 of 5 values are NaN"),
        ({"values": np.ones(4)}, r"values: expected shape \(..., 5\), got \(4,\)"),
        ({"values": np.ones((0, 5))}, "values: expected shape"),
        ({"energies": []}, "energies: expected at least 2 points, got 0"),
        ({"energies": [0, 1, 2, 4, 5]}, "rising, uniform grid"),
        ({"energies": [4, 3, 2, 1, 0]}, "rising, uniform grid"),
        ({"n_electrons": 0.0}, "n_electrons: expected > 0"),
        ({"n_electrons": [1.0, 2.0], "values": np.ones((3, 5))}, "broadcast against"),
        ({"valid_to": np.nan}, "valid_to: expected energies"),
        ({"valid_to": -3.0}, "valid_to: expected an energy on the grid"),
        ({"smearing": -0.1}, "smearing"),
        ({"valence_tolerance": -0.1}, "valence_tolerance"),
    ],
)
def test_malformed_input(change, message):
    options = {
        "energies": np.arange(5.0),
        "values": np.ones(5),
        "n_electrons": 2.0,
        "temperature": 300.0,
    } | change
    with pytest.raises(ValueError, match=message):
        gas_from_dos(**options)
