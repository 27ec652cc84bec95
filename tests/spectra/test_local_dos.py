"""Density of states of every atom: sums, and parts of what belongs to the cell."""

import numpy as np
import pytest
from toy_dos import rough_metal

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
