"""Table of heat capacities: its units and its written forms."""

import numpy as np
import pytest
from ase.units import _e, _Nav, kB
from toy_metal import DENSITY, GAMMA, VOLUME, Metal, metals

from ase_dos.adapters.lammps_ttm import write_ttm_mod
from ase_dos.trajectory.heat_capacity import heat_capacity_table


def test_constant_dos_in_every_unit(metal):
    t = metal.temperatures
    np.testing.assert_allclose(metal.heat_capacity.mean, GAMMA * t, rtol=1e-6)
    np.testing.assert_allclose(metal.entropy.mean, GAMMA * t, rtol=1e-6)
    np.testing.assert_allclose(metal.internal_energy.mean, GAMMA * t**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(metal.free_energy.mean, -GAMMA * t**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(metal.chemical_potential.mean, 0, atol=1e-9)
    assert np.isnan(metal.heat_capacity.sampling_error).all()  # one structure
    # 2.3571 mJ/mol/K^2 for one state/eV/atom
    molar = 2.3571e-3 * DENSITY * t[-1]
    at_top = metal.heat_capacity.mean[-1]
    assert metal.factor("J/m^3/K") * at_top == pytest.approx(
        molar / (_Nav * VOLUME * 1e-30), rel=1e-4
    )
    assert metal.factor("J/kg/K") * at_top == pytest.approx(molar / 26.9815385e-3, rel=1e-4)
    assert metal.factor("eV/K/electron") * at_top == pytest.approx(
        molar / _Nav / _e / metal.electrons, rel=1e-4
    )
    with pytest.raises(ValueError, match=r"expected one of J/m\^3/K"):
        metal.factor("cal")


def test_structures_without_a_volume(tmp_path):
    frames = metals()
    frames[0].pbc = [True, True, False]
    table = heat_capacity_table(frames, Metal(), highest=5000, points=10)
    table.write_csv(tmp_path / "all.csv")  # what needs no volume is written
    assert "J/m^3" not in (tmp_path / "all.csv").read_text()
    table.write_columns(tmp_path / "t.dat", "J/kg/K")
    for refused in (
        lambda: table.write_columns(tmp_path / "t.dat"),
        lambda: table.write_ttm_cascade(tmp_path / "t.ttm_cascade"),
        lambda: write_ttm_mod(tmp_path / "t.ttm_mod", table, 1e17),
    ):
        with pytest.raises(ValueError, match="not periodic in three dimensions"):
            refused()
    given = heat_capacity_table(frames, Metal(), highest=5000, points=10, volume=VOLUME)
    assert given.volume == VOLUME


def test_written_tables_are_read_back(metal, tmp_path):
    metal.write_columns(tmp_path / "a.dat", remarks=["said before"])
    t, c = np.loadtxt(tmp_path / "a.dat", unpack=True)
    np.testing.assert_allclose(t, metal.temperatures, rtol=1e-7)
    np.testing.assert_allclose(c, GAMMA * t * _e / (VOLUME * 1e-30), rtol=1e-6)
    header = [line for line in (tmp_path / "a.dat").read_text().splitlines() if line[0] == "#"]
    assert header[-2:] == ["# said before", "# T_e (K)  C_el (J/m^3/K)"]
    metal.write_ttm_cascade(tmp_path / "a.ttm_cascade")
    t, c = np.loadtxt(tmp_path / "a.ttm_cascade", unpack=True)
    density = float(
        next(x for x in (tmp_path / "a.ttm_cascade").read_text().splitlines() if "rho_e" in x)
        .split(":")[1]
        .split()[0]
    )
    np.testing.assert_allclose(c * density, GAMMA * t / VOLUME, rtol=1e-6)
    worst = metal.write_ttm_thermal(tmp_path / "a.ttm_thermal", 2e17, 90.0, (3, 1, 2))
    rows = np.loadtxt(tmp_path / "a.ttm_thermal")
    assert sorted(map(tuple, rows[:, :3])) == [(x, 1, z) for x in (1, 2, 3) for z in (1, 2)]
    assert (rows[:, 3:] == rows[0, 3:]).all()
    capacity, kappa, friction, response = rows[0, 3:]
    t = metal.temperatures[[0, -1]]
    assert capacity == pytest.approx(GAMMA * t.mean() / VOLUME)  # U(T) = gamma T^2 / 2
    assert worst == pytest.approx(1 - t[0] / t.mean())
    assert kappa * _e / 1e-12 / 1e-10 == pytest.approx(90.0)
    # dU/dt = 3 n k (gamma_p / m) (T_i - T_e) per volume is G (T_i - T_e), of which LAMMPS makes
    # the drag; masses in u
    exchanged = 3 * kB * friction * metal.inverse_mass / VOLUME
    assert exchanged * _e / 1e-12 / 1e-30 == pytest.approx(2e17)
    assert response == 0
    metal.write_csv(tmp_path / "a.csv")
    rows = np.genfromtxt(tmp_path / "a.csv", delimiter=",", names=True, deletechars="")
    np.testing.assert_allclose(rows["C_el_(eV/K/atom)"], GAMMA * rows["T_(K)"], rtol=1e-6)
    assert np.isnan(rows["S_statistical_error_(eV/K/atom)"]).all()
