"""Electrons of a DOS that dips below zero: thermodynamics holds, and a dip that matters is said."""

import warnings

import numpy as np
import pytest
import reference_thermo as reference
from derivatives import central
from toy_dips import dipped_metals, gapped
from toy_dos import NAMES, semiconductor

from ase_dos.electrons.excitation import excite
from ase_dos.electrons.gas import gas_from_dos, highest_temperature
from ase_dos.electrons.negative_dos import NegativeDOSWarning
from ase_dos.electrons.weights import functional_weights

TEMPERATURES = np.array([0.0, 1.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0])
OPTIONS = {"missed_electrons": 1.0}
ignored = pytest.mark.filterwarnings("ignore::ase_dos.electrons.negative_dos.NegativeDOSWarning")


@ignored
@pytest.mark.parametrize("tables", [True, False])
def test_thermodynamics_of_any_dips(tables):
    """S >= 0, C >= 0, F(T) <= F(0), S and F monotone, and as many electrons as there are."""
    e, g, n = dipped_metals(300)
    gas = gas_from_dos(e, g, n, TEMPERATURES, tables=tables, **OPTIONS)
    rounding = 1e-12 * np.abs(gas.free_energy).max()
    assert (gas.entropy >= 0).all()
    assert (gas.heat_capacity >= 0).all()
    assert (gas.free_energy - gas.free_energy[:, :1] <= rounding).all()
    assert (np.diff(gas.free_energy, axis=1) <= rounding).all()
    assert (np.diff(gas.entropy, axis=1) >= 0).all()
    assert (gas.thermal_dos >= 0).all()
    for i in range(0, 300, 10):
        weights = functional_weights(e, gas.fermi_level[i], TEMPERATURES).electrons
        np.testing.assert_allclose(weights @ gas.filling.dos[i], n[i], rtol=1e-10)


@ignored
def test_there_is_one_fermi_level():
    e, g, n = dipped_metals(20, seed=1)
    gas = gas_from_dos(e, g, n, 500.0, **OPTIONS)
    mu = np.linspace(-9, 13, 600)
    counts = functional_weights(e, mu, 500.0).electrons @ gas.filling.dos.T
    assert (np.diff(counts, axis=0) >= -1e-12).all()
    assert (((counts[:-1] < n) & (counts[1:] >= n)).sum(axis=0) == 1).all()
    # Of the DOS as it was given the count falls, and the number of electrons is met again.
    given = functional_weights(e, mu, 500.0).electrons @ g.T
    assert (((given[:-1] < n) & (given[1:] >= n)).sum(axis=0) > 1).any()


@ignored
def test_identities_hold_with_dips():
    e, g, n = dipped_metals(12, seed=2)
    for t in (1000.0, 8000.0):
        h = 1e-3 * t
        gas = gas_from_dos(e, g, n, t + h * np.arange(-2, 3), **OPTIONS)
        stencil = np.array([1, -8, 0, 8, -1]) / (12 * h)
        np.testing.assert_allclose(
            -gas.free_energy @ stencil, gas.entropy[:, 2], rtol=1e-6, atol=1e-13
        )
        np.testing.assert_allclose(gas.entropy @ stencil, gas.heat_capacity[:, 2] / t, rtol=1e-6)
        np.testing.assert_allclose(gas.fermi_level @ stencil, gas.fermi_slope[:, 2], rtol=1e-5)


@ignored
@pytest.mark.parametrize("center", [0.0, 1.0, 3.0, 4.0])
@pytest.mark.parametrize("dip", [0.02, 0.05, 0.1])
def test_dip_in_a_gap_excites_nothing(dip, center):
    """Of levels 10 eV apart: +0.08 to +0.6 eV where a dip empties and fills them again."""
    temperatures = [0.0, 5000.0, 10_000.0]
    e, g, n = gapped()
    exact = gas_from_dos(e, g, n, temperatures)
    change = np.asarray(exact.free_energy)[1:] - exact.free_energy[0]
    assert change[0] == pytest.approx(-4.0e-5, abs=1e-6)
    e, g, n = gapped(dip, center)
    gas = gas_from_dos(e, g, n, temperatures)
    assert (np.abs(gas.fermi_level) < 2.5).all()
    found = np.asarray(gas.free_energy)[1:] - gas.free_energy[0]
    assert (found < 0).all()
    if center < 2:  # the others take of the upper level
        np.testing.assert_allclose(found, change, rtol=0.15)


def test_gap_between_the_crossings_of_the_count():
    """N passes N_e three times: E_F is between the first and the last, and no state is there."""
    e = 0.1 * np.arange(101)
    g = np.ones(101)
    g[40:50], g[50:60] = -0.8, 0.4
    n = 3.5 + 1e-3
    with pytest.warns(NegativeDOSWarning, match="around 4.75 eV"):
        gas = gas_from_dos(e, g, n, [0.0, 300.0], missed_electrons=1.0)
    assert gas.repaired_electrons[0] > 0.1
    first, last = 3.5, 5.9
    inside = (e > first + 0.1) & (e < last - 0.1)
    assert (gas.filling.dos[0, inside] == 0).all()
    assert first < gas.fermi_level[0] < last


@ignored
@pytest.mark.parametrize("seed", range(6))
def test_derivative_of_the_free_energy_with_dips(seed):
    e, g, n = dipped_metals(1, seed=seed)
    values = g[0]
    n = n[0]
    hot = excite_(e, values, n)
    change = np.random.default_rng(seed).normal(size=values.size)
    # Far enough from the kinks, where another energy becomes that of an extreme count.
    found = central(lambda h: excite_(e, values + h * change, n).free_energy, 1e-6)
    assert hot.derivative @ change == pytest.approx(found, rel=2e-6)
    plain = gas_from_dos(e, np.maximum(values, 0), n, 8000.0, **OPTIONS)
    assert hot.free_energy != pytest.approx(plain.free_energy, rel=1e-3)


def excite_(e, values, n):
    return excite(e, values, n, 8000.0, 500.0)


@ignored
def test_free_energy_is_continuous_where_the_crossings_change():
    """F along a line of dips of growing depth, through births and mergers of gaps."""
    e, g, n = dipped_metals(1, seed=3, depth=0.2)
    bump = np.exp(-0.5 * ((e - 0.5) / 0.6) ** 2) - 0.7 * np.exp(-0.5 * ((e + 1.0) / 0.3) ** 2)
    depths = np.linspace(0, 6, 3001)
    values = g - depths[:, None] * bump
    gas = gas_from_dos(e, values, n[0], [0.0, 6000.0], valence_tolerance=0, **OPTIONS)
    free = gas.free_energy[:, 1] - gas.free_energy[:, 0]
    assert np.abs(np.diff(free)).max() < 30 * np.ptp(free) / depths.size


@ignored
def test_parts_of_local_dos_sum_to_the_whole():
    e, g, n = dipped_metals(5, seed=7)
    gas = gas_from_dos(e, g, n, [300.0, 6000.0], **OPTIONS)
    weights = gas.weights(e)
    zero = np.zeros((5, 2))
    for name, want in (("entropy", gas.entropy), ("electrons", n[:, None])):
        parts = gas.filling.local_weights(getattr(weights, name))
        np.testing.assert_allclose(np.einsum("itn,in->it", parts, g), want + zero, rtol=1e-9)


def test_negative_values_far_from_the_fermi_level_change_nothing():
    """Noise below the bands, as any prediction has it: thermal quantities, and no warning."""
    e = np.arange(-22, 10, 0.05)
    metal = np.clip((e + 10) / 2, 0, 1) * (1 + 0.3 * np.sin(e))
    noise = 0.02 * np.random.default_rng(0).normal(size=e.size) * (e < -12)
    n = 9.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gas = gas_from_dos(e, metal + noise, n, [0.0, 300.0, 2000.0])
    assert (gas.filling.dos != metal + noise).any()
    assert (np.asarray(gas.repaired_electrons) < 1e-4).all()
    for t, temperature in enumerate(gas.temperature[1:], start=1):
        want = reference.gas_of_dos(e, metal + noise, n, temperature)
        for name in ("fermi_level", "entropy", "heat_capacity", "thermal_dos", "fermi_slope"):
            assert getattr(gas, name)[t] == pytest.approx(want[name], rel=1e-7), name
    hot = excite(e, metal + noise, n, 2000.0)
    weights = gas.weights(e)
    deep = e < -9
    np.testing.assert_allclose(hot.local_weights[2, deep], weights.electrons[2, deep], rtol=1e-12)
    np.testing.assert_allclose(hot.derivative[deep][1:], hot.derivative[1], rtol=1e-9)


def test_a_positive_dos_is_left_as_it_is():
    e, g, n = semiconductor(gap=1.0)
    gas = gas_from_dos(e, g, n, [0.0, 300.0, 3000.0], valence_tolerance=0)
    np.testing.assert_array_equal(gas.filling.dos[0], g)
    np.testing.assert_array_equal(gas.repaired_electrons, 0)
    weights = gas.weights(e).electrons[None]
    np.testing.assert_array_equal(gas.filling.local_weights(weights), weights)
    np.testing.assert_array_equal(gas.filling.derivatives(weights), weights)


def test_warning_says_where_and_how_much():
    e, g, n = gapped(0.1)
    with pytest.warns(NegativeDOSWarning, match=r"the Fermi level is .* of 4 electrons") as found:
        gas = gas_from_dos(e, [g, gapped()[1], g], n, [0.0, 5000.0])
    assert len(found) == 1
    assert gas.repaired_electrons[0, 1] == pytest.approx(0.05, rel=0.5)
    np.testing.assert_array_equal(gas.repaired_electrons[1], 0)
    assert isinstance(gas_from_dos(*gapped(), 300.0).repaired_electrons, float)


@ignored
def test_structures_with_dips_are_split():
    e, g, n = dipped_metals(3, seed=9)
    gas = gas_from_dos(e, g, n, [300.0, 9000.0], tables=False, **OPTIONS)
    for one, values, electrons in zip(gas.split(), g, n, strict=True):
        alone = gas_from_dos(e, values, electrons, [300.0, 9000.0], **OPTIONS)
        for name in (*NAMES, "repaired_electrons"):
            np.testing.assert_array_equal(getattr(one, name), getattr(alone, name))


@ignored
def test_a_dos_that_ends_negative_is_not_complete():
    """Where it ends at zero no temperature is too high."""
    e = np.arange(-5, 10, 0.05)
    g = np.where(e < 5, 1.0, 0.0)
    assert highest_temperature(e, g, 4.0) == 1e6
    assert highest_temperature(e, g - 0.5 * (e > 8), 4.0) < 2e4


def test_a_correction_larger_than_what_it_corrects_is_refused():
    """Of half a level as narrow as the grid: C is 0, and its correction below that."""
    e = 0.01 * np.arange(-300, 301)
    g = np.where(e > 2.5, 1e-3, 0.0)
    g[300] = 2 / 0.01
    with pytest.raises(ValueError, match="at 1500 K the correction is larger"):
        gas_from_dos(e, g, 1.0, [1500.0, 1600.0], smearing=0.12, correct_smearing=True)
