"""Density of states as a value: its grid, shifts, band bottom, and what is refused."""

import numpy as np
import pytest
from toy_dos import free_electrons

from ase_dos.electrons.gas import (
    gas_from_dos,
)
from ase_dos.spectra.dos import DOS, EnergyGrid


def gaussian(energies, center=0.0, width=1.0):
    return np.exp(-0.5 * ((energies - center) / width) ** 2) / (width * np.sqrt(2 * np.pi))


def test_grid_spans_at_least_what_was_asked():
    grid = EnergyGrid.spanning(-1, 2.02, 0.05)
    assert grid.stop >= 2.02
    assert grid.energies[0] == -1
    assert np.allclose(np.diff(grid.energies), 0.05)
    assert len(grid.energies) == grid.size


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ((0, 0, 5), "grid step: expected a number > 0, got 0"),
        ((0, -1, 5), "grid step: expected a number > 0, got -1"),
        ((0, 0.1, 1), "grid size: expected at least 2 points, got 1"),
        ((np.nan, 0.1, 5), "grid start: 1 of 1 values are NaN"),
    ],
)
def test_grid_rejects(bad, message):
    with pytest.raises(ValueError, match=message):
        EnergyGrid(*bad)


def test_shift_moves_axis_and_validity():
    energies = np.linspace(-5, 5, 101)
    dos = DOS(energies, gaussian(energies), 1.0, valid_to=3.0)
    moved = dos.shifted(1.5)
    assert moved.valid_to == 4.5
    assert moved.at(1.5) == pytest.approx(dos.at(0.0))


def test_band_bottom_follows_a_shift_and_ignores_scale():
    energies = np.linspace(-10, 10, 2001)
    dos = DOS(energies, 4 * gaussian(energies), 2.0)
    double = DOS(energies, 8 * gaussian(energies), 4.0)
    # 0.5 % of 2 electrons are 0.01 of 4 states: the 0.25 % quantile of the normal distribution
    assert dos.band_bottom == pytest.approx(-2.807, abs=2e-3)
    assert double.band_bottom == pytest.approx(dos.band_bottom)
    assert dos.shifted(0.7).band_bottom == pytest.approx(dos.band_bottom + 0.7)


@pytest.mark.parametrize(
    ("energies", "values", "message"),
    [
        ([0, 1, 3], [1, 1, 1], "uniform"),
        ([0, 1, 2], [1, 1], r"expected shape \(3\), got \(2,\)"),
        ([0, 1, 2], [1, np.nan, 1], "NaN"),
        ([2, 1, 0], [1, 1, 1], "rising"),
    ],
)
def test_dos_rejects(energies, values, message):
    with pytest.raises(ValueError, match=message):
        DOS(energies, values, 1.0)


def test_dos_rejects_no_electrons():
    with pytest.raises(ValueError, match="n_electrons"):
        DOS([0, 1, 2], [1, 1, 1], 0)


def test_ase_round_trip():
    energies = np.linspace(-5, 5, 101)
    dos = DOS(energies, gaussian(energies), 1.0)
    back = DOS.from_ase(dos.to_ase(), 1.0)
    assert np.array_equal(back.values, dos.values)
    assert np.array_equal(back.energies, dos.energies)


def test_dos_and_gas_work_together():
    e, g = free_electrons()
    dos = DOS(e, g, 12.0, valid_to=9.0)
    gas = dos.electron_gas(1000.0)
    assert gas.fermi_level == gas_from_dos(e, g, 12.0, 1000.0).fermi_level
    assert gas.grand_potential == gas.free_energy - 12.0 * gas.fermi_level
    assert gas.occupations(gas.fermi_level) == pytest.approx(0.5)
