"""One table of quantities, which everything that stores, prints or draws agrees with."""

import numpy as np
import pytest
from ase.units import Debye, kB
from toy_results import toy_dataset

from ase_dos.model.evaluation import DERIVED_QUANTITIES
from ase_dos.results.averages import average
from ase_dos.results.difference import compare
from ase_dos.results.variables import VARIABLES
from ase_dos.utils.quantities import HEAT_CAPACITY_UNITS, QUANTITIES, THERMAL


def test_symbols_at_a_temperature():
    labels = [QUANTITIES[name].shown.per_atom.at(300.0).label for name in THERMAL]
    assert labels == [
        "C_el(300 K) (k_B/atom)",
        "S(300 K) (k_B/atom)",
        "U(300 K) - U(0) (eV/atom)",
        "F(300 K) - F(0) (eV/atom)",
        "mu(300 K) - E_F (eV)",
    ]


def test_extensive_quantities_are_divided_by_the_atoms_once():
    capacity = QUANTITIES["heat_capacity"]
    assert capacity.unit == "eV/K"
    assert capacity.per_atom.unit == capacity.per_atom.per_atom.unit == "eV/K/atom"
    assert QUANTITIES["fermi_level"].per_atom == QUANTITIES["fermi_level"]
    assert QUANTITIES["novelty"].label == "novelty"  # a pure number


@pytest.mark.parametrize("name", QUANTITIES)
def test_values_divided_by_the_size_are_in_the_unit_shown(name):
    quantity = QUANTITIES[name]
    size = kB if "eV/K" in quantity.unit else Debye if "e Angstrom" in quantity.unit else 1.0
    assert quantity.size == size
    assert quantity.shown.unit == quantity.unit.replace("eV/K", "k_B").replace("e Angstrom", "D")
    assert quantity.name == name
    assert quantity.meaning


def test_stores_series_tables_and_evaluations_agree():
    for name, variable in VARIABLES.items():
        assert variable.unit == QUANTITIES[name.removesuffix("_member")].unit
    averages = average(toy_dataset(n=20, members=4))
    for name, found in averages.quantities.items():
        expected = QUANTITIES[name].shown.per_atom
        assert (found.label, found.unit) == (expected.symbol, expected.unit)
    differences = compare(averages, averages)
    assert {n: d.unit for n, d in differences.items()} == {
        n: a.unit for n, a in averages.quantities.items()
    }
    for quantity in DERIVED_QUANTITIES:
        assert quantity.unit == QUANTITIES[quantity.name].per_atom.unit
    assert QUANTITIES["heat_capacity"].per_atom.unit in HEAT_CAPACITY_UNITS


def test_averages_are_in_the_unit_that_they_name():
    data = toy_dataset(n=20)
    found = average(data)["entropy"]
    assert found.unit == "k_B/atom"
    np.testing.assert_allclose(found.mean, data["entropy"].values.mean(axis=0) / 8 / kB)
