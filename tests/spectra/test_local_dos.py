"""Density of states of every atom: sums, and parts of what belongs to the cell."""

import numpy as np
import pytest
from toy_dos import rough_metal

from ase_dos.spectra.dos import DOS
from ase_dos.spectra.local_dos import LocalDOS


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


def test_local_dos_sums_to_the_total():
    rng = np.random.default_rng(1)
    energies = np.linspace(-3, 3, 61)
    local = LocalDOS(rng.random((7, 3)), rng.random((3, 61)), energies, np.full(7, 4.0))
    total = local.total()
    assert np.allclose(local.values.sum(axis=0), total.values)
    assert total.n_electrons == 28
    weights = rng.random((2, 61))
    assert np.allclose(local.project(weights), local.values @ weights.T)
    assert np.allclose(local.project(weights[0]).sum(), total.values @ weights[0])
    some = np.arange(7) < 3
    parts = local.total(some), local.total(~some)
    assert np.allclose(parts[0].values, local.values[:3].sum(axis=0))
    assert np.allclose(parts[0].values + parts[1].values, total.values)
    assert parts[0].n_electrons == 12


def test_total_is_a_checked_dos():
    rng = np.random.default_rng(3)
    energies = np.linspace(-3, 2, 21)
    local = LocalDOS(rng.random((4, 2)), rng.random((2, 21)), energies, np.full(4, 3.0), 0.1)
    total = local.total()
    made = DOS(total.energies, total.values, total.n_electrons, total.smearing)
    assert vars(total).keys() == vars(made).keys()
    for name, value in vars(made).items():
        np.testing.assert_array_equal(getattr(total, name), value)
    with pytest.raises(ValueError, match="n_electrons: expected a number > 0"):
        local.total(np.zeros(4, bool))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energies": np.linspace(0, 1, 21) ** 2}, "uniform grid"),
        ({"smearing": -0.1}, "smearing: expected a number >= 0"),
        ({"coefficients": np.full((4, 2), np.nan)}, "coefficients: 8 of 8 values are NaN"),
    ],
)
def test_malformed_values_are_refused(change, message):
    values = {
        "coefficients": np.ones((4, 2)),
        "basis": np.ones((2, 21)),
        "energies": np.linspace(0, 1, 21),
        "valence": np.ones(4),
    }
    local = LocalDOS(**values)
    with pytest.raises(ValueError, match=message):
        LocalDOS(**values | change)
    with pytest.raises(ValueError, match="coefficients: expected shape"):
        local.of_atoms(np.ones((3, 1)), np.ones(3), np.ones(3))
