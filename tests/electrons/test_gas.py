"""Electron thermodynamics: identities, closed forms, fine quadrature, and the known mistakes."""

import re
import warnings

import numpy as np
import pytest
import reference_thermo as reference
from ase.units import J, kB, mol
from toy_dos import NAMES, free_electrons, rough_metal, semiconductor

from ase_dos.electrons.gap import repair_valence
from ase_dos.electrons.gas import (
    gas_from_dos,
    gas_from_eigenvalues,
    highest_temperature,
)
from ase_dos.electrons.weights import functional_weights
from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS

# Identities ------------------------------------------------------------------------------------


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


# Against fine quadrature -----------------------------------------------------------------------


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
    """A plain sum is off by orders of magnitude here; the integral of the same g is not."""
    e, g = free_electrons(step)
    gas = gas_from_dos(e, g, 12.0, 10.0)
    want = reference.gas_of_dos(e, g, 12.0, 10.0)
    assert gas.heat_capacity == pytest.approx(want["heat_capacity"], rel=1e-9, abs=0)
    x = np.clip((e - gas.fermi_level) / (kB * 10), -500, 500)
    plain = kB * step * np.sum(g * x**2 / (4 * np.cosh(x / 2) ** 2))
    assert abs(plain / gas.heat_capacity - 1) > 0.5


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


# Gaps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 10.0, 100.0, 300.0])
def test_semiconductor_in_the_boltzmann_limit(temperature):
    e, g, n = semiconductor(gap=1.0, ratio=3.0)
    gas = gas_from_dos(e, g, n, temperature)
    kt = kB * temperature
    # n = s_c (kT)^2 exp(-(E_c - mu)/kT) and p likewise
    assert gas.fermi_level == pytest.approx(-0.5 * kt * np.log(3.0), rel=1e-6)
    assert gas.fermi_slope == pytest.approx(-0.5 * kB * np.log(3.0), rel=1e-5)
    y = 0.5 / kt - 0.5 * np.log(3.0) * np.array([-1, 1])
    carriers = kt**2 * np.array([3.0, 1.0]) * np.exp(-y)
    assert gas.entropy == pytest.approx(kB * np.sum(carriers * (y + 3)), rel=1e-6, abs=0)
    assert gas.heat_capacity >= 0


@pytest.mark.parametrize("temperature", [1.0, 300.0, 3000.0, 1e5, 1e6])
def test_insulator_at_all_temperatures(temperature):
    e, g, n = semiconductor(gap=6.0)
    gas = gas_from_dos(e, g, n, temperature)
    for name in NAMES:
        assert np.isfinite(getattr(gas, name)), name
    assert gas.heat_capacity >= 0
    assert gas.entropy >= 0
    if temperature == 300.0:
        assert abs(gas.fermi_level) < 0.05
    if temperature > 2e3:
        want = reference.gas_of_dos(e, g, n, temperature)
        for name in ("internal_energy", "free_energy", "entropy", "heat_capacity"):
            assert getattr(gas, name) == pytest.approx(want[name], rel=1e-8, abs=0), name


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


def test_error_of_the_valence_count_is_mended_and_reported():
    e, g, n = semiconductor(gap=1.0)
    g = g * 64 / n
    right = gas_from_dos(e, g, 64.0, 300.0)
    assert right.valence_factor == pytest.approx(1.0, rel=1e-12)
    for error in (1e-4, -1e-4):
        gas = gas_from_dos(e, g, 64 * (1 + error), 300.0)
        assert gas.valence_factor == pytest.approx(1 + error, rel=1e-9)
        assert gas.fermi_level == pytest.approx(right.fermi_level, abs=1e-4)
    # Taken literally the same count moves mu to a band edge.
    doped = gas_from_dos(e, g, 64 * (1 + 1e-4), 300.0, valence_tolerance=0)
    assert doped.fermi_level > 0.4
    assert doped.valence_factor == 1
    # Beyond the tolerance it is doping.
    assert gas_from_dos(e, g, 64.5, 300.0).valence_factor == 1


def test_repair_leaves_metals_alone():
    e, g = rough_metal()
    repaired, factor = repair_valence(e, g, 11.0)
    assert factor == 1
    assert (repaired == g).all()
    assert repaired is not g


def test_derivative_through_the_repair():
    e, g, n = semiconductor(gap=1.0)
    args = (n * (1 + 3e-4), 3000.0)
    gas = gas_from_dos(e, g, *args)
    back = gas.filling.repairs[0].derivative(g, gas.weights(e).grand_potential)
    for j in (0, 5, 30, 70, 80):
        bump = np.zeros_like(g)
        bump[j] = 1e-4
        pair = [gas_from_dos(e, g + s * bump, *args).free_energy for s in (1, -1)]
        assert (pair[0] - pair[1]) / 2e-4 == pytest.approx(back[j], rel=1e-6, abs=1e-9)
    # A common factor of the valence states changes nothing any more.
    assert back[e < 0] @ g[e < 0] == pytest.approx(0, abs=1e-10)
    assert gas_from_dos(e, g, *args, valence_tolerance=0).filling.repairs == {}


def test_doped_cell_at_low_temperature():
    """Mu sits inside the band that holds the extra electrons, at any low temperature."""
    e, g, n = semiconductor(gap=1.0)
    for t in (0.0, 1.0, 100.0):
        gas = gas_from_dos(e, g, n + 0.1, t, valence_tolerance=0)
        assert 0.5 < gas.fermi_level < 0.8
    few = gas_from_dos(e, g, n + 1e-6, 300.0, valence_tolerance=0)
    kt = kB * 300
    assert few.fermi_level == pytest.approx(0.5 + kt * np.log(1e-6 / (3 * kt**2)), abs=1e-4)


# Discrete levels -------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 50.0, 300.0, 1e4, 1e6])
def test_two_level_system(temperature):
    gap = 0.4
    gas = gas_from_eigenvalues([[[-0.2, 0.2]]], [1.0], 2.0, 2.0, temperature, top=np.inf)
    y = 0.5 * gap / (kB * temperature)
    t = np.exp(-y)
    assert gas.fermi_level == pytest.approx(0.0, abs=1e-12)
    f = t / (1 + t)
    assert gas.internal_energy == pytest.approx(-gap * (1 - 2 * f), rel=1e-12)
    assert gas.entropy == pytest.approx(4 * kB * (np.log1p(t) + y * f), rel=1e-12, abs=0)
    want = 4 * kB * y**2 * f / (1 + t)
    assert gas.heat_capacity == pytest.approx(want, rel=1e-12, abs=0)


@pytest.mark.parametrize("temperature", [300.0, 3000.0, 40000.0])
@pytest.mark.parametrize("spins", [1, 2])
def test_eigenvalues_match_a_triple_loop(temperature, spins):
    rng = np.random.default_rng(5)
    eigenvalues = np.sort(rng.normal(0, 3, (spins, 7, 9)), axis=2)
    weights = rng.random(7)
    weights /= weights.sum()
    args = (eigenvalues, weights, 6.3, 2 / spins)
    gas = gas_from_eigenvalues(*args, temperature, top=np.inf)
    want = reference.gas_of_levels(*args, temperature)
    for name in NAMES:
        assert getattr(gas, name) == pytest.approx(want[name], rel=1e-9, abs=0), name


def test_eigenvalues_with_a_gap_do_not_see_the_rounding_of_weights():
    rng = np.random.default_rng(1)
    valence, conduction = rng.uniform(-5, -1, (1, 13, 3)), rng.uniform(1, 5, (1, 13, 4))
    valence[0, 0, 0], conduction[0, 0, 0] = -1, 1
    weights = np.full(13, round(1 / 13, 8))
    eigenvalues = np.concatenate([valence, conduction], axis=2)
    gas = gas_from_eigenvalues(eigenvalues, weights, 6.0, 2.0, np.array([0, 1.0, 300]), top=np.inf)
    assert gas.fermi_level[:2] == pytest.approx([0, 0], abs=1e-9)
    assert abs(gas.fermi_level[2]) < 0.05
    assert gas.heat_capacity[:2].tolist() == [0, 0]


def test_metal_levels_at_zero_temperature():
    levels = np.linspace(-5, 5, 101).reshape(1, 101, 1)
    gas = gas_from_eigenvalues(levels, np.full(101, 1 / 101), 1.0, 2.0, 0.0, top=np.inf)
    assert gas.fermi_level == pytest.approx(0.0, abs=1e-12)
    assert gas.entropy == 0
    assert gas.free_energy == pytest.approx(levels[levels < 0].sum() * 2 / 101)


def test_levels_and_their_dos_agree_at_high_temperature():
    rng = np.random.default_rng(2)
    eigenvalues = np.sort(rng.uniform(-4, 4, (1, 20, 6)), axis=2)
    weights = np.full(20, 0.05)
    e = np.arange(-6, 6, 0.02)
    sigma = 0.1
    gauss = np.exp(-((e[:, None] - eigenvalues.ravel()) ** 2) / (2 * sigma**2))
    g = (2 * 0.05) * gauss.sum(axis=1) / (sigma * np.sqrt(2 * np.pi))
    exact = gas_from_eigenvalues(eigenvalues, weights, 5.0, 2.0, 6000.0, top=np.inf)
    smeared = gas_from_dos(e, g, 5.0, 6000.0, smearing=sigma)
    mended = gas_from_dos(e, g, 5.0, 6000.0, smearing=sigma, correct_smearing=True)
    for name in ("entropy", "free_energy", "heat_capacity"):
        error = abs(getattr(smeared, name) - getattr(exact, name))
        assert abs(getattr(mended, name) - getattr(exact, name)) < 0.1 * error, name
    assert mended.free_energy == pytest.approx(exact.free_energy, abs=1e-4)


# Window ----------------------------------------------------------------------------------------


def highest(error):
    return float(re.search(r"supports up to (\S+) K", str(error.value)).group(1))


def test_window_error_names_a_temperature_that_works():
    e, g = free_electrons(top=14.0)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_dos(e, g, 40.0, 20000.0)
    limit = highest(error)
    gas_from_dos(e, g, 40.0, limit)
    with pytest.raises(ValueError, match="supports up to"):
        gas_from_dos(e, g, 40.0, 1.01 * limit)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_dos(e, g, [40.0, 30.0], [300.0, 20000.0], valid_to=12.0)
    assert highest(error) < limit
    gas_from_dos(e, g, [40.0, 30.0], highest(error), valid_to=12.0)
    assert highest_temperature(e, g, 40.0) == pytest.approx(limit, rel=1e-9)
    both = highest_temperature(e, g, [40.0, 30.0], valid_to=12.0)
    assert both == pytest.approx(highest(error), rel=1e-9)
    empty_above = np.where(e < 6.0, g, 0.0)
    assert highest_temperature(e, empty_above, 15.0) == pytest.approx(1e6, rel=1e-3)


def test_window_may_miss_more_electrons_where_that_is_allowed():
    e, g = free_electrons(top=14.0)
    all_states = free_electrons(top=60.0)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_dos(e, g, 10.0, 15_000.0)
    at_limit = gas_from_dos(e, g, 10.0, highest(error)).heat_capacity
    whole = gas_from_dos(*all_states, 10.0, highest(error)).heat_capacity
    assert at_limit == pytest.approx(whole, rel=5e-4)
    allowed = gas_from_dos(e, g, 10.0, 15_000.0, missed_electrons=1e-4).heat_capacity
    whole = gas_from_dos(*all_states, 10.0, 15_000.0).heat_capacity
    assert 1e-3 < 1 - allowed / whole < 0.03
    with pytest.raises(ValueError, match="supports up to"):
        gas_from_dos(e, g, 10.0, 25_000.0, missed_electrons=1e-4)
    levels = np.linspace(0, 10, 101)[None, None]
    with pytest.raises(ValueError, match="supports up to"):
        gas_from_eigenvalues(levels, [1.0], 80.0, 2.0, 8000.0)
    gas_from_eigenvalues(levels, [1.0], 80.0, 2.0, 8000.0, missed_electrons=1e-2)
    with pytest.raises(ValueError, match="missed_electrons"):
        gas_from_dos(e, g, 10.0, 300.0, missed_electrons=0.0)


def test_window_of_truncated_bands():
    k = np.linspace(0, 1, 40)
    eigenvalues = np.stack([4 * k**2, 4 * (k - 2) ** 2], axis=1)[None]
    weights = np.full(40, 1 / 40)
    with pytest.raises(ValueError, match="supports up to") as error:
        gas_from_eigenvalues(eigenvalues, weights, 1.0, 2.0, 8000.0)
    gas_from_eigenvalues(eigenvalues, weights, 1.0, 2.0, highest(error))
    gas_from_eigenvalues(eigenvalues, weights, 1.0, 2.0, 8000.0, top=np.inf)
    with pytest.raises(ValueError, match="hold"):
        gas_from_eigenvalues(eigenvalues, weights, 4.0, 2.0, 300.0, top=np.inf)


def test_more_electrons_than_states():
    e, g = free_electrons()
    with pytest.raises(ValueError, match="n_electrons = 1000, but the states known up to"):
        gas_from_dos(e, g, 1000.0, 300.0)
    with pytest.raises(ValueError, match="up to 2 eV"):
        gas_from_dos(e, g, 12.0, 300.0, valid_to=2.0)
    # Only the occupied bands: nowhere to excite to.
    e, g, n = semiconductor()
    with pytest.raises(ValueError, match="empty states"):
        gas_from_dos(e[e < 0.3], g[e < 0.3], n, 0.0)


# Smearing --------------------------------------------------------------------------------------


def smeared_gap(sigma, gap):
    from scipy.special import erfc

    e = np.arange(-8, 8.01, 0.05)
    root2 = sigma * np.sqrt(2)
    edge = 0.5 * gap
    g = 0.5 * (erfc((e + edge) / root2) + erfc((edge - e) / root2))
    g -= 0.5 * (erfc((e + 7) / root2) + erfc((7 - e) / root2))
    n = float(np.trapezoid(np.where(e < 0, g, 0), e)) + 0.025 * g[np.argmin(abs(e))]
    return e, np.where(np.abs(g) < 1e-12, 0, g), n


def test_smearing_in_a_gap_warns_with_the_factor():
    e, g, n = smeared_gap(0.3, 1.0)
    with pytest.warns(UserWarning, match=r"300 K.*smearing of 0.3 eV.*exp\(67"):
        gas_from_dos(e, g, n, np.array([300.0, 600.0]), smearing=0.3)


def test_smearing_of_a_metal_or_of_a_hot_gap_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        e, g = free_electrons()
        gas_from_dos(e, g, 12.0, np.array([1.0, 300.0, 3000.0]), smearing=0.3)
        e, g, n = smeared_gap(0.3, 1.0)
        gas_from_dos(e, g, n, 5000.0, smearing=0.3)
        gas_from_dos(e, g, n, 0.0, smearing=0.3)
        # A gap so wide that nothing is excited across it.
        e, g, n = smeared_gap(0.05, 6.0)
        gas_from_dos(e, g, n, 300.0, smearing=0.05)


def test_correction_of_the_smearing_recovers_the_gap():
    sigma, gap, t = 0.1, 1.0, 3000.0
    e, g, n = smeared_gap(sigma, gap)
    sharp_e, sharp_g, _ = smeared_gap(1e-3, gap)
    exact = gas_from_dos(sharp_e, sharp_g, n, t)
    raw = gas_from_dos(e, g, n, t, smearing=sigma)
    mended = gas_from_dos(e, g, n, t, smearing=sigma, correct_smearing=True)
    for name in ("entropy", "heat_capacity"):
        true = getattr(exact, name)
        assert abs(getattr(mended, name) - true) < 0.25 * abs(getattr(raw, name) - true), name
    with pytest.raises(ValueError, match=r"above sigma/k = 1160\.45 K"):
        gas_from_dos(e, g, n, 1000.0, smearing=sigma, correct_smearing=True)


def test_corrected_gas_keeps_the_thermodynamic_identities():
    e, g = rough_metal(0.05)
    t, h = 4000.0, 4.0
    gas = gas_from_dos(e, g, 11.0, t + h * np.arange(-2, 3), smearing=0.1, correct_smearing=True)
    stencil = np.array([1, -8, 0, 8, -1]) / (12 * h)
    assert -stencil @ gas.free_energy == pytest.approx(gas.entropy[2], rel=1e-7)
    assert t * (stencil @ gas.entropy) == pytest.approx(gas.heat_capacity[2], rel=1e-7)


# Functional weights ----------------------------------------------------------------------------


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


def test_weights_project_on_atoms_and_sum_to_the_total():
    rng = np.random.default_rng(0)
    e, g = rough_metal()
    basis = np.stack([g, g * (1 + 0.3 * np.sin(e)), g * (1 + 0.3 * np.cos(e))])
    local = LocalDOS(rng.random((5, 3)) + 0.2, basis, e, np.full(5, 4.0))
    total = local.total()
    gas = total.electron_gas(3000.0)
    w = gas.weights(e)
    for name, want in (
        ("entropy", gas.entropy),
        ("internal_energy", gas.internal_energy),
        ("heat_capacity", gas.heat_capacity),
        ("electrons", 20.0),
    ):
        parts = local.project(getattr(w, name))
        assert parts.shape == (5,)
        assert parts.sum() == pytest.approx(want, rel=1e-10)


def test_weights_in_a_gap_and_over_many_temperatures():
    e, g, n = semiconductor(gap=1.0)
    gas = gas_from_dos(e, g, n, np.array([[0.0, 30.0], [300.0, 3000.0]]))
    w = gas.weights(e)
    assert w.entropy.shape == (2, 2, e.size)
    assert w.entropy @ g == pytest.approx(gas.entropy, rel=1e-9, abs=0)
    assert w.heat_capacity @ g == pytest.approx(gas.heat_capacity, rel=1e-7, abs=0)


# Known mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.5, 0.1, 0.02])
def test_fermi_level_does_not_lag_by_a_step(step):
    """Mistake 2: a cumulative sum paired with the wrong end of the grid."""
    e = np.arange(-5, 5 + step / 2, step)
    gas = gas_from_dos(e, np.full(e.size, 2.0), 10.5, np.array([0.0, 100.0]))
    assert gas.fermi_level == pytest.approx([0.25, 0.25], abs=1e-10)


def test_heat_capacity_is_at_fixed_number_not_at_fixed_mu():
    """Mistake 5: on a steep DOS the K_1 term is a large part."""
    e = np.arange(0, 12.01, 0.05)
    g = e**3
    gas = gas_from_dos(e, g, 20.0, 6000.0)
    w = functional_weights(e, gas.fermi_level, 6000.0)  # no slope: fixed mu
    assert w.heat_capacity @ g > 1.15 * gas.heat_capacity
    slope = gas_from_dos(e, g, 20.0, np.array([5990.0, 6010.0])).internal_energy
    assert (slope[1] - slope[0]) / 20 == pytest.approx(gas.heat_capacity, rel=1e-5)


# Shapes and gates ------------------------------------------------------------------------------


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


def test_dos_and_gas_work_together():
    e, g = free_electrons()
    dos = DOS(e, g, 12.0, valid_to=9.0)
    gas = dos.electron_gas(1000.0)
    assert gas.fermi_level == gas_from_dos(e, g, 12.0, 1000.0).fermi_level
    assert gas.grand_potential == gas.free_energy - 12.0 * gas.fermi_level
    assert gas.occupations(gas.fermi_level) == pytest.approx(0.5)


def test_small_negative_values_of_a_prediction_are_survived():
    e, g, n = semiconductor(gap=1.0)
    g = g + 1e-3 * np.random.default_rng(0).normal(size=g.size)
    gas = gas_from_dos(e, g, n, np.array([0.0, 300.0, 3000.0]))
    assert np.isfinite(gas.free_energy).all()
    for temperature, mu in zip(gas.temperature[1:], gas.fermi_level[1:], strict=True):
        assert functional_weights(e, mu, temperature).electrons @ g == pytest.approx(n, rel=1e-9)


def test_any_temperature_is_solved_on_a_noisy_gap():
    """Near 0 K the thermal electrons vanish in the rounding of the count."""
    rng = np.random.default_rng(0)
    t = np.array([0, 1e-6, 1e-2, 1, 100, 1e4, 1e6])
    for noise in (1e-9, 1e-5, 1e-3):
        e, g, n = semiconductor(gap=4.0)
        noisy = np.where(g > 0, g + noise * rng.normal(size=g.size), noise * (e > -4) * (e < 3.5))
        gas = gas_from_dos(e, noisy, n, t)
        factor = repair_valence(e, noisy, n)[0]
        assert gas.weights(e).electrons @ factor == pytest.approx(np.full(t.size, n), rel=1e-9)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eigenvalues": np.zeros((2, 2))}, "eigenvalues: expected shape"),
        ({"eigenvalues": np.zeros((1, 2, 0))}, "eigenvalues: expected at least one"),
        ({"weights": [1.0]}, "weights: expected shape"),
        ({"weights": [0.5, 0.6]}, "weights: expected >= 0 with sum 1, got sum 1.1"),
        ({"top": np.nan}, "top: expected"),
        ({"n_electrons": -1.0}, "n_electrons"),
        ({"spin_degeneracy": 0.0}, "spin_degeneracy"),
    ],
)
def test_malformed_eigenvalues(change, message):
    options = {
        "eigenvalues": np.zeros((1, 2, 3)),
        "weights": [0.5, 0.5],
        "n_electrons": 1.0,
        "spin_degeneracy": 2.0,
        "temperature": 300.0,
    } | change
    with pytest.raises(ValueError, match=message):
        gas_from_eigenvalues(**options)
