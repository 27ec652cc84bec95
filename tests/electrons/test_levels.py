"""Electrons in discrete levels."""

import numpy as np
import pytest
import reference_thermo as reference
from ase.units import kB
from toy_dos import NAMES

from ase_dos.electrons.gas import (
    gas_from_dos,
    gas_from_eigenvalues,
)


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
