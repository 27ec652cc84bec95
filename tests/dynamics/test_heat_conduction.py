"""Conduction of heat between cells: rate, stability, boundaries."""

import numpy as np
import pytest
from ase import Atoms
from toy_md import FlatMetal, row_of_cells

from ase_dos.dynamics.cell_electrons import CellElectrons
from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.dynamics.heat_conduction import conduct_heat


def test_conduction_decays_a_wave_at_the_analytic_rate():
    metal, grid, electrons = row_of_cells(8)
    x = 2 * np.pi * np.arange(8) / 8
    state = electrons.at_temperature(3000.0 + 3.0 * np.cos(x))
    kappa = 2e-3
    # Area 3 x 2 over the distance 4 between cells, heat capacity gamma T.
    rate = kappa * 6.0 / 4.0 / (metal.gamma(1) * 3000.0) * (2 - 2 * np.cos(2 * np.pi / 8))
    time, before = 0.7 / rate, state.internal_energy.sum()
    errors = []
    for steps in (10, 20):
        now = state
        for _ in range(steps):
            now = conduct_heat(electrons, now, *grid.faces(), lambda t: 0 * t + kappa, time / steps)
        assert now.internal_energy.sum() == pytest.approx(before, rel=1e-13)
        amplitude = now.temperature @ np.cos(x) / 4 / 3.0
        errors.append(abs(amplitude - np.exp(-0.7)))
    assert errors[1] < 1e-3
    assert errors[1] < 0.35 * errors[0]


def test_conduction_is_stable_whatever_the_step():
    _, grid, electrons = row_of_cells(6)
    cold = electrons.at_temperature(np.array([9000.0, 0, 0, 0, 0, 0]))
    hot = conduct_heat(electrons, cold, *grid.faces(), lambda t: 0 * t + 1.0, 1e3)
    np.testing.assert_allclose(hot.temperature, hot.temperature[0], rtol=1e-5)
    assert hot.internal_energy.sum() == pytest.approx(cold.internal_energy.sum(), rel=1e-12)
    little = conduct_heat(electrons, cold, *grid.faces(), lambda t: 0 * t + 1e-4, 1.0)
    assert (little.temperature >= 0).all()
    assert little.internal_energy.sum() == pytest.approx(cold.internal_energy.sum(), rel=1e-12)


def test_vacuum_and_closed_ends_stop_heat():
    atoms = Atoms("Al4", pbc=(False, True, True), cell=[24.0, 3.0, 2.0])
    atoms.positions[:, 0] = [2, 6, 14, 18]  # cells 0, 1, 3, 4 of 6
    grid = CellGrid((6, 1, 1), atoms)
    electrons = CellElectrons(FlatMetal().predict(atoms), grid.assign(atoms.positions), 6)
    state = electrons.at_temperature(np.array([4000.0, 3000.0, 0, 500.0, 700.0, 0]))
    for _ in range(20):
        state = conduct_heat(electrons, state, *grid.faces(), lambda t: 0 * t + 1.0, 100.0)
    temperature = state.temperature
    assert temperature[0] == pytest.approx(np.sqrt((4000**2 + 3000**2) / 2), rel=1e-5)
    assert temperature[4] == pytest.approx(np.sqrt((500**2 + 700**2) / 2), rel=1e-5)
    np.testing.assert_allclose(temperature[[0, 3]], temperature[[1, 4]], rtol=1e-9)
    assert (temperature[[2, 5]] == 0).all()
