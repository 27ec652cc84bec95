"""Gaps: semiconductors, insulators, doping, and the count of valence electrons."""

import numpy as np
import pytest
import reference_thermo as reference
from ase.units import kB
from toy_dos import NAMES, rough_metal, semiconductor

from ase_dos.electrons.filling import Filling
from ase_dos.electrons.gas import (
    gas_from_dos,
)


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
    filling = Filling.of_dos(e, g, 11.0)
    assert filling.repairs == {}
    assert filling.valence_factor == 1
    assert (filling.dos == g).all()
    assert not np.shares_memory(filling.dos, g)


def test_derivative_through_the_repair():
    e, g, n = semiconductor(gap=1.0)
    args = (n * (1 + 3e-4), 3000.0)
    gas = gas_from_dos(e, g, *args)
    back = gas.filling.derivatives(gas.weights(e).grand_potential[None, None])[0, 0]
    for j in (1, 5, 30, 70, 80):  # where the DOS is above zero on both sides of the difference
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


def test_any_temperature_is_solved_on_a_noisy_gap():
    """Near 0 K the thermal electrons vanish in the rounding of the count."""
    rng = np.random.default_rng(0)
    t = np.array([0, 1e-6, 1e-2, 1, 100, 1e4, 1e6])
    for noise in (1e-9, 1e-5, 1e-3):
        e, g, n = semiconductor(gap=4.0)
        noisy = np.where(g > 0, g + noise * rng.normal(size=g.size), noise * (e > -4) * (e < 3.5))
        gas = gas_from_dos(e, noisy, n, t)
        assert gas.weights(e).electrons @ gas.filling.dos[0] == pytest.approx(
            np.full(t.size, n), rel=1e-9
        )
